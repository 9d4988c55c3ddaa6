from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from receivers.lab.correlate import align
from receivers.lab.trial.signals import chirp, murmur

RATE = 48_000
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # to make a failure smaller takes minutes
REFERENCE = murmur(1.0, seed=7)
SPOKEN = murmur(3.0, seed=8)
CHIMED = np.concatenate([chirp(0.5, level=0.2), SPOKEN, chirp(0.5, level=0.2)])


def _placed(sound: NDArray[Any], at: int, length: int) -> NDArray[np.float64]:
    heard = np.zeros(length)
    heard[at : at + len(sound)] = sound
    return heard


@given(delay=st.integers(0, 2 * RATE), gain=st.floats(0.01, 0.9))
@settings(max_examples=8, deadline=None)
def test_any_delay_is_found_exactly_at_any_gain(delay: int, gain: float) -> None:
    found = align(REFERENCE, gain * _placed(REFERENCE, delay, 3 * RATE), RATE)
    assert found.offset_frames == pytest.approx(delay, abs=0.01)
    assert found.correlation > 0.999
    assert found.gain_db == pytest.approx(20 * np.log10(gain), abs=0.1)
    assert (found.gaps, found.copies) == ((), 1)


@given(fraction=st.floats(-0.5, 0.5))
@settings(max_examples=8, deadline=None)
def test_a_fraction_of_a_sample_is_found(fraction: float) -> None:
    heard = _placed(REFERENCE, 10_000, 3 * RATE)
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(len(heard)) * fraction)
    found = align(REFERENCE, np.fft.irfft(np.fft.rfft(heard) * turn, len(heard)), RATE)
    assert found.offset_frames == pytest.approx(10_000 + fraction, abs=0.05)
    assert found.correlation > 0.999


@given(seed=st.integers(0, 1_000))
@settings(max_examples=5, deadline=None)
def test_noise_and_other_speech_are_not_the_reference(seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(3 * RATE)
    for heard in (noise, murmur(3.0, seed=seed + 10)):
        found = align(REFERENCE, heard, RATE)
        assert found.correlation < 0.4
        assert found.copies == 0


@given(start_ms=st.integers(0, 850))
@settings(max_examples=8, deadline=None)
def test_a_missing_tenth_of_a_second_is_found_and_lowers_the_correlation(start_ms: int) -> None:
    heard = _placed(REFERENCE, 5_000, 2 * RATE)
    start = 5_000 + start_ms * RATE // 1000
    heard[start : start + RATE // 10] = 0.0
    found = align(REFERENCE, heard, RATE)
    assert found.gap_ms == pytest.approx(100, abs=15)
    assert found.gaps[0].start_ms == pytest.approx(start_ms, abs=10)
    assert found.correlation == pytest.approx(0.9, abs=0.1)  # by its energy


def test_a_pause_of_the_reference_itself_is_no_gap() -> None:
    spoken = np.concatenate([murmur(0.5, seed=1), np.zeros(RATE // 2), murmur(0.5, seed=2)])
    found = align(spoken, _placed(spoken, 4_000, 3 * RATE), RATE)
    assert found.gaps == ()
    assert found.correlation > 0.999


def test_an_announcement_played_twice_is_counted_twice() -> None:
    heard = _placed(REFERENCE, 0, 4 * RATE) + _placed(REFERENCE, 2 * RATE, 4 * RATE)
    assert align(REFERENCE, heard, RATE).copies == 2


def test_a_recording_that_began_late_shows_a_negative_place_and_a_low_correlation() -> None:
    found = align(REFERENCE, REFERENCE[RATE // 4 :], RATE)
    assert found.offset_frames == pytest.approx(-RATE // 4, abs=0.05)
    assert found.correlation == pytest.approx(0.75, abs=0.03)


def test_quiet_sound_is_found_beside_louder_sound() -> None:
    heard = 0.05 * _placed(REFERENCE, 2 * RATE, 4 * RATE) + _placed(chirp(1.0), 0, 4 * RATE)
    found = align(REFERENCE, heard, RATE)
    assert found.offset_frames == pytest.approx(2 * RATE, abs=0.05)
    assert found.correlation > 0.99


def test_sixteen_bit_integers_count_as_full_scale_one() -> None:
    heard = np.rint(_placed(REFERENCE, 100, 2 * RATE) * 16_384).astype(np.int16)
    assert align(REFERENCE, heard, RATE).gain_db == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize(("reference", "heard"), [([], [1.0]), ([1.0], []), ([0.0, 0.0], [1.0])])
def test_nothing_to_compare_is_said(reference: list[float], heard: list[float]) -> None:
    with pytest.raises(ValueError, match="nothing to correlate"):
        align(np.array(reference), np.array(heard), RATE)


@pytest.mark.parametrize("reference", [SPOKEN, CHIMED], ids=["speech", "with chimes"])
@given(slip_ms=st.floats(1.5, 20), slip_at=st.floats(0, 1), gap_at=st.floats(0, 0.95), hiss=st.integers(0, 9))
@settings(max_examples=3, deadline=None, phases=PHASES)
def test_a_slip_and_a_gap_are_told_and_the_announcement_is_still_the_one(
    reference: NDArray[np.float32], slip_ms: float, slip_at: float, gap_at: float, hiss: int
) -> None:
    at, slip, hole = round(slip_at * len(reference)), round(slip_ms * RATE / 1000), round(gap_at * len(reference))
    holed = np.concatenate([reference[:hole], np.zeros(RATE // 10), reference[hole + RATE // 10 :]])[: len(reference)]
    heard = _placed(np.concatenate([holed[:at], np.zeros(slip), holed[at:]]), RATE, len(reference) + 2 * RATE)
    heard += 0.001 * np.random.default_rng(hiss).standard_normal(len(heard))
    found = align(reference, heard, RATE)
    assert found.heard_once
    assert found.right_share >= 1 - 4 / len(found.windows)
    early, late = found.windows[0].offset_frames, found.windows[-1].offset_frames
    assert all(min(abs(place - RATE), abs(place - RATE - slip)) <= 2 for place in (early, late))
    assert sum(slipped.by_ms for slipped in found.slips) == pytest.approx((late - early) * 1000 / RATE, abs=1)


@given(seed=st.integers(100, 1_000), keep=st.floats(0, 0.7), echo_s=st.floats(0.04, 3), started=st.floats(0, 0.5))
@settings(max_examples=3, deadline=None, phases=PHASES)
def test_another_announcement_silence_a_part_or_a_doubled_playing_is_not_the_one(
    seed: int, keep: float, echo_s: float, started: float
) -> None:
    whole = _placed(SPOKEN, RATE, 7 * RATE)
    part = whole.copy()
    part[RATE + round(keep * len(SPOKEN)) :] = 0.0
    doubled = whole + _placed(SPOKEN, round((1 + echo_s) * RATE), 7 * RATE)
    begun_anew = whole.copy()
    at = RATE + round((1 - started) * len(SPOKEN))
    begun_anew[at : at + len(SPOKEN)] = SPOKEN
    for heard in (_placed(murmur(3.0, seed=seed), RATE, 7 * RATE), np.zeros(7 * RATE), part, doubled, begun_anew):
        assert not align(SPOKEN, heard, RATE).heard_once
