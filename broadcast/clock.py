"""The one module that reads clocks.

Wall time (`now`, `now_us`) is for plans and is UTC; monotonic time (`monotonic_us`) is for sound, time-outs and
durations. The two are never mixed in one expression.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

US_PER_S = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What everything that must know the time is given."""

    def now(self) -> datetime:
        """Wall time, aware, UTC."""
        ...

    def now_us(self) -> int:
        """Wall time in microseconds since 1970-01-01T00:00Z."""
        ...

    def monotonic_us(self) -> int:
        """CLOCK_MONOTONIC in microseconds; its zero means nothing."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251

    def now_us(self) -> int:
        return time.time_ns() // 1000  # noqa: TID251

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000  # noqa: TID251

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """Virtual time: it moves only when told to, and wakes sleepers in the order of their times."""

    def __init__(self, now: datetime) -> None:
        self._now_us = to_us(now)
        self._monotonic_us = 0
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return from_us(self._now_us)

    def now_us(self) -> int:
        return self._now_us

    def monotonic_us(self) -> int:
        return self._monotonic_us

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic_us + round(seconds * US_PER_S), future))
        await future

    def step_wall(self, delta: timedelta) -> None:
        """Set the wall clock forward or back, as NTP or a person would; monotonic time does not notice."""
        self._now_us += round(delta.total_seconds() * US_PER_S)

    async def advance(self, delta: timedelta) -> None:
        """Let `delta` pass on both clocks, running what falls due on the way at its own time."""
        end_us = self._monotonic_us + round(delta.total_seconds() * US_PER_S)
        while True:
            await _settle()
            due = min((s for s in self._sleepers if s[0] <= end_us), key=lambda s: s[0], default=None)
            if due is None:
                break
            self._sleepers.remove(due)
            self._move_to(max(due[0], self._monotonic_us))
            if not due[1].done():
                due[1].set_result(None)
        self._move_to(end_us)
        await _settle()

    def _move_to(self, monotonic_us: int) -> None:
        self._now_us += monotonic_us - self._monotonic_us
        self._monotonic_us = monotonic_us


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime; a naive one raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone was given")
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    """The UTC datetime of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=us)
