"""What the centre's own loop does when the database does not; the whole process is seen in tests/integration."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from broadcast.clock import SystemClock
from scheduler.store.engine import Store
from web import parts
from web.centre import Centre


async def test_a_database_that_is_away_does_not_stop_time(
    centre: Centre,
    impatient_store: Store,
    away: Callable[[], AbstractContextManager[None]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    centre.clock, centre.store = SystemClock(), impatient_store
    async with asyncio.timeout(60):
        with away():
            task = asyncio.create_task(parts._tick(centre))
            while "the tick waits" not in caplog.text:  # noqa: ASYNC110 - told by the log alone
                await asyncio.sleep(0.01)
        while "the tick goes on" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
