"""All SQL on the book of reports; `sources` has what it is made from, `book` writes it."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Integer, and_, case, func, or_, select
from sqlmodel import Session, col

from scheduler.fleet.models import Receiver
from scheduler.reports.boundaries import Atlas, Merged, Past, Place
from scheduler.reports.figures import PROGRAMME, Kind, Sums, worst
from scheduler.reports.models import ReportAiring, ReportLine, ReportSubscription
from scheduler.reports.spans import Span
from scheduler.zones.models import Group, GroupMember, Zone, ZonePast
from scheduler.zones.repository import below

_CHUNK = 500
"""Fewer than any database's limit of parameters."""


def atlas(db: Session) -> Atlas:
    """All zones, their past, and the groups that reports can be made by."""
    names = ("id", "parent_id", "path", "kind", "code", "name", "valid_from", "valid_until")
    columns = [getattr(Zone, name) for name in (*names, "latitude", "longitude", "timezone")]
    places = [Place(*row) for row in db.execute(select(*columns))]
    pasts = [Past(*row) for row in db.execute(select(*(getattr(ZonePast, name) for name in Past.__struct_fields__)))]
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


def known(db: Session, airing_ids: Iterable[str]) -> set[str]:
    """Those that are in the book."""
    found: set[str] = set()
    for some in _chunks(sorted(airing_ids)):
        found.update(db.scalars(select(col(ReportAiring.id)).where(col(ReportAiring.id).in_(some))))
    return found


def due(db: Session, now: datetime) -> set[str]:
    """What is not settled and should be."""
    query = select(col(ReportAiring.id)).where(col(ReportAiring.settled).is_(False), col(ReportAiring.due_at) <= now)
    return set(db.scalars(query))


def sums(db: Session, span: Span, paths: Collection[str]) -> dict[str, Sums]:
    """What is settled of a span, by village, at or below `paths`; `bulletins` is what each heard itself."""
    return _sums(db, _within(span, paths))


def own_sums(db: Session, span: Span, zone_id: str) -> Sums:
    """As `sums`, of the zone's own receivers only."""
    return _sums(db, _own(span, zone_id)).get(zone_id, Sums())


def _sums(db: Session, where: Collection[ColumnElement[bool]]) -> dict[str, Sums]:
    line, kind = ReportLine, col(ReportLine.kind)
    ours = kind.in_(PROGRAMME)
    alarm = kind == Kind.EMERGENCY
    heard = col(line.heard)
    query = (
        select(
            col(line.zone_id),
            *(_count(ours), _count(and_(ours, heard > 0)), _count(and_(ours, heard > 0, heard < col(line.receivers)))),
            *(_sum(ours, getattr(line, name)) for name in ("receivers", "fetched", "started", "heard", "missed")),
            *(_count(alarm), _count(and_(alarm, heard > 0))),
            *(_sum(ours, line.requested_us), _sum(ours, line.played_us)),
            *(func.max(case((ours, col(line.error_us)))), func.min(case((ours, col(line.error_us))))),
        )
        .where(*where, col(line.settled).is_(True))
        .group_by(col(line.zone_id))
    )
    found = {}
    for zone_id, airings, whole, partly, plays, fetched, started, heard_plays, missed, *rest in db.execute(query):
        emergencies, emergencies_heard, requested, played, latest, earliest = rest
        found[zone_id] = Sums(
            bulletins=airings,
            airings=airings,
            heard=whole,
            partly=partly,
            plays=plays,
            plays_fetched=fetched,
            plays_started=started,
            plays_heard=heard_plays,
            plays_missed=missed,
            emergencies=emergencies,
            emergencies_heard=emergencies_heard,
            requested_us=int(requested),
            played_us=int(played),
            error_us=worst((latest, earliest)),
        )
    return found


def programme(db: Session, span: Span) -> list[tuple[str, list[str]]]:
    """(id, zones) of every bulletin of a span."""
    query = select(col(ReportAiring.id), col(ReportAiring.zone_ids)).where(
        col(ReportAiring.day) >= span.first,
        col(ReportAiring.day) < span.end,
        col(ReportAiring.settled).is_(True),
        col(ReportAiring.kind).in_(PROGRAMME),
    )
    return [(airing_id, list(zone_ids)) for airing_id, zone_ids in db.execute(query)]


