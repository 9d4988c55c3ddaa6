"""All SQL about broadcasts: what there is, what waits, and what is to sound where."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import CTE, ColumnElement, Select, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements.models import Announcement, Recording
from scheduler.broadcasts import aiming
from scheduler.broadcasts.models import Broadcast, BroadcastTarget
from scheduler.fleet.models import Receiver
from scheduler.library.repository import says
from scheduler.people.models import User
from scheduler.workflow import State
from scheduler.zones.forest import at_or_below
from scheduler.zones.models import GroupMember, Zone
from scheduler.zones.repository import below as within

PLAYING = (State.APPROVED, State.ON_AIR)
MOST_BEHIND_UTC = timedelta(hours=12)
"""No clock on earth is further behind."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A broadcast that sounds in `zone_ids` (of those asked for), with what it says."""

    broadcast: Broadcast
    title: str
    recordings: tuple[Recording, ...]
    zone_ids: frozenset[str]


class Living(NamedTuple):
    """A receiver as the board needs it."""

    zone_id: str
    online: bool
    state: Mapping[str, Any] | None


def get(db: Session, broadcast_id: str) -> Broadcast | None:
    return db.get(Broadcast, broadcast_id)


def several(db: Session, broadcast_ids: Collection[str]) -> list[Broadcast]:
    return list(db.scalars(select(Broadcast).where(col(Broadcast.id).in_(broadcast_ids)).order_by(col(Broadcast.id))))


def locked(db: Session, broadcast_id: str) -> Broadcast | None:
    """As `get`, kept from other transactions until this one ends."""
    return db.get(Broadcast, broadcast_id, with_for_update=True, populate_existing=True)


def placed(
    db: Session, zone_ids: Collection[str], states: Collection[State] = PLAYING, *, above: Collection[str] = ()
) -> list[Placed]:
    """What is to sound in these zones, by id; of the zones `above` only what leaves holidays out."""
    wanted = select(col(Broadcast.id)).where(col(Broadcast.state).in_(states))
    leaving_out = wanted.where(col(Broadcast.skip_holidays))
    where: dict[str, set[str]] = defaultdict(set)
    for ids, those in ((zone_ids, wanted), (above, leaving_out)):
        for broadcast_id, zone_id in db.execute(_placements(ids, those.cte("wanted"))) if ids else ():
            where[broadcast_id].add(zone_id)
    query = (
        select(Broadcast, col(Announcement.title))
        .join(Announcement, col(Announcement.id) == col(Broadcast.announcement_id))
        .where(col(Broadcast.id).in_(where))
        .order_by(col(Broadcast.id))
    )
    rows = [(broadcast, title) for broadcast, title in db.execute(query)]
    recordings = recordings_of(db, {broadcast.announcement_id for broadcast, _title in rows})
    return [Placed(b, title, recordings[b.announcement_id], frozenset(where[b.id])) for b, title in rows]


def _placements(zone_ids: Collection[str], wanted: CTE) -> "Select[tuple[str, str]]":
    """(broadcast, zone) pairs, directly or by a group."""
    zone_id, member_id = col(BroadcastTarget.zone_id), col(GroupMember.zone_id)
    broadcast_id, ids = col(BroadcastTarget.broadcast_id), select(wanted.c.id)
    direct = select(broadcast_id, zone_id).where(zone_id.in_(zone_ids), broadcast_id.in_(ids))
    grouped = (
        select(broadcast_id, member_id)
        .join(GroupMember, col(GroupMember.group_id) == col(BroadcastTarget.group_id))
        .where(member_id.in_(zone_ids), broadcast_id.in_(ids))
    )
    return direct.union(grouped)  # type: ignore[return-value]  # a union is executed as a select


def recordings_of(db: Session, announcement_ids: Collection[str]) -> Mapping[str, tuple[Recording, ...]]:
    found: dict[str, list[Recording]] = defaultdict(list)
    query = (
        select(Recording)
        .where(col(Recording.announcement_id).in_(announcement_ids))
        .order_by(col(Recording.created_at), col(Recording.id))
    )
    for recording in db.scalars(query):
        found[recording.announcement_id].append(recording)
    return {announcement_id: tuple(found[announcement_id]) for announcement_id in announcement_ids}


def receivers(db: Session, paths: Iterable[str]) -> list[Receiver]:
    """The receivers in use at or below any of `paths`."""
    query = select(Receiver).join(Zone, col(Zone.id) == col(Receiver.zone_id)).where(within(paths), _in_use())
    return list(db.scalars(query.order_by(col(Receiver.id))))


def living(db: Session, zone_ids: Collection[str]) -> list[Living]:
    """What the receivers in use say of themselves in exactly these zones."""
    columns = col(Receiver.zone_id), col(Receiver.online), col(Receiver.state)
    return [Living(*row) for row in db.execute(select(*columns).where(col(Receiver.zone_id).in_(zone_ids), _in_use()))]


