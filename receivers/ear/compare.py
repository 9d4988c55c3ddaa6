"""Whether a microphone heard what was written to the sound device (pure).

Rules
- Two signals of one stretch of time at EAR_HZ, mono: what was written, and what the microphone gave from EARLY before
  its first sample to LATE after its last one.
- The delay is the highest peak of their cross-correlation in the band of speech, weighted nearly to its phase alone
  (so that a room, a horn and an amplifier may colour the sound). The sign does not matter: a cable may be turned round.
- At that delay the *share* is the part of the microphone's power that what was written explains: the coherence of
  frames of 64 ms, bin by bin, without each frame's product with itself (which would be there by chance), averaged over
  the bins by the amplitude that the reference has in them. 1 is a copy, 0 is something else; a share `c` is a signal
  to noise ratio of `c / (1 - c)`. It is blind to gain, and to tone and noise where the reference is not.
- Heard: a share of 0.25, which is -5 dB against everything else: there people still understand half of the sentences.
  Faint: recognised below that. Recognised: a share of 0.0225, and ten times what chance gives to such a pair.
- A stretch in which the reference is silent, shorter than 0.3 s, or hardly more than a tone proves nothing: no result.
  A hum that happens to have the tone's pitch is not a proof of sound.
- A piece is judged by the median of its stretches' shares, by their energy: what was lost for half of it was not heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from broadcast.wire.documents import Heard, Hearing

Signal: TypeAlias = NDArray[np.float32]

EAR_HZ = 8_000
EARLY = EAR_HZ // 10  # samples: the microphone's and the device's instants may be wrong by so much
LATE = 2 * EAR_HZ  # samples: the sound's way through the air (3 ms a metre) and through the sound cards
BAND_HZ = (300.0, 3_300.0)
FRAME = 512  # samples, 64 ms
HOP = 256
SHORTEST = EAR_HZ * 3 // 10
QUIET_DBFS = -60.0  # as in the ledger: what was written below this is silence
WHITENING = 0.8  # 1 is phase alone, 0 plain correlation; this found the delay at the lowest signal to noise ratio
BINS_MIN = 20  # effective number of bins that the reference sounds in; speech has 50 to 70, a tone 3, a chord 17
HEARD_SHARE = 0.25
FAINT_SHARE = 0.0225
PROOF = 10.0  # standard deviations by chance; of 10,000 unrelated pairs none had both this and FAINT_SHARE
FLOOR_DBFS = -120.0
TINY = 1e-30
SINGLE = 1e-3

_WINDOW = np.hanning(FRAME + 1)[:-1].astype(np.float32)
_BINS = slice(round(BAND_HZ[0] * FRAME / EAR_HZ), round(BAND_HZ[1] * FRAME / EAR_HZ) + 1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`share` and `delay_us` as above; `energy` is the reference's, in full-scale seconds, `level_dbfs` the ear's."""

    share: float
    recognised: bool
    delay_us: int
    level_dbfs: float
    energy: float


def compare(written: Signal, heard: Signal) -> Comparison | None:
    """Look for `written` in `heard`, which has EARLY + LATE samples more; None where that would prove nothing.

    Full scale is 1.0. ValueError when the lengths do not fit.
    """
    if len(heard) != len(written) + EARLY + LATE:
        raise ValueError(f"{len(heard)} samples of the microphone do not fit {len(written)} written")
    power = _power(written) if len(written) >= SHORTEST else 0.0
    if _dbfs(power) <= QUIET_DBFS:
        return None
    reference, ear = _normalised(written), _normalised(heard)
    lag = _lag(reference, ear)
    share, chance, bins = _share(_spectra(reference), _spectra(ear[lag : lag + len(written)]))
    if bins < BINS_MIN:
        return None
    return Comparison(
        share=share,
        recognised=share >= max(FAINT_SHARE, PROOF * chance),
        delay_us=round((lag - EARLY) * 1_000_000 / EAR_HZ),
        level_dbfs=_dbfs(_power(heard[lag : lag + len(written)])),
        energy=power * len(written) / EAR_HZ,
    )


