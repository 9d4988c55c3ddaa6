"""A microphone's connection by WebSocket, and how much may come over it."""

import asyncio
import secrets

from broadcast.clock import US_PER_S
from scheduler.people.limits import place_of

BYTES_PER_S, BURST_BYTES = 16_000, 96_000
"""Four times what our page sends, and what a network may hold back of it before the talk is over."""
PIECES_PER_S, BURST_PIECES = 50, 150


STRANGERS, STRANGERS_OF_ADDRESS = 32, 8
"""Connections that have not said yet who speaks, in all and from one address: of IPv6, from one /64."""


class Strangers:
    """Who has connected and not said yet who speaks (pure)."""

    def __init__(self) -> None:
        self._place_of: dict[object, str] = {}

    def __len__(self) -> int:
        return len(self._place_of)

    def take_in(self, one: object, address: str) -> bool:
        """Whether there is a place for one from there; `forget` gives it back."""
        place = place_of(address)
        beside = sum(other == place for other in self._place_of.values())
        if len(self._place_of) >= STRANGERS or beside >= STRANGERS_OF_ADDRESS:
            return False
        self._place_of[one] = place
        return True

    def forget(self, one: object) -> None:
        self._place_of.pop(one, None)


class SocketLine:
    """`lost` is set once nothing can come any more, or nothing more is wanted."""

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(16)
        self.lost = asyncio.Event()

    async def close(self) -> None:
        self.lost.set()


class Allowance:
    """So much a second, and `burst` at once at most (pure)."""

    def __init__(self, per_s: int, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = float(burst)
        self._at_us: int | None = None

    def spend(self, amount: int, now_us: int) -> bool:
        """Whether this is still within it; `now_us` is monotonic."""
        since_us = 0 if self._at_us is None else now_us - self._at_us
        self._at_us = now_us
        self._left = min(self._burst, self._left + self._per_s * since_us / US_PER_S) - amount
        return self._left >= 0
