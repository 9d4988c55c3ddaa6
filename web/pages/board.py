"""The day board: villages by hours, and the way to weeks and months."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from msgspec import Struct
from sqlmodel import Session

from scheduler.broadcasts import board, moving, service
from scheduler.broadcasts.schemas import At
from scheduler.errors import Problem
from scheduler.rights import Action
from scheduler.zones import service as zone_service
from scheduler.zones.schemas import ZoneView
from scheduler.zones.views import zone_views
from web.auth import ReadDb
from web.pages import board_span, board_view
from web.pages.frame import Page, ThePage
from web.pages.places import Option

MAX_ROWS = 60
ZoneId = Annotated[str, Query(max_length=26)]

router = APIRouter(include_in_schema=False)


class Area(Struct, frozen=True):
    """The places to choose from: those right above villages with loudspeakers; and the one that is shown."""

    options: list[Option]
    zone_id: str
    name: str


@router.get("/board")
def day_board(
    db: ReadDb,
    page: ThePage,
    *,
    day: date | None = None,
    zone: ZoneId = "",
    village: ZoneId = "",
    moved: ZoneId = "",
    before: Annotated[str, Query(max_length=19)] = "",
) -> Response:
    area = area_of(db, page, zone)
    shown = board.board(db, page.actor, page.now, day, zone_id=area.zone_id or None)
    rows = shown.villages[:MAX_ROWS]
    ids = {a.broadcast_id for row in rows for a in row.airings} | {w.broadcast_id for row in rows for w in row.waiting}
    found = board_view.grid(
        page.show,
        rows,
        shown.day,
        movable=moving.movable(db, page.actor, page.now, ids),
        writable={row.id for row in zone_service.tree(db, page.actor, page.now, Action.BROADCAST_EDIT)},
        chosen=village,
    )
    return page.render(
        "board/day.html",
        day=shown.day,
        today=page.show.today,
        grid=found,
        left_out=len(shown.villages) - len(rows),
        holidays=list(dict.fromkeys(name for row in shown.villages for name in row.holidays)),
        area=area,
        now_minute=_now_minute(page, shown.day),
        moved=_moved(db, page, moved, before),
        may_compose=page.can(Action.BROADCAST_EDIT),
        step=timedelta(days=1),
    )


@router.get("/board/week")
def week(db: ReadDb, page: ThePage, day: date | None = None, zone: ZoneId = "") -> Response:
    """The seven days from Monday on."""
    area, shown = area_of(db, page, zone), day or page.show.today
    first = shown - timedelta(days=shown.weekday())
    return board_span.render(db, page, area, board_span.Range("week", shown, first, 7))


@router.get("/board/month")
def month(db: ReadDb, page: ThePage, day: date | None = None, zone: ZoneId = "") -> Response:
    area, shown = area_of(db, page, zone), day or page.show.today
    first = shown.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return board_span.render(db, page, area, board_span.Range("month", shown, first, (following - first).days))


def area_of(db: Session, page: Page, zone_id: str) -> Area:
    """The place that is asked for, else the first of those that the reader sees."""
    seen = zone_views(db, zone_service.tree(db, page.actor, page.now, Action.BROADCAST_READ))
    names = {zone.id: zone for zone in seen}
    above = list(dict.fromkeys(_above(zone, names) for zone in _villages(seen)))
    options = [
        Option(zone.id, ", ".join([zone.name, *reversed(zone.place[-1:])])) for zone in map(names.get, above) if zone
    ]
    known = zone_id if zone_id in names else above[0] if above else ""
    return Area(options, known, names[known].name if known else "")


def _villages(seen: Sequence[ZoneView]) -> list[ZoneView]:
    """The zones with receivers of their own: more than those below them have."""
    below: dict[str | None, int] = {}
    for zone in seen:
        below[zone.parent_id] = below.get(zone.parent_id, 0) + zone.receivers
    return [zone for zone in seen if zone.receivers > below.get(zone.id, 0)]


def _above(zone: ZoneView, seen: dict[str, ZoneView]) -> str:
    return zone.parent_id if zone.parent_id in seen and zone.parent_id else zone.id


def _now_minute(page: Page, day: date) -> int | None:
    local = page.show.local(page.now)
    return local.hour * 60 + local.minute if local.date() == day else None


def _moved(db: Session, page: Page, broadcast_id: str, before: str) -> dict[str, Any] | None:
    """What was just moved, with what takes it back."""
    try:
        was = datetime.fromisoformat(before)
        item = service.view(db, page.actor, page.now, broadcast_id) if broadcast_id else None
    except (Problem, ValueError):
        return None
    if item is None or not isinstance(item.when, At) or was.tzinfo is not None:
        return None
    show = page.show.within(item.timezone)
    now_at = datetime.fromisoformat(item.when.starts_local)
    return {
        "id": item.id,
        "title": item.title,
        "version": item.version,
        "was": show.moment(was.replace(tzinfo=show.tz)),
        "is_at": show.moment(now_at.replace(tzinfo=show.tz)),
        "date": was.date().isoformat(),
        "time": was.strftime("%H:%M"),
        "waits": item.state.value == "submitted",
        "undo": "edit" in {str(step) for step in item.possible} and was.replace(tzinfo=show.tz) > page.now,
    }
