import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select

from scheduler.fleet.models import DirtyTopic
from scheduler.store.alone import alone
from scheduler.store.engine import BackupFailed, Store, StoreBusy
from scheduler.store.types import new_id
from scheduler.zones.models import Zone, ZoneKind


def topics(db: Session) -> list[str]:
    return list(db.exec(select(DirtyTopic.topic).order_by(DirtyTopic.topic)).all())


def add_and_fail(db: Session, now: datetime) -> None:
    db.add(DirtyTopic(topic="lost", since=now))
    db.flush()
    raise LookupError


def test_a_transaction_that_raises_leaves_nothing(store: Store, now: datetime) -> None:
    with store.writing() as db:
        db.add(DirtyTopic(topic="kept", since=now))
    with pytest.raises(LookupError), store.writing() as db:
        add_and_fail(db, now)
    with store.reading() as db:
        assert topics(db) == ["kept"]


def test_reading_cannot_change_anything(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)read.?only"), store.reading() as db:
        db.execute(text("DELETE FROM zone"))
    with store.writing() as db:
        db.execute(text("DELETE FROM zone"))


def test_a_reader_sees_one_state_while_others_write(store: Store, now: datetime) -> None:
    with store.reading() as reader:
        assert topics(reader) == []
        with store.writing() as db:
            db.add(DirtyTopic(topic="new", since=now))
        assert topics(reader) == []
    with store.reading() as reader:
        assert topics(reader) == ["new"]


def test_a_transaction_inside_a_transaction_is_refused_not_waited_for_for_ever(sqlite_store: Store) -> None:
    impatient = Store(sqlite_store.url.render_as_string(hide_password=False), busy_timeout_s=0.01)
    with impatient.writing(), pytest.raises(StoreBusy), impatient.writing():
        pass
    with impatient.writing() as db:
        assert topics(db) == []
    impatient.close()


def test_another_process_that_writes_is_waited_for_and_then_told(sqlite_store: Store) -> None:
    other = Store(sqlite_store.url.render_as_string(hide_password=False), busy_timeout_s=0.01)
    with sqlite_store.writing() as db:
        assert topics(db) == []
        with pytest.raises(StoreBusy), other.writing() as late:
            topics(late)
    with other.writing() as db:
        assert topics(db) == []
    other.close()


@pytest.mark.parametrize("names", [("a",), ("a", "b"), ("b", "a")])
def test_alone_lets_one_at_a_time_read_and_write(store: Store, now: datetime, names: tuple[str, ...]) -> None:
    def count(_number: int) -> None:
        with store.writing() as db:
            alone(db, *names)
            number = len(topics(db))
            db.add(DirtyTopic(topic=f"{number:03d}", since=now))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count, range(30)))
    with store.reading() as db:
        assert topics(db) == [f"{number:03d}" for number in range(30)]


def test_writers_on_many_threads_lose_no_update(store: Store, now: datetime) -> None:
    with store.writing() as db:
        db.add(Zone(id="z", path="/z/", kind=ZoneKind.OTHER, name="counter", version=0))

    def count() -> None:
        for _ in range(10):
            with store.writing() as db:
                zone = db.get_one(Zone, "z", with_for_update=True)
                zone.version += 1
                db.add(zone)

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as db:
        assert db.get_one(Zone, "z").version == 60


def test_an_instant_comes_back_in_utc_and_a_naive_one_is_refused(store: Store) -> None:
    hanoi = timezone(timedelta(hours=7))
    with store.writing() as db:
        db.add(DirtyTopic(topic="t", since=datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=hanoi)))
    with store.reading() as db:
        found = db.get_one(DirtyTopic, "t").since
    assert found == datetime(2026, 11, 23, 1, 0, 0, 123456, tzinfo=UTC)
    assert found.tzinfo is UTC
    with pytest.raises(Exception, match="without a zone"), store.writing() as db:
        db.add(DirtyTopic(topic="naive", since=datetime(2026, 11, 23)))  # noqa: DTZ001


def test_what_is_not_set_is_null_and_words_are_kept_as_words(store: Store) -> None:
    with store.writing() as db:
        db.add(Zone(id="z", path="/z/", kind=ZoneKind.VILLAGE, name="Thôn 1", quota={}))
    with store.reading() as db:
        row = db.execute(text("SELECT kind, quiet_hours IS NULL, quota IS NULL FROM zone")).one()
        assert (row[0], bool(row[1]), bool(row[2])) == ("village", True, False)
        assert db.exec(select(Zone).where(col(Zone.kind) == ZoneKind.VILLAGE)).one().quota == {}


