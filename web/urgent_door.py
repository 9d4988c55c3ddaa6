"""Who comes in by the urgent way, and in which order (does no I/O; all but `meet` belongs to the event loop).

Rules
- Whoever may do something urgent anywhere, and was met before, waits for no stranger; of each person's requests
  AT_ONCE are taken.
- Strangers, whose cookie or token this process has not seen since it began, wait for one of few turns in which they are
  looked up. Turns go round among the addresses that they come from, so that one address keeps no other waiting; a
  household's IPv6 addresses, a /64, are one.
- Whoever may do nothing urgent is served among the pages, whatever they send.
- What is remembered here lets nobody do anything: each request is checked anew with what it does.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from broadcast.clock import US_PER_S
from scheduler.errors import TooMany
from scheduler.people.limits import place_of
from scheduler.people.signin import Known
from scheduler.rights import Action
from web import i18n

AT_ONCE = 4
STRANGERS = 2
"""So many are looked up at the same time."""
MANY_ADDRESSES = 500
MANY_MET = 10_000
MANY_PEOPLE = 1000
FLOOD_US = 60 * US_PER_S
URGENT = (Action.EMERGENCY_ISSUE, Action.EMERGENCY_CONFIRM, Action.DRILL_ISSUE, Action.BROADCAST_STOP)


class Met(NamedTuple):
    """A person, and whether they may do something urgent anywhere."""

    user_id: str
    urgent: bool


class Door:
    """What all urgent requests of a process share."""

    def __init__(self) -> None:
        self._met: OrderedDict[str, Met] = OrderedDict()
        self._meeting = Lock()
        self._inside: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._free = STRANGERS
        self._noted: dict[tuple[str, str], int] = {}

    def meet(self, known: Known, now: datetime) -> Met:
        """Remember who holds a cookie or token that was just found to be good; from any thread."""
        met = Met(known.actor.user_id, any(known.actor.zones_for(action, now) for action in URGENT))
        with self._meeting:
            self._met[known.token_sha256] = met
            self._met.move_to_end(known.token_sha256)
            if len(self._met) > MANY_MET:
                self._met.popitem(last=False)
        return met

    def met(self, token_sha256: str) -> Met | None:
        return self._met.get(token_sha256)

    @contextmanager
    def slot(self, user_id: str) -> Iterator[None]:
        """One of those that a person may have at once; else TooMany."""
        if self._inside[user_id] >= AT_ONCE:
            raise _too_many()
        self._inside[user_id] += 1
        try:
            yield
        finally:
            self._inside[user_id] -= 1
            self._inside += Counter()  # forgets who has none

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """A stranger's turn; TooMany where AT_ONCE from there, or strangers from too many places, wait already."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(place_of(address))
        try:
            yield
        finally:
            self._next()

    def shall_note(self, user_id: str, code: str, now_us: int) -> bool:
        """Whether a refusal belongs in the record: the first of its kind for a while."""
        last = self._noted.get((user_id, code))
        if last is not None and now_us - last < FLOOD_US:
            return False
        if len(self._noted) >= MANY_PEOPLE:
            self._noted.clear()
        self._noted[user_id, code] = now_us
        return True

    async def _wait(self, place: str) -> None:
        line = self._waiting.get(place, deque())
        if len(line) >= AT_ONCE or (not line and len(self._waiting) >= MANY_ADDRESSES):
            raise _too_many()
        self._waiting[place] = line
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        """The first of the place whose turn it is comes in; that place goes to the end."""
        while self._waiting:
            place, line = self._waiting.popitem(last=False)
            turn = line.popleft()
            if line:
                self._waiting[place] = line
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _too_many() -> TooMany:
    message = i18n.N_("You have asked for several things at once. Wait for the answers.")
    return TooMany("too_many_at_once", message, retry_after_s=1)
