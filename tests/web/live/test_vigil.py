"""When a talk ends by itself."""

import numpy as np
import pytest

from web.live.vigil import END_US, GONE_US, WARN_US, Verdict, Vigil, level_dbfs

LIMIT_US = 600_000_000
SPEAK_US = 3_000_000
STEP_US = 100_000
SPEECH, ROOM = -24.0, -60.0


def spoken(upto_us: int, level: float, since_us: int = SPEAK_US) -> Vigil:
    vigil = Vigil(LIMIT_US, SPEAK_US)
    for now_us in range(0, since_us, STEP_US):
        vigil.came(now_us, SPEECH)
    for now_us in range(since_us, upto_us, STEP_US):
        vigil.came(now_us, level)
    return vigil


def test_speech_goes_on_up_to_the_limit_after_the_chime() -> None:
    vigil = spoken(SPEAK_US + LIMIT_US, SPEECH)
    assert vigil.verdict(SPEAK_US + LIMIT_US - STEP_US) is Verdict.GOES_ON
    assert vigil.verdict(SPEAK_US + LIMIT_US) is Verdict.LIMIT


def test_two_seconds_without_a_packet_end_it() -> None:
    vigil = spoken(10_000_000 + STEP_US, SPEECH)
    assert vigil.verdict(10_000_000 + GONE_US - 1) is Verdict.GOES_ON
    assert vigil.verdict(10_000_000 + GONE_US) is Verdict.GONE


def test_a_microphone_that_is_not_there_yet_has_until_after_the_chime() -> None:
    vigil = Vigil(LIMIT_US, SPEAK_US)
    assert vigil.verdict(SPEAK_US + GONE_US - 1) is Verdict.GOES_ON
    assert vigil.verdict(SPEAK_US + GONE_US) is Verdict.GONE


def test_a_room_in_which_nobody_speaks_is_warned_of_and_then_ended() -> None:
    quiet_us = 10_000_000
    vigil = spoken(quiet_us + END_US + STEP_US, ROOM, since_us=quiet_us + STEP_US)
    assert not vigil.silent(quiet_us + WARN_US - 1)
    assert vigil.silent(quiet_us + WARN_US)
    assert vigil.verdict(quiet_us + END_US - 1) is Verdict.GOES_ON
    assert vigil.verdict(quiet_us + END_US) is Verdict.SILENCE


def test_a_word_takes_the_warning_away() -> None:
    vigil = spoken(SPEAK_US + WARN_US + STEP_US, ROOM)
    assert vigil.silent(SPEAK_US + WARN_US)
    vigil.came(SPEAK_US + WARN_US, SPEECH)
    assert not vigil.silent(SPEAK_US + WARN_US)


@pytest.mark.parametrize(("scale", "expected"), [(1.0, -3.01), (0.1, -23.01), (0.0, -120.0)])
def test_the_level_is_the_rms(scale: float, expected: float) -> None:
    tone = scale * np.sin(2 * np.pi * np.arange(960) / 96)
    assert level_dbfs(tone.astype(np.float32)) == pytest.approx(expected, abs=0.01)
