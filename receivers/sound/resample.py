"""The wave between samples: a file read at fractional positions (pure).

- A windowed sinc of `TAPS` samples whose weights are polynomials of the fraction (Farrow): 0.03 ms a block of 20 ms.
- Below 16 kHz what comes out is the wave through the samples to `RIPPLE` of its peak. So nothing that the positions do
  makes a step of its own: neighbours differ by what the wave does over their distance.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from receivers.sound.mixer import Samples

TAPS = 32
ORDER = 6
KAISER_BETA = 8.0
RIPPLE = 2e-4  # -74 dB
BEFORE = TAPS // 2 - 1  # samples needed before the one at or below a position
AFTER = TAPS // 2  # and after it

Positions = NDArray[np.floating[Any]]


def interpolate(samples: Samples, positions: Positions) -> Samples:
    """The wave through `samples` at `positions`, which rise by about 1 each.

    `samples[0]` is at position `floor(positions[0]) - BEFORE`, the last at `floor(positions[-1]) + AFTER`.
    """
    whole = np.floor(positions)
    fractions = (positions - whole - 0.5).astype(np.float32)
    # Each row one sample further on; sliding_window_view takes four times as long to say the same.
    windows = np.lib.stride_tricks.as_strided(samples, (TAPS, len(samples) - TAPS + 1), samples.strides * 2)
    sums = _FARROW @ np.ascontiguousarray(windows)
    at = (whole - whole[0]).astype(np.intp)
    if at[-1] != len(at) - 1 or len(at) != sums.shape[1]:
        sums = sums[:, at]
    sound = sums[-1]
    for row in sums[-2::-1]:
        sound = sound * fractions + row
    return np.asarray(sound, dtype=np.float32)


def _farrow() -> NDArray[np.float32]:
    """`[m, k]`: what `(fraction - 0.5) ** m` counts in the weight of the k-th sample."""
    fractions = (1 - np.cos(np.linspace(0, np.pi, 65))) / 2  # dense at the ends, where polynomials stray
    distance = np.arange(TAPS)[None, :] - BEFORE - fractions[:, None]
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (distance / (TAPS / 2)) ** 2, 0, 1))) / np.i0(KAISER_BETA)
    weights = np.sinc(distance) * window
    weights /= weights.sum(axis=1, keepdims=True)
    powers = np.vander(fractions - 0.5, ORDER, increasing=True)
    return np.linalg.lstsq(powers, weights, rcond=None)[0].astype(np.float32)


_FARROW = _farrow()
