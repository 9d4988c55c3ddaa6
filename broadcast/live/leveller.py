"""Speech brought to one loudness while it is spoken, and kept below a ceiling (pure).

Rules
- Blocks of 20 ms in and out, LOOKAHEAD_FRAMES late; what comes out depends on nothing but what went in.
- The gain moves towards TARGET_LUFS by at most RISE_DB_PER_S and FALL_DB_PER_S, within MIN_GAIN_DB and MAX_GAIN_DB.
- It stands still where nobody speaks: below -50 LUFS, and further below the speech before than the gate, which opens
  slowly, so that a pause is not filled with noise and a quieter speaker is yet brought up.
- Loudness is ITU-R BS.1770's for one channel, but that its filter is applied to the spectrum of each block of 20 ms:
  less than 0.5 LU from the standard's for anything that a horn can play.
- The limiter sees a true peak (four times oversampled, right for what is below 16 kHz) 5 ms before it comes and has the
  gain down by then.
"""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

TARGET_LUFS = -16.0
CEILING_DBTP = -2.0
MIN_GAIN_DB, MAX_GAIN_DB = -24.0, 18.0
RISE_DB_PER_S, FALL_DB_PER_S = 6.0, 15.0
GATE_LUFS = -50.0
GATE_DB = 12.0
"""So far below the speech before, a sound is a pause."""
GATE_MOVES_DB_PER_S = 0.5
MEMORY_S = 3.0
RELEASE_DB_PER_S = 30.0
LOOKAHEAD_FRAMES = 240

RATE_HZ = 48_000
BLOCK_FRAMES = 960
BLOCK_S = BLOCK_FRAMES / RATE_HZ
_MOMENT_BLOCKS = 20  # 400 ms
_LOUDEST = 8.0  # samples beyond this are a fault of whoever decoded them
_STEP_FRAMES = 16  # the limiter's resolution
_STEPS = BLOCK_FRAMES // _STEP_FRAMES
_AHEAD_STEPS = LOOKAHEAD_FRAMES // _STEP_FRAMES
_HOLD_STEPS = _AHEAD_STEPS + 1
_ATTACK_STEPS = _AHEAD_STEPS - 1  # a peak between two steps belongs to both
_SILENCE = 1e-12  # mean square

Samples = NDArray[np.float32]


class Leveller:
    """Takes blocks of BLOCK_FRAMES samples, mono."""

    def __init__(self) -> None:
        self._loudness = _Loudness()
        self._limiter = _Limiter()
        self._gain_db = 0.0

    @property
    def gain_db(self) -> float:
        """The slow gain, before the limiter."""
        return self._gain_db

    def process(self, block: Samples) -> Samples:
        """A block of the same size, LOOKAHEAD_FRAMES behind."""
        if block.shape != (BLOCK_FRAMES,):
            raise ValueError(f"a block is {BLOCK_FRAMES} samples")
        clean = np.clip(np.nan_to_num(block, nan=0.0), -_LOUDEST, _LOUDEST)
        before_db = self._gain_db
        if self._loudness.hear(clean):
            wanted_db = min(MAX_GAIN_DB, max(MIN_GAIN_DB, TARGET_LUFS - self._loudness.lufs))
            rise_db, fall_db = RISE_DB_PER_S * BLOCK_S, FALL_DB_PER_S * BLOCK_S
            self._gain_db += min(rise_db, max(-fall_db, wanted_db - before_db))
        ramp = np.linspace(10 ** (before_db / 20), 10 ** (self._gain_db / 20), BLOCK_FRAMES, dtype=np.float32)
        return self._limiter.process(clean * ramp)


class _Loudness:
    """The loudness of the speech of the last seconds, pauses left out."""

    def __init__(self) -> None:
        self.lufs = _lufs(0.0)
        self._power = 0.0
        self._heard_blocks = 0
        self._gate_db = GATE_DB
        self._moment: deque[float] = deque([0.0] * _MOMENT_BLOCKS, maxlen=_MOMENT_BLOCKS)

    def hear(self, block: Samples) -> bool:
        """Whether someone speaks in this block."""
        spectrum = np.fft.rfft(block)
        power = float(np.dot(spectrum.real**2 + spectrum.imag**2, _WEIGHTS))
        self._moment.append(power)
        moment_lufs = _lufs(sum(self._moment) / _MOMENT_BLOCKS)
        if moment_lufs < GATE_LUFS:
            return False
        if self._heard_blocks and moment_lufs < self.lufs - self._gate_db:
            self._gate_db += GATE_MOVES_DB_PER_S * BLOCK_S
            return False
        self._gate_db = max(GATE_DB, self._gate_db - GATE_MOVES_DB_PER_S * BLOCK_S)
        self._heard_blocks += 1
        self._power += (power - self._power) * max(1 / self._heard_blocks, BLOCK_S / MEMORY_S)
        self.lufs = _lufs(self._power)
        return True


