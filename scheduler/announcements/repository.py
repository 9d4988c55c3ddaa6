"""All SQL about announcements, their recordings and the jobs that produce them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from scheduler.announcements.models import Announcement, Recording, RecordingPart, RecordingState, Source
from scheduler.broadcasts.models import Broadcast, BroadcastTarget
from scheduler.bulletins.models import BulletinEdition
from scheduler.fleet.models import PreparedMessage, Receiver
from scheduler.live.models import LiveState, LiveTalk
from scheduler.people.models import User
from scheduler.relays.models import Relay
from scheduler.workflow import State
from scheduler.zones.models import GroupMember, Zone
from scheduler.zones.repository import below

MAX_ATTEMPTS = 3
_FREE = (State.DRAFT, State.RETURNED, State.DONE, State.CANCELLED)
_OVER = (State.DONE, State.CANCELLED)
_HEARD = (State.APPROVED, State.ON_AIR, State.DONE)


def get(db: Session, announcement_id: str, *, lock: bool = False) -> Announcement | None:
    """The announcement if it is not deleted; with `lock`, nobody else changes it until this transaction ends."""
    found = db.get(Announcement, announcement_id, with_for_update=lock, populate_existing=lock)
    return None if found is None or found.deleted_at is not None else found


def get_recording(db: Session, recording_id: str, *, anew: bool = False) -> Recording | None:
    """The recording; `anew`: as it is by now, whatever was read of it before."""
    return db.get(Recording, recording_id, populate_existing=anew)


def recordings_of(db: Session, announcement_ids: Collection[str]) -> dict[str, list[Recording]]:
    """The recordings of each announcement, in the order in which they were made."""
    found: dict[str, list[Recording]] = {announcement_id: [] for announcement_id in announcement_ids}
    rows = db.scalars(
        select(Recording)
        .where(col(Recording.announcement_id).in_(found))
        .order_by(col(Recording.created_at), col(Recording.id))
    )
    for recording in rows:
        found[recording.announcement_id].append(recording)
    return found


def page(
    db: Session, paths: Iterable[str], *, before: str | None, limit: int, playlists: bool = False
) -> list[tuple[Announcement, Zone, User]]:
    """The newest announcements in the subtrees of `paths`, those before the id `before`, `limit` of them.

    `playlists`: only those that people put together from others, not the editions of bulletins.
    """
    query = (
        select(Announcement, Zone, User)
        .join(Zone, col(Announcement.zone_id) == col(Zone.id))
        .join(User, col(Announcement.author_id) == col(User.id))
        .where(col(Announcement.deleted_at).is_(None), below(paths))
        .order_by(col(Announcement.id).desc())
        .limit(limit)
    )
    if playlists:
        query = query.where(put_together())
    if before is not None:
        query = query.where(col(Announcement.id) < before)
    return [(announcement, zone, user) for announcement, zone, user in db.execute(query)]


def put_together() -> ColumnElement[bool]:
    """Of an announcement: that it is a playlist."""
    of_it = col(Recording.announcement_id) == col(Announcement.id)
    made = exists().where(of_it, col(Recording.source) == Source.PARTS).correlate(Announcement)
    of_bulletin = exists().where(col(BulletinEdition.announcement_id) == col(Announcement.id)).correlate(Announcement)
    return and_(made, not_(of_bulletin))


def place_and_author(db: Session, announcement: Announcement) -> tuple[Zone, User]:
    return db.get_one(Zone, announcement.zone_id), db.get_one(User, announcement.author_id)


def _says(announcement: Announcement) -> ColumnElement[bool]:
    """Of a broadcast: that it is of this announcement, which says what it said when it was sent, or else written."""
    of_it = col(Broadcast.announcement_id) == announcement.id
    if announcement.changed_at is None:
        return of_it
    held = col(Broadcast.state).not_in(_FREE)
    chosen_at = func.coalesce(col(Broadcast.submitted_at), col(Broadcast.created_at))
    return and_(of_it, or_(held, chosen_at > announcement.changed_at))


def paths_heard(db: Session, announcement: Announcement) -> tuple[str, ...]:
    """The paths of the zones for which what this announcement says now was approved in a broadcast."""
    heard = and_(_says(announcement), col(Broadcast.state).in_(_HEARD))
    direct = (
        select(col(Zone.path))
        .join(BroadcastTarget, col(BroadcastTarget.zone_id) == col(Zone.id))
        .join(Broadcast, col(Broadcast.id) == col(BroadcastTarget.broadcast_id))
        .where(heard)
    )
    grouped = (
        select(col(Zone.path))
        .join(GroupMember, col(GroupMember.zone_id) == col(Zone.id))
        .join(BroadcastTarget, col(BroadcastTarget.group_id) == col(GroupMember.group_id))
        .join(Broadcast, col(Broadcast.id) == col(BroadcastTarget.broadcast_id))
        .where(heard)
    )
    return tuple(db.scalars(direct.union(grouped)))


def broadcasts_with_senders(db: Session, announcement: Announcement) -> list[tuple[Broadcast, str]]:
    """Those of what it says now, each with the path of the zone in whose name it is sent."""
    query = select(Broadcast, col(Zone.path)).join(Zone, col(Zone.id) == col(Broadcast.zone_id))
    rows = db.execute(query.where(_says(announcement)))
    return [(row, sender) for row, sender in rows]


def broadcasts_holding(db: Session, announcement_id: str) -> list[Broadcast]:
    """Those for which its sound must stay as it is: waiting for approval, approved or on the air."""
    return _broadcasts(db, announcement_id, _FREE)


def broadcasts_using(db: Session, announcement_id: str) -> list[Broadcast]:
    """Those that are not over, drafts too."""
    return _broadcasts(db, announcement_id, _OVER)


def _broadcasts(db: Session, announcement_id: str, without: Sequence[State]) -> list[Broadcast]:
    query = select(Broadcast).where(
        col(Broadcast.announcement_id) == announcement_id, col(Broadcast.state).not_in(without)
    )
    return list(db.scalars(query.order_by(col(Broadcast.id))))


def held(db: Session, announcement_ids: Collection[str]) -> frozenset[str]:
    """Which of these announcements broadcasts and relays hold as they are."""
    query = select(col(Broadcast.announcement_id)).where(
        col(Broadcast.announcement_id).in_(announcement_ids), col(Broadcast.state).not_in(_FREE)
    )
    standing_in = select(col(Relay.fallback_id)).where(
        col(Relay.fallback_id).in_(announcement_ids), col(Relay.state).not_in(_OVER)
    )
    return frozenset(found for found in db.scalars(query.union(standing_in)) if found is not None)


def relays_falling_back_on(db: Session, announcement_id: str) -> list[Relay]:
    """Those that are not over; who wrote what stands in was noted when it was chosen."""
    query = select(Relay).where(col(Relay.fallback_id) == announcement_id, col(Relay.state).not_in(_OVER))
    return list(db.scalars(query.order_by(col(Relay.id))))


def zones_falling_back_on(db: Session, announcement_id: str) -> list[Zone]:
    """The zones that play one of its recordings where an item cannot be played."""
    recorded = select(col(Recording.id)).where(col(Recording.announcement_id) == announcement_id)
    return list(db.scalars(select(Zone).where(col(Zone.fallback_recording_id).in_(recorded)).order_by(col(Zone.path))))


def talks_playing(db: Session, announcement_id: str) -> list[LiveTalk]:
    """Live talks that are not over and play one of its recordings, by themselves or while a source is silent."""
    recorded = select(col(Recording.id)).where(col(Recording.announcement_id) == announcement_id)
    query = select(LiveTalk).where(col(LiveTalk.recording_id).in_(recorded), col(LiveTalk.state) != LiveState.ENDED)
    return list(db.scalars(query.order_by(col(LiveTalk.id))))


def receivers_holding(db: Session, announcement_id: str) -> list[Receiver]:
    """The receivers on which one of its recordings is prepared."""
    recorded = select(col(Recording.id)).where(col(Recording.announcement_id) == announcement_id)
    held = select(col(PreparedMessage.receiver_id)).where(col(PreparedMessage.recording_id).in_(recorded))
    return list(db.scalars(select(Receiver).where(col(Receiver.id).in_(held)).order_by(col(Receiver.id))))


def claim(db: Session, job_id: str, now: datetime, *, urgent_only: bool) -> Recording | None:
    """The next queued recording, now `job_id`'s: urgent ones first, then the oldest."""
    query = (
        select(Recording)
        .join(Announcement, col(Announcement.id) == col(Recording.announcement_id))
        .where(col(Recording.state) == RecordingState.QUEUED, col(Announcement.deleted_at).is_(None))
        .order_by(col(Recording.urgent).desc(), col(Recording.created_at), col(Recording.id))
        .limit(1)
        .with_for_update(skip_locked=True, of=Recording)
    )
    if urgent_only:
        query = query.where(col(Recording.urgent))
    recording = db.scalars(query.where(not_(_waits_for_parts()))).first()
    if recording is not None:
        recording.state = RecordingState.PRODUCING
        recording.job_id = job_id
        recording.job_seen_at = now
        recording.attempts += 1
        recording.progress = 0.0
        db.add(recording)
    return recording