def test_identifiers_sort_by_their_time(now: datetime) -> None:
    made = [new_id(now + timedelta(milliseconds=step)) for step in range(50)]
    assert made == sorted(made)
    assert len({new_id(now) for _ in range(1000)}) == 1000
    assert all(len(identifier) == 26 for identifier in made)


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from scheduler.fleet.models import DirtyTopic
from scheduler.store.engine import Store
store, now = Store(sys.argv[1]), datetime(2026, 11, 23, tzinfo=UTC)
for number in range(int(sys.argv[2])):
    with store.writing() as db:
        db.add_all([DirtyTopic(topic=f"{number}/a", since=now), DirtyTopic(topic=f"{number}/b", since=now)])
    print(number, flush=True)
with store.writing() as db:
    db.add(DirtyTopic(topic="half", since=now))
    db.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_in_the_middle_of_a_save_nothing_is_half_saved(sqlite_store: Store) -> None:
    url = sqlite_store.url.render_as_string(hide_password=False)
    child = subprocess.run([sys.executable, "-c", KILLED, url, "5"], capture_output=True, text=True, check=False)
    assert child.returncode == -9, child.stderr
    with sqlite_store.reading() as db:
        assert topics(db) == [f"{number}/{part}" for number in range(5) for part in "ab"]
        assert db.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


def test_killed_at_any_moment_every_save_that_was_answered_is_there_whole(sqlite_store: Store) -> None:
    url = sqlite_store.url.render_as_string(hide_password=False)
    child = subprocess.Popen([sys.executable, "-c", KILLED, url, "100000"], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    answered = 0
    for line in child.stdout:
        answered = int(line) + 1
        if answered == 25:
            child.kill()
    child.wait()
    child.stdout.close()
    with sqlite_store.reading() as db:
        found = topics(db)
    assert sorted(found) == sorted(f"{number}/{part}" for number in range(len(found) // 2) for part in "ab")
    assert len(found) // 2 >= answered


def test_a_backup_holds_what_was_there_and_leaves_no_parts(store: Store, now: datetime, tmp_path: Path) -> None:
    with store.writing() as db:
        db.add(DirtyTopic(topic="before", since=now))
    target = tmp_path / "backups" / "loa.backup"
    store.backup(target)
    with store.writing() as db:
        db.add(DirtyTopic(topic="after", since=now))
    assert [path.name for path in target.parent.iterdir()] == ["loa.backup"]
    assert target.stat().st_mode & 0o077 == 0
    if store.is_sqlite:
        with closing(sqlite3.connect(target)) as copy:
            assert copy.execute("SELECT topic FROM dirtytopic").fetchall() == [("before",)]
    else:
        assert restored_topics(store, target) == ["before"]


def restored_topics(store: Store, dump: Path) -> list[str]:
    plain = store.url.set(drivername="postgresql")
    with psycopg.connect(
        plain.set(database="postgres").render_as_string(hide_password=False), autocommit=True
    ) as control:
        control.execute("DROP DATABASE IF EXISTS restored")
        control.execute("CREATE DATABASE restored")
    fresh = plain.set(database="restored")
    url = fresh.render_as_string(hide_password=False)
    subprocess.run(["pg_restore", f"--dbname={url}", str(dump)], check=True, capture_output=True)
    opened = Store(url)
    with opened.reading() as db:
        found = topics(db)
    opened.close()
    return found


def test_a_backup_that_fails_says_why_and_leaves_the_last_one(postgresql_store: Store, tmp_path: Path) -> None:
    target = tmp_path / "loa.backup"
    target.write_bytes(b"yesterday's")
    gone = Store(postgresql_store.url.set(database="not_there").render_as_string(hide_password=False))
    with pytest.raises(BackupFailed, match="not_there"):
        gone.backup(target)
    gone.close()
    assert target.read_bytes() == b"yesterday's"
    assert [path.name for path in tmp_path.iterdir()] == ["loa.backup"]


def test_power_cuts_lose_no_commit(sqlite_store: Store) -> None:
    with sqlite_store.writing() as db:
        assert db.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert db.execute(text("PRAGMA synchronous")).scalar_one() == 2
