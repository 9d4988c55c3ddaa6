import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from receivers.lab.trial.smalldisk import CannotMount, SmallDisk
from scheduler.store.engine import Store
from scheduler.store.reserve import RESERVE_BYTES, FileReserve

MB = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        with SmallDisk(tmp_path / "disk", 48 * MB) as disk:
            yield disk
    except CannotMount as why:
        pytest.skip(f"needs the right to mount: {why}")


@pytest.fixture
def full(disk: SmallDisk, empty_sqlite: Path) -> Iterator[Store]:
    """A store whose disk is full, but for what it keeps itself."""
    shutil.copyfile(empty_sqlite, disk.path / "loa.sqlite3")
    store = Store(f"sqlite:///{disk.path / 'loa.sqlite3'}")
    store.keep_reserve()
    assert notes(store) == 0
    disk.fill()
    yield store
    store.close()


def note(db: Session) -> None:
    values = {"at": "2026-11-23 00:00:00", "detail": f'"{"x" * 200_000}"'}
    db.execute(
        text("INSERT INTO auditentry (at, action, subject, detail) VALUES (:at, 'act', 'subject', :detail)"), values
    )


def notes(store: Store) -> int:
    with store.reading() as db:
        return int(db.execute(text("SELECT count(*) FROM auditentry")).scalar_one())


def test_on_a_full_disk_only_what_is_urgent_is_written(full: Store) -> None:
    with pytest.raises(OperationalError, match=r"full|disk I/O"), full.writing() as db:
        note(db)
    full.urgently(note)
    assert notes(full) == 1


def test_room_that_was_used_is_kept_again_once_there_is_some(full: Store, disk: SmallDisk) -> None:
    full.urgently(note)
    full.keep_reserve()
    reserve = disk.path / "loa.sqlite3.reserve"
    assert not reserve.exists()
    (disk.path / "filler").unlink()
    full.keep_reserve()
    assert reserve.stat().st_size == RESERVE_BYTES


def test_a_disk_with_little_room_is_not_filled_by_what_is_kept(disk: SmallDisk) -> None:
    assert not FileReserve(disk.path / "reserve", 40 * MB).keep()
    assert list(disk.path.iterdir()) == []


def test_a_failure_that_is_none_of_the_disk_is_not_tried_again(sqlite_store: Store) -> None:
    tried = []

    def wrong(db: Session) -> None:
        tried.append(1)
        db.execute(text("INSERT INTO nowhere VALUES (1)"))

    sqlite_store.keep_reserve()
    with pytest.raises(OperationalError, match="no such table"):
        sqlite_store.urgently(wrong)
    assert len(tried) == 1
