"""Gains, fades and the way from float to 16-bit (pure).

- A voice's gain is a function of the device frame alone: it rises over `FADE_FRAMES` from `rise_from` and is back at
  zero at `fall_to`; where both are at work the lower counts. So a fade adds no step larger than
  `peak * gain / FADE_FRAMES` to what the sound itself does.
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
    into = frames - rise_from if rising and rise_from is not None else FADE_FRAMES
    left = fall_to - frames if falling and fall_to is not None else FADE_FRAMES
    return (np.clip(np.minimum(into, left), 0, FADE_FRAMES) / FADE_FRAMES).astype(np.float32)


def to_pcm(mix: Samples) -> tuple[Pcm, int]:
    """16-bit samples, rounded to nearest, and how many were beyond full scale. Not-a-number becomes silence."""
    if mix.size and mix.max() <= 1.0 and mix.min() >= -1.0:  # never so with a not-a-number
        return np.rint(mix * FULL_SCALE).astype(np.int16), 0
    scaled = np.rint(np.clip(np.nan_to_num(mix), -2.0, 2.0) * FULL_SCALE)
    clipped = int(np.count_nonzero(np.abs(scaled) > FULL_SCALE))
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE).astype(np.int16), clipped
