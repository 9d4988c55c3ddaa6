"""What plays where on a day, and what became of it (reads the database; a fixed number of queries for any area)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta

from sqlmodel import Session, col

from broadcast.clock import from_us, to_us
from scheduler import days
from scheduler.broadcasts import planning, recorded, repository, waiting
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.planning import Place
from scheduler.broadcasts.repository import Living
from scheduler.broadcasts.schemas import (
    AiringOut,
    BoardOut,
    SegmentOut,
    SilentOut,
    TimelineOut,
)
from scheduler.broadcasts.villages import Day, Village, may_be_gone, row
from scheduler.errors import NotFound
from scheduler.fleet.models import Receiver
from scheduler.fleet.results import HEARD
from scheduler.people.actor import Actor, require
from scheduler.policy import day_bounds, local_day
from scheduler.relays import drawing
from scheduler.rights import Action
from scheduler.zones import names
from scheduler.zones import repository as zone_sql
from scheduler.zones.forest import at_or_below, forest
from scheduler.zones.models import Zone


def board(
    db: Session,
    actor: Actor,
    now: datetime,
    day: date | None = None,
    *,
    zone_id: str | None = None,
    zone_ids: Collection[str] | None = None,
    after: str | None = None,
    limit: int | None = None,
    back: int = 0,
) -> BoardOut:
    """A local day in every village that the actor sees and that has receivers; today without `day`.

    Only those at or below `zone_id`, or `zone_ids`, where they are given; at most `limit` after the village `after`.
    With what sounded on so many days before, `back`.
    """
    paths = _paths(db, actor, now, zone_id)
    if zone_ids is not None:
        paths = _within(paths, [zone.path for zone in zone_sql.zones(db, zone_ids).values()])
    homes, following = _homes(db, paths, after, limit)
    receivers = repository.living(db, homes.keys())
    by_id = planning.places(db, homes.values())
    shown_day = days.checked(day) if day else _today(by_id, homes, now)
    windows = {place.timezone: _window(place.timezone, shown_day, back) for place in by_id.values()}
    window = min((w[0] for w in windows.values()), default=0), max((w[1] for w in windows.values()), default=0)
    by_id = planning.places(db, homes.values(), window)
    drawn = drawing.with_relays(db, planning.plans(db, by_id.values(), window, now), by_id, window, now)
    villages = _said(receivers)
    _add_reports(db, villages, window)
    unsent = waiting.waiting(db, actor, now, by_id, windows)
    for place_id, relays in drawing.unsent(db, actor, now, by_id, windows).items():
        unsent[place_id] = sorted([*unsent.get(place_id, ()), *relays], key=lambda one: one.start)
    off = {row.zone_id: row.name for row in zone_sql.holidays(db, by_id.keys(), shown_day, shown_day)}
    details = _details(db, homes.keys(), (shown_day - timedelta(days=back), shown_day), now)
    shared = Day(now, drawn, windows, unsent, off, details)
    rows = [row(by_id[zone.id], by_id.get(zone.parent_id or ""), villages[zone.id], shared) for zone in homes.values()]
    return BoardOut(day=shown_day, at=now, villages=rows, next=following)


def timeline(db: Session, actor: Actor, now: datetime, zone_id: str, day: date | None = None) -> TimelineOut:
    """A local day of one zone as its receivers will play it; today without `day`."""
    zone = _zone(db, actor, now, zone_id)
    place = planning.places(db, [zone])[zone.id]
    shown_day = days.checked(day) if day else local_day(place.timezone, to_us(now))
    window = day_bounds(place.timezone, shown_day)
    by_id = planning.places(db, [zone], window)
    plans = drawing.with_relays(db, planning.plans(db, by_id.values(), window, now), by_id, window, now).plans
    resolution = planning.heard(by_id[zone.id], plans.heard_in(by_id[zone.id]), window)
    known = {airing.id: airing for zone_airings in plans.by_zone.values() for airing in zone_airings}
    segments = [
        SegmentOut(
            airing_id=segment.airing_id,
            broadcast_id=segment.broadcast_id,
            title=plans.title(known[segment.airing_id]),
            cls=segment.cls,
            start=from_us(segment.start_us),
            end=from_us(segment.end_us),
            offset_us=segment.offset_us,
        )
        for segment in resolution.segments
    ]
    silent = [
        SilentOut(
            airing_id=dropped.airing_id,
            broadcast_id=known[dropped.airing_id].broadcast_id,
            title=plans.title(known[dropped.airing_id]),
            at=from_us(dropped.at_us),
            reason=dropped.reason,
        )
        for dropped in resolution.dropped
    ]
    return TimelineOut(zone_id=zone.id, day=shown_day, timezone=place.timezone, segments=segments, silent=silent)


def airings_shown(db: Session, broadcast_id: str, since: datetime) -> list[AiringOut]:
    """The airings of a broadcast that end after `since`, as they were planned last, with what was reported."""
    rows = recorded.planned_of(db, broadcast_id, since)
    counts = recorded.report_counts(db, [row.id for row in rows])
    return [
        AiringOut(
            id=row.id,
            start=row.start_at,
            end=row.end_at,
            zone_ids=row.zone_ids,
            withdrawn_at=row.withdrawn_at,
            heard=sum(counts[row.id, result] for result in HEARD),
            reported=sum(count for (airing_id, _result), count in counts.items() if airing_id == row.id),
        )
        for row in rows
    ]


def reports_gone(db: Session, shown: Collection[AiringOut], now: datetime) -> set[str]:
    """Those of the airings of which nothing is kept that receivers told, so long ago that a rule may have let it go."""
    old = {
        one.id for one in shown if not one.reported and one.withdrawn_at is None and may_be_gone(one.start.date(), now)
    }
    return old - recorded.with_details(db, old)


def _paths(db: Session, actor: Actor, now: datetime, zone_id: str | None) -> list[str]:
    if zone_id is not None:
        return [_zone(db, actor, now, zone_id).path]
    return zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))


def _within(paths: Collection[str], wanted: Collection[str]) -> list[str]:
    """What is at or below both some of `paths` and some of `wanted`."""
    inner = [one for one in wanted if any(one.startswith(path) for path in paths)]
    return inner + [path for path in paths if any(path.startswith(one) and path != one for one in wanted)]


def _known(db: Session, zone_ids: Collection[str]) -> list[Zone]:
    held = forest(db)
    return list(zone_sql.zones(db, zone_ids).values()) if held is None else [z for z in held.zones if z.id in zone_ids]


def _homes(
    db: Session, paths: Collection[str], after: str | None, limit: int | None
) -> tuple[dict[str, Zone], str | None]:
    """The villages with receivers, commune by commune; after which of them the next page begins."""
    total, _online = zone_sql.receiver_counts(db, paths, at_or_below(db, paths, col(Receiver.zone_id)))
    found = _known(db, total.keys())
    order = sorted(found, key=lambda zone: (zone.path.rsplit("/", 2)[0], names.rank(zone.name)))
    start = next((place for place, zone in enumerate(order, 1) if zone.id == after), 0)
    end = len(order) if limit is None else start + limit
    return {zone.id: zone for zone in order[start:end]}, order[end - 1].id if end < len(order) else None


def _zone(db: Session, actor: Actor, now: datetime, zone_id: str) -> Zone:
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        raise NotFound("not_found", "There is no such zone, or it is not in your area.")
    require(actor, Action.BROADCAST_READ, zone.path, now)
    return zone


def _today(by_id: Mapping[str, Place], homes: Iterable[str], now: datetime) -> date:
    timezone = next((by_id[zone_id].timezone for zone_id in homes), "Asia/Ho_Chi_Minh")
    return local_day(timezone, to_us(now))


def _window(timezone: str, day: date, back: int) -> Window:
    return day_bounds(timezone, day - timedelta(days=back))[0], day_bounds(timezone, day)[1]


def _said(receivers: Iterable[Living]) -> dict[str, Village]:
    """What receivers say of themselves, by village; a receiver that is away is not playing as far as anybody knows."""
    villages: dict[str, Village] = defaultdict(Village)
    for receiver in receivers:
        village = villages[receiver.zone_id]
        village.receivers += 1
        village.online += receiver.online
        state = receiver.state or {}
        if receiver.online and state.get("airing_id"):
            village.playing[state["airing_id"]] += 1
        village.having.update(state.get("ready", ()))
    return villages


def _add_reports(db: Session, villages: Mapping[str, Village], window: Window) -> None:
    span = from_us(window[0]), from_us(window[1])
    for zone_id, airing_id, result, count in recorded.reports_by_zone(db, *span, villages.keys()):
        villages[zone_id].reported[airing_id] += count
        villages[zone_id].heard[airing_id] += count if result in HEARD else 0


def _details(
    db: Session, zone_ids: Collection[str], shown: tuple[date, date], now: datetime
) -> Collection[tuple[str, str]] | None:
    """Of which airings in which villages of these days the book still has details; None if of all."""
    return recorded.detailed(db, zone_ids, *shown) if may_be_gone(shown[0], now) else None
