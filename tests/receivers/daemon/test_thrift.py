"""What is worth telling, and how soon: properties over whole days of states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire.documents import (
    ClockState,
    DataUse,
    Fault,
    MediaProgress,
    OrderProgress,
    PowerState,
    ReceiverState,
    SignalState,
)
from receivers import thrift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MIB = thrift.MIB
DAY_S = 86_400
ON_ITS_WAY = MediaProgress(sha256="a" * 64, done_bytes=100, size_bytes=1000)
READY = "b" * 12
CALM = ReceiverState(
    online=True,
    at_us=1,
    level_dbfs=-20.0,
    ready=(READY,),
    media=(ON_ITS_WAY,),
    faults=(Fault(code="disk", detail="one"),),
    cache_bytes=10**9,
    free_bytes=10**9,
    clock=ClockState(trusted=True, error_us=20_000, offset_us=0, offset_error_us=30_000),
    power=PowerState(on_mains=True, battery_percent=50.0, battery_v=12.0),
    signal=SignalState(kind="lte", percent=50.0, dbm=-90.0, operator="one"),
    temperature_c=40.0,
    data=DataUse(day_up_bytes=5 * MIB, day_down_bytes=5 * MIB, month_bytes=90 * MIB),
)


CLOCK, POWER, SIGNAL, DATA = ClockState(trusted=True), PowerState(), SignalState(kind="lte"), DataUse()
MEASURES: dict[str, Callable[[float], ReceiverState]] = {
    "cache": lambda by: replace(CALM, cache_bytes=round(10**9 * 2**by)),
    "free": lambda by: replace(CALM, free_bytes=round(10**9 * 2**by)),
    "temperature_c": lambda by: replace(CALM, temperature_c=40.0 + by),
    "battery_percent": lambda by: replace(CALM, power=replace(POWER, battery_percent=50.0 + by)),
    "battery_v": lambda by: replace(CALM, power=replace(POWER, battery_v=12.0 + by)),
    "signal_percent": lambda by: replace(CALM, signal=replace(SIGNAL, percent=50.0 + by)),
    "signal_dbm": lambda by: replace(CALM, signal=replace(SIGNAL, dbm=-90.0 + by)),
    "data_day": lambda by: replace(CALM, data=replace(DATA, day_up_bytes=5 * MIB + round(by))),
    "data_month": lambda by: replace(CALM, data=replace(DATA, month_bytes=90 * MIB + round(by))),
    "clock_error": lambda by: replace(CALM, clock=replace(CLOCK, error_us=round(20_000 * 2**by))),
    "clock_offset_error": lambda by: replace(CALM, clock=replace(CLOCK, offset_error_us=round(200_000 * 2**by))),
    "clock_offset_us": lambda by: replace(CALM, clock=replace(CLOCK, offset_us=round(by))),
}


def _with(name: str, steps: float) -> ReceiverState:
    """A state with one slow measure `steps` steps higher than without."""
    return MEASURES[name](steps * thrift.SLOW_STEPS[name])


def _tellings(states: Iterable[tuple[float, ReceiverState]]) -> list[tuple[float, ReceiverState]]:
    """What a receiver tells that is in these states at these times."""
    told: list[tuple[float, ReceiverState]] = []
    pace = thrift.Pace()
    for now_s, state in states:
        pace = pace.later(now_s)
        last_s, last = told[-1] if told else (now_s, None)
        if thrift.is_due(state, last, now_s - last_s, pace):
            told.append((now_s, state))
            pace = pace.told(now_s)
    return told


def test_while_nothing_changes_four_states_a_day_are_told() -> None:
    told = _tellings((second, replace(CALM, at_us=second)) for second in range(DAY_S))
    assert [second for second, _ in told] == [0, 6 * 3600, 12 * 3600, 18 * 3600]


def test_an_error_that_grows_from_beat_to_beat_tells_nothing() -> None:
    def at(minute: int) -> ReceiverState:
        return replace(CALM, clock=replace(CLOCK, offset_us=minute % 3, offset_error_us=500 + minute % 10 * 6_000))

    assert len(_tellings((minute * 60.0, at(minute)) for minute in range(180))) == 1


@pytest.mark.parametrize("name", thrift.SLOW_STEPS)
@given(places=st.lists(st.floats(0.0, 0.99), max_size=60))
def test_a_measure_that_trembles_within_a_step_is_told_once(name: str, places: list[float]) -> None:
    told = _tellings((10.0 * number, _with(name, place)) for number, place in enumerate(places))
    assert len(told) == min(1, len(places))


@pytest.mark.parametrize("name", thrift.SLOW_STEPS)
def test_a_measure_that_moved_a_step_is_told_after_the_slow_wait_and_not_before(name: str) -> None:
    base, moved = _with(name, 0), _with(name, 1.01)
    assert thrift.wait_s(moved, base) == thrift.wait_s(base, moved) == thrift.SLOW_S
    assert thrift.wait_s(_with(name, 0.5), base) == thrift.REFRESH_S


@pytest.mark.parametrize(
    "change",
    [
        {"player": "playing"},
        {"airing_id": "a"},
        {"faults": ()},
        {"faults": (Fault(code="audio_device"),)},
        {"refused": {"unsigned": 1}},
        {"numbers": {"receivers/rx1/settings": 2}},
        {"volume_percent": 5},
        {"media": ()},
        {"clock": ClockState(trusted=False, reason="no_source")},
        {"power": PowerState(on_mains=False, battery_percent=50.0, battery_v=12.0)},
        {"power": None},
    ],
)
def test_what_the_receiver_does_or_suffers_is_told_at_once(change: dict[str, object]) -> None:
    assert thrift.wait_s(replace(CALM, **change), CALM) == thrift.AT_ONCE_S


@pytest.mark.parametrize(
    ("change", "wait_s"),
    [
        ({"pending_reports": 1}, thrift.COUNTS_S),
        ({"acknowledged": 1}, thrift.COUNTS_S),
        ({"ready": (READY, "c" * 12)}, thrift.COUNTS_S),
        ({"media": (replace(ON_ITS_WAY, done_bytes=200),)}, thrift.COUNTS_S),
        ({"media": (replace(ON_ITS_WAY, done_bytes=199),)}, thrift.REFRESH_S),
        ({"level_dbfs": -26.0}, thrift.LEVEL_S),
        ({"level_dbfs": -25.9}, thrift.REFRESH_S),
        ({"level_dbfs": None}, thrift.LEVEL_S),
        ({"faults": (Fault(code="disk", detail="another"),)}, thrift.SLOW_S),
        ({"signal": None}, thrift.SLOW_S),
        ({"signal": SignalState(kind="wifi", percent=50.0, dbm=-90.0)}, thrift.SLOW_S),
        ({"data": None}, thrift.SLOW_S),
    ],
)
def test_what_moves_by_itself_waits(change: dict[str, object], wait_s: int) -> None:
    assert thrift.wait_s(replace(CALM, **change), CALM) == wait_s


@given(
    flips=st.lists(st.tuples(st.integers(1, 50), st.sampled_from(["idle", "playing", "no_device"])), max_size=300),
    start_s=st.integers(0, 10**6),
)
def test_however_often_things_change_there_is_a_bound_and_the_last_word_is_told(
    flips: list[tuple[int, str]], start_s: int
) -> None:
    now_s, states = start_s, [(float(start_s), CALM)]
    for wait_s, player in flips:
        now_s += wait_s
        states.append((float(now_s), replace(CALM, player=player)))
    end = states[-1][1]
    told = _tellings([*states, *((now_s + later, end) for later in range(1, 2 * thrift.MINUTE_S))])
    assert len(told) <= thrift.BURST + (now_s - start_s) / thrift.MINUTE_S + 3
    assert told[-1][1].player == end.player


def test_what_becomes_of_an_order_is_told_at_once_however_much_was_told_before() -> None:
    sounding = replace(CALM, orders=(OrderProgress(id="o1", received_us=1, sounding_us=2),))
    louder = replace(CALM, orders=(OrderProgress(id="o1", received_us=1, sounding_us=2, level_dbfs=-12.0),))
    spent = thrift.Pace(left=0.0)
    assert thrift.is_due(sounding, CALM, 0.0, spent)
    assert thrift.is_due(CALM, sounding, 0.0, spent)
    assert not thrift.is_due(louder, sounding, 0.0, thrift.Pace())


@pytest.mark.parametrize(
    ("order", "soon"),
    [
        (OrderProgress(id="o1", received_us=10_000_000), True),
        (OrderProgress(id="o1", received_us=10_000_000 - thrift.SOON_US), False),
        (OrderProgress(id="o1", received_us=10_000_001), False),
        (OrderProgress(id="o1", received_us=10_000_000, sounding_us=10_000_000), False),
        (OrderProgress(id="o1", received_us=10_000_000, reason="unknown_message"), False),
    ],
)
def test_that_an_order_came_waits_for_its_first_sample_and_for_nothing_else(order: OrderProgress, soon: bool) -> None:
    assert thrift.is_soon_heard((OrderProgress(id="o0", received_us=1, sounding_us=2), order), 10_000_000) is soon
