"""Sums of the book in SQL: by village from its lines, by unit and day from what was summed when they were written.

Of a day that is closed in a unit lines may be gone, some or all: there only what was summed counts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, delete, exists, func, insert, select
from sqlmodel import Session, col

from scheduler.fleet.models import Receiver
from scheduler.reports.figures import PROGRAMME, Kind, Sums, worst
from scheduler.reports.models import ReportAiring, ReportDay, ReportLine
from scheduler.reports.spans import Span
from scheduler.store.batches import batches
from scheduler.zones.models import Group, GroupMember, Zone, ZoneKind, ZonePast
from scheduler.zones.repository import ids_of

SMALL = (ZoneKind.VILLAGE, ZoneKind.HAMLET)
_COUNTS = ("airings", "heard", "partly", "plays", "plays_fetched", "plays_started", "plays_heard", "plays_missed")
_ALL = (*_COUNTS, "emergencies", "emergencies_heard", "requested_us", "played_us")
_BY = "\x1f"


def by_village(db: Session, span: Span, here: ColumnElement[bool], *, some_closed: bool = False) -> dict[str, Sums]:
    """What is settled of a span in the zones `here`; `bulletins` is what each village heard itself.

    With `some_closed` without the days that are closed, which `by_unit` has.
    """
    villages = select(col(Zone.id)).where(here)
    return _of_lines(db, span, col(ReportLine.zone_id).in_(villages), *_open(some_closed))


def of_village(db: Session, span: Span, zone_id: str) -> Sums:
    """As `by_village`, of the zone's own receivers only."""
    return _of_lines(db, span, col(ReportLine.zone_id) == zone_id).get(zone_id, Sums())


def by_unit(db: Session, span: Span, here: ColumnElement[bool], *, only_closed: bool = False) -> dict[str, Sums]:
    """What is settled of a span in the units `here`; `bulletins` is left to `reached`."""
    units = select(col(Zone.id)).where(here)
    which = [col(ReportDay.closed).is_(True)] if only_closed else []
    columns = [func.sum(getattr(ReportDay, name)) for name in _ALL]
    query = (
        select(
            col(ReportDay.unit_id),
            *columns,
            func.max(col(ReportDay.latest_us)),
            func.min(col(ReportDay.earliest_us)),
        )
        .where(*_days(span), col(ReportDay.unit_id).in_(units), *which)
        .group_by(col(ReportDay.unit_id))
    )
    return {row[0]: _sums(row, 0) for row in db.execute(query)}


def any_closed(db: Session) -> bool:
    """Whether a day is closed anywhere."""
    return db.execute(select(col(ReportDay.day)).where(col(ReportDay.closed).is_(True)).limit(1)).first() is not None


def last_closed(db: Session, span: Span, unit_ids: Collection[str]) -> dict[str, date]:
    """The last day of a span that is closed, of each of these units that has one."""
    unit_id, last = col(ReportDay.unit_id), func.max(col(ReportDay.day))
    found: dict[str, date] = {}
    for closed in _closed(span, unit_ids):
        found |= {row[0]: row[1] for row in db.execute(select(unit_id, last).where(*closed).group_by(unit_id))}
    return found


def sum_anew(db: Session, days: Iterable[tuple[date, str]]) -> None:
    """Write what the lines of these units on these days come to; what is closed stays as it is."""
    units: dict[date, set[str]] = defaultdict(set)
    for day, unit_id in days:
        units[day].add(unit_id)
    for day, unit_ids in units.items():
        closed = select(col(ReportDay.unit_id)).where(col(ReportDay.day) == day, col(ReportDay.closed).is_(True))
        unit_ids.difference_update(db.scalars(closed.where(col(ReportDay.unit_id).in_(unit_ids))).all())
        old = (col(ReportDay.day) == day, col(ReportDay.unit_id).in_(unit_ids))
        db.connection().execute(delete(ReportDay).where(*old))
        lines = (
            select(col(ReportLine.day), col(ReportLine.unit_id), *_columns())
            .where(col(ReportLine.day) == day, col(ReportLine.unit_id).in_(unit_ids), col(ReportLine.settled).is_(True))
            .group_by(col(ReportLine.day), col(ReportLine.unit_id))
        )
        names = ["day", "unit_id", *_ALL, "latest_us", "earliest_us"]
        db.connection().execute(insert(ReportDay).from_select(names, lines))


