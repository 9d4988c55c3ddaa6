"""The disk of the centre's database is full: nothing can be written but emergencies."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from receivers.lab.trial.smalldisk import CannotMount, SmallDisk
from scheduler.people import audit
from scheduler.people.signin import machine
from scheduler.store.engine import Store

MB = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        with SmallDisk(tmp_path / "disk", 48 * MB) as disk:
            yield disk
    except CannotMount as why:
        pytest.skip(f"needs the right to mount: {why}")


@pytest.fixture
def sqlite_store(disk: SmallDisk, empty_sqlite: Path) -> Iterator[Store]:
    shutil.copyfile(empty_sqlite, disk.path / "loa.sqlite3")
    store = Store(f"sqlite:///{disk.path / 'loa.sqlite3'}")
    yield store
    store.close()


async def test_an_emergency_passes_a_full_disk(alarm: Any, browsers: Any, disk: SmallDisk) -> None:
    alarm.store.keep_reserve()
    disk.fill()
    with pytest.raises(OperationalError), alarm.store.writing() as db:
        audit.record(db, machine(db), alarm.app.state.centre.clock.now(), "page", "x", text="x" * 500_000)
    await alarm.passes(browsers)
    assert not (disk.path / "loa.sqlite3.reserve").exists()


async def test_where_no_room_was_kept_it_is_said_what_to_do(alarm: Any, browsers: Any, disk: SmallDisk) -> None:
    disk.fill()
    body = alarm.draft(reason="x" * 400)
    for _order in range(200):
        answer = await browsers["operator"].post("/api/v1/emergencies", json=body)
        if answer.status_code != httpx.codes.CREATED:
            break
    assert (answer.status_code, answer.json()["code"]) == (503, "disk_full")
    assert "gọi điện" in answer.json()["detail"]
