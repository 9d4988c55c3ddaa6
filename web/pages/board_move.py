"""Another time for a planned item: as a page without script, and what the board asks while an item is dragged.

The page speaks of the item's own wall time. The board shows each village in its own, and names the `place` whose it is.
"""

from datetime import date, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from scheduler.broadcasts import moving, service
from scheduler.broadcasts.schemas import At, BroadcastOut
from scheduler.days import checked
from scheduler.errors import Conflict, Invalid
from scheduler.rights import Action
from scheduler.zones.rules import effective
from scheduler.zones.service import zone_for
from web.auth import ReadDb, WriteDb
from web.pages import clashing, telling
from web.pages.compose_form import NO_CLOCK, NO_DATE, clock_of
from web.pages.frame import Errors, Page, ThePage
from web.telling import tell_after

router = APIRouter(prefix="/broadcasts", include_in_schema=False)

ZoneId = Annotated[str, Form(max_length=26)]


@router.get("/{broadcast_id}/move")
def ask(
    db: ReadDb,
    page: ThePage,
    broadcast_id: str,
    *,
    day: Annotated[str, Query(alias="date", max_length=20)] = "",
    clock: Annotated[str, Query(alias="time", max_length=20)] = "",
    zone: Annotated[str, Query(max_length=26)] = "",
) -> Response:
    item = service.view(db, page.actor, page.now, broadcast_id)
    return _page(db, page, item, day=day, clock=clock, zone=zone)


@router.get("/{broadcast_id}/move/preview")
def preview(
    db: ReadDb,
    page: ThePage,
    broadcast_id: str,
    *,
    day: Annotated[str, Query(alias="date", max_length=20)],
    clock: Annotated[str, Query(alias="time", max_length=20)],
    place: Annotated[str, Query(max_length=26)] = "",
) -> Response:
    """What would happen at that time; the answer to somebody who holds an item in the air."""
    item = service.view(db, page.actor, page.now, broadcast_id)
    day, clock = _own_clock(db, page, item, place, day=day, clock=clock)
    plan, errors = _planned(db, page, item, day, clock)
    return page.render("board/meets.html", plan=plan, errors=errors)


@router.post("/{broadcast_id}/move")
def put(
    db: WriteDb,
    page: ThePage,
    broadcast_id: str,
    *,
    version: Annotated[int, Form()],
    day: Annotated[str, Form(alias="date", max_length=20)] = "",
    clock: Annotated[str, Form(alias="time", max_length=20)] = "",
    zone: ZoneId = "",
    place: ZoneId = "",
) -> Response:
    item = service.view(db, page.actor, page.now, broadcast_id)
    shown = day
    day, clock = _own_clock(db, page, item, place, day=day, clock=clock)
    starts_local, errors = _moment(page, day, clock)
    if not errors:
        with page.attempt(db) as refused:
            moving.move(db, page.actor, page.now, broadcast_id, starts_local, version=version)
        errors |= _own_fields(refused)
    if errors:
        return _page(db, page, item, day=day, clock=clock, zone=zone, errors=errors)
    tell_after(db, page.centre.changes, f"broadcast:{broadcast_id}")
    was = item.when.starts_local if isinstance(item.when, At) else ""
    where = f"&zone={zone}" if zone.isalnum() else ""
    return page.go(f"/board?day={shown if place else starts_local[:10]}{where}&moved={broadcast_id}&before={was}")


def _page(
    db: Session,
    page: Page,
    item: BroadcastOut,
    *,
    day: str,
    clock: str,
    zone: str,
    errors: Errors | None = None,
) -> Response:
    if not isinstance(item.when, At):
        raise Conflict("not_movable", "Only what comes once can be moved. Edit the broadcast instead.")
    show = page.show.within(item.timezone)
    plan, wrong = _planned(db, page, item, day, clock) if day and clock and not errors else (None, {})
    return page.render(
        "board/move.html",
        422 if errors else 200,
        item=item,
        planned=telling.when(show, item.when, item.next_start),
        places=telling.targets(show, item.targets, item.zone_name),
        date=day or item.when.starts_local[:10],
        time=clock or item.when.starts_local[11:16],
        zone=zone if zone.isalnum() else "",
        plan=plan,
        errors=errors or wrong,
    )


def _planned(db: Session, page: Page, item: BroadcastOut, day: str, clock: str) -> tuple[dict[str, Any] | None, Errors]:
    """When that is in words, and what it meets there."""
    starts_local, errors = _moment(page, day, clock)
    if errors:
        return None, errors
    show = page.show.within(item.timezone)
    plan = None
    with page.attempt() as refused:
        draft = moving.moved(item, starts_local)
        found = service.preview(db, page.actor, page.now, draft, broadcast_id=item.id)
        movable = moving.movable(db, page.actor, page.now, [item.id]).get(item.id)
        said = telling.when(show, draft.when)
        plan = {
            "when": said.text,
            "from_now": said.from_now,
            "places": telling.targets(show, item.targets, item.zone_name),
            "warnings": clashing.warnings(show, found),
            "again": movable is not None and movable.approved,
        }
    return plan, _own_fields(refused)


def _own_clock(db: Session, page: Page, item: BroadcastOut, place: str, *, day: str, clock: str) -> tuple[str, str]:
    """A day and a time of the place's clock as the item's own has them; what is neither stays as it is."""
    local, errors = _moment(page, day, clock)
    if errors or not place:
        return day, clock
    path = zone_for(db, page.actor, page.now, place, Action.BROADCAST_READ).path
    local = clock_of(local, effective(db, path).rules.timezone, item.timezone)
    return local[:10], local[11:]


def _moment(page: Page, day: str, clock: str) -> tuple[str, Errors]:
    errors: Errors = {}
    try:
        checked(date.fromisoformat(day))
    except (ValueError, Invalid):
        errors["date"] = page.say(NO_DATE)
    try:
        wall = time.fromisoformat(clock)
    except ValueError:
        errors["time"] = page.say(NO_CLOCK)
    if errors:
        return "", errors
    return datetime.combine(date.fromisoformat(day), wall.replace(tzinfo=None)).isoformat(timespec="minutes"), {}


def _own_fields(errors: Errors) -> Errors:
    return {("time" if field in ("starts_local", "when") else field): message for field, message in errors.items()}