Reached = list[tuple[Sequence[str], int]]


def reached_units(db: Session, span: Span) -> Reached:
    """The units of the bulletins of a span, and how many reached just these."""
    query = select(col(ReportAiring.unit_ids), func.count()).where(
        col(ReportAiring.day) >= span.first,
        col(ReportAiring.day) < span.end,
        col(ReportAiring.settled).is_(True),
        col(ReportAiring.kind).in_(PROGRAMME),
    )
    return [(unit_ids, count) for unit_ids, count in db.execute(query.group_by(col(ReportAiring.unit_ids)))]


def reached_villages(
    db: Session, span: Span, here: ColumnElement[bool], *, some_closed: bool = False, unit_ids: Collection[str] = ()
) -> Reached:
    """The villages `here` of a span's bulletins; with `some_closed` those of `unit_ids` where the day is closed."""
    villages = select(col(Zone.id)).where(here)
    query = select(col(ReportLine.airing_id), col(ReportLine.zone_id)).where(
        col(ReportLine.day) >= span.first,
        col(ReportLine.day) < span.end,
        col(ReportLine.zone_id).in_(villages),
        col(ReportLine.settled).is_(True),
        col(ReportLine.kind).in_(PROGRAMME),
        *_open(some_closed),
    )
    found: dict[str, list[str]] = defaultdict(list)
    for airing_id, zone_id in db.execute(query):
        found[airing_id].append(zone_id)
    for airing_id, units in _reached_closed(db, span, unit_ids) if some_closed else ():
        found[airing_id] += units
    return [(zone_ids, 1) for zone_ids in found.values()]


def clusters_by_village(db: Session, here: ColumnElement[bool]) -> dict[str, tuple[int, set[str]]]:
    """How many receivers stand in each village `here`, and its name."""
    query = (
        select(col(Zone.id), func.count(), func.min(Zone.name))
        .join(Receiver, col(Zone.id) == col(Receiver.zone_id))
        .where(here, col(Receiver.revoked_at).is_(None))
        .group_by(col(Zone.id))
    )
    return {zone_id: (count, {name}) for zone_id, count, name in db.execute(query)}


def clusters_by_unit(db: Session, here: ColumnElement[bool]) -> dict[str, tuple[int, set[str]]]:
    """How many receivers stand in each unit of today, and in which villages `here`."""
    kind = col(Zone.kind)
    communes = set(db.scalars(select(col(Zone.id)).where(kind == ZoneKind.COMMUNE)))
    key = case((kind == ZoneKind.VILLAGE, col(Zone.parent_id)), else_=col(Zone.id))
    query = (
        select(func.min(Zone.path), func.count(), func.aggregate_strings(col(Zone.name), _BY))
        .join(Receiver, col(Zone.id) == col(Receiver.zone_id))
        .where(here, col(Receiver.revoked_at).is_(None))
        .group_by(key)
    )
    found: dict[str, tuple[int, set[str]]] = {}
    for path, count, names in db.execute(query):
        ids = ids_of(path)
        unit_id = next((zone_id for zone_id in reversed(ids) if zone_id in communes), ids[-1])
        before, known = found.get(unit_id, (0, set()))
        found[unit_id] = before + count, known | set(names.split(_BY))
    return found


