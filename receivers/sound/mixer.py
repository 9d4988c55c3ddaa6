"""Gains, fades and the way from float to 16-bit (pure).

- A voice's gain is a function of the device frame alone: it rises over `FADE_FRAMES` from `rise_from` and is back at
  zero at `fall_to`. So a fade adds no step larger than `peak * gain / FADE_FRAMES` to what the sound itself does.
- Samples are float, full scale 1.0; what is beyond full scale after mixing is held at full scale, and counted.
"""

import numpy as np
from numpy.typing import NDArray

from receivers.sound.cue import RATE_HZ

Samples = NDArray[np.float32]
Pcm = NDArray[np.int16]

FADE_FRAMES = RATE_HZ * 30 // 1000  # 30 ms: no click, and no audible delay
FULL_SCALE = 32767


def from_db(gain_db: float) -> float:
    return float(10.0 ** (gain_db / 20.0))


def envelope(first: int, count: int, rise_from: int | None, fall_to: int | None) -> Samples | None:
    """Gain 0..1 for device frames `[first, first + count)`; None stands for 1 throughout."""
    rising = rise_from is not None and first < rise_from + FADE_FRAMES
    falling = fall_to is not None and first + count > fall_to - FADE_FRAMES
    if not rising and not falling:
        return None
    frames = np.arange(first, first + count)
    gain = np.ones(count, dtype=np.float32)
    if rising and rise_from is not None:
        gain *= np.clip((frames - rise_from) / FADE_FRAMES, 0.0, 1.0).astype(np.float32)
    if falling and fall_to is not None:
        gain *= np.clip((fall_to - frames) / FADE_FRAMES, 0.0, 1.0).astype(np.float32)
    return gain


def to_pcm(mix: Samples) -> tuple[Pcm, int]:
    """16-bit samples, rounded to nearest, and how many were beyond full scale. Not-a-number becomes silence."""
    scaled = np.rint(np.clip(np.nan_to_num(mix), -2.0, 2.0) * FULL_SCALE)
    clipped = int(np.count_nonzero(np.abs(scaled) > FULL_SCALE))
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE).astype(np.int16), clipped
