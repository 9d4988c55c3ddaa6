"""What sound something still needs, and when it was used last (all SQL on that).

Rules
- Needed is the sound of a broadcast that is not over, or that has an airing to come; of a bulletin's part, filled in
  or as a stand-in; of a relay's fallback, a zone's, a message kept at a receiver, an order that is asked for or in
  force, a talk that is not over; and sound that is being made.
- What is put together from others needs them while it is needed itself or not made yet.
- Used last is when it was on the air last, by itself or in others, or spoken live; else when it was made.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from scheduler.announcements.models import Announcement, Recording, RecordingPart, RecordingState
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.bulletins.models import Bulletin, BulletinEdition
from scheduler.emergency.life import State as OrderState
from scheduler.emergency.models import EmergencyOrder
from scheduler.fleet.models import PreparedMessage
from scheduler.live.models import LiveState, LiveTalk
from scheduler.relays.models import Relay
from scheduler.workflow import State
from scheduler.zones.models import Zone

_OVER = (State.DONE, State.CANCELLED)
_IN_THE_MAKING = (RecordingState.QUEUED, RecordingState.PRODUCING)
_DAY = timedelta(days=1)


def needed(db: Session, announcement_ids: Collection[str], now: datetime) -> set[str]:
    """Those of these announcements whose sound must stay."""
    wholes = _wholes(db, announcement_ids)
    every = {*announcement_ids, *wholes}
    found = {key for read in _READ for key in read(db, every, now)}
    unmade = set(_ids(db, _recorded(every).where(col(Recording.state).in_((*_IN_THE_MAKING, RecordingState.FAILED)))))
    waiting = {part for whole in wholes.keys() & (unmade | found) for part in wholes[whole]}
    while waiting - found:  # of what is put together from what is put together
        found |= waiting
        waiting = {part for whole in wholes.keys() & waiting for part in wholes[whole]}
    return found & set(announcement_ids)


def last_used(db: Session, announcement_ids: Collection[str], now: datetime) -> dict[str, datetime]:
    """When each of these was used or made last."""
    wholes = _wholes(db, announcement_ids)
    every = {*announcement_ids, *wholes}
    said, start_at = col(PlannedAiring.announcement_id), col(PlannedAiring.start_at)
    withdrawn_at = col(PlannedAiring.withdrawn_at)
    aired = (
        select(said, func.max(func.coalesce(withdrawn_at, col(PlannedAiring.end_at))))
        .where(said.in_(every), start_at <= now, or_(withdrawn_at.is_(None), withdrawn_at > start_at))
        .group_by(said)
    )
    spoken = func.max(func.coalesce(col(LiveTalk.ended_at), col(LiveTalk.asked_at)))
    talks = select(col(LiveTalk.announcement_id), spoken).where(col(LiveTalk.announcement_id).in_(every))
    made = select(col(Recording.announcement_id), func.max(col(Recording.created_at)))
    made = made.where(col(Recording.announcement_id).in_(every))
    found: dict[str, datetime] = {}
    for query in (
        aired,
        talks.group_by(col(LiveTalk.announcement_id)),
        made.group_by(col(Recording.announcement_id)),
    ):
        for key, at in db.execute(query):
            found[key] = max(at, found.get(key, at))
    for whole, parts in _from_the_top(wholes):
        for part in parts:
            if whole in found:
                found[part] = max(found[whole], found.get(part, found[whole]))
    return {key: at for key, at in found.items() if key in announcement_ids}


def _wholes(db: Session, announcement_ids: Collection[str]) -> dict[str, set[str]]:
    """What these are parts of, and what those are parts of; each with its parts among them."""
    part, whole = aliased(Recording), aliased(Recording)
    found: dict[str, set[str]] = defaultdict(set)
    waiting, seen = set(announcement_ids), set[str]()
    while waiting:
        seen |= waiting
        query = (
            select(col(whole.announcement_id), col(part.announcement_id))
            .join(RecordingPart, col(RecordingPart.recording_id) == col(whole.id))
            .join(part, col(part.id) == col(RecordingPart.part_id))
            .where(col(part.announcement_id).in_(waiting))
        )
        waiting = set()
        for whole_id, part_id in db.execute(query):
            found[whole_id].add(part_id)
            waiting |= {whole_id} - seen
    return dict(found)


def _from_the_top(wholes: dict[str, set[str]]) -> Iterable[tuple[str, set[str]]]:
    """Each whole after those that it is itself a part of."""
    left = dict(wholes)
    while left:
        inner = {part for parts in left.values() for part in parts}
        first = [key for key in left if key not in inner] or list(left)
        for key in first:
            yield key, left.pop(key)


def _ids(db: Session, query: "Select[str | None]") -> Iterable[str]:
    return (key for key in db.scalars(query) if key is not None)


def _recorded(announcement_ids: Collection[str]) -> "Select[str]":
    """The announcements of recordings, to be narrowed."""
    return select(col(Recording.announcement_id)).where(col(Recording.announcement_id).in_(announcement_ids))


def _broadcast(db: Session, ids: Collection[str], now: datetime) -> Iterable[str]:
    of = col(Broadcast.announcement_id)
    yield from _ids(db, select(of).where(of.in_(ids), col(Broadcast.state).not_in(_OVER)))
    coming = select(of).join(PlannedAiring, col(PlannedAiring.broadcast_id) == col(Broadcast.id))
    coming = coming.where(of.in_(ids), col(PlannedAiring.end_at) > now, col(PlannedAiring.withdrawn_at).is_(None))
    yield from _ids(db, coming)


def _bulletin(db: Session, ids: Collection[str], now: datetime) -> Iterable[str]:
    """Stand-ins of bulletins that still come, and what is filled in for days that are not over anywhere."""
    for slots in db.scalars(select(col(Bulletin.slots)).where(col(Bulletin.ended_at).is_(None))):
        yield from (slot["stand_in_id"] for slot in slots if slot.get("stand_in_id") in ids)
    columns = col(BulletinEdition.filled), col(BulletinEdition.sent), col(BulletinEdition.announcement_id)
    for filled, sent, made in db.execute(select(*columns).where(col(BulletinEdition.day) >= (now - _DAY).date())):
        yield from {*filled.values(), *(sent or {}).values(), made} & set(ids)


def _held(db: Session, ids: Collection[str], now: datetime) -> Iterable[str]:  # noqa: ARG001 - as the others
    of_them = _recorded(ids)
    yield from _ids(db, of_them.join(Zone, col(Zone.fallback_recording_id) == col(Recording.id)))
    yield from _ids(db, of_them.join(PreparedMessage, col(PreparedMessage.recording_id) == col(Recording.id)))
    yield from _ids(db, of_them.where(col(Recording.state).in_(_IN_THE_MAKING)))
    fallback = select(col(Relay.fallback_id)).where(col(Relay.fallback_id).in_(ids), col(Relay.state).not_in(_OVER))
    yield from _ids(db, fallback)


def _on_the_air(db: Session, ids: Collection[str], now: datetime) -> Iterable[str]:  # noqa: ARG001 - as the others
    of = col(LiveTalk.announcement_id)
    yield from _ids(db, select(of).where(of.in_(ids), col(LiveTalk.state) != LiveState.ENDED))
    live = select(col(EmergencyOrder.parts)).where(col(EmergencyOrder.state).in_((OrderState.ASKED, OrderState.ISSUED)))
    named = {part["id"] for parts in db.scalars(live) for part in parts if part["kind"] == "recording"}
    if named:
        yield from _ids(db, _recorded(ids).where(col(Recording.id).in_(named)))


_READ: tuple[Callable[[Session, Collection[str], datetime], Iterable[str]], ...] = (
    _broadcast,
    _bulletin,
    _held,
    _on_the_air,
)


def titles(db: Session, announcement_ids: Collection[str]) -> dict[str, str]:
    columns = select(col(Announcement.id), col(Announcement.title)).where(col(Announcement.id).in_(announcement_ids))
    return {row[0]: row[1] for row in db.execute(columns)}
