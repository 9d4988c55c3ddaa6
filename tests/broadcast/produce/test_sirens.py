"""The siren tones, judged by their spectrum: what the table in `sirens` says is what sounds."""

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from broadcast.produce.graph import Loudness
from broadcast.produce.producer import Producer
from broadcast.produce.request import FileSource, ProduceRequest, Recipe
from broadcast.produce.sirens import LOUDER_LU, PATTERNS, RATE_HZ, Siren, siren

WINDOW = 4096


def pitches(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """The strongest pitch in Hz of each window of 85 ms, to a fraction of a bin."""
    found = []
    shape = np.hanning(WINDOW)
    for start in range(0, samples.size - WINDOW, WINDOW // 4):
        spectrum = np.abs(np.fft.rfft(samples[start : start + WINDOW] * shape, 8 * WINDOW))
        found.append(spectrum.argmax() * RATE_HZ / (8 * WINDOW))
    return np.array(found)


@pytest.mark.parametrize("kind", Siren)
def test_a_siren_lies_within_what_a_horn_gives(kind: Siren) -> None:
    samples = siren(kind)
    power = np.abs(np.fft.rfft(samples)) ** 2
    pitch_hz = np.fft.rfftfreq(samples.size, 1 / RATE_HZ)
    assert power[(pitch_hz >= 400) & (pitch_hz <= 3000)].sum() > 0.999 * power.sum()
    assert samples.size / RATE_HZ == PATTERNS[kind].length_s


@pytest.mark.parametrize("kind", Siren)
def test_a_siren_begins_and_ends_without_a_click(kind: Siren) -> None:
    samples = siren(kind).astype(float)
    assert max(abs(samples[0]), abs(samples[-1])) < 50
    # no step bends faster than the highest pitch, an octave above the fundamental, can at this peak
    turns = 2 * np.pi * 2 * PATTERNS[kind].high_hz / RATE_HZ
    assert np.abs(np.diff(samples, 2)).max() < np.abs(samples).max() * turns**2
    edges = np.concatenate([samples[: RATE_HZ // 100], samples[-RATE_HZ // 100 :]])
    assert np.abs(edges).max() < 0.3 * np.abs(samples).max()


def test_the_alarm_rises_and_falls_evenly_between_its_ends() -> None:
    found = pitches(siren(Siren.RISE_FALL))
    assert found.min() == pytest.approx(500, rel=0.02)
    assert found.max() == pytest.approx(1200, rel=0.02)
    middle = 500 * (1200 / 500) ** 0.5
    crossings = np.count_nonzero(np.diff(found > middle))
    assert crossings == 2 * PATTERNS[Siren.RISE_FALL].periods


def test_the_all_clear_stays_where_it_is() -> None:
    assert np.abs(pitches(siren(Siren.STEADY)) - 970).max() < 3


def test_the_evacuation_alternates_between_two_pitches_only() -> None:
    found = pitches(siren(Siren.ALTERNATING))
    near = [np.abs(found - pitch) < 6 for pitch in (800, 970)]
    assert np.mean(near[0]) == pytest.approx(0.5, abs=0.1)
    assert np.mean(near[1]) == pytest.approx(0.5, abs=0.1)
    settled = found[near[0] | near[1]]
    assert np.count_nonzero(np.diff(settled > 885)) == 2 * PATTERNS[Siren.ALTERNATING].periods - 1


def test_a_produced_siren_is_louder_than_speech_and_does_not_clip(
    tmp_path: Path, producer: Producer, heard: Callable[[Path], Loudness]
) -> None:
    source = tmp_path / "siren.wav"
    with wave.open(str(source), "wb") as writer:
        writer.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        writer.writeframes(siren(Siren.RISE_FALL).tobytes())
    made = producer.produce(ProduceRequest(FileSource(source), Recipe(opening=None), LOUDER_LU))
    after = heard(producer.media.path(made.sha256))
    assert after.integrated_lufs == pytest.approx(-16 + LOUDER_LU, abs=1)
    assert after.true_peak_dbtp < -2
    assert made.size_bytes < 80_000
