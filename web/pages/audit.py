"""The audit log: who did what, where and when; searched, and taken away as a file that proves itself."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Response
from sqlmodel import Session

from scheduler.days import checked
from scheduler.errors import Invalid
from scheduler.people import anchors, trail
from scheduler.people import repository as people
from scheduler.people.schemas import AuditView
from scheduler.rights import Action
from web.api.people import jsonl, table
from web.auth import ReadDb
from web.i18n import N_
from web.pages import audit_words, picker
from web.pages.frame import Page, ThePage

router = APIRouter(prefix="/audit", include_in_schema=False)

PER_PAGE = 50
LOA = "loa"
"""Stands for Loa itself in the list of people."""
_PAGES = {
    "broadcast": "/broadcasts/",
    "announcement": "/announcements/",
    "bulletin": "/bulletins/",
    "live": "/live/",
    "playlist": "/announcements/",
    "relay": "/relays/",
    "receiver": "/receivers/",
    "user": "/people/",
    "zone": "/zones/",
}


class Form:
    """What is looked for, as it was typed."""

    def __init__(
        self,
        page: ThePage,
        *,
        text: Annotated[str, Query(max_length=200)] = "",
        who: Annotated[str, Query(max_length=26)] = "",
        zone: Annotated[str, Query(max_length=26)] = "",
        action: Annotated[str, Query(max_length=60)] = "",
        since: Annotated[str, Query(max_length=10)] = "",
        until: Annotated[str, Query(max_length=10)] = "",
    ) -> None:
        self.typed = {"text": text, "who": who, "zone": zone, "action": action, "since": since, "until": until}
        last = _midnight(page, until)
        self.asked = trail.Asked(
            text=text,
            user_id={"": None, LOA: ""}.get(who, who),
            zone_id=zone or None,
            action=action or None,
            since=_midnight(page, since),
            until=last + timedelta(days=1) if last else None,
        )

    def query(self, **more: object) -> str:
        return urlencode({key: value for key, value in (self.typed | more).items() if value})


TheForm = Annotated[Form, Depends()]


@router.get("")
def log(
    db: ReadDb, page: ThePage, form: TheForm, before: Annotated[int | None, Query(ge=0, le=2**53)] = None
) -> Response:
    page.needs(Action.AUDIT_READ)
    found = trail.page(db, page.actor, page.now, form.asked, before=before, limit=PER_PAGE + 1)
    shown = found[:PER_PAGE]
    zones = people.zone_names(db, {view.zone_path.split("/")[-2] for view in shown if view.zone_path})
    return page.render(
        "people/audit.html",
        rows=[_line(page, view, zones) for view in shown],
        form=form.typed,
        query=form.query(),
        searched=any(form.typed.values()),
        older=f"/audit?{form.query(before=shown[-1].number)}" if len(found) > PER_PAGE else None,
        newest=f"/audit?{form.query()}" if before is not None else None,
        guessed=guessed(db, page),
        **_choices(db, page, form.typed["zone"]),
    )


@router.get("/loa-audit.jsonl")
def lines(page: ThePage, form: TheForm) -> Response:
    page.needs(Action.AUDIT_READ)
    return jsonl(page.centre, page.actor, page.now, form.asked)


@router.get("/loa-audit.csv")
def sheet(page: ThePage, form: TheForm) -> Response:
    page.needs(Action.AUDIT_READ)
    return table(page.centre, page.actor, page.now, form.asked)


def guessed(db: Session, page: Page) -> list[tuple[str, str]]:
    """As whom codes were guessed lately: what is said of it, and where to read more."""
    said = N_("%(count)s codes typed as %(name)s were refused since yesterday.")
    return [
        (page.say(said, count=count, name=name), f"/audit?{urlencode({'who': user_id})}")
        for user_id, name, count in trail.guessed(db, page.actor, page.now)
    ]


def _choices(db: Session, page: Page, zone_id: str) -> dict[str, Any]:
    """What the form offers, and how far the record is secured."""
    anchor = anchors.newest(page.centre.audit_anchors)
    kinds: dict[str, list[tuple[str, str]]] = {}
    for action in trail.actions(db, page.actor, page.now):
        kinds.setdefault(action.split(".")[0], []).append((action, audit_words.action(page.translations, action)))
    return {
        "people": trail.people(db, page.actor, page.now),
        "loa": LOA,
        "zones": picker.one_of(db, page, Action.AUDIT_READ, "zone", zone_id),
        "kinds": [(kind, audit_words.kind(page.translations, kind), rows) for kind, rows in sorted(kinds.items())],
        "anchor": anchor,
    }


def _line(page: Page, view: AuditView, zones: dict[str, str]) -> dict[str, Any]:
    kind, _, subject_id = view.subject.partition(":")
    path = _PAGES.get(kind) if kind != "user" or page.can(Action.USER_READ) else None
    machine = str(view.detail.get("name", "Loa")) if view.action == audit_words.LOCAL_STOP else "Loa"
    machine = page.say(N_("somebody")) if view.action == audit_words.NOBODY else machine
    return {
        "view": view,
        "who": view.user_name or (machine if view.user_id is None else view.user_id),
        "what": audit_words.action(page.translations, view.action),
        "title": _title(view.detail),
        "why": audit_words.refusal(page.translations, view.detail) if view.action in trail.REFUSALS else "",
        "zone": zones.get(view.zone_path.split("/")[-2], "") if view.zone_path else "",
        "href": f"{path}{subject_id}" if path and subject_id else None,
        "facts": [
            (key, audit_words.fact(page.translations, key), _said(value))
            for key, value in sorted(view.detail.items())
            if value not in (None, "", [], {})
        ],
    }


def _title(detail: dict[str, Any]) -> str:
    """What the thing is called, where the entry tells."""
    return next((str(detail[key]) for key in ("title", "name", "login") if detail.get(key)), "")


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_said(one)}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _midnight(page: Page, typed: str) -> datetime | None:
    """When a day begins; a day that is none is not asked about."""
    try:
        return datetime.combine(checked(date.fromisoformat(typed)), time(), page.show.tz) if typed else None
    except (ValueError, Invalid):
        return None