def verdict(comparisons: Sequence[Comparison]) -> Heard | None:
    """What the stretches of one piece say together; None when there are none."""
    if not comparisons:
        return None
    share = _median([(found.share if found.recognised else 0.0, found.energy) for found in comparisons])
    delays = [(found.delay_us, found.energy) for found in comparisons if found.recognised]
    likeness = _median([(found.share, found.energy) for found in comparisons])
    return Heard(
        verdict=_hearing(share),
        correlation=round(sqrt(min(1.0, max(0.0, likeness))), 3),
        delay_us=round(_median(delays)) if share > 0 else None,
        level_dbfs=round(_mean_dbfs([found.level_dbfs for found in comparisons]), 1),
    )


def _hearing(share: float) -> Hearing:
    if share >= HEARD_SHARE:
        return Hearing.HEARD
    return Hearing.FAINT if share > 0 else Hearing.NOT_HEARD


def _lag(reference: Signal, ear: Signal) -> int:
    """Where in `ear` the reference begins."""
    size = 1 << (len(ear) - 1).bit_length()
    cross = np.fft.rfft(ear, size) * np.conj(np.fft.rfft(reference, size))
    low, high = (round(hertz * size / EAR_HZ) for hertz in BAND_HZ)
    cross[:low] = 0
    cross[high + 1 :] = 0
    cross[low : high + 1] /= np.maximum(np.abs(cross[low : high + 1]), TINY) ** WHITENING
    return int(np.argmax(np.abs(np.fft.irfft(cross, size)[: EARLY + LATE + 1])))


def _spectra(signal: Signal) -> NDArray[np.complex128]:
    """One row a frame, the bins of the band."""
    frames = np.lib.stride_tricks.sliding_window_view(signal, FRAME)[::HOP]
    return np.asarray(np.fft.rfft(frames * _WINDOW, axis=1)[:, _BINS], dtype=np.complex128)


def _share(reference: NDArray[np.complex128], ear: NDArray[np.complex128]) -> tuple[float, float, float]:
    """The share, the standard deviation it would have by chance, and in how many bins the reference sounds."""
    cross = np.conj(reference) * ear
    own, own_ear, own_cross = _squared(reference), _squared(ear), _squared(cross)
    by_chance = own_cross.sum(axis=0)
    product = own.sum(axis=0) * own_ear.sum(axis=0)
    # A bin whose sound is all in one frame cannot tell anything: what is left of its product is rounding.
    possible = np.where(product - by_chance > SINGLE * product, product - by_chance, np.inf)
    weight = np.sqrt(own.sum(axis=0))
    weight /= max(float(weight.sum()), TINY)
    coherence = (_squared(cross.sum(axis=0)) - by_chance) / possible
    variance = np.maximum(by_chance**2 - (own_cross**2).sum(axis=0), 0.0) / possible**2
    share = float((weight * coherence).sum())
    return share, sqrt(float((weight**2 * variance).sum())), 1 / max(float((weight**2).sum()), TINY)


def _squared(values: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.asarray(values.real**2 + values.imag**2, dtype=np.float64)


def _normalised(signal: Signal) -> Signal:
    """With a peak of 1, so that no product is too large or too small; silence stays silence."""
    peak = float(np.abs(signal).max())
    return signal / np.float32(peak) if peak > 0 else signal


def _power(signal: Signal) -> float:
    return float(np.mean(np.square(signal, dtype=np.float64)))


def _dbfs(power: float) -> float:
    return max(FLOOR_DBFS, 10 * float(np.log10(power))) if power > 0 else FLOOR_DBFS


def _mean_dbfs(levels: Sequence[float]) -> float:
    return _dbfs(sum(10 ** (level / 10) for level in levels) / len(levels))


def _median(weighted: Sequence[tuple[float, float]]) -> float:
    """The least of the values up to which lies half of the weight."""
    rest = sum(weight for _, weight in weighted) / 2
    ordered = sorted(weighted)
    for value, weight in ordered:
        rest -= weight
        if rest <= 0:
            return value
    return ordered[-1][0]
