from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receivers.sound.anchor import SLIP_US, US_PER_FRAME, Anchor, Timebase, to_monotonic_us

BLOCK = 960
T0_US = 5_000_000_000.0
# What a stamp is wrong by, as measured through PulseAudio: a little late at most, early by up to 1.6 ms.
ERRORS = st.lists(st.floats(-1_600, 100), min_size=100, max_size=100)


def _feed(
    anchor: Anchor, blocks: range, drift_ppm: float = 0.0, late_us: float = 0.0, errors: list[float] | None = None
) -> None:
    for block in blocks:
        frame = block * BLOCK
        true_us = T0_US + frame * US_PER_FRAME * (1 + drift_ppm / 1e6) + late_us
        anchor.add(frame, true_us + (errors[block % len(errors)] if errors else 0.0))


def _line(anchor: Anchor) -> Timebase:
    line = anchor.timebase
    assert line is not None
    return line


@given(errors=ERRORS)
@settings(max_examples=50)
def test_the_estimate_lies_within_what_the_stamps_are_wrong_by(errors: list[float]) -> None:
    anchor = Anchor()
    _feed(anchor, range(103), errors=errors)
    assert -1_600 <= _line(anchor).us_at(0) - T0_US <= 100
    assert anchor.slips == 0


@given(wrong_us=st.floats(-20_000, 20_000))
def test_the_first_three_callbacks_change_nothing(wrong_us: float) -> None:
    anchor = Anchor()
    for block in range(3):
        anchor.add(block * BLOCK, T0_US + block * 20_000 + wrong_us)
    _feed(anchor, range(3, 30))
    assert _line(anchor).us_at(0) == pytest.approx(T0_US, abs=1)


def test_nothing_is_known_before_eleven_callbacks() -> None:
    anchor = Anchor()
    _feed(anchor, range(10))
    assert anchor.timebase is None
    _feed(anchor, range(10, 11))
    assert anchor.timebase is not None


@given(drift_ppm=st.floats(-300, 300))
@settings(max_examples=25, deadline=None)
def test_drift_is_learned_and_mirrored(drift_ppm: float) -> None:
    here, mirrored = Anchor(), Anchor()
    _feed(here, range(1_500), drift_ppm)
    _feed(mirrored, range(1_500), -drift_ppm)
    assert _line(here).drift_ppm == pytest.approx(drift_ppm, rel=0.01, abs=1)
    assert _line(here).drift_ppm == pytest.approx(-_line(mirrored).drift_ppm, abs=1)
    frame = 1_500 * BLOCK
    assert _line(here).us_at(frame) == pytest.approx(T0_US + frame * US_PER_FRAME * (1 + drift_ppm / 1e6), abs=20)


@given(late_us=st.floats(SLIP_US * 1.5, 5_000_000))
@settings(max_examples=25, deadline=None)
def test_a_slip_is_followed_counted_and_measured(late_us: float) -> None:
    anchor = Anchor()
    _feed(anchor, range(600))
    anchor.tell_break(600 * BLOCK)
    _feed(anchor, range(600, 610), late_us=late_us)
    assert _line(anchor).us_at(0) == pytest.approx(T0_US + late_us, abs=1)
    assert anchor.slips == 1
    assert anchor.slipped_us == pytest.approx(late_us, abs=1)


@given(wrong_us=st.floats(SLIP_US * 1.5, 50_000) | st.floats(-50_000, -SLIP_US * 1.5))
@settings(max_examples=10)
def test_stamps_that_are_wrong_for_seconds_change_nothing(wrong_us: float) -> None:
    anchor = Anchor()
    _feed(anchor, range(600))
    _feed(anchor, range(600, 790), late_us=wrong_us)
    assert not anchor.is_settled
    _feed(anchor, range(790, 800))
    assert _line(anchor).us_at(0) == pytest.approx(T0_US, abs=1)
    assert anchor.slips == 0


@given(
    wrong_us=st.floats(SLIP_US * 1.5, 50_000) | st.floats(-50_000, -SLIP_US * 1.5),
    delays_us=st.lists(st.floats(0, 30_000), min_size=97, max_size=97),
    told=st.booleans(),
)
@settings(max_examples=20)
def test_stamps_that_move_without_the_callbacks_change_nothing(
    wrong_us: float, delays_us: list[float], told: bool
) -> None:
    """In a young line, and where a break was told of; a callback may come late, every fifth does not."""
    anchor = Anchor()
    for block in range(450):
        if told and block == 300:
            anchor.tell_break(block * BLOCK)
        true_us = T0_US + block * BLOCK * US_PER_FRAME
        delay_us = 0.0 if block % 5 == 0 else delays_us[block % len(delays_us)]
        anchor.add(block * BLOCK, true_us + (wrong_us if 300 <= block < 440 else 0.0), true_us - 180_000 + delay_us)
    assert _line(anchor).us_at(0) == pytest.approx(T0_US, abs=1)
    assert anchor.slips == 0