def apart(db: Session, since: date) -> bool:
    """Whether sums by unit may not tell which station villages belong to.

    It is so where villages changed their commune after `since`, or are places of the administration by themselves.
    """
    moved = (
        select(col(ZonePast.zone_id))
        .join(Zone, col(Zone.id) == col(ZonePast.zone_id))
        .where(
            col(Zone.kind).in_((*SMALL, ZoneKind.OTHER)),
            col(ZonePast.until) > since,
            col(ZonePast.parent_id) != col(Zone.parent_id),
        )
    )
    alone = (
        select(col(GroupMember.zone_id))
        .join(Group, col(Group.id) == col(GroupMember.group_id))
        .join(Zone, col(Zone.id) == col(GroupMember.zone_id))
        .where(col(Group.valid_from).is_not(None), col(Zone.kind).in_(SMALL))
    )
    return db.execute(moved.union_all(alone).limit(1)).first() is not None


def _days(span: Span) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(ReportDay.day) >= span.first, col(ReportDay.day) < span.end


def _open(some_closed: bool) -> list[ColumnElement[bool]]:
    """That a line's day is not closed; nothing is asked where none is."""
    if not some_closed:
        return []
    mine = and_(col(ReportDay.day) == col(ReportLine.day), col(ReportDay.unit_id) == col(ReportLine.unit_id))
    return [~exists().where(mine, col(ReportDay.closed).is_(True))]


def _closed(span: Span, unit_ids: Collection[str]) -> Iterable[list[ColumnElement[bool]]]:
    """That a day of a span is closed in these units: a condition for each so many of them as every database takes."""
    for some in batches(sorted(unit_ids)):
        yield [*_days(span), col(ReportDay.closed).is_(True), col(ReportDay.unit_id).in_(some)]


def _reached_closed(db: Session, span: Span, unit_ids: Collection[str]) -> Iterable[tuple[str, list[str]]]:
    """The bulletins of a span that reached some of these units on a day that is closed there, with these."""
    closed = {
        (day, unit_id)
        for condition in _closed(span, unit_ids)
        for day, unit_id in db.execute(select(col(ReportDay.day), col(ReportDay.unit_id)).where(*condition))
    }
    if not closed:
        return
    airing = ReportAiring
    query = select(col(airing.id), col(airing.day), col(airing.unit_ids)).where(
        col(airing.day) >= span.first,
        col(airing.day) <= max(day for day, _unit_id in closed),
        col(airing.settled).is_(True),
        col(airing.kind).in_(PROGRAMME),
    )
    for airing_id, day, units in db.execute(query):
        here = [one for one in units if (day, one) in closed]
        if here:
            yield airing_id, here


def _of_lines(db: Session, span: Span, *where: ColumnElement[bool]) -> dict[str, Sums]:
    query = (
        select(col(ReportLine.zone_id), *_columns())
        .where(col(ReportLine.day) >= span.first, col(ReportLine.day) < span.end, *where)
        .where(col(ReportLine.settled).is_(True))
        .group_by(col(ReportLine.zone_id))
    )
    return {row[0]: _sums(row, row[1]) for row in db.execute(query)}


def _columns() -> list[ColumnElement[int]]:
    """The columns of `ReportDay` from those of `ReportLine`."""
    line = ReportLine
    ours, alarm = col(line.kind).in_(PROGRAMME), col(line.kind) == Kind.EMERGENCY
    heard = col(line.heard) > 0
    partly = and_(ours, heard, col(line.heard) < col(line.receivers))
    sounded = ("receivers", "fetched", "started", "heard", "missed")
    return [
        *(_sum(condition, 1) for condition in (ours, and_(ours, heard), partly)),
        *(_sum(ours, getattr(line, name)) for name in sounded),
        *(_sum(alarm, 1), _sum(and_(alarm, heard), 1), _sum(ours, line.requested_us), _sum(ours, line.played_us)),
        *(func.max(case((ours, col(line.error_us)))), func.min(case((ours, col(line.error_us))))),
    ]


def _sum(condition: ColumnElement[bool], value: object) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, value), else_=0)), 0)


def _sums(row: Row[Any], bulletins: int) -> Sums:
    values = dict(zip(_ALL, map(int, row[1 : len(_ALL) + 1]), strict=True))
    return Sums(bulletins=bulletins, **values, error_us=worst(row[len(_ALL) + 1 :]))
