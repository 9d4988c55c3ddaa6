import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.live.encoder import Samples
from broadcast.live.leveller import (
    BLOCK_FRAMES,
    CEILING_DBTP,
    FALL_DB_PER_S,
    GATE_LUFS,
    LOOKAHEAD_FRAMES,
    MAX_GAIN_DB,
    MIN_GAIN_DB,
    RISE_DB_PER_S,
    TARGET_LUFS,
    Leveller,
)
from receivers.lab.trial.signals import murmur

BLOCK_S = BLOCK_FRAMES / 48_000
SOME = st.lists(
    st.tuples(st.sampled_from(["noise", "tone", "click", "silence", "square"]), st.floats(-60.0, 12.0)),
    min_size=1,
    max_size=25,
)


def levelled(sound: Samples, leveller: Leveller | None = None) -> Samples:
    leveller = leveller or Leveller()
    blocks = sound[: len(sound) // BLOCK_FRAMES * BLOCK_FRAMES].reshape(-1, BLOCK_FRAMES)
    return np.concatenate([leveller.process(block) for block in blocks])


def rms_db(sound: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12))


def true_peak_db(sound: Samples) -> float:
    """Eight times oversampled, by the spectrum: another way than the limiter's own."""
    spectrum = np.fft.rfft(sound)
    wide = np.zeros(len(sound) * 4 + 1, dtype=complex)
    wide[: len(spectrum)] = spectrum
    return float(20 * np.log10(np.abs(np.fft.irfft(wide, len(sound) * 8) * 8).max() + 1e-12))


def block(kind: str, level_db: float, seed: int) -> Samples:
    level, t = 10 ** (level_db / 20), np.arange(BLOCK_FRAMES)
    made = {
        "noise": np.fft.irfft(
            np.fft.rfft(np.random.default_rng(seed).standard_normal(BLOCK_FRAMES))[:320], BLOCK_FRAMES
        ),
        "tone": np.sin(2 * np.pi * (300 + 900 * (seed % 7)) * t / 48_000 + seed),
        "click": (t == 37 * seed % BLOCK_FRAMES) * 1.0,
        "silence": np.zeros(BLOCK_FRAMES),
        "square": np.sign(np.sin(2 * np.pi * 700 * t / 48_000)),
    }[kind]
    return np.asarray(level * made, dtype=np.float32)


@settings(max_examples=60)
@given(SOME)
def test_nothing_is_louder_than_the_ceiling(parts: list[tuple[str, float]]) -> None:
    sound = np.concatenate([block(kind, level_db, seed) for seed, (kind, level_db) in enumerate(parts)])
    quiet = np.zeros(BLOCK_FRAMES, dtype=np.float32)
    out = levelled(np.concatenate((quiet, sound, quiet)))
    assert true_peak_db(out) <= CEILING_DBTP + 0.5


@settings(max_examples=60)
@given(SOME)
def test_the_gain_moves_slowly_and_within_its_limits(parts: list[tuple[str, float]]) -> None:
    leveller, before_db = Leveller(), 0.0
    for seed, (kind, level_db) in enumerate(parts):
        leveller.process(block(kind, level_db, seed))
        step_db = leveller.gain_db - before_db
        assert -FALL_DB_PER_S * BLOCK_S - 1e-9 <= step_db <= RISE_DB_PER_S * BLOCK_S + 1e-9
        assert MIN_GAIN_DB <= leveller.gain_db <= MAX_GAIN_DB
        before_db = leveller.gain_db


@settings(max_examples=8)
@given(st.lists(st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.1]), min_size=4, max_size=4))
def test_what_is_no_sound_does_no_harm(values: list[float]) -> None:
    leveller = Leveller()
    bad = np.resize(np.array(values, dtype=np.float32), BLOCK_FRAMES)
    out = np.concatenate([leveller.process(bad), levelled(murmur(2.0, seed=3, level=0.1), leveller)])
    assert np.isfinite(out).all()
    assert rms_db(out[-BLOCK_FRAMES * 20 :]) > -40


@pytest.mark.parametrize("level", [0.01, 0.05, 0.3, 1.0])
def test_soft_and_loud_speakers_come_to_one_loudness(level: float) -> None:
    leveller = Leveller()
    levelled(murmur(8.0, seed=5, level=level), leveller)
    speech = murmur(4.0, seed=6, level=level)
    # The murmur is noise from 150 Hz to 2 kHz, which the standard's filter raises by less than 1 dB.
    wanted_db = min(TARGET_LUFS, rms_db(speech) + MAX_GAIN_DB)
    assert rms_db(levelled(speech, leveller)) == pytest.approx(wanted_db, abs=1.5)


def test_a_pause_is_not_filled_with_noise() -> None:
    leveller = Leveller()
    levelled(murmur(6.0, seed=7, level=0.1), leveller)
    speaking_db = leveller.gain_db
    noise = murmur(5.0, seed=8, level=0.1 * 10 ** (-30 / 20))
    levelled(noise, leveller)
    assert leveller.gain_db <= speaking_db + 0.5


@given(st.floats(0.0, 10 ** ((GATE_LUFS - 6) / 20)))
@settings(max_examples=10)
def test_silence_is_left_alone(level: float) -> None:
    leveller = Leveller()
    levelled(murmur(1.0, seed=9, level=1.0) * np.float32(level), leveller)
    assert leveller.gain_db == 0.0


def test_a_second_speaker_who_is_softer_is_brought_up_in_time() -> None:
    leveller = Leveller()
    levelled(murmur(6.0, seed=10, level=0.3), leveller)
    levelled(murmur(25.0, seed=11, level=0.3 * 10 ** (-15 / 20)), leveller)
    out = levelled(murmur(3.0, seed=12, level=0.3 * 10 ** (-15 / 20)), leveller)
    assert rms_db(out) == pytest.approx(TARGET_LUFS, abs=2.0)


def test_sound_below_the_ceiling_is_only_late() -> None:
    sound = murmur(0.2, seed=13, level=0.002)  # under the gate: the gain stays as it was
    out = levelled(sound)
    assert np.allclose(out[LOOKAHEAD_FRAMES:], sound[: len(out) - LOOKAHEAD_FRAMES], atol=1e-6)


def test_a_block_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="960"):
        Leveller().process(np.zeros(100, dtype=np.float32))
