"""Ogg/Opus files as 48 kHz mono samples, decoded a little ahead in a thread of their own."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame

from receivers.sound.cue import NO_CHUNKS, RATE_HZ, Counts, Cue
from receivers.sound.mixer import Samples

log = logging.getLogger(__name__)

AHEAD_FRAMES = 2 * RATE_HZ  # decoded sound held ready: all the memory that an open file needs
# RFC 7845, 4.6 asks for 80 ms before a seek target. After 120 ms one place in eight was still up to 0.008 off, after
# 300 ms none of 151 by more than 0.00002; it costs nothing that can be measured.
PREROLL_FRAMES = RATE_HZ * 400 // 1000
RESEEK_FRAMES = 5 * RATE_HZ  # further away than this a seek is cheaper than decoding on
HOLE_FRAMES = 2 * RATE_HZ  # a file with a longer hole is broken
REFILL_S = 0.1


class Source(Protocol):
    """Sound of one file by position; positions are frames from the file's first sample."""

    @property
    def first_frame(self) -> int:
        """The position that it was opened at, or of the first sound that can be had from there on."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the first sound is there, or it is known that none will come."""
        ...

    @property
    def end_frame(self) -> int | None:
        """Position past the last sample of the file (or past the last that could be decoded); None until known."""
        ...

    @property
    def error(self) -> str | None: ...

    @property
    def counts(self) -> Counts:
        """What became of a feed's chunks so far."""
        ...

    def fill(self, position: int, out: Samples) -> int:
        """Copy sound from `position` on into `out`; returns how many frames there were. Never blocks or raises.

        Sound before `position` is given up. A jump back, or far ahead, yields nothing until it has been sought.
        """
        ...

    def close(self) -> None: ...


OpenSource = Callable[[Cue, int], Source]
"""What gives a cue its sound from a position on. Called on the player's thread; neither blocks nor raises."""


class DecodedFile:
    """A Source that reads an Ogg/Opus file. Errors end it early and stand in `error`; nothing is raised."""

    counts = NO_CHUNKS

    def __init__(self, path: Path, first_frame: int) -> None:
        self._path = path
        self._first_frame = first_frame
        self._wanted = first_frame
        self._decoded_to = first_frame
        self._blocks: deque[tuple[int, Samples]] = deque()
        self._end_frame: int | None = None
        self._error: str | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"decode {path.name[:12]}", daemon=True)
        self._thread.start()

    @property
    def first_frame(self) -> int:
        return self._first_frame

    @property
    def ready(self) -> bool:
        return bool(self._blocks) or self._end_frame is not None

    @property
    def end_frame(self) -> int | None:
        return self._end_frame

    @property
    def error(self) -> str | None:
        return self._error

    def fill(self, position: int, out: Samples) -> int:
        self._wanted = position
        done = 0
        while done < len(out):
            try:
                start, block = self._blocks[0]
                at = position + done - start
                if at >= len(block):
                    self._wanted = position + done  # first: the decoder must never see less wanted than is held
                    self._blocks.popleft()
                    continue
            except IndexError:  # decoding is behind, or a seek emptied the queue just now
                break
            if at < 0:
                break
            count = min(len(out) - done, len(block) - at)
            out[done : done + count] = block[at : at + count]
            done += count
        self._wanted = position + done
        return done

    def close(self) -> None:
        self._closed.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        # Whatever a file can do to a decoder ends this file and is reported; it must not end the player.
        try:
            with av.open(str(self._path)) as container:
                self._decode(container)
        except (av.FFmpegError, OSError, ValueError, MemoryError, IndexError) as error:
            self._error = f"cannot be decoded: {error}"
            log.warning("%s cannot be decoded: %s", self._path.name, error)
            self._end_frame = self._decoded_to

    def _decode(self, container: "av.container.InputContainer") -> None:
        while True:
            for start, block in _blocks_from(container, self._decoded_to):
                self._blocks.append((start, block))
                self._decoded_to = start + len(block)
                self._wait_for_room()
                if self._closed.is_set() or self._is_far():
                    break
            else:
                self._end_frame = self._decoded_to
                self._wait_for_jump()
            if self._closed.is_set():
                return
            self._end_frame = None
            self._blocks.clear()
            self._decoded_to = self._wanted

    def _wait_for_room(self) -> None:
        while self._decoded_to - self._wanted > AHEAD_FRAMES and not self._is_far():
            if self._closed.wait(REFILL_S):
                return

    def _wait_for_jump(self) -> None:
        """After the file's end only a jump back needs more decoding."""
        while not self._closed.wait(REFILL_S):
            if self._wanted < self._decoded_to and self._is_far():
                return

    def _is_far(self) -> bool:
        """Whether the position asked for is out of reach of what is decoded."""
        if self._wanted > self._decoded_to + RESEEK_FRAMES:
            return True
        try:
            oldest = self._blocks[0][0]
        except IndexError:
            oldest = self._decoded_to
        return self._wanted < oldest


def open_file(cue: Cue, position: int) -> Source:
    """An `OpenSource` for nodes that follow no feeds."""
    return DecodedFile(cue.path, position)


def _blocks_from(container: "av.container.InputContainer", position: int) -> Iterator[tuple[int, Samples]]:
    """(position, samples) in order from `position` to the file's end, without a hole; ValueError for another format."""
    if not container.streams.audio:
        raise ValueError("there is no sound in it")
    stream = container.streams.audio[0]
    if stream.codec_context.name not in ("opus", "libopus") or stream.codec_context.channels != 1:
        raise ValueError("it is not mono Opus")
    container.seek(max(0, position - PREROLL_FRAMES), stream=stream, backward=True)
    for frame in container.decode(stream):
        samples = _samples(frame)
        start = position if frame.pts is None else int(frame.pts)
        if start > position + HOLE_FRAMES:
            raise ValueError(f"sound is missing from {position / RATE_HZ:.1f} s on")
        if start > position:  # a page is missing: silence keeps the rest in its place
            yield position, np.zeros(start - position, dtype=np.float32)
        if start + len(samples) > position:
            skip = max(0, position - start)
            position = start + len(samples)
            yield start + skip, samples[skip:]


def _samples(frame: AudioFrame) -> Samples:
    array = frame.to_ndarray().reshape(-1)
    scale = np.float32(1 / 32768 if array.dtype == np.int16 else 1.0)
    return np.asarray(array, dtype=np.float32) * scale