def _in_use() -> ColumnElement[bool]:
    return and_(col(Receiver.enrolled_at).is_not(None), col(Receiver.revoked_at).is_(None))


def page(
    db: Session,
    own: Iterable[str],
    above: Collection[str],
    *,
    states: Collection[State],
    before: str | None,
    limit: int,
    document: str | None = None,
    q: str = "",
    judged: Collection[str] = (),
) -> list[Broadcast]:
    """The newest broadcasts of the subtrees of `own`, or that reach into them, also from the zones `above`.

    Those that wait too, where all that approving them takes lies in the subtrees of `judged`. Of what is said in words
    like `q`, or has `document` in the number of its paper; of what has either, if both are given.
    """
    own_paths = tuple(own)

    def reaches(zone_id: Mapped[str] | Mapped[str | None]) -> ColumnElement[bool]:
        return or_(at_or_below(db, own_paths, zone_id), zone_id.in_(above))

    aimed = aiming.aimed(reaches)
    theirs = at_or_below(db, own_paths, col(Broadcast.zone_id))
    public = col(Broadcast.state).not_in((State.DRAFT, State.SUBMITTED, State.RETURNED))
    shown = [theirs, and_(aimed, public)]
    if judged:
        shown.append(and_(col(Broadcast.state) == State.SUBMITTED, aiming.all_within(db, judged)))
    query = select(Broadcast).where(or_(*shown)).order_by(col(Broadcast.id).desc()).limit(limit)
    if states:
        query = query.where(col(Broadcast.state).in_(states))
    if before is not None:
        query = query.where(col(Broadcast.id) < before)
    sought = []
    if document is not None:
        sought.append(col(Broadcast.document_key).contains(document, autoescape=True))
    if q:
        sought.append(exists().where(col(Announcement.id) == col(Broadcast.announcement_id), says(q)))
    if sought:
        query = query.where(or_(*sought))
    return list(db.scalars(query))


def submitted(db: Session, own: Collection[str], now: datetime, *, passed: bool, limit: int) -> list[Broadcast]:
    """What waits in the subtrees of `own` and may still come, soonest first; or what has `passed`, the latest first.

    What passed in the last day may be among the former, as each has a time zone of its own: its reader looks again.
    """
    starts, until = col(Broadcast.starts_local), col(Broadcast.until_local)
    early = (now - MOST_BEHIND_UTC).astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    repeats = col(Broadcast.rrule).is_not(None)
    goes_on = func.coalesce(until, early) >= early[: len("2026-12-24")]
    comes = or_(starts.is_(None), and_(repeats, goes_on), and_(not_(repeats), starts >= early))
    here = or_(at_or_below(db, own, col(Broadcast.zone_id)), aiming.all_within(db, own))
    query = select(Broadcast).where(col(Broadcast.state) == State.SUBMITTED, here, not_(comes) if passed else comes)
    order = starts.desc() if passed else starts.asc().nulls_first()
    return list(db.scalars(query.order_by(order, col(Broadcast.id).desc()).limit(limit)))


def names(db: Session, broadcasts: Collection[Broadcast]) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Titles by announcement id, names by person id, and names by zone id, of all these."""
    people = {b.author_id for b in broadcasts} | {b.approver_id for b in broadcasts if b.approver_id}
    people |= {user_id for b in broadcasts for user_id in b.approved_for or ()}
    users = select(col(User.id), col(User.name)).where(col(User.id).in_(people))
    places = select(col(Zone.id), col(Zone.name)).where(col(Zone.id).in_({b.zone_id for b in broadcasts}))
    return (
        titles(db, {b.announcement_id for b in broadcasts}),
        dict(db.execute(users).all()),
        dict(db.execute(places).all()),
    )


def titles(db: Session, announcement_ids: Collection[str]) -> dict[str, str]:
    query = select(col(Announcement.id), col(Announcement.title)).where(col(Announcement.id).in_(announcement_ids))
    return dict(db.execute(query).all())


def using(db: Session, announcement_id: str) -> list[Broadcast]:
    """The approved broadcasts of an announcement."""
    query = select(Broadcast).where(
        col(Broadcast.announcement_id) == announcement_id, col(Broadcast.state).in_(PLAYING)
    )
    return list(db.scalars(query.order_by(col(Broadcast.id)).with_for_update()))


def named(db: Session, broadcast_ids: Collection[str]) -> dict[str, tuple[str, BroadcastClass]]:
    """The title and class of each broadcast."""
    query = (
        select(col(Broadcast.id), col(Announcement.title), col(Broadcast.cls))
        .join(Announcement, col(Announcement.id) == col(Broadcast.announcement_id))
        .where(col(Broadcast.id).in_(broadcast_ids))
    )
    return {broadcast_id: (title, cls) for broadcast_id, title, cls in db.execute(query)}
