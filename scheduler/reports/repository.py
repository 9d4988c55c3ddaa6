"""All SQL on the book of reports; `sources` has what it is made from, `book` writes it."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, exists, func, or_, select, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from scheduler.fleet.models import Receiver
from scheduler.reports.boundaries import Atlas, Merged, Past, Place
from scheduler.reports.digest import TOLD, Counts
from scheduler.reports.figures import PROGRAMME, Kind
from scheduler.reports.models import ReportAiring, ReportBook, ReportLine, ReportSubscription
from scheduler.reports.spans import Length, Span, span_of
from scheduler.reports.summing import SMALL
from scheduler.store.batches import batches
from scheduler.zones import repository as zone_sql
from scheduler.zones.forest import forest, zones_by_id
from scheduler.zones.models import Group, GroupMember, Zone, ZonePast
from scheduler.zones.repository import below

_SETTLED = col(ReportAiring.settled)
_FEW = 60
_MOST_CHOICES = 400


def atlas(db: Session, *, paths: Collection[str] | None = None, zone_ids: Collection[str] = ()) -> Atlas:
    """The zones, their past, and the groups that reports can be made by.

    With `paths`, of villages and what is below them only those at or below one; `zone_ids` and what is above them too.
    """
    pasts = [Past(*row) for row in db.execute(select(*(getattr(ZonePast, name) for name in Past.__struct_fields__)))]
    fields = Place.__struct_fields__
    held = forest(db)
    zones: Sequence[Any] = held.zones if held else db.execute(select(*(getattr(Zone, name) for name in fields))).all()
    if paths is not None:
        wanted = {*zone_ids, *(past.parent_id for past in pasts if past.parent_id)}
        lineage = {key for zone in zones_by_id(db, wanted).values() for key in zone_sql.ids_of(zone.path)}
        tops = tuple(paths)
        zones = [z for z in zones if z.kind not in SMALL or z.id in lineage or (tops and z.path.startswith(tops))]
    places = [Place(*(getattr(zone, name) for name in fields)) for zone in zones]
    groups = {row.id: row for row in db.scalars(select(Group).where(col(Group.valid_from).is_not(None)))}
    members: dict[str, set[str]] = {key: set() for key in groups}
    for row in db.scalars(select(GroupMember).where(col(GroupMember.group_id).in_(groups))):
        members[row.group_id].add(row.zone_id)
    merged = [
        Merged(row.id, row.code, row.name, frozenset(members[row.id]), row.valid_from, row.valid_until)
        for row in groups.values()
        if row.valid_from is not None
    ]
    return Atlas(places, pasts, merged)


def middles(db: Session, zone_ids: Collection[str]) -> dict[str, tuple[float, float]]:
    """Latitude and longitude between the receivers of each zone, where any has a position."""
    latitude, longitude = func.avg(col(Receiver.latitude)), func.avg(col(Receiver.longitude))
    query = select(col(Receiver.zone_id), latitude, longitude).group_by(col(Receiver.zone_id))
    query = query.where(col(Receiver.latitude).is_not(None), col(Receiver.longitude).is_not(None))
    rows = db.execute(query.where(col(Receiver.revoked_at).is_(None)))
    return {zone_id: (round(north, 5), round(east, 5)) for zone_id, north, east in rows if zone_id in zone_ids}


def choices(db: Session, paths: Collection[str]) -> list[tuple[str, str]]:
    """(id, name) of the places above villages at or below `paths`, in the order of the tree."""
    query = select(col(Zone.id), col(Zone.name), col(Zone.path)).where(below(paths), col(Zone.kind).not_in(SMALL))
    rows = sorted(db.execute(query).all(), key=lambda row: (len(zone_sql.ids_of(row[2])), row[1]))
    return [(row[0], row[1]) for row in rows[:_MOST_CHOICES]]


def known(db: Session, airing_ids: Iterable[str]) -> set[str]:
    """Those that are in the book."""
    found: set[str] = set()
    for some in batches(sorted(airing_ids)):
        found.update(db.scalars(select(col(ReportAiring.id)).where(col(ReportAiring.id).in_(some))))
    return found


def sizes(db: Session, airing_ids: Iterable[str]) -> dict[str, int]:
    """How many receivers were to play each of those that are in the book."""
    found: dict[str, int] = {}
    receivers = func.coalesce(func.sum(col(ReportLine.receivers)), 0)
    for some in batches(sorted(airing_ids)):
        query = (
            select(col(ReportAiring.id), receivers)
            .outerjoin(ReportLine, col(ReportLine.airing_id) == col(ReportAiring.id))
            .where(col(ReportAiring.id).in_(some))
            .group_by(col(ReportAiring.id))
        )
        found |= {airing_id: int(count) for airing_id, count in db.execute(query)}
    return found


class LastHeard(NamedTuple):
    """On how many of its receivers an airing was heard; `settled` once nobody is waited for any more."""

    receivers: int
    heard: int
    settled: bool


def last_heard(db: Session, broadcast_ids: Collection[str]) -> dict[str, LastHeard]:
    """What the book says of the last airing of each of these broadcasts that it has details of."""
    broadcast_id, start = col(ReportAiring.broadcast_id), col(ReportAiring.start_at)
    last: Any = func.max(start)
    grouped = select(broadcast_id.label("id"), last.label("at")).where(broadcast_id.in_(broadcast_ids))
    latest = grouped.group_by(broadcast_id).subquery()
    query = (
        select(broadcast_id, func.sum(col(ReportLine.receivers)), func.sum(col(ReportLine.heard)), _SETTLED)
        .join(latest, and_(latest.c.id == broadcast_id, latest.c.at == start))
        .join(ReportLine, col(ReportLine.airing_id) == col(ReportAiring.id))
        .group_by(broadcast_id, _SETTLED)
    )
    return {key: LastHeard(int(receivers), int(heard), settled) for key, receivers, heard, settled in db.execute(query)}


def due(db: Session, now: datetime) -> set[str]:
    """What is not settled and should be."""
    query = select(col(ReportAiring.id)).where(col(ReportAiring.settled).is_(False), col(ReportAiring.due_at) <= now)
    return set(db.scalars(query))


def reasons(db: Session, span: Span, here: ColumnElement[bool]) -> list[tuple[str, int]]:
    """Why programmes were not heard in the zones `here`, the commonest first, with how many receivers missed them."""
    line = ReportLine
    missed = func.sum(col(line.missed))
    query = (
        select(col(line.reason), missed)
        .where(
            *_within(span, here),
            col(line.reason).is_not(None),
            col(line.kind).in_(PROGRAMME),
            col(line.settled).is_(True),
        )
        .group_by(col(line.reason))
        .order_by(missed.desc(), col(line.reason))
    )
    return [(reason or "unknown", int(count)) for reason, count in db.execute(query)]


Row = tuple[ReportLine, ReportAiring]
After = tuple[datetime, str, str]


def lines(
    db: Session,
    span: Span,
    where: ColumnElement[bool],
    *,
    only_missed: bool = False,
    after: After | None = None,
    limit: int | None = None,
) -> Sequence[Row]:
    """Airings by village, of the zones `where`, the latest first and each by the names of villages.

    `after` has start, airing and zone of the last had.

    A small area is looked up by its zones, a large one by the time: else a page costs as much as the whole list.
    """
    few = list(db.scalars(select(col(Zone.id)).where(where).limit(_FEW + 1)))
    start, airing_id, zone_id = col(ReportAiring.start_at), col(ReportAiring.id), col(ReportLine.zone_id)
    village = aliased(Zone)
    name = col(village.name)
    first = datetime.combine(span.first - timedelta(days=1), time.min, UTC)
    end = datetime.combine(span.end + timedelta(days=1), time.min, UTC)
    day: SQLColumnExpression[date] = col(ReportLine.day)
    here: ColumnElement[bool] = zone_id.in_(few)
    if len(few) > _FEW:
        day = func.coalesce(day, day)  # no index is to be chosen by it: the one by time ends where the page does
        here = exists().where(col(Zone.id) == zone_id, where)
    query = (
        select(ReportLine, ReportAiring)
        .join(ReportAiring, col(ReportAiring.id) == col(ReportLine.airing_id))
        .join(village, col(village.id) == zone_id)
        .where(start >= first, start < end, day >= span.first, day < span.end, here)
    )
    if only_missed:
        query = query.where(col(ReportLine.reason).is_not(None))
    if after is not None:
        last = select(col(Zone.name)).where(col(Zone.id) == after[2]).scalar_subquery()
        following = or_(tuple_(start, airing_id) < after[:2], tuple_(name, zone_id) > tuple_(last, after[2]))
        query = query.where(tuple_(start, airing_id) <= after[:2], following)
    latest = query.order_by(start.desc(), airing_id.desc(), name, zone_id).limit(limit)
    return [(row[0], row[1]) for row in db.execute(latest)]


def told_counts(db: Session, day: date, here: ColumnElement[bool]) -> Counts:
    """What a digest says of a day in the zones `here`."""
    line = ReportLine
    heard, waiting = col(line.heard) > 0, col(line.receivers) > col(line.heard) + col(line.missed)
    village = (
        select(
            func.count().label("airings"),
            func.sum(case((heard, 1), else_=0)).label("heard"),
            func.sum(case((col(line.reason).is_not(None), 1), else_=0)).label("missed"),
            func.max(case((or_(heard, waiting), 0), else_=-1)).label("silent"),
        )
        .where(*_within(span_of(Length.DAY, day), here), col(line.kind).in_(TOLD))
        .group_by(col(line.zone_id))
        .subquery()
    )
    sums = (func.coalesce(func.sum(village.c[name]), 0) for name in ("airings", "heard", "missed", "silent"))
    airings, was_heard, missed, silent, villages = db.execute(select(*sums, func.count()).select_from(village)).one()
    return Counts(int(airings), int(was_heard), int(missed), villages, -int(silent))


def told_lines(db: Session, day: date, here: ColumnElement[bool], limit: int) -> Sequence[Row]:
    """What was missed of a day in the zones `here`, emergencies first, then by the names of places."""
    unit, emergency = aliased(Zone), col(ReportLine.kind) == Kind.EMERGENCY
    query = (
        select(ReportLine, ReportAiring)
        .join(ReportAiring, col(ReportAiring.id) == col(ReportLine.airing_id))
        .join(Zone, col(Zone.id) == col(ReportLine.zone_id))
        .join(unit, col(unit.id) == col(ReportLine.unit_id))
        .where(col(ReportLine.day) == day, col(ReportLine.reason).is_not(None), col(ReportLine.kind).in_(TOLD), here)
        .order_by(case((emergency, 0), else_=1), col(unit.name), col(Zone.name), col(Zone.id))
        .order_by(col(ReportAiring.start_at), col(ReportAiring.id))
    )
    return [(row[0], row[1]) for row in db.execute(query.limit(limit))]


def own_lines(db: Session, span: Span, zone_id: str) -> Sequence[Row]:
    """The airings of a zone's own receivers, by time."""
    query = (
        select(ReportLine, ReportAiring)
        .join(ReportAiring, col(ReportAiring.id) == col(ReportLine.airing_id))
        .where(*_own(span, zone_id))
        .order_by(col(ReportAiring.start_at), col(ReportAiring.id))
    )
    return [(row[0], row[1]) for row in db.execute(query)]


