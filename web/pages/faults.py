"""Faults of loudspeakers, those that need somebody first; and what people in the villages report."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from msgspec import Struct
from sqlmodel import Session

from scheduler.fleet.schemas import FaultView
from scheduler.fleet.upkeep import service, village
from scheduler.fleet.upkeep.schemas import Act, FaultOut, Show, VillageReportClose
from scheduler.rights import Action
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import fault_words, words
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.words import Look
from web.telling import tell_after

PER_PAGE = 50
MAX_PAGE = 10_000
FILTERS = (
    (Show.OPEN, N_("Not reset")),
    (Show.HOLDS, N_("Still so")),
    (Show.OVER, N_("Over, not reset")),
    (Show.RESET, N_("Done with")),
)
HOLDS = Look(N_("still so"), "warn", "triangle")
OVER = Look(N_("over"), "ready", "check")
CLOSED = Look(N_("reset"), "plain", "check")
_SAID = {Act.ACKNOWLEDGE: "fault-acknowledged", Act.SILENCE: "fault-silenced", Act.RESET: "fault-reset"}

router = APIRouter(prefix="/faults", include_in_schema=False)


class Fault(Struct, frozen=True):
    """In words, with what the loudspeaker says of it and since when; `told` as it said it, where there are no words."""

    text: str
    detail: str | None = None
    told: str = ""
    since: datetime | None = None


def said(page: Page, fault: FaultView) -> Fault:
    detail = fault_words.worded(page.show, fault.code, fault.detail)
    return Fault(words.fault(page.translations, fault.code), detail, fault.detail, fault.since)


@router.get("")
def listed(
    db: ReadDb,
    page: ThePage,
    show: Show = Show.OPEN,
    number: Annotated[int, Query(alias="page", ge=1, le=MAX_PAGE)] = 1,
) -> Response:
    return _list(db, page, show, number)


@router.post("")
def act(db: WriteDb, page: ThePage, form: TheForm) -> Response:
    """`act` on the faults that are ticked, or on the one whose button it was; `reset-over` on all that are over."""
    wanted = str(form.get("act") or "")
    show = Show(str(form.get("show"))) if form.get("show") in set(Show) else Show.OPEN
    ids = [str(one) for one in form.getlist("fault")]
    only, _, one = wanted.partition(":")
    with page.attempt(db) as errors:
        if wanted == "reset-over":
            service.reset_over(db, page.actor, page.now)
            only = Act.RESET
        elif only in set(Act) and (one or ids):
            service.act(db, page.actor, page.now, [one] if one else ids, Act(only))
        else:
            errors["faults"] = page.say(N_("Tick the faults that you mean."))
        tell_after(db, page.centre.changes, "fault:")
    return _list(db, page, show, 1, errors) if errors else page.go("/faults", _SAID[Act(only)])


@router.post("/reports/{report_id}")
def close(db: WriteDb, page: ThePage, report_id: str, answer: Annotated[str, Form(max_length=4000)] = "") -> Response:
    """What a village reported was seen to."""
    with page.attempt(db) as errors:
        village.close(db, page.actor, page.now, report_id, VillageReportClose(answer=answer))
        tell_after(db, page.centre.changes, "fault:")
    typed = {report_id: answer}
    return _list(db, page, Show.OPEN, 1, errors, typed) if errors else page.go("/faults", "saved")


def _list(  # noqa: PLR0917 - what was typed comes back beside what is shown
    db: Session,
    page: Page,
    show: Show,
    number: int,
    errors: Errors | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    found = service.faults(db, page.actor, page.now, show, page=number, limit=PER_PAGE)
    counts = {Show.OPEN: found.holding + found.over, Show.HOLDS: found.holding, Show.OVER: found.over}
    filters = [
        {"value": value, "label": page.say(label), "here": value is show, "count": counts.get(value)}
        for value, label in FILTERS
    ]
    return page.render(
        "receivers/faults.html",
        422 if errors else 200,
        rows=[_row(page, fault) for fault in found.items],
        found=found,
        filters=filters,
        show_now=show,
        may_act=page.can(Action.RECEIVER_CONTROL),
        number=number,
        reports=village.reports(db, page.actor, page.now, limit=PER_PAGE).items if show is Show.OPEN else [],
        typed=typed or {},
        errors=errors or {},
    )


def _row(page: Page, fault: FaultOut) -> dict[str, Any]:
    acts = (
        (N_("Acknowledged by %(name)s"), fault.acknowledged),
        (N_("Silenced by %(name)s"), fault.silenced),
        (N_("Reset by %(name)s"), fault.reset),
    )
    return {
        "fault": fault,
        "text": words.fault(page.translations, fault.code),
        "detail": fault_words.worded(page.show, fault.code, fault.detail),
        "place": ", ".join(reversed(fault.place[-2:])),
        "look": CLOSED if fault.reset else OVER if fault.until else HOLDS,
        "done": [(page.say(text, name=done.name or "–"), done.at) for text, done in acts if done is not None],
    }
