"""Live sound and Ogg/Opus files, one made of the other without encoding again (does I/O).

A packet that is missing in the sound is in the file a packet without content, which every decoder conceals
(RFC 6716, 3.2.1; RFC 7845, 4.1).
"""

import asyncio
import contextlib
import logging
import queue
import threading
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from broadcast.live.feed import MAX_CHUNKS, LiveFeed
from broadcast.produce.ogg import TAIL_BYTES, duration_us
from broadcast.wholefile import sync
from broadcast.wire.chunks import MAX_PACKET_BYTES, PACKET_FRAMES, PACKETS, PRE_SKIP_FRAMES, RATE_HZ, Chunk

log = logging.getLogger(__name__)

_FULL_BAND_20_MS = 0xF8  # the first byte of a packet: CELT, mono, one frame
_CONFIGS_OF_20_MS = frozenset((1, 5, 9, 13, 15, 19, 23, 27, 31))  # SILK, both, CELT, by bandwidth
_SAMPLE = Fraction(1, RATE_HZ)


class UnfitRecording(Exception):
    """The file is no recording whose packets can be passed on as they are; the message says why."""


class RecordingFailed(Exception):
    """The recording could not be written; there is no file."""


def packets_of(ogg: Path) -> tuple[list[bytes], int]:
    """The packets of an Ogg/Opus file and its length in samples. Raises UnfitRecording."""
    try:
        with ogg.open("rb") as file:
            head = file.read(TAIL_BYTES)
            file.seek(max(0, ogg.stat().st_size - TAIL_BYTES))
            frames = round(duration_us(head, file.read()) * RATE_HZ / 1_000_000)
        with av.open(str(ogg)) as container:
            stream = container.streams.audio[0]
            _check_head(stream)
            packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise UnfitRecording(f"not an Ogg/Opus file: {error}") from error
    if not all(len(packet) <= MAX_PACKET_BYTES and _is_20_ms(packet[0]) for packet in packets):
        raise UnfitRecording("its packets are not single frames of 20 ms")
    wanted = -(-(frames + PRE_SKIP_FRAMES) // PACKET_FRAMES)
    if frames <= 0 or not wanted <= len(packets):
        raise UnfitRecording("its length is not that of its packets")
    if wanted > MAX_CHUNKS * PACKETS:
        raise UnfitRecording("it is too long")
    return packets[:wanted], frames


class Recorder:
    """Keeps everything that `feed` sends out from now on, to be an Ogg/Opus file at `path` once it is whole.

    It writes in a thread of its own: a slow or full disk holds nothing up. Every recorder is finished or discarded.
    """

    def __init__(self, feed: LiveFeed, path: Path) -> None:
        self._feed = feed
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.new")
        self._chunks: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        self._failure: Exception | None = None
        self._unfollow = feed.follow(lambda chunk, _: self._chunks.put(chunk))
        self._thread = threading.Thread(target=self._run, name=f"record {feed.id[:12]}", daemon=True)
        self._thread.start()

    async def finish(self) -> int:
        """Make the file whole, with what came until now; its length in samples. Raises RecordingFailed."""
        frames = await asyncio.to_thread(self._close)
        if self._failure is not None:
            self._remove()
            raise RecordingFailed(f"{self._path.name} could not be written: {self._failure}") from self._failure
        return frames

    async def discard(self) -> None:
        """Leave nothing."""
        self._failure = self._failure or RecordingFailed("it was discarded")
        await asyncio.to_thread(self._close)
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._unfinished.unlink(missing_ok=True)

    def _close(self) -> int:
        self._unfollow()
        self._chunks.put(None)
        self._thread.join()
        return self._written.frames if self._failure is None else 0

    def _run(self) -> None:
        # Whatever goes wrong with the file ends the recording and is told by `finish`; the sound goes on.
        try:
            self._unfinished.parent.mkdir(parents=True, exist_ok=True)
            with av.open(str(self._unfinished), "w", format="ogg") as container:
                self._written = _OggWriter(container)
                while (chunk := self._chunks.get()) is not None:
                    for packet in chunk.packets:
                        self._written.add(packet)
                self._written.end(self._feed.frames if self._feed.ended else None)
            if self._failure is None:
                sync(self._unfinished)
                self._unfinished.replace(self._path)
                sync(self._path.parent)
        except (av.FFmpegError, OSError, ValueError) as error:
            log.warning("the recording %s ends: %s", self._path.name, error)
            self._failure = self._failure or error
            self._unfollow()


class _OggWriter:
    """Packets into an Ogg container; each is held until the next, as only the last says how much of it sounds."""

    def __init__(self, container: OutputContainer) -> None:
        self._container = container
        # An encoder that encodes nothing: the head of the file is its, and so the pre-skip.
        self._stream: AudioStream = container.add_stream(
            "libopus", rate=RATE_HZ, layout="mono", options={"frame_duration": "20"}
        )
        self._held: bytes | None = None
        self._packets = 0
        self._first_byte = _FULL_BAND_20_MS
        self.frames = 0

    def add(self, packet: bytes) -> None:
        if packet:
            self._first_byte = packet[0] & ~0b11
        self._flush(PACKET_FRAMES)
        self._held = packet or bytes((self._first_byte,))

    def end(self, frames: int | None) -> None:
        """Write the last packet so that the file is `frames` long, as long as its packets where that is None."""
        before = self._packets * PACKET_FRAMES - PRE_SKIP_FRAMES
        whole = before + PACKET_FRAMES
        self.frames = max(0, whole if frames is None else min(frames, whole))
        self._flush(max(1, self.frames - before))

    def _flush(self, sounding: int) -> None:
        if self._held is None:
            return
        packet = Packet(self._held)
        packet.stream = self._stream
        packet.time_base = _SAMPLE
        packet.pts = packet.dts = self._packets * PACKET_FRAMES - PRE_SKIP_FRAMES
        packet.duration = sounding
        self._container.mux(packet)
        self._packets += 1
        self._held = None


def _check_head(stream: AudioStream) -> None:
    head = stream.codec_context.extradata or b""
    if stream.codec_context.name not in ("opus", "libopus") or head[:8] != b"OpusHead":
        raise UnfitRecording("it is not Opus")
    channels, pre_skip = head[9], int.from_bytes(head[10:12], "little")
    if (channels, pre_skip) != (1, PRE_SKIP_FRAMES):
        raise UnfitRecording(f"it has {channels} channels and a pre-skip of {pre_skip} samples")


def _is_20_ms(first_byte: int) -> bool:
    """Whether a packet that begins so is one frame of 20 ms (RFC 6716, 3.1)."""
    config, code = first_byte >> 3, first_byte & 0b11
    return code == 0 and config in _CONFIGS_OF_20_MS
