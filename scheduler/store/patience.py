"""What runs for ever outlasts a database that is away for a while (does I/O).

Rules
- Away is: another writer holds it for longer than one waits, its disk is full, or the connection is lost or refused, as
  when PostgreSQL is started again. Any other error is the caller's.
- The work is done again from its beginning, so it must be whole, such as one transaction.
- It is said once when the database goes away, and once when it is back.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from broadcast.clock import Clock
from scheduler.store.engine import NO_ROOM, StoreBusy

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
_HELD_BY_ANOTHER = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

P = ParamSpec("P")
T = TypeVar("T")


async def outlast(clock: Clock, who: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns on a thread, as soon as the database lets it; `who` is named in the log."""
    delay_s = FIRST_DELAY_S
    while True:
        try:
            result = await asyncio.to_thread(work, *args, **kwargs)
        except (StoreBusy, DBAPIError) as error:
            if not is_away(error):
                raise
            level = logging.WARNING if delay_s == FIRST_DELAY_S else logging.DEBUG
            log.log(level, "the database is away, the %s waits for it: %s", who, _told(error))
        else:
            if delay_s > FIRST_DELAY_S:
                log.info("the database is back, the %s goes on", who)
            return result
        await clock.sleep(delay_s)
        delay_s = min(delay_s * 2, LONGEST_DELAY_S)


def is_away(error: BaseException) -> bool:
    """Whether the same may succeed later, with nothing done about it here."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, StoreBusy)
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode & 0xFF in _HELD_BY_ANOTHER | NO_ROOM
    return error.connection_invalidated or isinstance(error, OperationalError)


def _told(error: StoreBusy | DBAPIError) -> str:
    reason = error.orig if isinstance(error, DBAPIError) else error
    return str(reason).partition("\n")[0]
