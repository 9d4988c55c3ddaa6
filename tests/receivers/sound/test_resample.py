import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receivers.lab.trial.signals import murmur
from receivers.sound.cue import RATE_HZ
from receivers.sound.mixer import Samples
from receivers.sound.resample import AFTER, BEFORE, RIPPLE, Positions, interpolate

COUNT = 960


def _at(samples: Samples, positions: Positions) -> Samples:
    """`interpolate` on the stretch that it asks for."""
    low, high = int(positions[0]) - BEFORE, int(positions[-1]) + AFTER
    return interpolate(samples[low : high + 1], positions)


@pytest.mark.parametrize("hertz", [100, 1_000, 4_000, 8_000, 12_000, 16_000])
@pytest.mark.parametrize("ppm", [-500, -100, 3, 500])
def test_a_tone_stays_a_tone(hertz: int, ppm: int) -> None:
    """Distortion and noise, against the tone at the very positions."""
    frames = np.arange(RATE_HZ)
    positions = 50.3 + np.arange(40_000) * (1 + ppm / 1e6)
    heard = _at(np.sin(2 * np.pi * hertz * frames / RATE_HZ).astype(np.float32), positions)
    wrong = heard - np.sin(2 * np.pi * hertz * positions / RATE_HZ)
    assert np.abs(wrong).max() <= RIPPLE
    assert 10 * np.log10(np.mean(wrong**2) / 0.5) <= -80


def test_speech_is_what_an_ideal_resampler_makes_of_it() -> None:
    speech = murmur(4.0, seed=3)
    stretch = 1.0001
    positions = 1_000 + np.arange(150_000) * stretch
    spectrum, size = np.fft.rfft(speech), len(speech)
    turns = np.arange(len(spectrum)) / size
    some = np.arange(0, 150_000, 997)
    ideal = np.array([2 * np.real(np.sum(spectrum * np.exp(2j * np.pi * turns * positions[at]))) / size for at in some])
    heard = _at(speech, positions)[some]
    assert np.corrcoef(heard, ideal)[0, 1] >= 0.999_999


@given(fraction=st.floats(0, 0.999), ppm=st.floats(-500, 500), cut=st.integers(1, COUNT - 1))
@settings(max_examples=50)
def test_blocks_join_without_a_seam(fraction: float, ppm: float, cut: int) -> None:
    sound = murmur(0.1, seed=4)
    positions = 100 + fraction + np.arange(COUNT) * (1 + ppm / 1e6)
    parts = np.concatenate([_at(sound, positions[:cut]), _at(sound, positions[cut:])])
    assert parts == pytest.approx(_at(sound, positions), abs=1e-5)


@given(before=st.floats(-500, 500), after=st.floats(-500, 500), hertz=st.integers(50, 8_000))
@settings(max_examples=50)
def test_a_new_pace_makes_no_step(before: float, after: float, hertz: int) -> None:
    frames = np.arange(3 * COUNT)
    tone = np.sin(2 * np.pi * hertz * frames / RATE_HZ).astype(np.float32)
    first = 100 + np.arange(COUNT) * (1 + before / 1e6)
    second = first[-1] + (1 + after / 1e6) * (1 + np.arange(COUNT))
    heard = np.concatenate([_at(tone, first), _at(tone, second)])
    steepest = 2 * np.pi * hertz / RATE_HZ * (1 + 500 / 1e6)
    assert np.abs(np.diff(heard)).max() <= steepest + 2 * RIPPLE