def _waits_for_parts() -> ColumnElement[bool]:
    part = aliased(Recording)
    wait = exists().where(
        col(RecordingPart.recording_id) == col(Recording.id),
        col(RecordingPart.part_id) == col(part.id),
        col(part.state).in_((RecordingState.QUEUED, RecordingState.PRODUCING)),
    )
    return wait.correlate(Recording)


def originals_of_parts(db: Session, recording_id: str) -> list[str]:
    """The files that a recording is put together from, in their order; an empty hash for one that is not there."""
    query = (
        select(col(Recording.original_sha256), col(Recording.sha256))
        .select_from(RecordingPart)
        .outerjoin(Recording, and_(col(Recording.id) == col(RecordingPart.part_id), _is_ready()))
        .where(col(RecordingPart.recording_id) == recording_id)
        .order_by(col(RecordingPart.place))
    )
    return [original or produced or "" for original, produced in db.execute(query)]


def _is_ready() -> ColumnElement[bool]:
    return col(Recording.state) == RecordingState.READY


def copy_parts(db: Session, of_id: str, to_id: str) -> None:
    """Have one recording be put together from the same as another."""
    for part in db.scalars(select(RecordingPart).where(col(RecordingPart.recording_id) == of_id)):
        db.add(RecordingPart(recording_id=to_id, place=part.place, part_id=part.part_id))
    db.flush()


