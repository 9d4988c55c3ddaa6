"""A form that is sent again does nothing again: its answer was lost, somebody went back, a page was loaded anew.

A form carries a key of its own (`once()` in templates). What it led to is kept with that key and with what was filled
in, in the transaction that did it; the same form with other words is another one.
"""

import hashlib
import json

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from scheduler.people import idempotency
from web.auth import CSRF_FIELD
from web.pages.frame import Page

FIELD = "once"
_ASIDE = frozenset({CSRF_FIELD, "code"})
_LETTERS = 32


def repeated(db: Session, page: Page, data: FormData) -> RedirectResponse | None:
    """Where the first sending of this form led; None for the first one itself, which `remember`s it."""
    key = _key(data)
    kept = idempotency.claim(db, page.now, page.actor.user_id, key, key) if key else None
    return page.go(kept.body["to"], kept.body["said"]) if kept else None


class Repeated(Exception):
    """The form was sent before; it ends the transaction, which has done nothing."""

    def __init__(self, answer: RedirectResponse) -> None:
        super().__init__(answer.headers["location"])
        self.answer = answer


def first(db: Session, page: Page, data: FormData) -> None:
    """Return if it is the first sending; else Repeated."""
    if (answer := repeated(db, page, data)) is not None:
        raise Repeated(answer)


def remember(db: Session, page: Page, data: FormData, to: str, said: str | None = None) -> None:
    """Keep where this form led, in the transaction in which `repeated` said that it is the first."""
    if key := _key(data):
        idempotency.keep(db, page.actor.user_id, key, 303, {"to": to, "said": said})


def _key(data: FormData) -> str:
    fields = sorted(
        (name, value) for name, value in data.multi_items() if isinstance(value, str) and name not in _ASIDE
    )
    digest = hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:_LETTERS]
    return f"form:{digest}" if data.get(FIELD) else ""
