"""The disk of a PostgreSQL is full: nothing can be written but what is urgent."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from receivers.lab.trial.smalldisk import CannotMount, SmallDisk
from scheduler.store.engine import Store, is_full
from scheduler.store.patience import is_away
from scheduler.store.reserve import RESERVE_BYTES

MB = 1024 * 1024


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with tempfile.TemporaryDirectory(prefix="loa-") as folder:  # whose path is short enough for a socket's
        Path(folder).chmod(0o755)
        try:
            with SmallDisk(Path(folder) / "disk", 144 * MB) as disk:
                yield disk
        except CannotMount as why:
            pytest.skip(f"needs the right to mount: {why}")


@pytest.fixture
def roomy(disk: SmallDisk, postgresql_in: Callable[[Path], AbstractContextManager[str]]) -> Iterator[Store]:
    with postgresql_in(disk.path) as url:
        store = Store(url)
        store.migrate()
        yield store
        store.close()


def note(db: Session) -> None:
    db.execute(
        text(
            "INSERT INTO auditentry (at, action, subject, detail) SELECT now(), 'act', 'subject',"
            " jsonb_build_object('text', repeat(md5(random()::text), 40)) FROM generate_series(1, 500)"
        )
    )


def notes(store: Store) -> int:
    with store.reading() as db:
        return int(db.execute(text("SELECT count(*) FROM auditentry")).scalar_one())


def kept_bytes(store: Store) -> int:
    with store.reading() as db:
        return int(db.execute(text("SELECT pg_relation_size(to_regclass('loa_reserve.room'))")).scalar_one() or 0)


def test_on_a_full_disk_only_what_is_urgent_is_written(roomy: Store, disk: SmallDisk) -> None:
    roomy.keep_reserve()
    assert kept_bytes(roomy) >= RESERVE_BYTES
    filler = disk.fill()
    with pytest.raises(DBAPIError) as failed, roomy.writing() as db:
        note(db)
    assert is_full(failed.value)
    assert is_away(failed.value)
    roomy.urgently(note)
    assert (notes(roomy), kept_bytes(roomy)) == (500, 0)
    roomy.keep_reserve()
    assert kept_bytes(roomy) == 0
    roomy.urgently(note)
    assert notes(roomy) == 1000
    filler.unlink()
    for _minute in range(61):
        roomy.keep_reserve()
    assert kept_bytes(roomy) >= RESERVE_BYTES
