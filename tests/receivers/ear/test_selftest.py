"""When the node chirps, in the time zone of the place, and when it does not."""

from dataclasses import replace as replaced
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.clock import to_us
from broadcast.wire.documents import Amplifier, Heard, Hearing, QuietHours, ReceiverSettings, Rules, SelfTest
from receivers import plan
from receivers.ear.selftest import CHIRP_US, FREE_US, LEAD_US, Done, SelfTests, chirp, due, is_chirp, level_dbfs
from receivers.ear.tester import MARK, SOUND, SelfTester
from receivers.sound.cue import RATE_HZ, Cue, Played, check_plan

S = 1_000_000
H = 3600 * S
TEN = to_us(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))  # 10:00 in Vietnam
AT_TEN = ReceiverSettings(
    target="r1", number=1, issued_us=1, expires_us=2**52, zone_path=("z",), self_test=SelfTest(minute=600)
)
FILE = Path("chirp.wav")
HEARD = Heard(verdict=Hearing.HEARD, correlation=0.9, delay_us=3000, level_dbfs=-50.0)
DEAF = Heard(verdict=Hearing.NOT_HEARD, correlation=0.0, level_dbfs=-90.0)


def asked(at_us: int) -> ReceiverSettings:
    return replace(AT_TEN, self_test=SelfTest(asked_us=at_us))


def record(cue: Cue, heard: Heard | None = HEARD, *, finished: bool = True) -> Played:
    return Played(
        key=cue.key,
        planned_start_us=cue.start_us,
        start_us=cue.start_us,
        start_error_us=0,
        late_us=0,
        end_us=cue.end_us,
        frames_played=RATE_HZ // 2,
        gap_us=0,
        underruns=0,
        rms_dbfs=-40.0,
        peak_dbfs=-37.0,
        clipped_frames=0,
        finished=finished,
        error=None,
        heard=heard,
    )


def airing(start_us: int, seconds: int = 60) -> Cue:
    return Cue("a~1~0", FILE, start_us, 0, start_us + seconds * S)


def the_chirp(tests: SelfTests, now_us: int, settings: ReceiverSettings = AT_TEN, *others: Cue) -> Cue | None:
    """The chirp in the plan, which any player takes."""
    cues = check_plan(tests.add(others, settings, now_us, None))
    assert set(others) <= set(cues)
    return next((cue for cue in cues if is_chirp(cue.key)), None)


@pytest.mark.parametrize(
    ("after_us", "wanted"), [(-1, False), (0, True), (H - 1, True), (H, False), (23 * H, False), (24 * H, True)]
)
def test_each_day_at_its_local_minute_or_within_the_hour(after_us: int, wanted: bool) -> None:
    cue = the_chirp(SelfTests(FILE, Done()), TEN + after_us)
    assert (cue is not None) == wanted


def test_once_a_day_and_days_missed_are_not_made_up() -> None:
    tests = SelfTests(FILE, Done())
    cue = the_chirp(tests, TEN)
    assert cue is not None
    assert the_chirp(tests, TEN + S) == cue
    assert tests.take(record(cue), cue.end_us + 2 * S)
    assert tests.done.result is not None
    assert (tests.done.result.at_us, tests.done.result.heard) == (cue.start_us, HEARD)
    assert all(the_chirp(tests, TEN + minutes * 60 * S) is None for minutes in range(1, 24 * 60))
    assert the_chirp(tests, TEN + 24 * H) is not None
    again = SelfTests(FILE, tests.done)
    assert the_chirp(again, TEN + 60 * S) is None
    assert the_chirp(again, TEN + 20 * 24 * H) is not None


def test_what_the_centre_asks_for_is_done_once_within_the_hour() -> None:
    tests = SelfTests(FILE, Done())
    assert the_chirp(tests, TEN + H, asked(TEN)) is None
    cue = the_chirp(tests, TEN + H - S, asked(TEN))
    assert cue is not None
    tests.take(record(cue), cue.end_us + S)
    assert the_chirp(tests, TEN + H - S, asked(TEN)) is None
    assert the_chirp(tests, TEN + H - S, asked(TEN - S)) is None
    assert the_chirp(tests, TEN + H, asked(TEN + S)) is not None


def test_quiet_hours_are_quiet_but_for_someone_at_the_node() -> None:
    quiet = Rules(quiet_hours=(QuietHours(start_minute=590, end_minute=700),))
    tests = SelfTests(FILE, Done())
    assert the_chirp(tests, TEN, replace(AT_TEN, rules=quiet)) is None
    assert the_chirp(tests, TEN, replace(asked(TEN), rules=quiet)) is None
    tests.ask(TEN)
    cue = the_chirp(tests, TEN, replace(AT_TEN, rules=quiet, self_test=None))
    assert cue is not None
    tests.take(record(cue), cue.end_us + S)
    assert the_chirp(tests, cue.end_us + S, replace(AT_TEN, rules=quiet, self_test=None)) is None


