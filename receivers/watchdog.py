"""A word to systemd: ready, alive, stopping (does I/O).

Rules
- A beat is given only while everything that must move does; systemd ends and starts again what stops beating.
- Outside systemd nothing is sent and nothing happens.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping

from broadcast.clock import Clock

BEATS = 3  # within the time after which systemd gives up, so that one lost word costs nothing


class Watchdog:
    """Who started this process, as `environ` says. `interval_s` is how often to beat; None: nobody waits for it."""

    def __init__(self, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self._clock = clock
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        limit_us, meant = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(os.getpid()))
        awaited = bool(self._address) and limit_us.isdecimal() and int(limit_us) > 0 and meant == str(os.getpid())
        self.interval_s = int(limit_us) / 1e6 / BEATS if awaited else None

    def ready(self, status: str = "") -> None:
        """What is on the disk is known, and plays from now on."""
        self._say("READY=1", status)

    def beat(self, alive: bool, status: str = "") -> None:
        """All is well for another while, if `alive`."""
        self._say("WATCHDOG=1" if alive else "", status)

    def stopping(self) -> None:
        self._say("STOPPING=1")

    async def run(self, alive: Callable[[], bool]) -> None:
        """For ever: beat from the event loop while `alive` says that the other threads move too."""
        if self.interval_s is None:
            await asyncio.Event().wait()
            return
        while True:
            self.beat(alive())
            await self._clock.sleep(self.interval_s)

    def _say(self, word: str, status: str = "") -> None:
        lines = [line for line in (word, f"STATUS={status}" if status else "") if line]
        if not (self._address and lines):
            return
        # An OSError: systemd is being started anew, its queue is full, or descriptors are. The next beat will do.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as talking,
        ):
            talking.setblocking(False)
            talking.sendto("\n".join(lines).encode(), self._address)


class Pulse:
    """Whether something moves: its count must not stand still between two looks."""

    def __init__(self) -> None:
        self._count: int | None = None

    def moves(self, count: int) -> bool:
        moved = count != self._count
        self._count = count
        return moved
