"""Tells receivers the time when they ask with a beat (does I/O).

Rules
- The answer carries the question's own instant, so that a late one is known for what it is, and the centre's clock as
  it is sent.
- One answer a receiver and ANSWER_US; at most MAX_WAITING at once. What cannot be sent at once is not sent at all: an
  old time is worth nothing, and the receiver asks again.
"""

import asyncio
import contextlib
from typing import NamedTuple

import msgspec

from broadcast.bus import AT_MOST_ONCE, Bus, BusDown
from broadcast.clock import US_PER_S, Clock
from broadcast.wire import topics
from broadcast.wire.documents import Beat, TimeTold

ANSWER_US = US_PER_S
MAX_WAITING = 20_000
"""More than one centre's receivers."""


class _Question(NamedTuple):
    receiver_id: str
    beat: Beat


class TimeDesk:
    """`ask` is called as beats come in and does not block; `run` answers."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._questions: asyncio.Queue[_Question] = asyncio.Queue(MAX_WAITING)
        self._asked_us: dict[str, int] = {}

    def ask(self, receiver_id: str, beat: Beat) -> None:
        """Answer soon, unless this receiver was answered just now."""
        now_us = self._clock.monotonic_us()
        last_us = self._asked_us.get(receiver_id)
        if (last_us is None or now_us - last_us >= ANSWER_US) and not self._questions.full():
            self._asked_us[receiver_id] = now_us
            self._questions.put_nowait(_Question(receiver_id, beat))

    async def run(self) -> None:
        """For ever."""
        while True:
            question = await self._questions.get()
            told = TimeTold(at_us=question.beat.at_us, centre_us=self._clock.now_us())
            with contextlib.suppress(BusDown):
                await self._bus.publish(
                    topics.time(question.receiver_id), msgspec.json.encode(told), retain=False, qos=AT_MOST_ONCE
                )
