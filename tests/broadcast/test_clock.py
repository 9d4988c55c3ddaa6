"""Time as a value: instants there and back, and a clock that moves only when told to."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.clock import EPOCH, ManualClock, SystemClock, from_us, to_us

START = datetime(2025, 12, 1, tzinfo=UTC)
zones = st.sampled_from([UTC, ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/Paris")])


@given(st.datetimes(timezones=zones))
def test_an_instant_there_and_back(moment: datetime) -> None:
    instant = moment.astimezone(UTC) if moment.year not in {1, 9999} else START
    assert from_us(to_us(instant)) == instant


@given(st.integers(-(2**53), 2**53))
def test_microseconds_there_and_back(us: int) -> None:
    assert to_us(from_us(us)) == us


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        to_us(datetime(2025, 12, 1))  # noqa: DTZ001 -- what is refused
    assert to_us(EPOCH) == 0


def test_the_system_clock_tells_one_time_in_two_ways() -> None:
    clock = SystemClock()
    before, now, after = clock.now_us(), to_us(clock.now()), clock.now_us()
    assert before <= now <= after
    assert clock.now().tzinfo is UTC
    assert clock.monotonic_us() <= clock.monotonic_us()


async def test_sleepers_wake_in_the_order_of_their_times_and_see_their_own_time() -> None:
    clock = ManualClock(START)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic_us()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 3), ("early", 1), ("at once", 0), ("never yet", 60)):
            group.create_task(sleeper(name, seconds), name=name)
        await clock.advance(timedelta(seconds=5))
        assert woken == [("at once", 0), ("early", 1_000_000), ("late", 3_000_000)]
        assert (clock.now(), clock.monotonic_us()) == (START + timedelta(seconds=5), 5_000_000)
        await clock.advance(timedelta(seconds=55))
    assert woken[-1] == ("never yet", 60_000_000)


async def test_who_sleeps_again_wakes_again_within_one_advance() -> None:
    clock = ManualClock(START)
    ticks: list[int] = []

    async def ticker() -> None:
        while len(ticks) < 3:
            await clock.sleep(1)
            ticks.append(clock.now_us() - to_us(START))

    async with asyncio.TaskGroup() as group:
        group.create_task(ticker(), name="ticker")
        await clock.advance(timedelta(seconds=10))
    assert ticks == [1_000_000, 2_000_000, 3_000_000]


async def test_a_sleeper_that_was_cancelled_wakes_nobody() -> None:
    clock = ManualClock(START)
    task = asyncio.create_task(clock.sleep(1), name="cancelled")
    await clock.advance(timedelta(0))
    task.cancel()
    await clock.advance(timedelta(seconds=2))
    assert task.cancelled()
    assert clock.monotonic_us() == 2_000_000


async def test_a_step_of_the_wall_clock_moves_no_sleeper() -> None:
    clock = ManualClock(START)
    task = asyncio.create_task(clock.sleep(10), name="sleeper")
    await clock.advance(timedelta(seconds=1))
    clock.step_wall(timedelta(days=-3650))
    assert clock.now() == START + timedelta(seconds=1) - timedelta(days=3650)
    assert clock.monotonic_us() == 1_000_000
    await clock.advance(timedelta(seconds=8))
    assert not task.done()
    await clock.advance(timedelta(seconds=1))
    assert task.done()
