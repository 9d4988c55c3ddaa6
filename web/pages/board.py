"""The day board: villages by hours, and the way to weeks and months."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from broadcast.clock import from_us
from scheduler import days
from scheduler.broadcasts import board, moving, service
from scheduler.broadcasts.schemas import At, BoardOut
from scheduler.errors import Problem
from scheduler.policy import day_bounds
from scheduler.reports.figures import Kind
from scheduler.reports.unplanned import unplanned
from scheduler.rights import Action
from scheduler.zones import service as zone_service
from web.auth import ReadDb
from web.pages import board_span, board_view
from web.pages.board_area import ZoneId, area_of
from web.pages.emergency_words import DRILL, REAL, TEST
from web.pages.frame import Page, ThePage
from web.pages.report_words import KIND

MAX_ROWS = 60
_AT = {
    Kind.LIVE: "/live", Kind.EMERGENCY: REAL.path, Kind.DRILL: DRILL.path, Kind.TEST: TEST.path
}  # fmt: skip

router = APIRouter(include_in_schema=False)


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
    movable = moving.movable(db, page.actor, page.now, ids)
    found = board_view.grid(
        page.show,
        rows,
        shown.day,
        movable=movable,
        writable={row.id for row in zone_service.tree(db, page.actor, page.now, Action.BROADCAST_EDIT)},
        chosen=village,
    )
    return page.render(
        "board/day.html",
        day=shown.day,
        today=page.show.today,
        grid=found,
        may_move=bool(movable),
        left_out=len(shown.villages) - len(rows),
        holidays=list(dict.fromkeys(name for row in shown.villages for name in row.holidays)),
        area=area,
        now_minute=_now_minute(page, shown.day),
        unplanned=_unplanned(db, page, shown),
        moved=_moved(db, page, moved, before),
        may_compose=page.can(Action.BROADCAST_EDIT),
        step=timedelta(days=1),
    )


def _unplanned(db: Session, page: Page, shown: BoardOut) -> list[dict[str, Any]]:
    """What sounded that day and no plan has."""
    bounds = [day_bounds(timezone, shown.day) for timezone in {village.timezone for village in shown.villages}]
    if not bounds:
        return []
    start, end = from_us(min(first for first, _last in bounds)), from_us(max(last for _first, last in bounds))
    found = unplanned(db, [village.zone_id for village in shown.villages], start, end)
    return [{"of": one, "kind": page.say(KIND[one.kind]), "href": f"{_AT[one.kind]}/{one.id}"} for one in found]


@router.get("/board/week")
def week(db: ReadDb, page: ThePage, day: date | None = None, zone: ZoneId = "") -> Response:
    """The seven days from Monday on."""
    area, shown = area_of(db, page, zone), days.checked(day or page.show.today)
    first = shown - timedelta(days=shown.weekday())
    return board_span.render(db, page, area, board_span.Range("week", shown, first, 7))


@router.get("/board/month")
def month(db: ReadDb, page: ThePage, day: date | None = None, zone: ZoneId = "") -> Response:
    area, shown = area_of(db, page, zone), days.checked(day or page.show.today)
    first = shown.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return board_span.render(db, page, area, board_span.Range("month", shown, first, (following - first).days))


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