def test_who_asked_at_the_node_is_not_answered_in_the_night() -> None:
    quiet = replace(AT_TEN, self_test=None, rules=Rules(quiet_hours=(QuietHours(start_minute=630, end_minute=700),)))
    tests = SelfTests(FILE, Done())
    tests.ask(TEN)
    busy = airing(TEN - S, 3600)
    assert tests.add((busy,), quiet, TEN, busy.key) == (busy,)
    assert the_chirp(tests, TEN + H, quiet) is None


def test_it_waits_for_silence_and_for_what_is_about_to_sound() -> None:
    tests = SelfTests(FILE, Done())
    assert tests.add((), AT_TEN, TEN, "a~1~0") == ()
    assert the_chirp(tests, TEN, AT_TEN, airing(TEN - 10 * S)) is None
    assert the_chirp(tests, TEN, AT_TEN, airing(TEN + FREE_US - S)) is None
    assert the_chirp(tests, TEN, AT_TEN, airing(TEN + FREE_US)) is not None


def test_an_airing_takes_its_place_and_it_is_tried_again() -> None:
    tests = SelfTests(FILE, Done())
    cue = the_chirp(tests, TEN)
    assert cue is not None
    emergency = airing(cue.start_us - S, seconds=20)
    assert the_chirp(tests, TEN + S, AT_TEN, emergency) is None
    assert tests.take(record(cue, finished=False), cue.end_us)
    assert tests.done == Done()
    assert the_chirp(tests, TEN + 30 * S) is None
    assert the_chirp(tests, TEN + 120 * S) is not None


def test_a_record_that_never_comes_is_not_waited_for() -> None:
    tests = SelfTests(FILE, Done())
    assert the_chirp(tests, TEN) is not None
    assert the_chirp(tests, TEN + 40 * S) is None
    assert tests.done == Done()
    assert the_chirp(tests, TEN + 150 * S) is not None


@given(st.integers(0, 2**51), st.integers(0, 2**51))
def test_a_clock_that_was_wrong_costs_a_day_at_most(wrong_us: int, right_us: int) -> None:
    marked = due(AT_TEN, Done(), wrong_us) or Done()
    days = [right_us + hours * H for hours in range(73)]
    assert any(due(AT_TEN, marked, now_us) is not None for now_us in days)


def test_an_asking_by_a_clock_that_was_ahead_keeps_no_later_one_waiting() -> None:
    ahead = Done(asked_us=TEN + 48 * H)
    assert due(asked(TEN + 48 * H), ahead, TEN) is None
    assert due(asked(TEN), ahead, TEN) == Done(asked_us=TEN)


def test_a_clock_set_back_while_it_waits_does_not_hold_it_for_ever() -> None:
    tests = SelfTests(FILE, Done())
    assert the_chirp(tests, TEN + 24 * H) is not None
    assert the_chirp(tests, TEN - S) is None
    assert the_chirp(tests, TEN + 120 * S) is not None


def test_it_starts_late_enough_for_the_amplifier_at_the_level_set() -> None:
    settings = replace(AT_TEN, amplifier=Amplifier(lead_us=3 * S), self_test=SelfTest(minute=600, level_dbfs=-30.0))
    cue = the_chirp(SelfTests(FILE, Done()), TEN, settings)
    assert cue is not None
    assert (cue.start_us, cue.end_us - cue.start_us) == (TEN + LEAD_US + 3 * S, CHIRP_US)
    assert level_dbfs(chirp()) + cue.gain_db == pytest.approx(-30.0)
    assert not any(plan.is_stand_in(part) for part in [plan.key_parts(cue.key)[0]])


def test_the_sound_is_short_soft_at_both_ends_and_never_clips() -> None:
    sound = chirp()
    assert len(sound) == RATE_HZ // 2
    assert np.abs(sound[[0, -1]]).max() == 0
    assert 20_000 < np.abs(sound).max() < 32_767
    assert np.abs(np.diff(sound.astype(float), n=2)).max() < 0.2 * 32_767


def test_what_was_done_outlives_a_restart_and_a_broken_mark_does_not_stop_it(tmp_path: Path) -> None:
    tester = SelfTester(tmp_path)
    tester.open()
    cue = the_chirp_of(tester)
    assert cue.path.read_bytes()[:4] == b"OggS"
    assert tester.take(record(cue, DEAF), cue.end_us)
    assert tester.fault is not None
    again = SelfTester(tmp_path)
    again.open()
    assert again.result == tester.result
    assert again.fault is not None
    assert again.add((), AT_TEN, TEN + 60 * S, None) == ()
    assert not again.take(replaced(record(cue), key="a~1~0"), TEN)
    assert again.fault is None
    (tmp_path / MARK).write_bytes(b"{")
    (tmp_path / SOUND).write_bytes(b"")
    broken = SelfTester(tmp_path)
    broken.open()
    assert broken.result is None
    broken.take(replaced(record(cue), error="cannot be decoded"), TEN)
    assert the_chirp_of(broken).path.read_bytes()[:4] == b"OggS"


def the_chirp_of(tester: SelfTester) -> Cue:
    (cue,) = tester.add((), AT_TEN, TEN, None)
    return cue
