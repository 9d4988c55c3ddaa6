"""The off-air recordings: kept as announcements (part of one transaction; files are others').

How long they are kept is `scheduler.retention`'s: by the rules of the place, or where it has none until `keep_until`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.announcements.schemas import Recipe
from scheduler.live import repository
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
