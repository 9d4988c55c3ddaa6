"""The siren tones, made of sines. Pure: numbers in, samples out.

| tone | pitch | rhythm | where from |
|---|---|---|---|
| rise-fall | 500 to 1200 Hz and back, evenly in octaves | one rise and fall in 4 s, 3 times | the wail by which civil protection warns the population (Germany: a minute of it); the band of DIN 33404-3 |
| steady | 970 Hz | 10 s | the unbroken tone by which civil protection gives the all clear; the pitch of BS 5839-1 |
| alternating | 800 and 970 Hz | half a second each, 10 times | the two-tone alarm of BS 5839-1 |

Each has its octave 9 dB below it, so that a tone is also heard where a hill or an ear takes the fundamental. So all of it
lies between 500 and 2400 Hz: within what a horn gives (400 to 3000 Hz) and within the 500 to 2500 Hz in which ISO 7731
wants a danger signal; both rhythms lie within its 0.2 to 5 Hz. A pitch that moves means danger, one that does not means
less (Council Directive 92/58/EEC, annex VII): hence the steady tone for the all clear.
"""  # noqa: E501 - a table

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48_000
PEAK_DBFS = -6.0
LOUDER_LU = 6.0
"""Than speech: a tone has no peaks, so this fits under the same ceiling; -10 LUFS is about -10 dBFS RMS."""
ATTACK_S = 0.05
DECAY_S = 0.2
GLIDE_S = 0.01
"""How long the pitch takes from one step to the next: no jump, no click."""
OCTAVE = 10 ** (-9 / 20)


class Siren(StrEnum):
    RISE_FALL = "rise-fall"
    STEADY = "steady"
    ALTERNATING = "alternating"


@dataclass(frozen=True, slots=True)
class Pattern:
    """The pitch goes from `low_hz` to `high_hz` and back in `period_s`, `periods` times; `steps`: in two steps."""

    low_hz: float
    high_hz: float
    period_s: float
    periods: int
    steps: bool = False

    @property
    def length_s(self) -> float:
        return self.period_s * self.periods


PATTERNS = {
    Siren.RISE_FALL: Pattern(500.0, 1200.0, 4.0, 3),
    Siren.STEADY: Pattern(970.0, 970.0, 10.0, 1),
    Siren.ALTERNATING: Pattern(800.0, 970.0, 1.0, 10, steps=True),
}


def siren(kind: Siren) -> NDArray[np.int16]:
    """The tone as mono samples at 48 kHz, peaking at PEAK_DBFS; silent at both ends."""
    pattern = PATTERNS[kind]
    time_s = np.arange(round(pattern.length_s * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(pitch_hz(pattern, time_s)) / RATE_HZ
    tone = np.sin(phase) + OCTAVE * np.sin(2 * phase)
    tone *= np.minimum(1.0, time_s / ATTACK_S) * np.minimum(1.0, (pattern.length_s - time_s) / DECAY_S)
    scaled = tone / np.abs(tone).max() * 10 ** (PEAK_DBFS / 20) * 32767
    samples: NDArray[np.int16] = np.round(scaled).astype(np.int16)
    return samples


def pitch_hz(pattern: Pattern, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The fundamental's frequency at each instant."""
    turn = 2 * np.pi * time_s / pattern.period_s
    if pattern.steps:
        share = 0.5 + 0.5 * np.clip(-np.sin(turn) * pattern.period_s / (np.pi * GLIDE_S), -1.0, 1.0)
    else:
        share = 0.5 - 0.5 * np.cos(turn)
    found: NDArray[np.float64] = pattern.low_hz * (pattern.high_hz / pattern.low_hz) ** share
    return found
