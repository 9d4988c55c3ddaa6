from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from receivers.lab.correlate import align
from receivers.lab.signals import chirp, murmur

RATE = 48_000
REFERENCE = murmur(1.0, seed=7)


def _placed(sound: NDArray[Any], at: int, length: int) -> NDArray[np.float64]:
    heard = np.zeros(length)
    heard[at : at + len(sound)] = sound
    return heard


@given(delay=st.integers(0, 2 * RATE), gain=st.floats(0.01, 0.9))
@settings(max_examples=25, deadline=None)
def test_any_delay_is_found_exactly_at_any_gain(delay: int, gain: float) -> None:
    found = align(REFERENCE, gain * _placed(REFERENCE, delay, 3 * RATE), RATE)
    assert found.offset_frames == pytest.approx(delay, abs=0.01)
    assert found.correlation > 0.999
    assert found.gain_db == pytest.approx(20 * np.log10(gain), abs=0.1)
    assert (found.gaps, found.copies) == ((), 1)


@given(fraction=st.floats(-0.5, 0.5))
@settings(max_examples=20, deadline=None)
def test_a_fraction_of_a_sample_is_found(fraction: float) -> None:
    heard = _placed(REFERENCE, 10_000, 3 * RATE)
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(len(heard)) * fraction)
    found = align(REFERENCE, np.fft.irfft(np.fft.rfft(heard) * turn, len(heard)), RATE)
    assert found.offset_frames == pytest.approx(10_000 + fraction, abs=0.05)
    assert found.correlation > 0.999


@given(seed=st.integers(0, 1_000))
@settings(max_examples=15, deadline=None)
def test_noise_and_other_speech_are_not_the_reference(seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(3 * RATE)
    for heard in (noise, murmur(3.0, seed=seed + 10)):
        found = align(REFERENCE, heard, RATE)
        assert found.correlation < 0.3
        assert found.copies == 0


@given(start_ms=st.integers(0, 850))
@settings(max_examples=25, deadline=None)
def test_a_missing_tenth_of_a_second_is_found_and_lowers_the_correlation(start_ms: int) -> None:
    heard = _placed(REFERENCE, 5_000, 2 * RATE)
    start = 5_000 + start_ms * RATE // 1000
    heard[start : start + RATE // 10] = 0.0
    found = align(REFERENCE, heard, RATE)
    assert found.gap_ms == pytest.approx(100, abs=15)
    assert found.gaps[0].start_ms == pytest.approx(start_ms, abs=10)
    assert found.correlation == pytest.approx(0.9, abs=0.02)
    assert found.lowest < 0.1


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
