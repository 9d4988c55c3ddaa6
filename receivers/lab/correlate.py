"""Finding a reference in a recording, and judging how well it was heard (pure).

- The place is the lag of the highest normalised cross-correlation, to a fraction of a sample.
- The correlation is the mean over segments of 20 ms in which the reference sounds, each normalised by itself. So the
  gain does not matter, and a piece that is missing or out of place lowers it by its share of the time.
- A gap is silence of 10 ms or more in the recording where the reference sounds.
"""

from dataclasses import dataclass
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

SEGMENT_MS = 20
GRAIN_MS = 5  # gaps are seen with this grain
GAP_GRAINS = 2
SILENT = 0.01  # of the RMS of the whole (-40 dB): a grain below this is silent
SOUNDS = 0.05  # of the RMS of the whole (-26 dB): a grain above this sounds
COPY = 0.7  # normalised correlation at another place that counts as the reference heard again
FLOOR_DB = -120.0


@dataclass(frozen=True, slots=True)
class Gap:
    start_ms: float  # from the reference's beginning
    length_ms: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """`offset_frames`: place in the recording of the reference's first sample; negative: it began before."""

    offset_frames: float
    correlation: float  # 0..1, mean over segments
    lowest: float  # 0..1, the worst segment
    level_dbfs: float  # RMS of the recording where the reference lies, re 1.0
    gain_db: float  # the recording's level re the reference's
    gaps: tuple[Gap, ...]
    copies: int  # how often the reference is heard; 0 when it is not

    @property
    def gap_ms(self) -> float:
        return sum(gap.length_ms for gap in self.gaps)


def align(reference: NDArray[Any], recording: NDArray[Any], rate: int) -> Alignment:
    """Find `reference` in `recording`: mono, the same rate; float of full scale 1.0, or 16-bit integers.

    ValueError when either is empty or the reference is silent.
    """
    wanted, heard = _signal(reference), _signal(recording)
    if not len(wanted) or not len(heard) or not wanted.any():
        raise ValueError("nothing to correlate: a signal is empty or the reference is silent")
    lags, scores = _scores(wanted, heard)
    best = int(np.argmax(scores))
    fraction = _peak(scores, best)
    offset = float(lags[best]) + fraction
    aligned = _excerpt(heard, int(lags[best]), fraction, len(wanted))
    segments = _segment_correlations(wanted, aligned, rate * SEGMENT_MS // 1000)
    return Alignment(
        offset_frames=offset,
        correlation=float(np.mean(segments)),
        lowest=float(np.min(segments)),
        level_dbfs=_db(_rms(aligned)),
        gain_db=_db(_rms(aligned) / _rms(wanted)),
        gaps=_gaps(wanted, aligned, rate),
        copies=_copies(scores, len(wanted) // 2),
    )


def _signal(samples: NDArray[Any]) -> Signal:
    scale = 1 / 32768 if np.issubdtype(samples.dtype, np.integer) else 1.0
    return samples.astype(np.float64) * scale


def _scores(wanted: Signal, heard: Signal) -> tuple[NDArray[np.int64], Signal]:
    """Normalised cross-correlation for each lag at which the two overlap."""
    size = 1 << (len(wanted) + len(heard) - 1).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    products = np.fft.irfft(spectrum, size)
    lags = np.arange(1 - len(wanted), len(heard))
    energy = np.concatenate(([0.0], np.cumsum(heard * heard)))
    under = energy[np.clip(lags + len(wanted), 0, len(heard))] - energy[np.clip(lags, 0, len(heard))]
    # A floor under the energy keeps near-silence from scoring high by chance.
    floor = 1e-3 * max(float(under.max()), 1e-12)
    return lags, products[lags] / np.sqrt(np.maximum(under, floor) * float(wanted @ wanted))


def _peak(scores: Signal, best: int) -> float:
    """Top of the parabola through the best score and its neighbours, as a fraction of a sample."""
    if not 0 < best < len(scores) - 1:
        return 0.0
    before, at, after = scores[best - 1 : best + 2]
    bend = before - 2 * at + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def _excerpt(heard: Signal, lag: int, fraction: float, length: int) -> Signal:
    """`length` samples of `heard` from `lag + fraction` on, silence beyond its ends."""
    low, high = max(0, lag), min(len(heard), lag + length)
    cut = np.zeros(length)
    if high > low:
        cut[low - lag : high - lag] = heard[low:high]
    if abs(fraction) < 0.01:  # noqa: PLR2004 a hundredth of a sample changes nothing
        return cut
    size = 1 << (length + 64).bit_length()
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(size) * fraction)
    return np.asarray(np.fft.irfft(np.fft.rfft(cut, size) * turn, size)[:length], dtype=np.float64)


def _segment_correlations(wanted: Signal, aligned: Signal, length: int) -> Signal:
    """Correlation 0..1 of each segment in which the reference sounds."""
    count = max(1, len(wanted) // length)
    values = []
    for w, a in zip(np.array_split(wanted, count), np.array_split(aligned, count), strict=True):
        if _rms(w) >= SOUNDS * _rms(wanted):
            power = float(np.sqrt((w @ w) * (a @ a)))
            values.append(max(0.0, float(w @ a) / power) if power > 0 else 0.0)
    return np.array(values)


def _gaps(wanted: Signal, aligned: Signal, rate: int) -> tuple[Gap, ...]:
    grain = rate * GRAIN_MS // 1000
    count = len(wanted) // grain
    sounds = _grains(wanted, grain, count) > SOUNDS * _rms(wanted)
    silent = _grains(aligned, grain, count) <= SILENT * _rms(wanted) * min(1.0, _rms(aligned) / _rms(wanted))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (sounds & silent).astype(np.int8), [0]))))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return tuple(
        Gap(float(low * GRAIN_MS), float((high - low) * GRAIN_MS)) for low, high in runs if high - low >= GAP_GRAINS
    )


def _grains(signal: Signal, grain: int, count: int) -> Signal:
    grains = signal[: grain * count].reshape(count, grain)
    return np.asarray(np.sqrt(np.mean(grains * grains, axis=1)), dtype=np.float64)


def _copies(scores: Signal, apart: int) -> int:
    """How many places, at least `apart` samples from each other, score as the reference."""
    rest = scores.copy()
    copies = 0
    while len(rest) and float(rest.max()) >= COPY:
        at = int(np.argmax(rest))
        rest[max(0, at - apart) : at + apart + 1] = 0.0
        copies += 1
    return copies


def _rms(signal: Signal) -> float:
    return float(np.sqrt(np.mean(signal * signal)))


def _db(ratio: float) -> float:
    return max(FLOOR_DB, 20 * log10(ratio)) if ratio > 0 else FLOOR_DB
