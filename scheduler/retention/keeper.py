"""Lets go each night of what the rules in force let go (does I/O): a part of the centre, beside its tick.

Rules
- A night is done once, by one process; what was broken off is begun anew by whoever has the lease next, and what was
  done already is not there any more.
- Small batches, each a transaction of its own, with a pause between.
- No file goes within GRACE of its making, for whoever makes one stores it before the row, and none at all while no rule
  is in force.
"""

import asyncio
import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from broadcast.clock import Clock, to_us
from broadcast.media import MediaStore
from scheduler.changes import Changes
from scheduler.policy import local_day
from scheduler.retention import repository
from scheduler.retention.models import RetentionRun
from scheduler.retention.night import Night, finish
from scheduler.store.engine import Store
from scheduler.store.patience import is_away

log = logging.getLogger(__name__)

REST_S = 600.0
"""After the start others go first."""
ROUND_S = 300.0
PAUSE_S = 0.05
SETTLE_S = 30.0
"""Between the last row and the first file: a transaction that copied the row before is over by then."""
NIGHT_BEGINS = timedelta(hours=2)
LEASE = timedelta(minutes=20)
GRACE = timedelta(days=1)


class Keeper:
    """`run` for ever; `night` does what is due."""

    def __init__(
        self, store: Store, clock: Clock, changes: Changes, media: MediaStore, originals: MediaStore, *, timezone: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._changes = changes
        self._shelves = media, originals
        self._timezone = timezone
        self._failing = False

    async def run(self) -> None:
        await self._clock.sleep(REST_S)
        while True:
            try:
                if await self.night():
                    self._changes.tell(["retention:"])
                self._failing = False
            except Exception as error:
                level = logging.DEBUG if self._failing or is_away(error) else logging.ERROR
                log.log(level, "what was kept long enough is not let go of", exc_info=True)
                self._failing = True
            await self._clock.sleep(ROUND_S)

    async def night(self) -> bool:
        """What is due since two o'clock; False where it is done, or another process does it."""
        now = self._clock.now()
        day = local_day(self._timezone, to_us(now - NIGHT_BEGINS))
        if not await asyncio.to_thread(claim, self._store, day, now):
            return False
        night = Night(self._store, self._shelves, day, now)
        await self._go_on(day, night.rows())
        if await asyncio.to_thread(self._files_may_go, day):
            await self._clock.sleep(SETTLE_S)
            await self._go_on(day, night.files(now - GRACE))
        await asyncio.to_thread(finish, self._store, day, self._clock.now())
        return True

    async def _go_on(self, day: date, batches: Iterator[int]) -> None:
        claimed = self._clock.now()
        while await asyncio.to_thread(next, batches, None) is not None:
            if self._clock.now() - claimed > LEASE / 4:
                claimed = self._clock.now()
                await asyncio.to_thread(claim, self._store, day, claimed, again=True)
            await self._clock.sleep(PAUSE_S)

    def _files_may_go(self, day: date) -> bool:
        with self._store.reading() as db:
            run = repository.run(db, day)
            ruled = any(rule.id for rule in repository.in_force(db))
        return ruled or bool(run is not None and run.results)


def claim(store: Store, day: date, now: datetime, *, again: bool = False) -> bool:
    """The night is this process's for a while, or longer; False where it is done, or another's."""
    with store.writing() as db:
        run = repository.run(db, day, lock=True)
        if run is None:
            run = RetentionRun(day=day, began_at=now, claimed_until=now)
        if run.ended_at is not None or (run.claimed_until > now and not again):
            return False
        run.claimed_until = now + LEASE
        db.add(run)
    return True
