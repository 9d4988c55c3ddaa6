"""Finding a reference in a recording, and judging how well it was heard (pure).

- The place of the whole is the lag of the highest normalised cross-correlation. Round it each half second of the
  reference is looked for by itself, to a fraction of a sample: one moment that slips does not spoil the rest.
- A window that is hardly heard is taken to lie where the one before it lies.
- The correlation is that of segments of 20 ms, each normalised by itself and weighing as much as the reference has
  energy in it. So the gain does not matter, and what is missing or out of place lowers it by its share.
- A slip is where two windows lie differently by a millisecond or more. A gap is silence of 10 ms or more in the
  recording where the reference sounds.
- How often the reference is heard is how often its windows are found in the recording, by how often they are found in
  the reference itself (a chime that ends it as one began it is not heard twice).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

WINDOW_MS = 500
REACH_MS = 100  # how far from the whole's place a window is looked for
SEGMENT_MS = 20
GRAIN_MS = 5  # gaps are seen with this grain
GAP_GRAINS = 2
SLIP_MS = 1.0
SILENT = 0.01  # of the RMS of the whole (-40 dB): a grain below this is silent
SOUNDS = 0.05  # of the RMS of the whole (-26 dB): what is above this sounds
TRUSTED = 0.5  # normalised correlation that tells the place of a window; other speech does not reach it
RIGHT = 0.95  # correlation of a window in which nothing is amiss
HEARD = 0.8  # correlation of an announcement that was heard, give or take moments
COPY = 0.6  # normalised correlation at another place that counts as a window heard again
COUNTED = 8  # windows, spread over the reference, that are counted
ANEW = 0.3  # of the reference: where so much is heard again, it was heard once more
EDGE = 64  # samples either side of an excerpt, so that moving it by a fraction leaves no trace of its ends
FLOOR_DB = -120.0


@dataclass(frozen=True, slots=True)
class Gap:
    start_ms: float  # from the reference's beginning
    length_ms: float


@dataclass(frozen=True, slots=True)
class Slip:
    at_ms: float  # from the reference's beginning: where the first window that lies elsewhere begins
    by_ms: float  # positive: it is later


@dataclass(frozen=True, slots=True)
class Window:
    """Half a second of the reference that sounds; `offset_frames` as in Alignment, told by this window."""

    start_ms: float
    offset_frames: float
    correlation: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """`offset_frames`: place in the recording of the reference's first sample; negative: it began before.

    It is told by the first window that was heard.
    """

    offset_frames: float
    correlation: float  # 0..1, weighed by energy
    level_dbfs: float  # RMS of the recording where the reference lies, re 1.0
    gain_db: float  # the recording's level re the reference's
    windows: tuple[Window, ...]
    slips: tuple[Slip, ...]
    gaps: tuple[Gap, ...]
    copies: int  # how often the reference is heard; 0 when it is not

    @property
    def gap_ms(self) -> float:
        return sum(gap.length_ms for gap in self.gaps)

    @property
    def right_share(self) -> float:
        """Share of the windows in which nothing is amiss."""
        return sum(window.correlation >= RIGHT for window in self.windows) / max(1, len(self.windows))

    @property
    def heard_once(self) -> bool:
        """Whether this is the announcement, once; of three seconds or more a slip and a tenth of one may be amiss."""
        return self.correlation >= HEARD and self.copies == 1


def align(reference: NDArray[Any], recording: NDArray[Any], rate: int) -> Alignment:
    """Find `reference` in `recording`: mono, the same rate; float of full scale 1.0, or 16-bit integers.

    ValueError when either is empty or the reference is silent.
    """
    wanted, heard = _signal(reference), _signal(recording)
    if not len(wanted) or not len(heard) or not wanted.any():
        raise ValueError("nothing to correlate: a signal is empty or the reference is silent")
    lags, scores = _scores(wanted, heard)
    starts = np.linspace(0, len(wanted), max(1, round(len(wanted) / rate * 1000 / WINDOW_MS)) + 1).astype(int)
    spans = [slice(int(low), int(high)) for low, high in pairwise(starts)]
    sounding = [_rms(wanted[span]) >= SOUNDS * _rms(wanted) for span in spans]
    offsets = _offsets(wanted, heard, spans, int(lags[np.argmax(scores)]), rate * REACH_MS // 1000)
    aligned = np.concatenate(
        [
            _excerpt(heard, offset + span.start, span.stop - span.start)
            for offset, span in zip(offsets, spans, strict=True)
        ]
    )
    segments = [_segments(wanted[span], aligned[span], rate * SEGMENT_MS // 1000) for span in spans]
    return Alignment(
        offset_frames=offsets[0],
        correlation=_mean(np.concatenate(segments)),
        level_dbfs=_db(_rms(aligned)),
        gain_db=_db(_rms(aligned) / _rms(wanted)),
        windows=tuple(
            Window(span.start * 1000 / rate, offset, _mean(segment))
            for span, offset, segment, sounds in zip(spans, offsets, segments, sounding, strict=True)
            if sounds
        ),
        slips=tuple(_slips(spans, offsets, rate)),
        gaps=_gaps(wanted, aligned, rate),
        copies=_copies(wanted, heard, [span for span, sounds in zip(spans, sounding, strict=True) if sounds]),
    )


def _signal(samples: NDArray[Any]) -> Signal:
    scale = 1 / 32768 if np.issubdtype(samples.dtype, np.integer) else 1.0
    return samples.astype(np.float64) * scale


def _scores(wanted: Signal, heard: Signal) -> tuple[NDArray[np.int64], Signal]:
    """Normalised cross-correlation for each lag at which the two overlap."""
    size = _round_size(len(wanted) + len(heard) - 1)
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    products = np.fft.irfft(spectrum, size)
    lags = np.arange(1 - len(wanted), len(heard))
    energy = np.concatenate(([0.0], np.cumsum(heard * heard)))
    under = energy[np.clip(lags + len(wanted), 0, len(heard))] - energy[np.clip(lags, 0, len(heard))]
    # A floor under the energy keeps near-silence from scoring high by chance.
    floor = 1e-3 * max(float(under.max()), 1e-12)
    own = max(float(wanted @ wanted), 1e-12)
    return lags, products[lags] / np.sqrt(np.maximum(under, floor) * own)


def _round_size(least: int) -> int:
    """A size not much larger that is quickly transformed: up to 16 times a power of two."""
    step = 1 << max(0, least.bit_length() - 4)
    return -(-least // step) * step


def _offsets(wanted: Signal, heard: Signal, spans: Sequence[slice], whole: int, reach: int) -> list[float]:
    """For each span the place of the reference's first sample as that span tells it."""
    told: list[float | None] = []
    for span in spans:
        piece = wanted[span]
        low = whole + span.start - reach
        lags, scores = _scores(piece, _excerpt(heard, low, len(piece) + 2 * reach))
        scores = scores[(lags >= 0) & (lags <= 2 * reach)]
        best = int(np.argmax(scores))
        sure = scores[best] >= TRUSTED and _rms(piece) >= SOUNDS * _rms(wanted)
        told.append(whole - reach + best + _peak(scores, best) if sure else None)
    last = next((offset for offset in told if offset is not None), float(whole))
    offsets = []
    for offset in told:
        last = last if offset is None else offset
        offsets.append(last)
    return offsets