def book(db: Session) -> ReportBook | None:
    """How far it is kept; None before the first round."""
    return db.get(ReportBook, 1)


def subscription(db: Session, user_id: str, zone_id: str, *, lock: bool = False) -> ReportSubscription | None:
    return db.get(ReportSubscription, (user_id, zone_id), with_for_update=lock)


def subscriptions(db: Session) -> Sequence[ReportSubscription]:
    key = (col(ReportSubscription.user_id), col(ReportSubscription.zone_id))
    return db.scalars(select(ReportSubscription).order_by(*key)).all()


def subscribed_zones(db: Session, user_id: str) -> Sequence[Zone]:
    """The zones of which somebody is told, by name."""
    query = select(Zone).join(ReportSubscription, col(ReportSubscription.zone_id) == col(Zone.id))
    query = query.where(col(ReportSubscription.user_id) == user_id).order_by(col(Zone.name), col(Zone.id))
    return db.scalars(query).all()


def named(db: Session, receiver_ids: Collection[str]) -> dict[str, str]:
    """The name of each receiver."""
    query = select(col(Receiver.id), col(Receiver.name)).where(col(Receiver.id).in_(receiver_ids))
    return {row[0]: row[1] for row in db.execute(query)}


def _within(span: Span, here: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    village = exists().where(col(Zone.id) == col(ReportLine.zone_id), here)
    return [col(ReportLine.day) >= span.first, col(ReportLine.day) < span.end, village]


def _own(span: Span, zone_id: str) -> list[ColumnElement[bool]]:
    return [col(ReportLine.day) >= span.first, col(ReportLine.day) < span.end, col(ReportLine.zone_id) == zone_id]