def parts_of(db: Session, recording_ids: Collection[str]) -> list[tuple[RecordingPart, Recording, Announcement]]:
    """What these recordings are put together from, in its order."""
    query = (
        select(RecordingPart, Recording, Announcement)
        .join(Recording, col(Recording.id) == col(RecordingPart.part_id))
        .join(Announcement, col(Announcement.id) == col(Recording.announcement_id))
        .where(col(RecordingPart.recording_id).in_(recording_ids))
        .order_by(col(RecordingPart.recording_id), col(RecordingPart.place))
    )
    return [(part, recording, announcement) for part, recording, announcement in db.execute(query)]


def put_together_from(db: Session, announcement_ids: Collection[str], *, unfinished: bool) -> list[Announcement]:
    """The announcements that are put together from recordings of these, or those that still need them."""
    part, whole = aliased(Recording), aliased(Recording)
    query = (
        select(Announcement)
        .join(whole, col(whole.announcement_id) == col(Announcement.id))
        .join(RecordingPart, col(RecordingPart.recording_id) == col(whole.id))
        .join(part, col(part.id) == col(RecordingPart.part_id))
        .where(col(part.announcement_id).in_(announcement_ids), col(Announcement.deleted_at).is_(None))
        .distinct()
    )
    if unfinished:
        query = query.where(col(whole.state) != RecordingState.READY)
    return list(db.scalars(query))


def sign_of_life(db: Session, recording_id: str, job_id: str, progress: float, now: datetime) -> bool:
    """Note how far a job is; False when the job is no longer wanted."""
    alive = exists().where(
        col(Announcement.id) == col(Recording.announcement_id), col(Announcement.deleted_at).is_(None)
    )
    changed = db.execute(
        update(Recording)
        .where(
            col(Recording.id) == recording_id,
            col(Recording.job_id) == job_id,
            col(Recording.state) == RecordingState.PRODUCING,
            alive,
        )
        .values(progress=progress, job_seen_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


def job(db: Session, recording_id: str, job_id: str) -> Recording | None:
    """The recording if `job_id` is still the one that produces it."""
    query = select(Recording).where(
        col(Recording.id) == recording_id,
        col(Recording.job_id) == job_id,
        col(Recording.state) == RecordingState.PRODUCING,
    )
    return db.scalars(query.with_for_update()).first()


def work_waits(db: Session, quiet_since: datetime, *, urgent_only: bool) -> bool:
    """Whether there may be something to claim."""
    queued = col(Recording.state) == RecordingState.QUEUED
    return bool(
        db.scalar(
            select(
                exists().where(
                    or_(
                        and_(queued, col(Recording.urgent)) if urgent_only else queued,
                        and_(col(Recording.state) == RecordingState.PRODUCING, _silent(quiet_since)),
                    )
                )
            )
        )
    )


def silent_jobs(db: Session, quiet_since: datetime) -> list[Recording]:
    """Recordings whose job has shown no sign of life since `quiet_since`."""
    query = select(Recording).where(col(Recording.state) == RecordingState.PRODUCING, _silent(quiet_since))
    return list(db.scalars(query.with_for_update(skip_locked=True)))


def _silent(quiet_since: datetime) -> ColumnElement[bool]:
    return or_(col(Recording.job_seen_at).is_(None), col(Recording.job_seen_at) < quiet_since)
