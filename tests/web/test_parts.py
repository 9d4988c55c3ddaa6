"""What the centre's own loop does when the database does not; the whole process is seen in tests/integration."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

import pytest
from sqlmodel import Session

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


async def test_a_fault_in_one_of_them_does_not_stop_time_for_the_others(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ticked: list[str] = []

    def failing(_db: Session, _now: datetime) -> Sequence[str]:
        ticked.append("bad")
        raise RuntimeError("a mistake in Loa")

    def well(_db: Session, _now: datetime) -> Sequence[str]:
        ticked.append("good")
        return ()

    monkeypatch.setattr(parts, "TICKS", {"bad": failing, "good": well})
    monkeypatch.setattr(parts, "TICK_S", 0)
    centre.clock = SystemClock()
    task = asyncio.create_task(parts._tick(centre))
    async with asyncio.timeout(60):
        while len(ticked) < 6:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    task.cancel()
    assert ticked[:6] == ["bad", "good"] * 3
    assert caplog.text.count("the tick of bad failed") == 1


async def test_what_takes_long_is_worked_out_while_others_may_write(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def look(_db: Session, _now: datetime) -> Mapping[str, list[object]]:
        with centre.store.writing():  # would wait for ever beside another write
            return {"RUN": []}

    def well(_db: Session, _now: datetime, over: object) -> Sequence[str]:
        given.append(over)
        return ()

    monkeypatch.setattr(parts, "LOOKS", {"good": look})
    monkeypatch.setattr(parts, "TICKS", {"good": well})
    monkeypatch.setattr(parts, "TICK_S", 0)
    centre.clock = SystemClock()
    task = asyncio.create_task(parts._tick(centre))
    async with asyncio.timeout(60):
        while not given:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    task.cancel()
    assert given[0] == {"RUN": []}
