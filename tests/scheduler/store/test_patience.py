"""Work that outlasts a database which is away, on both databases; other errors come through."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlmodel import select

from broadcast.clock import SystemClock
from scheduler.fleet.models import DirtyTopic
from scheduler.store.engine import Store
from scheduler.store.patience import outlast

CLOCK = SystemClock()
LIMIT_S = 60


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_database_that_is_away_is_waited_for_and_said_once(
    impatient_store: Store,
    away: Callable[[], AbstractContextManager[None]],
    now: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries = 0

    def work() -> str:
        nonlocal tries
        tries += 1
        with impatient_store.writing() as db:
            db.add(DirtyTopic(topic="a", since=now))
        return "done"

    async with asyncio.timeout(LIMIT_S):
        with away():
            waiting = asyncio.create_task(outlast(CLOCK, "tester", work))
            while tries < 3:  # noqa: ASYNC110 - tried on another thread
                await asyncio.sleep(0.01)
            assert not waiting.done()
        assert await waiting == "done"
    (said,) = warnings(caplog)
    assert said.startswith("the database is away, the tester waits for it: ")


async def test_a_connection_that_breaks_in_a_transaction_is_made_again(
    postgresql_store: Store, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    broken: list[int] = []

    def work() -> list[str]:
        with postgresql_store.writing() as db:
            db.add(DirtyTopic(topic="a", since=now))
            db.flush()
            if not broken:
                broken.append(db.connection().scalar(text("SELECT pg_backend_pid()")) or 0)
                with postgresql_store.writing() as other:
                    other.connection().execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": broken[0]})
            return list(db.exec(select(DirtyTopic.topic)))

    async with asyncio.timeout(LIMIT_S):
        assert await outlast(CLOCK, "tester", work) == ["a"]
    assert len(warnings(caplog)) == 1


async def test_other_errors_come_through_at_once(store: Store, now: datetime) -> None:
    def twice() -> None:
        for _time in range(2):
            with store.writing() as db:
                db.add(DirtyTopic(topic="a", since=now))

    def mistaken() -> None:
        with store.reading() as db:
            db.connection().execute(text("SELECT 1 FROM nothing"))

    with pytest.raises(IntegrityError):
        await outlast(CLOCK, "tester", twice)
    with pytest.raises((OperationalError, ProgrammingError)):
        await outlast(CLOCK, "tester", mistaken)
    with pytest.raises(ZeroDivisionError):
        await outlast(CLOCK, "tester", lambda: 1 / 0)


async def test_a_full_disk_is_waited_for(sqlite_store: Store, caplog: pytest.LogCaptureFixture, now: datetime) -> None:
    tries = 0

    def work() -> str:
        nonlocal tries
        tries += 1
        with sqlite_store.writing() as db:
            full = db.scalar(text("PRAGMA page_count")) if tries < 3 else 2**30
            db.execute(text(f"PRAGMA max_page_count = {full}"))
            db.add(DirtyTopic(topic="a" * 100_000, since=now))
        return "done"

    async with asyncio.timeout(LIMIT_S):
        assert await outlast(CLOCK, "tester", work) == "done"
    assert tries == 3
    (said,) = warnings(caplog)
    assert "disk is full" in said