def reasons(db: Session, span: Span, paths: Collection[str]) -> list[tuple[str, int]]:
    """Why programmes were not heard, the commonest first, with how many receivers missed them."""
    line = ReportLine
    missed = func.sum(col(line.missed))
    query = (
        select(col(line.reason), missed)
        .where(*_within(span, paths), col(line.missed) > 0, col(line.kind).in_(PROGRAMME), col(line.settled).is_(True))
        .group_by(col(line.reason))
        .order_by(missed.desc(), col(line.reason))
    )
    return [(reason or "unknown", int(count)) for reason, count in db.execute(query)]


def receivers(db: Session, paths: Collection[str]) -> dict[str, int]:
    """How many receivers stand in each village."""
    query = (
        select(col(Receiver.zone_id), func.count())
        .join(Zone, col(Zone.id) == col(Receiver.zone_id))
        .where(below(paths), col(Receiver.revoked_at).is_(None))
        .group_by(col(Receiver.zone_id))
    )
    return {row[0]: row[1] for row in db.execute(query)}


Row = tuple[ReportLine, ReportAiring]
After = tuple[datetime, str, str]


def lines(
    db: Session,
    span: Span,
    paths: Collection[str],
    *,
    only_missed: bool = False,
    after: After | None = None,
    limit: int | None = None,
) -> Sequence[Row]:
    """Airings by village, the latest first; `after` has start, airing and zone of the last that was had."""
    query = (
        select(ReportLine, ReportAiring)
        .join(ReportAiring, col(ReportAiring.id) == col(ReportLine.airing_id))
        .where(*_within(span, paths))
    )
    if only_missed:
        query = query.where(col(ReportLine.missed) > 0)
    start, airing_id, zone_id = col(ReportAiring.start_at), col(ReportLine.airing_id), col(ReportLine.zone_id)
    if after is not None:
        same_start = and_(start == after[0], or_(airing_id > after[1], and_(airing_id == after[1], zone_id > after[2])))
        query = query.where(or_(start < after[0], same_start))
    return [(row[0], row[1]) for row in db.execute(query.order_by(start.desc(), airing_id, zone_id).limit(limit))]


def own_lines(db: Session, span: Span, zone_id: str) -> Sequence[Row]:
    """The airings of a zone's own receivers, by time."""
    query = (
        select(ReportLine, ReportAiring)
        .join(ReportAiring, col(ReportAiring.id) == col(ReportLine.airing_id))
        .where(*_own(span, zone_id))
        .order_by(col(ReportAiring.start_at), col(ReportAiring.id))
    )
    return [(row[0], row[1]) for row in db.execute(query)]


def subscription(db: Session, user_id: str, zone_id: str) -> ReportSubscription | None:
    return db.get(ReportSubscription, (user_id, zone_id))


def subscriptions(db: Session) -> Sequence[ReportSubscription]:
    key = (col(ReportSubscription.user_id), col(ReportSubscription.zone_id))
    return db.scalars(select(ReportSubscription).order_by(*key)).all()


def named(db: Session, receiver_ids: Collection[str]) -> dict[str, str]:
    """The name of each receiver."""
    query = select(col(Receiver.id), col(Receiver.name)).where(col(Receiver.id).in_(receiver_ids))
    return {row[0]: row[1] for row in db.execute(query)}


def _within(span: Span, paths: Collection[str]) -> list[ColumnElement[bool]]:
    here = select(col(Zone.id)).where(below(paths))
    return [col(ReportLine.day) >= span.first, col(ReportLine.day) < span.end, col(ReportLine.zone_id).in_(here)]


def _own(span: Span, zone_id: str) -> list[ColumnElement[bool]]:
    return [col(ReportLine.day) >= span.first, col(ReportLine.day) < span.end, col(ReportLine.zone_id) == zone_id]


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0).cast(Integer)


def _sum(condition: ColumnElement[bool], column: object) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, col(column)), else_=0)), 0)


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
