"""A recording as a page shows it: where to listen to it, and how it is read."""

from collections.abc import Iterable

from msgspec import Struct

from scheduler.announcements import addresses
from scheduler.announcements.models import RecordingState
from scheduler.announcements.schemas import AnnouncementOut, RecordingOut


class Sound(Struct, frozen=True, kw_only=True):
    id: str
    announcement_id: str
    language: str
    state: str
    progress: float
    error_code: str | None
    warnings: list[str]
    text: str | None
    spoken_text: str | None
    voice_name: str | None
    original_name: str | None
    produced_url: str | None
    original_url: str | None
    duration_us: int | None
    size_bytes: int | None
    loudness_lufs: float | None
    true_peak_dbtp: float | None


def sound(recording: RecordingOut, voices: dict[str, str], spoken_text: str | None = None) -> Sound:
    """`voices` are their names by id."""
    return Sound(
        id=recording.id,
        announcement_id=recording.announcement_id,
        language=recording.language,
        state=recording.state.value,
        progress=recording.progress,
        error_code=recording.error_code,
        warnings=recording.warnings,
        text=recording.text,
        spoken_text=spoken_text,
        voice_name=voices.get(recording.voice, recording.voice) if recording.text and recording.voice else None,
        original_name=recording.original_name,
        produced_url=addresses.of_recording(recording.id, recording.sha256) if recording.sha256 else None,
        original_url=None if recording.text else f"/api/v1/recordings/{recording.id}/original",
        duration_us=recording.duration_us,
        size_bytes=recording.size_bytes,
        loudness_lufs=recording.loudness_lufs,
        true_peak_dbtp=recording.true_peak_dbtp,
    )


def state_of(announcement: AnnouncementOut) -> str:
    """The state of the whole: ready only when every language is."""
    states = {recording.state for recording in announcement.recordings}
    for state in (RecordingState.FAILED, RecordingState.PRODUCING, RecordingState.QUEUED, RecordingState.EXPIRED):
        if state in states:
            return state.value
    return RecordingState.READY.value


def longest_us(recordings: Iterable[RecordingOut]) -> int | None:
    """How long it takes in the slowest language, None while nothing is produced."""
    return max((r.duration_us for r in recordings if r.duration_us is not None), default=None)
