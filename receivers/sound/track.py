"""Where a piece is in its file, and its sound from there on (pure).

- Device frames and file positions lie on a line: `frame` gets `position`, and each frame after it `step` more.
- A new pace bends the line where it has come to; only `jump` breaks it.
- In step and on whole positions the file's own samples come out, bit by bit.
"""

import numpy as np

from receivers.sound.decode import Source
from receivers.sound.mixer import Samples
from receivers.sound.resample import AFTER, BEFORE, interpolate


class Track:
    """Reads `source` from `position` on, which belongs to device frame `frame`."""

    def __init__(self, source: Source, frame: int, position: float) -> None:
        self._source = source
        self._step = 1.0
        self.jump(frame, position)

    @property
    def frame(self) -> int:
        """The device frame that is to be read next."""
        return self._frame

    @property
    def position(self) -> float:
        """The file position that it gets."""
        return self._position

    def jump(self, frame: int, position: float) -> None:
        self._frame = frame
        self._position = position
        self._hold_from(int(np.floor(position)))

    def set_pace(self, ppm: float) -> None:
        """From the next frame on read the file faster than the card asks by `ppm` millionths."""
        self._step = 1 + ppm / 1e6

    def position_at(self, frame: float) -> float:
        return self._position + (frame - self._frame) * self._step

    def frame_of(self, position: float) -> int:
        """The device frame nearest to a file position, at the pace of now."""
        return self._frame + round((position - self._position) / self._step)

    def read(self, frame: int, count: int) -> tuple[Samples, int]:
        """Sound for device frames `[frame, frame + count)`, and how many of them there was none for (it is 0 there).

        Frames that were not read are passed over.
        """
        if frame != self._frame:
            self.jump(frame, self.position_at(frame))
        positions = self._position + self._step * np.arange(count, dtype=np.float64)
        low, high = int(positions[0]), int(positions[-1])
        known_to = self._draw(low, high + AFTER + 1)
        missing = count - int(np.searchsorted(positions, known_to)) if known_to <= high else 0
        if self._step == 1.0 and positions[0] == low:
            sound = self._held[BEFORE : BEFORE + count].copy()
        else:
            sound = interpolate(self._held, positions)
        if missing:
            sound[count - missing :] = 0.0
        self._frame += count
        self._position += self._step * count
        return sound, missing

    def _hold_from(self, position: int) -> None:
        """What comes before `position` is taken for silent."""
        self._held = np.zeros(BEFORE, dtype=np.float32)
        self._held_from = position - BEFORE
        self._known_to = position

    def _draw(self, low: int, end: int) -> int:
        """Hold `[low - BEFORE, end)`, silence where there is no sound; returns the position up to which there is."""
        if self._known_to < low:
            self._hold_from(low)
        kept = self._held[low - BEFORE - self._held_from : self._known_to - self._held_from]
        held = np.zeros(end - (low - BEFORE), dtype=np.float32)
        held[: len(kept)] = kept[: len(held)]
        self._held, self._held_from = held, low - BEFORE
        if self._known_to < end:
            self._known_to += self._source.fill(self._known_to, held[self._known_to - self._held_from :])
        return self._known_to
