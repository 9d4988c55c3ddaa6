"""What counts as heard, by sounds with known truth: `signals.murmur` stands for speech, each seed for another voice."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.wire.documents import Heard, Hearing
from receivers.ear.compare import BAND_HZ, EAR_HZ, EARLY, LATE, Comparison, Signal, compare, verdict
from receivers.ear.selftest import chirp
from receivers.lab.trial.signals import murmur

SECONDS = 4


@cache
def voice(seed: int, seconds: float = SECONDS) -> Signal:
    """Speech-like, RMS 0.1 (-20 dBFS), with pauses as speech has them."""
    sound = murmur(seconds, seed, level=1.0)[::6]
    words = np.repeat(np.random.default_rng(seed).random(int(seconds * 5) + 1) > 0.25, EAR_HZ // 5)
    words[: EAR_HZ // 5] = True
    sound = sound * words[: len(sound)]
    return np.asarray(0.1 * sound / np.sqrt(np.mean(sound**2)), dtype=np.float32)


@cache
def chirped() -> Signal:
    return np.asarray(chirp()[::6] / 32_768, dtype=np.float32)


def noise(seed: int, samples: int, hz: float = 0.0) -> Signal:
    """Noise in the band of speech, or (`hz`) wind that falls off above so many hertz; RMS 0.1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / EAR_HZ)
    spectrum *= np.maximum(hertz / hz, 1.0) ** -2 if hz else (hertz > BAND_HZ[0]) & (hertz < BAND_HZ[1])
    sound = np.fft.irfft(spectrum, samples)
    return np.asarray(0.1 * sound / np.sqrt(np.mean(sound**2)), dtype=np.float32)


def tones(samples: int, *hertz: float) -> Signal:
    t = np.arange(samples) / EAR_HZ
    return np.asarray(sum(0.1 * np.sin(2 * np.pi * hz * t) for hz in hertz), dtype=np.float32)


def at_ear(written: Signal, delay_ms: float = 10.0) -> Signal:
    """What a microphone in a quiet place gives."""
    ear = np.zeros(len(written) + EARLY + LATE, dtype=np.float32)
    first = EARLY + round(delay_ms * EAR_HZ / 1000)
    ear[first : first + len(written)] = written[: len(ear) - first]
    return ear


def judge(written: Signal, ear: Signal) -> Heard:
    found = compare(written, ear)
    assert found is not None
    told = verdict([found])
    assert told is not None
    return told


def db(gain_db: float) -> np.float32:
    return np.float32(10 ** (gain_db / 20))


