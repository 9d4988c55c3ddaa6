"""Announcements to choose from."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlmodel import Session

from scheduler.announcements import service as announcements
from scheduler.errors import NotFound
from web.pages.frame import Page
from web.pages.sounds import longest_us, state_of

CHOICES = 100


def choices(db: Session, page: Page, chosen: Iterable[str | None] = ()) -> list[dict[str, Any]]:
    """The newest announcements, and those that are chosen already, as far as they are there."""
    newest = announcements.index(db, page.actor, page.now, limit=CHOICES).items
    found = [one for one in newest if state_of(one) not in ("failed", "expired")]
    known = {one.id for one in found}
    for one in dict.fromkeys(chosen):
        if one and one not in known:
            with suppress(NotFound):
                found.append(announcements.view(db, page.actor, page.now, one))
    return [
        {"id": one.id, "label": _label(page, one.title, one.created_at), "title": one.title,
         "duration_us": longest_us(one.recordings)}
        for one in found
    ]  # fmt: skip


def _label(page: Page, title: str, made: datetime) -> str:
    return f"{title} · {page.show.date(made)}"
