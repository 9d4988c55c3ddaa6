"""Recordings as they are when they come to be produced, and again (pure)."""

from dataclasses import dataclass
from datetime import datetime

from scheduler.announcements import naming
from scheduler.announcements.models import Recording, RecordingState, Source
from scheduler.announcements.schemas import SoundRecording, TextRecording
from scheduler.store.types import new_id

LOST = frozenset((RecordingState.EXPIRED, source) for source in (Source.FILE, Source.MICROPHONE))
"""What cannot be made again."""


@dataclass(frozen=True, slots=True)
class StoredSound:
    """A sound file that lies in the store of originals already, and the name that the sender gave it."""

    sha256: str
    sent_name: str | None


def from_text(announcement_id: str, asked: TextRecording, now: datetime, *, urgent: bool) -> Recording:
    return Recording(
        id=new_id(now),
        announcement_id=announcement_id,
        language=asked.language,
        source=Source.TEXT,
        text=naming.text(asked.text),
        voice=asked.voice,
        speed=asked.speed,
        recipe=asked.recipe.model_dump(mode="json"),
        urgent=urgent,
        created_at=now,
    )


def from_sound(
    announcement_id: str, asked: SoundRecording, sound: StoredSound, now: datetime, *, urgent: bool
) -> Recording:
    return Recording(
        id=new_id(now),
        announcement_id=announcement_id,
        language=asked.language,
        source=asked.source,
        original_sha256=sound.sha256,
        original_name=naming.file_name(sound.sent_name),
        recipe=asked.recipe.model_dump(mode="json"),
        urgent=urgent,
        created_at=now,
    )


def again(recording: Recording, announcement_id: str, now: datetime) -> Recording:
    """A copy of a recording: what is produced stays so, what is not is queued for itself."""
    made = Recording(**recording.model_dump() | {"id": new_id(now), "announcement_id": announcement_id})
    made.created_at, made.urgent, made.job_id, made.job_seen_at = now, False, None, None
    if made.state is not RecordingState.READY and (made.state, made.source) not in LOST:
        queue(made)
    return made


def queue(recording: Recording) -> None:
    recording.state = RecordingState.QUEUED
    recording.progress, recording.attempts, recording.job_id = 0.0, 0, None
    recording.error_code, recording.warnings = None, []
    recording.sha256 = recording.size_bytes = recording.duration_us = None
    recording.loudness_lufs = recording.true_peak_dbtp = recording.produced_at = None
    if recording.source is Source.TEXT:
        recording.original_sha256 = None
