"""The last seconds of a stream of 48 kHz sound, and any stretch of it by UTC instants, at the ear's rate (pure).

- Blocks come in the order of their frames; frames that never came are silence.
- A stretch is picked frame by frame along the stream's own line from frames to UTC, so two streams whose crystals
  differ stay in step. The nearest frame is taken: 10 us off at most, which costs the band of speech under 1 %.
- It is brought to the ear's rate half a second at a time: a stretch of seconds needs little memory.
"""

from collections import deque

import numpy as np

from receivers.ear.compare import BAND_HZ, EAR_HZ, Signal
from receivers.sound.anchor import US_PER_FRAME, Timebase
from receivers.sound.cue import RATE_HZ
from receivers.sound.mixer import Pcm

KEPT_FRAMES = 10 * RATE_HZ  # a stretch, the way to the ear, and some time to come to it
STEP = RATE_HZ // EAR_HZ
TAPS = 20 * STEP
CHUNK = EAR_HZ // 2


def _low_pass() -> Signal:
    """Lets BAND_HZ through and 40 dB less of what would fold into it."""
    middle = (TAPS - 1) / 2
    cut = (BAND_HZ[1] + (EAR_HZ - BAND_HZ[1])) / RATE_HZ
    taps = np.sinc((np.arange(TAPS) - middle) * cut) * np.hamming(TAPS)
    return np.asarray(taps / taps.sum(), dtype=np.float32)


_FILTER = _low_pass()


class Trace:
    """Fed by one thread, read by another."""

    def __init__(self) -> None:
        self._blocks: deque[tuple[int, Pcm]] = deque()
        self._line: Timebase | None = None

    def add(self, first: int, block: Pcm, line: Timebase | None) -> None:
        """Take the block of frames from `first` on, and the newest line from frames to UTC."""
        self._line = line
        self._blocks.append((first, block))
        while first - self._blocks[0][0] > KEPT_FRAMES:
            self._blocks.popleft()

    def span_us(self) -> tuple[int, int] | None:
        """From when to when there is sound; None before the first sound or without a line."""
        line, blocks = self._line, tuple(self._blocks)
        if line is None or not blocks:
            return None
        first, (last, block) = blocks[0][0], blocks[-1]
        return round(line.us_at(first)), round(line.us_at(last + len(block)))

    def stretch(self, start_us: float, samples: int) -> Signal | None:
        """`samples` at EAR_HZ from a UTC instant on, full scale 1.0; None without a line."""
        line = self._line
        if line is None:
            return None
        blocks = tuple(self._blocks)
        chunks = [
            _picked(blocks, line, start_us + first * 1e6 / EAR_HZ, min(CHUNK, samples - first))
            for first in range(0, samples, CHUNK)
        ]
        return np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.float32)


def _picked(blocks: tuple[tuple[int, Pcm], ...], line: Timebase, start_us: float, samples: int) -> Signal:
    count = samples * STEP + TAPS
    offsets = (np.arange(count) - (TAPS - 1) / 2) * (US_PER_FRAME / line.us_per_frame)
    frames = np.rint(line.frame_at(start_us) + offsets).astype(np.int64)
    low = int(frames[0])
    sound = np.zeros(int(frames[-1]) - low + 1, dtype=np.float32)
    for first, block in blocks:
        begin, end = max(first - low, 0), min(first + len(block) - low, len(sound))
        if begin < end:
            sound[begin:end] = block[begin + low - first : end + low - first]
    return _decimated(sound[frames - low] / np.float32(32_768), samples)


def _decimated(sound: Signal, samples: int) -> Signal:
    """`samples` low-passed samples of `sound`, a STEP apart; it has TAPS more than they span."""
    lanes = sound[: len(sound) // STEP * STEP].reshape(-1, STEP)
    taps = _FILTER.reshape(-1, STEP)
    out = np.zeros(samples, dtype=np.float32)
    for number, part in enumerate(taps):
        out += lanes[number : number + samples] @ part
    return out