def _peak(scores: Signal, best: int) -> float:
    """Top of the parabola through the best score and its neighbours, as a fraction of a sample."""
    if not 0 < best < len(scores) - 1:
        return 0.0
    before, at, after = scores[best - 1 : best + 2]
    bend = before - 2 * at + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def _excerpt(heard: Signal, place: float, length: int) -> Signal:
    """`length` samples of `heard` from `place` on, silence beyond its ends."""
    first = round(place) - EDGE
    low, high = max(0, first), min(len(heard), first + length + 2 * EDGE)
    cut = np.zeros(length + 2 * EDGE)
    if high > low:
        cut[low - first : high - first] = heard[low:high]
    fraction = place - round(place)
    if abs(fraction) >= 0.01:  # noqa: PLR2004 a hundredth of a sample changes nothing
        size = _round_size(len(cut))
        turn = np.exp(2j * np.pi * np.fft.rfftfreq(size) * fraction)
        cut = np.fft.irfft(np.fft.rfft(cut, size) * turn, size)
    return np.asarray(cut[EDGE : EDGE + length], dtype=np.float64)


def _segments(wanted: Signal, aligned: Signal, length: int) -> NDArray[np.float64]:
    """Rows of energy of the reference and correlation 0..1, for each segment."""
    count = max(1, len(wanted) // length)
    rows = []
    for w, a in zip(np.array_split(wanted, count), np.array_split(aligned, count), strict=True):
        power = float(np.sqrt((w @ w) * (a @ a)))
        rows.append((float(w @ w), max(0.0, float(w @ a) / power) if power > 0 else 0.0))
    return np.array(rows)


def _mean(segments: NDArray[np.float64]) -> float:
    weights, values = segments.T
    return float(weights @ values / weights.sum()) if weights.any() else 0.0


def _slips(spans: Sequence[slice], offsets: Sequence[float], rate: int) -> Iterator[Slip]:
    for span, (before, after) in zip(spans[1:], pairwise(offsets), strict=True):
        by_ms = (after - before) * 1000 / rate
        if abs(by_ms) >= SLIP_MS:
            yield Slip(span.start * 1000 / rate, by_ms)


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


def _copies(wanted: Signal, heard: Signal, spans: Sequence[slice]) -> int:
    """How often the windows are found in the recording for each time that they are found in the reference."""
    some = [spans[at] for at in sorted({len(spans) * number // COUNTED for number in range(COUNTED)})]
    pieces = [_thinned(wanted[span]) for span in some]
    found, own = (sum(_places(piece, _thinned(where)) for piece in pieces) for where in (heard, wanted))
    return int(found / own + 1 - ANEW)


def _thinned(signal: Signal) -> Signal:
    """Every two samples as one: enough to count by."""
    return np.asarray(np.append(signal, np.zeros(len(signal) % 2)).reshape(-1, 2).mean(axis=1), dtype=np.float64)


def _places(piece: Signal, heard: Signal) -> int:
    """How many places, a little way from each other, score as the piece."""
    _, scores = _scores(piece, heard)
    apart = len(piece) // 16
    places = 0
    while float(scores.max()) >= COPY:
        at = int(np.argmax(scores))
        scores[max(0, at - apart) : at + apart + 1] = 0.0
        places += 1
    return places


def _rms(signal: Signal) -> float:
    return float(np.sqrt(np.mean(signal * signal)))


def _db(ratio: float) -> float:
    return max(FLOOR_DB, 20 * log10(ratio)) if ratio > 0 else FLOOR_DB
