"""The off-air recordings: kept as announcements for a time, then deleted (part of one transaction; files are others').

What somebody has made use of meanwhile, in a broadcast, as a zone's fallback or at a receiver, is kept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from scheduler.announcements import repository as announcements
from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.announcements.schemas import Recipe
from scheduler.live import repository
from scheduler.live.models import LiveTalk
from scheduler.live.service import note
from scheduler.store.types import new_id
from scheduler.zones.models import Zone
from scheduler.zones.rules import effective


@dataclass(frozen=True, slots=True)
class OffAir:
    """A recording that lies in the media store already."""

    sha256: str
    size_bytes: int
    duration_us: int


def keep(db: Session, now: datetime, talk_id: str, made: OffAir, days: int) -> Announcement | None:
    """The talk as an announcement for so many days; None where there is no such talk, or it is kept already."""
    talk = repository.get(db, talk_id, lock=True)
    if talk is None or talk.announcement_id is not None:
        return None
    zone = db.get_one(Zone, talk.zone_id)
    announcement = Announcement(
        id=new_id(now), zone_id=zone.id, title=talk.title, author_id=talk.speaker_id, editor_ids=[talk.speaker_id],
        created_at=now,
    )  # fmt: skip
    db.add(announcement)
    db.flush()
    db.add(
        Recording(
            id=new_id(now),
            announcement_id=announcement.id,
            language=effective(db, zone.path).languages[0],
            source=Source.MICROPHONE,
            recipe=Recipe(opening=None).model_dump(mode="json"),
            state=RecordingState.READY,
            progress=1.0,
            sha256=made.sha256,
            size_bytes=made.size_bytes,
            duration_us=made.duration_us,
            created_at=now,
            produced_at=now,
        )
    )
    talk.announcement_id, talk.keep_until = announcement.id, now + timedelta(days=days)
    note(db, now, talk, "kept", by="", announcement=announcement.id, days=days)
    return announcement


def forget(db: Session, now: datetime) -> list[str]:
    """Delete what has been kept long enough; the hashes of files that nothing refers to any more."""
    orphans: list[str] = []
    for talk in repository.to_forget(db, now):
        announcement = db.get(Announcement, talk.announcement_id or "")
        talk.keep_until = None
        if announcement is None or _used(db, announcement.id):
            continue
        orphans += _delete(db, now, talk, announcement)
    return orphans


def _used(db: Session, announcement_id: str) -> bool:
    return bool(
        announcements.broadcasts_using(db, announcement_id)
        or announcements.zones_falling_back_on(db, announcement_id)
        or announcements.receivers_holding(db, announcement_id)
    )


def _delete(db: Session, now: datetime, talk: LiveTalk, announcement: Announcement) -> list[str]:
    announcement.deleted_at = now
    recordings = announcements.recordings_of(db, [announcement.id])[announcement.id]
    hashes = {recording.sha256 for recording in recordings if recording.sha256}
    for recording in recordings:
        db.delete(recording)
    db.flush()
    note(db, now, talk, "forgotten", by="", announcement=announcement.id)
    shared = db.exec(select(Recording.sha256).where(col(Recording.sha256).in_(hashes))).all()
    return sorted(hashes - set(shared))
