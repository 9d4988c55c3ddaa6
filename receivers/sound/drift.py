"""How far a sound card's crystal is off, and how fast to read a file so that it keeps its place (pure).

- The slope is the median of the slopes between all pairs of marks, each weighing as its marks are apart. So a third of
  the marks may be wrong by anything. Only marks of one epoch are compared: between epochs the card lost time.
- A short stretch of marks says little, as PulseAudio's own clock wavers by 0.3 ms in the first ten seconds: its slope
  counts half after eleven seconds, 98 % after twenty.
- The pace is that slope and a pull that takes away what the piece is off its place. The pull is 0 within
  `DEAD_BAND_US` and what is in doubt; beyond, it takes away a `PULL_S`-th of the excess each second.
- Neither is ever more than `CAP_PPM` (0.9 hundredths of a semitone, which nobody hears), nor is their sum.
- What is off by more than `RESYNC_US` is not pulled: the piece jumps to its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CAP_PPM = 500.0
DEAD_BAND_US = 10.0  # half a sample
PULL_S = 2.0
RESYNC_US = 3_000.0  # at the cap six seconds of pulling
MARKS_FOR_SLOPE = 3
HALF_SURE_S2 = 100.0  # sum of squares of eleven marks a second apart


@dataclass(frozen=True, slots=True)
class Mark:
    """At `at_s` of the card's time the card was `late_us` behind the clock (plus whatever is the same for all)."""

    epoch: int
    at_s: float
    late_us: float


def drift_ppm(marks: Sequence[Mark]) -> float:
    """How much longer the card's second is than the clock's, in millionths; positive: the card is slow."""
    if len(marks) < MARKS_FOR_SLOPE:
        return 0.0
    epochs = np.array([mark.epoch for mark in marks])
    at_s = np.array([mark.at_s for mark in marks])
    late_us = np.array([mark.late_us for mark in marks])
    one, other = np.triu_indices(len(marks), 1)
    apart_s = np.abs(at_s[other] - at_s[one])
    fit = (epochs[one] == epochs[other]) & (apart_s > 0)
    if np.count_nonzero(fit) < MARKS_FOR_SLOPE:
        return 0.0
    one, other, apart_s = one[fit], other[fit], apart_s[fit]
    slopes = (late_us[other] - late_us[one]) / (at_s[other] - at_s[one])
    spread_s2 = float((apart_s**2).sum()) / len(marks)
    told = _weighted_median(slopes, apart_s) * spread_s2**2 / (spread_s2**2 + HALF_SURE_S2**2)
    return max(-CAP_PPM, min(CAP_PPM, told))


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Half way between the lowest and the highest value that part the weights in halves."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    half = below[-1] / 2
    low, high = np.searchsorted(below, [half * (1 - 1e-9), half * (1 + 1e-9)])
    return float(values[order[low]] + values[order[high]]) / 2


def pace_ppm(late_us: float, card_ppm: float, doubt_us: float = 0.0) -> float:
    """How much faster than the card asks the file is to be read, in millionths.

    `late_us`: how far the sound lags behind its place, give or take `doubt_us`. `card_ppm`: the card's drift, positive
    for a slow card.
    """
    excess_us = max(0.0, abs(late_us) - DEAD_BAND_US - doubt_us)
    pull_ppm = (excess_us if late_us > 0 else -excess_us) / PULL_S
    return max(-CAP_PPM, min(CAP_PPM, card_ppm + pull_ppm))
