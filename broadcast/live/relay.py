"""A stream of another station, heard at the centre and put into a feed in its own time (does I/O).

Rules
- The feed goes on whatever the stream does: what the stream does not bring is silence, and after a while a recording
  that stands in, again and again; without one a chime from time to time, so that nobody takes it for a broken horn.
- Sound is decoded in a thread, a little ahead; a stream that breaks off is opened again, first soon, then less often.
- What it may open is said by `broadcast.live.origin`; FFmpeg itself opens nothing.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

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

NO_LIMIT_FRAMES = 2**62

NOT_YET = "It has not been heard yet."
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

    def __init__(
        self, url: str, feed: LiveFeed, clock: Clock, *, hosts: frozenset[str], stand_in: Path | None = None
    ) -> None:
        self._stand_in = stand_in
        self._feed = feed
        self._clock = clock
        self._limit_frames = NO_LIMIT_FRAMES
        self._ear = _Ear(url, hosts)

    @property
    def heard(self) -> bool:
        """Whether the stream sounds, or would."""
        return self._ear.has(1)

    @property
    def fault(self) -> str | None:
        """Why the stream does not sound, as a sentence for people; None while it does."""
        return self._ear.fault

    def limit(self, limit_s: float) -> None:
        """No more sound than that is put into the feed in all: the least that was ever said counts."""
        self._limit_frames = min(self._limit_frames, round(limit_s * RATE_HZ))

    async def run(self, limit_s: float) -> None:
        """Put `limit_s` of sound into the feed, in its own time, and return; the feed is ended by whoever opened it.

        Raises FeedEnded where the feed was ended meanwhile.
        """
        self.limit(limit_s)
        begin_us, first, fill = self._clock.monotonic_us(), self._feed.frames, _Fill(self._stand_in)
        at = first
        try:
            while at - first < self._limit_frames:
                await self._clock.sleep(TICK_S)
                passed = (self._clock.monotonic_us() - begin_us) * RATE_HZ // US_PER_S
                due = first + min(self._limit_frames, passed) - at
                if due > 0:
                    self._feed.write(fill.from_stream(self._ear, due), at)
                    at += due
        finally:
            await self.close()

    async def close(self) -> None:
        """Hear no more; `run` calls it."""
        await asyncio.to_thread(self._ear.close)


class _Fill:
    """Sound of the stream where there is some, else silence and what stands in, or chimes."""

    def __init__(self, stand_in: Path | None) -> None:
        self._stand_in = StandIn(stand_in) if stand_in is not None else None
        self._flowing = False
        self._without = 0
        self._chime = chime(Chime.NORMAL).astype(np.float32) / 32_768

    def from_stream(self, ear: "_Ear", count: int) -> Samples:
        self._flowing = ear.has(1 if self._flowing else BUFFER_FRAMES)
        sound = ear.take(count) if self._flowing else np.zeros(0, dtype=np.float32)
        if len(sound) and self._without:
            self._without = 0
            if self._stand_in is not None:
                self._stand_in.rewind()
        missing = count - len(sound)
        if not missing:
            return sound
        begin, self._without = self._without, self._without + missing
        return np.concatenate((sound, self._instead(begin, missing)))

    def _instead(self, begin: int, missing: int) -> Samples:
        """From `begin` samples after the stream was heard last."""
        quiet = min(missing, max(0, CHIME_AFTER_FRAMES - begin))
        if self._stand_in is not None and quiet < missing:
            try:
                return np.concatenate((np.zeros(quiet, dtype=np.float32), self._stand_in.take(missing - quiet)))
            except (av.FFmpegError, OSError, IndexError) as error:
                log.warning("what stands in for a relay cannot be played: %s", error)
                self._stand_in = None
        at = begin - CHIME_AFTER_FRAMES + np.arange(missing)
        place = np.where(at >= 0, at % CHIME_EVERY_FRAMES, len(self._chime))
        chimes = np.where(place < len(self._chime), self._chime[np.minimum(place, len(self._chime) - 1)], 0.0)
        return chimes.astype(np.float32)


class StandIn:
    """A recording again and again, with a pause before it comes again; decoded as it is needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rewind()

    def rewind(self) -> None:
        self._blocks, self._left = self._play(), np.zeros(0, dtype=np.float32)

    def take(self, count: int) -> Samples:
        """The next `count` samples. Raises OSError, av.FFmpegError or IndexError where the file is no sound."""
        while len(self._left) < count:
            self._left = np.concatenate((self._left, next(self._blocks)))
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def _play(self) -> Iterator[Samples]:
        while True:
            with av.open(str(self._path)) as container:
                yield from _samples(container.decode(container.streams.audio[0]))
            yield np.zeros(CHIME_EVERY_FRAMES, dtype=np.float32)


class Listened(NamedTuple):
    """What a stream brought; `fault` is why it brought nothing, None where it sounds."""

    sound: Samples
    fault: str | None


def listened(url: str, hosts: frozenset[str], *, seconds: float, patience_s: float) -> Listened:
    """The first `seconds` of a stream, fewer where it takes longer than `patience_s`. Blocks: it is for a thread."""
    ear, frames = _Ear(url, hosts), min(AHEAD_FRAMES, round(seconds * RATE_HZ))
    try:
        ear.wait(frames, patience_s)
        sound = ear.take(frames)
        return Listened(sound, None if len(sound) else ear.fault or NOT_YET)
    finally:
        ear.close()


def _samples(frames: Iterable[av.AudioFrame]) -> Iterator[Samples]:
    """As the feed takes them."""
    resampler = AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    for frame in frames:
        for even in resampler.resample(frame):
            yield even.to_ndarray().reshape(-1).astype(np.float32, copy=False)


class _Ear:
    """The thread that opens and decodes, and the sound that it has ready."""

    def __init__(self, url: str, hosts: frozenset[str]) -> None:
        self.fault: str | None = NOT_YET
        self._failed = False
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

    def wait(self, frames: int, patience_s: float) -> None:
        """Until there is so much, or it failed, or for so long."""
        with self._room:
            self._room.wait_for(lambda: self._ready >= frames or self._failed, patience_s)

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
            self._room.notify_all()
        return np.concatenate(taken) if taken else np.zeros(0, dtype=np.float32)

    def close(self) -> None:
        with self._room:
            self._stop.set()
            self._room.notify_all()
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
            with self._room:
                self.fault, self._failed = fault, True
                self._room.notify_all()
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
            self._room.notify_all()


_OPTIONS = {
    "format_whitelist": _FORMATS,
    "codec_whitelist": _CODECS,
    "probesize": "16384",
    "analyzeduration": "500000",
    "http_persistent": "0",  # FFmpeg's own connections, of which it has none here
    "http_multiple": "0",
}
