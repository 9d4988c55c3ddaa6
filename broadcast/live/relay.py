"""A stream of another station, heard at the centre and put into a feed in its own time (does I/O).

Rules
- The feed goes on whatever the stream does: what the stream does not bring is silence, and after a while a chime from
  time to time, so that nobody takes a broken relay for a broken horn.
- Sound is decoded in a thread, a little ahead; a stream that breaks off is opened again, first soon, then less often.
- What it may open is said by `broadcast.live.origin`; FFmpeg itself opens nothing.
"""

import asyncio
import logging
import threading
from collections import deque
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from broadcast.clock import US_PER_S, Clock
from broadcast.live.encoder import Samples
from broadcast.live.feed import LiveFeed
from broadcast.live.origin import MAX_PART_BYTES, PART_S, Origin, Stream
from broadcast.produce.chimes import chime
from broadcast.produce.request import Chime
from broadcast.wire.chunks import RATE_HZ

log = logging.getLogger(__name__)

TICK_S = 0.06
AHEAD_FRAMES = 10 * RATE_HZ
"""So much is decoded at most before it is due."""
BUFFER_FRAMES = RATE_HZ
"""So much must be there before the stream is heard, at the beginning and after it broke off."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
GOOD_FRAMES = 30 * RATE_HZ
"""A stream that was heard for so long is opened again at once when it breaks off."""
MAX_BROKEN = 100
"""So many packets of one connection may be no sound."""
CHIME_AFTER_FRAMES, CHIME_EVERY_FRAMES = 5 * RATE_HZ, 20 * RATE_HZ

_FORMATS = "mp3,aac,ogg,flac,wav,mpegts,mov,hls"
_CODECS = "mp3,mp3float,aac,opus,libopus,vorbis,flac,pcm_s16le"
_FORMAT_OF = {
    **dict.fromkeys(("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl"), "hls"),
    **dict.fromkeys(("application/ogg", "audio/ogg"), "ogg"),
    **dict.fromkeys(("audio/aac", "audio/aacp"), "aac"),
    "audio/mpeg": "mp3",
}
"""What a host says of its stream need not be guessed, which takes seconds of sound."""


class Relay:
    """Puts what is at `url` into `feed` from the moment `run` is called; opens it before, at once."""

    def __init__(self, url: str, feed: LiveFeed, clock: Clock, *, hosts: frozenset[str]) -> None:
        self._url = url
        self._feed = feed
        self._clock = clock
        self._ear = _Ear(url, hosts)

    @property
    def heard(self) -> bool:
        """Whether the stream sounds, or would."""
        return self._ear.has(1)

    @property
    def fault(self) -> str | None:
        """Why the stream does not sound, as a sentence for people; None while it does."""
        return self._ear.fault

    async def run(self, limit_s: float) -> None:
        """Put `limit_s` of sound into the feed, in its own time, and return; the feed is ended by whoever opened it.

        Raises FeedEnded where the feed was ended meanwhile.
        """
        limit_frames, begin_us, at = round(limit_s * RATE_HZ), self._clock.monotonic_us(), self._feed.frames
        end, fill = at + limit_frames, _Fill()
        first = at
        try:
            while at < end:
                await self._clock.sleep(TICK_S)
                passed = (self._clock.monotonic_us() - begin_us) * RATE_HZ // US_PER_S
                due = min(end, first + passed) - at
                if due > 0:
                    self._feed.write(fill.from_stream(self._ear, due), at)
                    at += due
        finally:
            await self.close()

    async def close(self) -> None:
        """Hear no more; `run` calls it."""
        await asyncio.to_thread(self._ear.close)


class _Fill:
    """Sound of the stream where there is some, else silence and chimes."""

    def __init__(self) -> None:
        self._flowing = False
        self._without = 0
        self._chime = chime(Chime.NORMAL).astype(np.float32) / 32_768

    def from_stream(self, ear: "_Ear", count: int) -> Samples:
        self._flowing = ear.has(1 if self._flowing else BUFFER_FRAMES)
        sound = ear.take(count) if self._flowing else np.zeros(0, dtype=np.float32)
        if len(sound):
            self._without = 0
        missing = count - len(sound)
        if not missing:
            return sound
        at = self._without - CHIME_AFTER_FRAMES + np.arange(missing)
        self._without += missing
        place = np.where(at >= 0, at % CHIME_EVERY_FRAMES, len(self._chime))
        chimes = np.where(place < len(self._chime), self._chime[np.minimum(place, len(self._chime) - 1)], 0.0)
        return np.concatenate((sound, chimes.astype(np.float32)))


class _Ear:
    """The thread that opens and decodes, and the sound that it has ready."""

    def __init__(self, url: str, hosts: frozenset[str]) -> None:
        self.fault: str | None = "It has not been heard yet."
        self._url = url
        self._origin = Origin(hosts)
        self._blocks: deque[Samples] = deque()
        self._ready = 0
        self._heard = 0  # since it was opened
        self._room = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def has(self, frames: int) -> bool:
        return self._ready >= frames

    def take(self, count: int) -> Samples:
        """Up to `count` samples."""
        taken: list[Samples] = []
        with self._room:
            while count and self._blocks:
                block = self._blocks.popleft()
                if len(block) > count:
                    self._blocks.appendleft(block[count:])
                    block = block[:count]
                taken.append(block)
                count -= len(block)
                self._ready -= len(block)
            self._room.notify()
        return np.concatenate(taken) if taken else np.zeros(0, dtype=np.float32)

    def close(self) -> None:
        with self._room:
            self._stop.set()
            self._room.notify()
        self._origin.close()
        self._thread.join()

    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            self._heard = 0
            # Whatever a stream can do to a decoder ends this attempt and is shown; the relay goes on.
            try:
                self._listen()
                fault = "The stream ended."
            except Exception as error:  # noqa: BLE001 -- of decoders in C there is no list; a dead thread is silence
                fault = str(error) or repr(error)
            if self._stop.is_set():
                return
            log.log(logging.WARNING if self.fault is None else logging.DEBUG, "relay of %s: %s", self._url, fault)
            self.fault = fault
            if self._heard >= GOOD_FRAMES:
                wait_s = FIRST_WAIT_S
            self._stop.wait(wait_s)
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    def _listen(self) -> None:
        with self._origin.open(self._url) as stream:
            told = _FORMAT_OF.get(stream.content_type.partition(";")[0].strip().lower())
            with av.open(
                stream, mode="r", format=told, io_open=self._open_part, container_options=_OPTIONS
            ) as container:
                self._decode(container)

    def _decode(self, container: InputContainer) -> None:
        resampler, broken = AudioResampler(format="flt", layout="mono", rate=RATE_HZ), 0
        for packet in container.demux(audio=0):
            try:
                frames = [even for frame in packet.decode() for even in resampler.resample(frame)]
            except av.InvalidDataError:
                broken += 1
                if broken > MAX_BROKEN:
                    raise
                continue
            for frame in frames:
                self._put(frame.to_ndarray().reshape(-1).astype(np.float32, copy=False))
            if self._stop.is_set():
                return

    def _open_part(self, url: str, _flags: int, _options: dict[str, Any]) -> Stream:
        """Of a playlist."""
        return self._origin.open(url, MAX_PART_BYTES, PART_S)

    def _put(self, block: Samples) -> None:
        self._heard += len(block)
        self.fault = None
        with self._room:
            self._room.wait_for(lambda: self._ready < AHEAD_FRAMES or self._stop.is_set())
            self._blocks.append(block)
            self._ready += len(block)


_OPTIONS = {
    "format_whitelist": _FORMATS,
    "codec_whitelist": _CODECS,
    "probesize": "16384",
    "analyzeduration": "500000",
    "http_persistent": "0",  # FFmpeg's own connections, of which it has none here
    "http_multiple": "0",
}
