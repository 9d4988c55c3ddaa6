"""All SQL about finding announcements and what they were used for."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col

from scheduler.announcements import finding
from scheduler.announcements.models import Announcement, Recording, RecordingPart
from scheduler.broadcasts.models import PlannedAiring
from scheduler.library.schemas import Search
from scheduler.live import repository as live
from scheduler.live.models import LiveKind, LiveTalk
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


class Aired(Struct, frozen=True):
    """One time that it was broadcast, as `whole`, by a broadcast's airing or, where `kind` says which, by a live talk.

    `id` is the airing's or the talk's.
    """

    id: str
    start_at: datetime
    zone_ids: Sequence[str]
    whole: Announcement
    broadcast_id: str | None = None
    kind: LiveKind | None = None


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
    if search.q.strip():
        query = query.where(or_(says(search.q), col(Announcement.zone_id).in_(named)))
    if search.category is not None:
        query = query.where(col(Announcement.category) == search.category)
    if search.tag:
        query = query.where(col(Announcement.words).contains(finding.tagged(search.tag), autoescape=True))
    if search.zone_id:
        query = query.where(col(Zone.path).contains(f"/{search.zone_id}/", autoescape=True))
    if before is not None:
        query = query.where(col(Announcement.id) < before)
    return [(announcement, zone, user) for announcement, zone, user in db.execute(query)]


def says(typed: str) -> ColumnElement[bool]:
    """Of an announcement: that all that is `typed` is in its title, labels or texts, with or without its marks."""
    pieces = finding.wanted(typed).pieces
    return and_(literal(bool(pieces)), *(or_(*map(_says, forms)) for forms in pieces))


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
    """What became of each of these by `now`, also as a part of others and in live talks."""
    pairs = _pairs(announcement_ids).subquery()
    planned = (
        select(pairs.c.announcement_id, *_used(col(PlannedAiring.id), col(PlannedAiring.start_at)))
        .select_from(pairs)
        .join(PlannedAiring, and_(col(PlannedAiring.announcement_id) == pairs.c.whole_id, _came(now)))
        .outerjoin(ReportLine, col(ReportLine.airing_id) == col(PlannedAiring.id))
        .group_by(pairs.c.announcement_id)
    )
    spoken = (
        select(pairs.c.announcement_id, *_used(col(LiveTalk.id), col(LiveTalk.began_at)))
        .select_from(pairs)
        .join(LiveTalk, and_(col(LiveTalk.announcement_id) == pairs.c.whole_id, _began(now)))
        .outerjoin(ReportLine, col(ReportLine.airing_id) == col(LiveTalk.id))
        .group_by(pairs.c.announcement_id)
    )
    found: dict[str, Use] = {}
    for announcement_id, times, heard, last_at in [*db.execute(planned), *db.execute(spoken)]:
        other = found.get(announcement_id, Use())
        last = max(last_at, other.last_at or last_at)
        found[announcement_id] = Use(times + other.times, heard + other.heard, last)
    return found


def _used(airing_id: Mapped[str], start_at: Mapped[Any]) -> tuple[ColumnElement[Any], ...]:
    """The columns of a `Use`."""
    heard = case((col(ReportLine.heard) > 0, airing_id))
    return func.count(airing_id.distinct()), func.count(heard.distinct()), func.max(start_at)


def airings(db: Session, announcement_id: str, now: datetime, limit: int) -> list[Aired]:
    """The last airings of it or of what it is a part of."""
    pairs = _pairs([announcement_id]).subquery()
    query = (
        select(PlannedAiring, Announcement)
        .join(Announcement, col(Announcement.id) == col(PlannedAiring.announcement_id))
        .join(pairs, pairs.c.whole_id == col(Announcement.id))
        .where(_came(now))
        .order_by(col(PlannedAiring.start_at).desc(), col(PlannedAiring.id))
        .limit(limit)
    )
    return [
        Aired(airing.id, airing.start_at, airing.zone_ids, whole, broadcast_id=airing.broadcast_id)
        for airing, whole in db.execute(query)
    ]


def talks(db: Session, announcement_id: str, now: datetime, limit: int) -> list[Aired]:
    """The last live talks and relays that it, or what it is a part of, was kept from or played in."""
    pairs = _pairs([announcement_id]).subquery()
    query = (
        select(LiveTalk, col(LiveTalk.began_at), Announcement)
        .join(Announcement, col(Announcement.id) == col(LiveTalk.announcement_id))
        .join(pairs, pairs.c.whole_id == col(Announcement.id))
        .where(_began(now))
        .order_by(col(LiveTalk.began_at).desc(), col(LiveTalk.id))
        .limit(limit)
    )
    rows = list(db.execute(query))
    zones = live.zones_of(db, [talk.id for talk, *_rest in rows])
    return [
        Aired(talk.id, began_at, [zone.id for zone in zones[talk.id]], whole, kind=talk.kind)
        for talk, began_at, whole in rows
    ]


def heard(db: Session, ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """The loudspeakers that these airings and talks were heard from, of how many; absent where nothing is known."""
    query = (
        select(col(ReportLine.airing_id), func.sum(col(ReportLine.heard)), func.sum(col(ReportLine.receivers)))
        .where(col(ReportLine.airing_id).in_(ids))
        .group_by(col(ReportLine.airing_id))
    )
    return {airing_id: (heard, receivers) for airing_id, heard, receivers in db.execute(query)}


def _came(now: datetime) -> ColumnElement[bool]:
    """Also of what was stopped while it sounded."""
    start_at, withdrawn_at = col(PlannedAiring.start_at), col(PlannedAiring.withdrawn_at)
    return and_(start_at <= now, or_(withdrawn_at.is_(None), withdrawn_at > start_at))


def _began(now: datetime) -> ColumnElement[bool]:
    """Not of what only waited for its turn: what is played is known before that comes."""
    return col(LiveTalk.began_at) <= now


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
