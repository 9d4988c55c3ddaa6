"""What can be on the air: somebody who speaks (`web.live.booth`), a recording, a relay (does I/O)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from broadcast.clock import US_PER_S, Clock
from broadcast.live.feed import FeedEnded, LiveFeed
from broadcast.live.relay import Relay
from scheduler.live.models import LiveEnd
from web.live.placing import RATE_HZ

log = logging.getLogger(__name__)

LOOK_S = 1.0

Warn = Callable[[bool], Awaitable[None]]
"""Told whenever nothing is heard, and when something is again."""


class Act(Protocol):
    """Its time begins when it is made. `end` may be called at any moment; the first reason counts."""

    @property
    def feed(self) -> LiveFeed: ...

    @property
    def start_us(self) -> int:
        """Wall time of frame 0."""
        ...

    @property
    def opening_ms(self) -> int: ...

    def limit(self, limit_s: int) -> None:
        """From the end of its opening chime it lasts no longer, whatever was said when it was made."""
        ...

    def end(self, reason: LiveEnd) -> None: ...

    async def run(self, warn: Warn) -> LiveEnd:
        """For as long as it is on the air; why it ended."""
        ...

    async def close(self) -> int:
        """Say what is left to be said; how many frames there are."""
        ...


class Ending:
    """The one reason for which an act ends."""

    def __init__(self, clock: Clock) -> None:
        self.reason: LiveEnd | None = None
        self._clock = clock
        self._set = asyncio.Event()

    def end(self, reason: LiveEnd) -> None:
        self.reason = self.reason or reason
        self._set.set()

    async def within(self, seconds: float) -> LiveEnd | None:
        """The reason as soon as there is one; None when so much time has passed."""
        await either(self._clock, seconds, self._set)
        return self.reason


async def either(clock: Clock, seconds: float, event: asyncio.Event) -> None:
    """Return after `seconds`, or once `event` is set."""
    tasks = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(event.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


class Playing:
    """A recording, of which all chunks are there: heard `delay_us` after it begins."""

    opening_ms = 0

    def __init__(self, feed: LiveFeed, clock: Clock, *, delay_us: int) -> None:
        self.feed = feed
        self.start_us = clock.now_us()
        self._length_s = (delay_us + feed.frames * US_PER_S // RATE_HZ) / US_PER_S
        self._ending = Ending(clock)

    def limit(self, limit_s: int) -> None:
        """It is as long as it is, and nothing of it is made any more."""

    def end(self, reason: LiveEnd) -> None:
        self._ending.end(reason)

    async def run(self, _warn: Warn) -> LiveEnd:
        return await self._ending.within(self._length_s) or LiveEnd.FINISHED

    async def close(self) -> int:
        return self.feed.end()


class Relaying:
    """Another station's stream for `limit_s`, without chimes: it has its own."""

    opening_ms = 0

    def __init__(self, relay: Relay, feed: LiveFeed, clock: Clock, *, limit_s: int) -> None:
        self.feed = feed
        self.start_us = clock.now_us()
        self._relay = relay
        self._ending = Ending(clock)
        self._running = asyncio.ensure_future(relay.run(limit_s))
        self._running.add_done_callback(self._ended)

    def limit(self, limit_s: int) -> None:
        self._relay.limit(limit_s)

    def end(self, reason: LiveEnd) -> None:
        self._ending.end(reason)

    async def run(self, warn: Warn) -> LiveEnd:
        silent = False
        while (reason := await self._ending.within(LOOK_S)) is None:
            if (self._relay.fault is not None) is not silent:
                silent = not silent
                await warn(silent)
        return reason

    async def close(self) -> int:
        self._running.cancel()
        await asyncio.wait((self._running,))
        return self.feed.end()

    def _ended(self, running: asyncio.Future[None]) -> None:
        error = None if running.cancelled() else running.exception()
        if error is None or isinstance(error, FeedEnded):
            self.end(LiveEnd.FINISHED)
        else:
            log.error("a relay failed", exc_info=error)
            self.end(LiveEnd.FAILED)
