"""All SQL about finding announcements and what they were used for."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from scheduler.announcements import finding
from scheduler.announcements.models import Announcement, Recording, RecordingPart
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.library.schemas import Search
from scheduler.people.models import User
from scheduler.reports.models import ReportLine
from scheduler.zones.models import Zone
from scheduler.zones.repository import below

TAGS_LOOKED_AT = 500


class Use(Struct, frozen=True):
    """How often an announcement was broadcast, how often it was heard somewhere, and when it was last."""

    times: int = 0
    heard: int = 0
    last_at: datetime | None = None


def page(
    db: Session, paths: Sequence[str], search: Search, *, named: Collection[str], before: str | None, limit: int
) -> list[tuple[Announcement, Zone, User]]:
    """The newest that fit in the subtrees of `paths`; `named` are zones whose own name is what is looked for."""
    query = (
        select(Announcement, Zone, User)
        .join(Zone, col(Announcement.zone_id) == col(Zone.id))
        .join(User, col(Announcement.author_id) == col(User.id))
        .where(col(Announcement.deleted_at).is_(None), below(paths))
        .order_by(col(Announcement.id).desc())
        .limit(limit)
    )
    pieces = finding.wanted(search.q).pieces
    if search.q.strip():
        said = and_(literal(bool(pieces)), *(_says(piece) for piece in pieces))
        query = query.where(or_(said, col(Announcement.zone_id).in_(named)))
    if search.category is not None:
        query = query.where(col(Announcement.category) == search.category)
    if search.tag:
        query = query.where(col(Announcement.words).contains(finding.tagged(search.tag), autoescape=True))
    if search.zone_id:
        query = query.where(col(Zone.path).contains(f"/{search.zone_id}/", autoescape=True))
    if before is not None:
        query = query.where(col(Announcement.id) < before)
    return [(announcement, zone, user) for announcement, zone, user in db.execute(query)]


def _says(piece: str) -> ColumnElement[bool]:
    of_it = col(Recording.announcement_id) == col(Announcement.id)
    spoken = exists().where(of_it, col(Recording.words).contains(piece, autoescape=True))
    return or_(col(Announcement.words).contains(piece, autoescape=True), spoken.correlate(Announcement))


def zones_named(db: Session, paths: Iterable[str], wanted: finding.Wanted) -> list[str]:
    """The zones in the subtrees of `paths` whose name is what is looked for."""
    rows = db.execute(select(col(Zone.id), col(Zone.name)).where(below(paths)))
    return [zone_id for zone_id, name in rows if wanted.in_name(name)]


def tags(db: Session, paths: Iterable[str]) -> list[str]:
    """Those of the newest announcements with any, the most used first."""
    query = (
        select(col(Announcement.tags))
        .join(Zone, col(Announcement.zone_id) == col(Zone.id))
        .where(col(Announcement.deleted_at).is_(None), below(paths), col(Announcement.words).contains("#"))
        .order_by(col(Announcement.id).desc())
        .limit(TAGS_LOOKED_AT)
    )
    counted: dict[str, int] = {}
    for found in db.scalars(query):
        for tag in found:
            counted[tag] = counted.get(tag, 0) + 1
    return sorted(counted, key=lambda tag: (-counted[tag], tag))


def uses(db: Session, announcement_ids: Collection[str], now: datetime) -> dict[str, Use]:
    """What became of each of these by `now`, also as a part of others."""
    pairs = _pairs(announcement_ids).subquery()
    heard = case((col(ReportLine.heard) > 0, col(PlannedAiring.id)))
    query = (
        select(
            pairs.c.announcement_id,
            func.count(col(PlannedAiring.id).distinct()),
            func.count(heard.distinct()),
            func.max(col(PlannedAiring.start_at)),
        )
        .select_from(pairs)
        .join(Broadcast, col(Broadcast.announcement_id) == pairs.c.whole_id)
        .join(PlannedAiring, and_(col(PlannedAiring.broadcast_id) == col(Broadcast.id), _came(now)))
        .outerjoin(ReportLine, col(ReportLine.airing_id) == col(PlannedAiring.id))
        .group_by(pairs.c.announcement_id)
    )
    return {row[0]: Use(row[1], row[2], row[3]) for row in db.execute(query)}


def airings(
    db: Session, announcement_id: str, now: datetime, limit: int
) -> list[tuple[PlannedAiring, Announcement, int | None, int | None]]:
    """The last airings of it or of what it is a part of; each with the loudspeakers that were heard, of how many."""
    pairs = _pairs([announcement_id]).subquery()
    lines = (
        select(
            col(ReportLine.airing_id).label("airing_id"),
            func.sum(col(ReportLine.heard)).label("heard"),
            func.sum(col(ReportLine.receivers)).label("receivers"),
        )
        .group_by(col(ReportLine.airing_id))
        .subquery()
    )
    query = (
        select(PlannedAiring, Announcement, lines.c.heard, lines.c.receivers)
        .join(Broadcast, col(Broadcast.id) == col(PlannedAiring.broadcast_id))
        .join(Announcement, col(Announcement.id) == col(Broadcast.announcement_id))
        .join(pairs, pairs.c.whole_id == col(Announcement.id))
        .outerjoin(lines, lines.c.airing_id == col(PlannedAiring.id))
        .where(_came(now))
        .order_by(col(PlannedAiring.start_at).desc(), col(PlannedAiring.id))
        .limit(limit)
    )
    return [(airing, of, heard, receivers) for airing, of, heard, receivers in db.execute(query)]


def _came(now: datetime) -> ColumnElement[bool]:
    return and_(col(PlannedAiring.start_at) <= now, col(PlannedAiring.withdrawn_at).is_(None))


def _pairs(announcement_ids: Collection[str]) -> "Select[tuple[str, str]]":
    """(announcement, itself or what it is a part of)."""
    part, whole = aliased(Recording), aliased(Recording)
    own: Any = select(col(Announcement.id).label("announcement_id"), col(Announcement.id).label("whole_id"))
    own = own.where(col(Announcement.id).in_(announcement_ids))
    in_others = (
        select(col(part.announcement_id), col(whole.announcement_id))
        .join(RecordingPart, col(RecordingPart.part_id) == col(part.id))
        .join(whole, col(whole.id) == col(RecordingPart.recording_id))
        .where(col(part.announcement_id).in_(announcement_ids))
    )
    return own.union(in_others)  # type: ignore[no-any-return]  # a union is selected from as a select