class _Limiter:
    """Peaks above the ceiling are turned down before they come, and the gain comes back slowly."""

    def __init__(self) -> None:
        self._late = np.zeros(LOOKAHEAD_FRAMES, dtype=np.float32)
        self._edge = np.zeros(_TAPS - 1, dtype=np.float32)
        self._needed_db = np.zeros(_HOLD_STEPS - 1)
        self._held_db = np.zeros(_ATTACK_STEPS)

    def process(self, block: Samples) -> Samples:
        needed_db = np.concatenate((self._needed_db, self._needs(block)))
        held_db = np.lib.stride_tricks.sliding_window_view(needed_db, _HOLD_STEPS).min(axis=1)
        ease_db = _EASE_DB[:_STEPS]
        released_db = np.minimum.accumulate(np.concatenate((self._held_db[-1:], held_db - ease_db)))[1:] + ease_db
        released_db = np.concatenate((self._held_db, np.minimum(released_db, 0.0)))
        gains = np.convolve(10 ** (released_db / 20), _ATTACK, "valid")
        self._needed_db, self._held_db = needed_db[-_HOLD_STEPS + 1 :], released_db[-_ATTACK_STEPS:]
        whole = np.concatenate((self._late, block))
        self._late = whole[BLOCK_FRAMES:]
        before, after = gains[-_STEPS - 1 : -1, None], gains[-_STEPS:, None]
        slope = (before + (after - before) * _RAMP).reshape(-1).astype(np.float32)
        return whole[:BLOCK_FRAMES] * slope

    def _needs(self, block: Samples) -> NDArray[np.float64]:
        """By how many dB each step is over the ceiling, negative; its peaks may be those of the step before."""
        whole = np.concatenate((self._edge, block))
        self._edge = whole[-_TAPS + 1 :]
        peaks = np.abs(whole[_TAPS // 2 - 1 : _TAPS // 2 - 1 + BLOCK_FRAMES])
        for taps in _BETWEEN:
            np.maximum(peaks, np.abs(np.convolve(whole, taps, "valid")), out=peaks)
        highest = peaks.reshape(_STEPS, _STEP_FRAMES).max(axis=1).astype(np.float64)
        needed_db: NDArray[np.float64] = np.minimum(0.0, CEILING_DBTP - 20 * np.log10(np.maximum(highest, 1e-6)))
        return needed_db


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(max(power, _SILENCE))


def _weights() -> NDArray[np.float64]:
    """What each bin of a block's spectrum adds to its weighted mean square (the coefficients are BS.1770's)."""
    shelf = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
    highpass = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
    z = np.exp(-2j * np.pi * np.arange(BLOCK_FRAMES // 2 + 1) / BLOCK_FRAMES)
    response = np.ones_like(z)
    for above, below in (shelf, highpass):
        response *= np.polyval(above[::-1], z) / np.polyval(below[::-1], z)
    twice = np.full(z.size, 2.0)
    twice[[0, -1]] = 1.0
    weights: NDArray[np.float64] = np.abs(response) ** 2 * twice / BLOCK_FRAMES**2
    return weights


def _between() -> list[Samples]:
    """Filters that give the samples a quarter, a half and three quarters behind each one."""
    at = np.arange(_TAPS) - (_TAPS // 2 - 1)
    window = np.kaiser(_TAPS, 5.0)
    filters = [np.sinc(at - part) * window for part in (0.25, 0.5, 0.75)]
    return [(taps / taps.sum()).astype(np.float32)[::-1] for taps in filters]


_TAPS = 12
_WEIGHTS = _weights()
_BETWEEN = _between()
_EASE_DB = np.arange(1, _STEPS + 1) * RELEASE_DB_PER_S * _STEP_FRAMES / RATE_HZ
_ATTACK = np.full(_ATTACK_STEPS, 1 / _ATTACK_STEPS)
_RAMP = np.arange(1, _STEP_FRAMES + 1) / _STEP_FRAMES
