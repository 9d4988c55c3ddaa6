"""What went on the air, kept as a file in the media store (does I/O)."""

import asyncio
import logging
from pathlib import Path

from broadcast.clock import US_PER_S
from broadcast.live.feed import LiveFeed
from broadcast.live.recording import Recorder, RecordingFailed
from broadcast.media import MediaStore
from scheduler.live.keeping import OffAir

log = logging.getLogger(__name__)

SHORTEST_FRAMES = 48_000
RATE_HZ = 48_000


class OffAirRecorder:
    """Makes recordings; none where `keep_days` is 0."""

    def __init__(self, media: MediaStore, folder: Path, keep_days: int) -> None:
        self.keep_days = keep_days
        self._media = media
        self._folder = folder

    def record(self, feed: LiveFeed, *, kept: bool) -> "OffAirRecording":
        """What keeps a feed from now on; with `kept` false it keeps nothing."""
        recorder = Recorder(feed, self._folder / f"{feed.id}.ogg") if self.keep_days and kept else None
        return OffAirRecording(recorder, self._media, self._folder / f"{feed.id}.ogg")


class OffAirRecording:
    """Every one is finished."""

    def __init__(self, recorder: Recorder | None, media: MediaStore, path: Path) -> None:
        self._recorder = recorder
        self._media = media
        self._path = path

    async def finish(self) -> OffAir | None:
        """The stored file; None where nothing was recorded or it could not be."""
        if self._recorder is None:
            return None
        try:
            frames = await self._recorder.finish()
            return await asyncio.to_thread(self._store, frames) if frames >= SHORTEST_FRAMES else None
        except (RecordingFailed, OSError) as failed:
            log.warning("%s", failed)
            return None
        finally:
            self._path.unlink(missing_ok=True)

    def _store(self, frames: int) -> OffAir:
        sha256 = self._media.put(self._path)
        return OffAir(sha256, self._media.size_bytes(sha256), frames * US_PER_S // RATE_HZ)
