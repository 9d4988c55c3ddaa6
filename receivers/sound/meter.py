"""Level of what was written to the device (pure)."""

from collections import deque
from dataclasses import dataclass
from math import log10

import numpy as np

from receivers.sound.cue import FLOOR_DBFS, RATE_HZ, US_PER_S
from receivers.sound.mixer import FULL_SCALE, Pcm

NOW_FRAMES = RATE_HZ * 4 // 10  # "level now" is over the last 400 ms


@dataclass(frozen=True, slots=True)
class Level:
    """What a meter has seen. dBFS re a full-scale square wave, so a full-scale sine has an RMS of -3."""

    frames: int
    rms_dbfs: float
    peak_dbfs: float
    clipped_frames: int
    gap_us: int


class Meter:
    """Adds up blocks of 16-bit sound as they are written."""

    def __init__(self) -> None:
        self._frames = 0
        self._power = 0.0
        self._peak = 0
        self._clipped = 0
        self._gap_frames = 0
        self._recent: deque[tuple[int, float]] = deque()
        self._recent_frames = 0

    def add(self, block: Pcm, clipped_frames: int = 0, gap_frames: int = 0) -> None:
        """`gap_frames`: how many of the block's frames are silence for want of sound."""
        if not len(block):
            return
        wide = block.astype(np.float64)
        power = float(wide @ wide)
        self._frames += len(block)
        self._power += power
        self._peak = max(self._peak, int(np.abs(wide).max()))
        self._clipped += clipped_frames
        self._gap_frames += gap_frames
        self._recent.append((len(block), power))
        self._recent_frames += len(block)
        while self._recent_frames - self._recent[0][0] >= NOW_FRAMES:
            self._recent_frames -= self._recent.popleft()[0]

    def level(self) -> Level:
        return Level(
            self._frames,
            _rms_dbfs(self._power, self._frames),
            dbfs(float(self._peak)),
            self._clipped,
            self._gap_frames * US_PER_S // RATE_HZ,
        )

    def now_dbfs(self) -> float:
        """RMS over the last 400 ms."""
        return _rms_dbfs(sum(power for _, power in tuple(self._recent)), self._recent_frames)


def dbfs(amplitude: float) -> float:
    """Decibels of a 16-bit amplitude re full scale, never below the floor."""
    return max(FLOOR_DBFS, 20 * log10(amplitude / FULL_SCALE)) if amplitude > 0 else FLOOR_DBFS


def _rms_dbfs(power: float, frames: int) -> float:
    return dbfs((power / frames) ** 0.5) if frames else FLOOR_DBFS
