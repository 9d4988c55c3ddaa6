"""The gongs before and after an announcement, made of struck notes. Pure: numbers in, samples out.

Villagers learn them by ear, so each class has its own tune: two falling notes for normal, three rising for
priority, a fast alternation for emergency. A closing chime is the tune backwards and softer.
"""

import numpy as np
from numpy.typing import NDArray

from broadcast.produce.request import Chime

RATE_HZ = 48_000
PEAK_DBFS = -4.0
CLOSING_DB = -3.0
"""How much softer the closing chime is."""
_ATTACK_S = 0.004

_PARTIALS = ((1.0, 1.0, 1.0), (2.0, 0.35, 0.6), (3.01, 0.15, 0.35), (4.17, 0.06, 0.2))
"""Of a struck bar: frequency ratio, amplitude, and share of the fundamental's decay time."""

_TUNES: dict[Chime, tuple[tuple[float, float, float], ...]] = {
    # frequency in Hz, when it is struck and how long it rings, in s; nothing below 500 Hz, which horns lose
    Chime.NORMAL: ((659.26, 0.0, 1.6), (523.25, 0.7, 2.0)),
    Chime.PRIORITY: ((523.25, 0.0, 1.4), (659.26, 0.5, 1.4), (783.99, 1.0, 2.2)),
    Chime.EMERGENCY: tuple((880.0 if beat % 2 == 0 else 659.26, beat * 0.28, 0.7) for beat in range(8)),
}


def chime(kind: Chime, *, closing: bool = False) -> NDArray[np.int16]:
    """The chime as mono samples at 48 kHz, peaking at PEAK_DBFS; silent at both ends."""
    notes = _TUNES[kind]
    if closing:
        notes = tuple(
            (pitch, start, ring) for (pitch, _, _), (_, start, ring) in zip(reversed(notes), notes, strict=True)
        )
    length_s = max(start + ring for _, start, ring in notes)
    mix = np.zeros(round(length_s * RATE_HZ))
    for pitch_hz, start_s, ring_s in notes:
        note = _note(pitch_hz, ring_s)
        start = round(start_s * RATE_HZ)
        mix[start : start + note.size] += note[: mix.size - start]
    level_db = PEAK_DBFS + (CLOSING_DB if closing else 0.0)
    scaled = mix / np.abs(mix).max() * 10 ** (level_db / 20) * 32767
    samples: NDArray[np.int16] = np.round(scaled).astype(np.int16)
    return samples


def _note(pitch_hz: float, ring_s: float) -> NDArray[np.float64]:
    time_s = np.arange(round(ring_s * RATE_HZ)) / RATE_HZ
    tone: NDArray[np.float64] = np.zeros_like(time_s)
    for ratio, amplitude, decay in _PARTIALS:
        tone += amplitude * np.sin(2 * np.pi * pitch_hz * ratio * time_s) * np.exp(-3.5 * time_s / (ring_s * decay))
    ends: NDArray[np.float64] = np.minimum(1.0, time_s / _ATTACK_S) * np.minimum(
        1.0, (ring_s - time_s) / (0.2 * ring_s)
    )
    tone *= ends
    return tone