@given(st.floats(-99, 2000), st.floats(-60, 20), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_copy_is_heard_at_any_delay_and_level_turned_round_or_not(
    delay_ms: float, gain_db: float, turned: bool, short: bool
) -> None:
    written = chirped() if short else voice(1)
    told = judge(written, at_ear(written * db(gain_db) * (-1 if turned else 1), delay_ms))
    assert told.verdict is Hearing.HEARD
    assert told.correlation > 0.99
    assert told.delay_us is not None
    assert abs(told.delay_us / 1000 - delay_ms) < 1
    own_dbfs = 10 * np.log10(np.mean(written.astype(np.float64) ** 2))
    assert told.level_dbfs == pytest.approx(own_dbfs + gain_db, abs=0.1)


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize(
    ("snr_db", "wanted"),
    [(20, "heard"), (0, "heard"), (-3, "heard"), (-8, "faint"), (-10, "faint"), (-25, "not_heard"), (-60, "not_heard")],
)
def test_the_verdict_follows_the_noise(snr_db: float, wanted: str, short: bool) -> None:
    for seed in range(8):
        written = voice(seed) if not short else chirped() * np.float32(0.1 / np.sqrt(np.mean(chirped() ** 2)))
        ear = at_ear(written) * db(-10) + noise(seed, len(at_ear(written))) * db(-10 - snr_db)
        told = judge(written, ear)
        assert told.verdict == wanted
        assert (told.delay_us is None) == (wanted == "not_heard")
        assert told.delay_us is None or abs(told.delay_us - 10_000) < 1000


@given(st.integers(0, 2**31), st.integers(0, 2**31), st.floats(-40, 20), st.sampled_from([0.5, 1.0, 2.0, 4.0]))
@settings(max_examples=60, deadline=None)
def test_another_voice_or_noise_is_not_heard(seed: int, other: int, gain_db: float, seconds: float) -> None:
    written = voice(seed % 50, seconds)
    samples = len(written) + EARLY + LATE
    another = np.resize(voice(50 + other % 50, seconds + 2), samples) * db(gain_db)
    for ear in (another, noise(other, samples) * db(gain_db), another + noise(other, samples)):
        told = judge(written, ear)
        assert told.verdict is Hearing.NOT_HEARD
        assert told.delay_us is None


@pytest.mark.parametrize("gain_db", [-20, 0, 20])
def test_hum_wind_and_tones_are_not_taken_for_it_and_do_not_hide_it(gain_db: float) -> None:
    written = voice(3)
    samples = len(at_ear(written))
    others = [tones(samples, *range(50, 1000, 50)), noise(1, samples, hz=60), tones(samples, 1234.5)]
    for other in others:
        assert judge(written, other * db(gain_db)).verdict is Hearing.NOT_HEARD
        assert judge(written, at_ear(written) + other * db(gain_db)).verdict is Hearing.HEARD


def test_silence_is_not_heard_and_the_level_is_a_number() -> None:
    told = judge(voice(1), np.zeros(len(at_ear(voice(1))), dtype=np.float32))
    assert told == Heard(verdict=Hearing.NOT_HEARD, correlation=0.0, delay_us=None, level_dbfs=-120.0)


def test_horns_that_come_one_after_the_other_are_heard() -> None:
    written = voice(4)
    two = at_ear(written, 10) + at_ear(written, 310)
    assert judge(written, two).verdict is Hearing.HEARD
    assert judge(written, two + at_ear(written, 520) * db(-3)).verdict is Hearing.HEARD


@pytest.mark.parametrize("direct_db", [6, 0, -3])
def test_a_valley_that_echoes_is_heard(direct_db: float) -> None:
    written = voice(5)
    tail = np.random.default_rng(1).standard_normal(int(1.2 * EAR_HZ)) * np.logspace(0, -3, int(1.2 * EAR_HZ))
    tail *= db(-direct_db) / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    ear = np.convolve(at_ear(written), tail)[: len(at_ear(written))].astype(np.float32)
    told = judge(written, ear)
    assert told.verdict is Hearing.HEARD
    assert told.delay_us is not None
    assert abs(told.delay_us - 10_000) < 1000


def test_clipping_and_compression_do_not_hide_it() -> None:
    ear = at_ear(voice(6))
    assert judge(voice(6), np.clip(ear * 20, -0.3, 0.3)).verdict is Hearing.HEARD
    assert judge(voice(6), np.sign(ear) * np.abs(ear) ** np.float32(0.5)).verdict is Hearing.HEARD


@given(st.integers(0, 30), st.floats(-90, 40), st.floats(-30, 40))
@settings(max_examples=25, deadline=None)
def test_gain_changes_the_level_and_nothing_else(seed: int, ear_db: float, written_db: float) -> None:
    written = voice(1)
    ear = at_ear(written) + noise(seed, len(at_ear(written))) * db(6)
    one, other = compare(written, ear), compare(written * db(written_db), ear * db(ear_db))
    assert one is not None
    assert other is not None
    assert other.share == pytest.approx(one.share, abs=1e-4)
    assert (other.delay_us, other.recognised) == (one.delay_us, one.recognised)
    assert other.level_dbfs == pytest.approx(max(-120, one.level_dbfs + ear_db), abs=0.01)


@pytest.mark.parametrize(
    "written",
    [
        np.zeros(SECONDS * EAR_HZ, dtype=np.float32),
        voice(1) * db(-45),
        voice(1)[: EAR_HZ // 5],
        tones(SECONDS * EAR_HZ, 440.0),
        np.zeros(0, dtype=np.float32),
    ],
    ids=["silence", "too quiet", "too short", "a tone", "nothing"],
)
def test_what_proves_nothing_has_no_verdict(written: Signal) -> None:
    assert compare(written, at_ear(written, 0)) is None
    assert verdict([]) is None


@given(st.sampled_from([0.0, 1e-30, 1e-6, 1.0, 1e6, 1e18]), st.sampled_from([0.0, 1e-30, 1.0, 1e18]))
def test_no_figure_is_ever_not_a_number(written_gain: float, ear_gain: float) -> None:
    found = compare(voice(2) * np.float32(written_gain), at_ear(voice(2)) * np.float32(ear_gain))
    told = verdict([found]) if found else None
    if told is not None:
        assert np.isfinite([told.correlation, told.level_dbfs or 0, told.delay_us or 0]).all()
        assert 0 <= told.correlation <= 1


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        compare(voice(1), voice(1))


def test_a_piece_is_judged_by_the_half_of_it() -> None:
    good = Comparison(share=0.9, recognised=True, delay_us=10_000, level_dbfs=-20.0, energy=1.0)
    lost = replace(good, share=0.001, recognised=False, delay_us=1_700_000, level_dbfs=-70.0)
    faint = replace(good, share=0.1, delay_us=11_000)

    def hearing(*comparisons: Comparison) -> Hearing | None:
        told = verdict(comparisons)
        return told.verdict if told else None

    assert hearing(good, good, lost) is Hearing.HEARD
    assert hearing(good, lost, lost) is Hearing.NOT_HEARD
    assert hearing(good, lost) is Hearing.NOT_HEARD
    assert hearing(faint, faint, good, lost) is Hearing.FAINT
    assert hearing(replace(good, energy=5.0), lost, lost) is Hearing.HEARD
    told = verdict([good, replace(good, delay_us=10_500), lost])
    assert told is not None
    assert told.delay_us == 10_000