@pytest.mark.parametrize("late_us", [60_000.0, 6_000.0, -6_000.0, -60_000.0])
def test_a_slip_that_the_callbacks_bear_out_is_followed_at_once(late_us: float) -> None:
    anchor = Anchor()
    for block in range(310):
        true_us = T0_US + block * BLOCK * US_PER_FRAME + (late_us if block >= 300 else 0.0)
        anchor.add(block * BLOCK, true_us, true_us - 180_000)
    assert _line(anchor).us_at(0) == pytest.approx(T0_US + late_us, abs=1)


@given(late_us=st.floats(SLIP_US * 1.5, 50_000))
@settings(max_examples=10)
def test_a_slip_that_nothing_tells_of_is_followed_later(late_us: float) -> None:
    anchor = Anchor()
    _feed(anchor, range(600))
    _feed(anchor, range(600, 790), late_us=-late_us)
    _feed(anchor, range(790, 1_050), late_us=late_us)
    assert _line(anchor).us_at(0) == pytest.approx(T0_US + late_us, abs=1)
    assert anchor.slips == 1


def test_a_slip_does_not_disturb_the_drift() -> None:
    anchor = Anchor()
    _feed(anchor, range(1_000), drift_ppm=100)
    anchor.tell_break(1_000 * BLOCK)
    _feed(anchor, range(1_000, 2_000), drift_ppm=100, late_us=80_000)
    assert _line(anchor).drift_ppm == pytest.approx(100, abs=5)


@given(errors=ERRORS, together=st.integers(2, 60), late_us=st.sampled_from([0.0, 80_000.0]))
@settings(max_examples=10, deadline=None)
def test_callbacks_told_together_tell_the_same(errors: list[float], together: int, late_us: float) -> None:
    one_by_one, at_once = Anchor(), Anchor()
    blocks = range(300)
    _feed(one_by_one, blocks, errors=errors)
    _feed(at_once, blocks, errors=errors)
    one_by_one.tell_break(300 * BLOCK)
    at_once.tell_break(300 * BLOCK)
    for first in range(300, 300 + 6 * together, together):
        callbacks = [
            (block * BLOCK, T0_US + block * BLOCK * US_PER_FRAME + late_us + errors[block % len(errors)], None)
            for block in range(first, first + together)
        ]
        at_once.add_all(callbacks)
        for frame, dac_us, _ in callbacks:
            one_by_one.add(frame, dac_us)
    frame = (300 + 6 * together) * BLOCK
    assert _line(at_once).us_at(frame) == pytest.approx(_line(one_by_one).us_at(frame), abs=1_000)
    assert at_once.slips == one_by_one.slips == bool(late_us)
    assert at_once.is_settled is one_by_one.is_settled


@given(wild_us=st.lists(st.floats(-50_000, 50_000), min_size=1, max_size=4))
def test_single_wild_stamps_change_nothing(wild_us: list[float]) -> None:
    anchor = Anchor()
    _feed(anchor, range(103))
    before = _line(anchor).us_at(0)
    for block, wrong_us in enumerate(wild_us, start=103):
        anchor.add(block * BLOCK, T0_US + block * 20_000 + wrong_us)
    _feed(anchor, range(110, 130))
    assert _line(anchor).us_at(0) == pytest.approx(before, abs=SLIP_US / 2)
    assert anchor.slips == 0


@given(block=st.integers(0, 102), late_us=st.floats(-1e6, 1e6))
def test_an_old_callback_changes_nothing(block: int, late_us: float) -> None:
    anchor = Anchor()
    _feed(anchor, range(103))
    before = _line(anchor)
    for _ in range(20):
        anchor.add(block * BLOCK, T0_US + block * 20_000 + late_us)
    assert (_line(anchor), anchor.slips) == (before, 0)


def test_an_opening_anew_counts_as_a_slip_of_the_time_between() -> None:
    anchor = Anchor()
    _feed(anchor, range(200))
    anchor.restart()
    assert anchor.timebase is None
    _feed(anchor, range(200, 230), late_us=3_000_000)
    assert anchor.slipped_us == pytest.approx(3_000_000, abs=1)


@given(dac_delay_us=st.floats(0, 200_000), wall_us=st.integers(10**15, 2 * 10**15), monotonic_us=st.integers(0, 10**13))
def test_stamps_of_either_clock_become_the_same_monotonic_time(
    dac_delay_us: float, wall_us: int, monotonic_us: int
) -> None:
    by_wall = to_monotonic_us(wall_us + dac_delay_us, wall_us, monotonic_us, wall_us)
    by_monotonic = to_monotonic_us(monotonic_us + dac_delay_us, monotonic_us, monotonic_us, wall_us)
    assert by_wall == pytest.approx(by_monotonic, abs=1)


@given(us=st.floats(0, 1e9), ppm=st.floats(-500, 500), offset_us=st.floats(-1e12, 1e12))
def test_a_timebase_goes_both_ways(us: float, ppm: float, offset_us: float) -> None:
    line = Timebase(1_000, us, US_PER_FRAME * (1 + ppm / 1e6)).shifted(offset_us)
    frames = [0, 1_000, 10**9]
    assert [line.frame_at(line.us_at(frame)) for frame in frames] == pytest.approx(frames, abs=0.01)
    assert all(line.us_at(a) < line.us_at(b) for a, b in pairwise(frames))
