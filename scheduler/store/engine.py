"""The centre's database: SQLite on one box, PostgreSQL where several centre processes share one.

SQLite runs in WAL mode with `synchronous=FULL`: NORMAL would keep the file sound through a power cut but may lose
the last commits, and a document number that was signed and sent must never be given out again.
"""

import logging
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from broadcast.wholefile import sync
from scheduler.store.migrate import upgrade
from scheduler.store.reserve import SCHEMA, FileReserve, Reserve, TableReserve
from scheduler.store.turns import Turns

log = logging.getLogger(__name__)

T = TypeVar("T")
BUSY_TIMEOUT_S = 15
_ONE_VIEW = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
DISK_FULL = "53100"  # as PostgreSQL says it
_POOL_SIZE = 10
_POOL_OVERFLOW = 40  # more than the 40 threads that answer requests never wait for a connection


class StoreBusy(Exception):
    """Another writer kept the database for longer than one waits, or one transaction was opened in another."""


class BackupFailed(Exception):
    """No backup was written; the message says why."""


class Store:
    """Sessions on the database behind an SQLAlchemy URL; safe to share between threads.

    The `engine` of another on the same URL brings the statements that it has compiled.
    """

    def __init__(self, url: str, busy_timeout_s: float = BUSY_TIMEOUT_S, engine: Engine | None = None) -> None:
        self.url: URL = _with_driver(make_url(url))
        self._busy_timeout_s = busy_timeout_s
        self._engine = engine or _engine(self.url, busy_timeout_s)
        self._reader = self._engine.execution_options(loa_writes=False, **({} if self.is_sqlite else _ONE_VIEW))
        self._writer = self._engine.execution_options(loa_writes=True)
        self._turns = Turns() if self.is_sqlite else None
        self._reserve: Reserve = (
            FileReserve(Path(f"{self.url.database}.reserve")) if self.is_sqlite else TableReserve(self._engine)
        )

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view; the database refuses to change anything through it."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self, *, urgent: bool = False) -> Iterator[Session]:
        """One transaction: committed at the end, or nothing of it if the block raises. Do not nest.

        An `urgent` one goes before all that wait.
        """
        with self._turn(urgent), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def urgently(self, work: Callable[[Session], T]) -> T:
        """What `work` returns of an urgent transaction; on a full disk it has the room that was kept for it."""
        try:
            with self.writing(urgent=True) as db:
                return work(db)
        except DBAPIError as error:
            if not is_full(error) or not self._reserve.give_up():
                raise
        log.error("the disk of the database is full: what was kept for emergencies is used")
        with self.writing(urgent=True) as db:
            return work(db)

    def keep_reserve(self) -> None:
        """Keep room on the disk for what is urgent, or again if it was used and there is room."""
        self._reserve.keep()

    def migrate(self, progress: Callable[[str], None] | None = None) -> None:
        """Bring the tables to this program's version; interrupted at any moment, the next start does it whole."""
        upgrade(self._engine, progress or (lambda _step: None))

    def backup(self, target: Path) -> None:
        """Write a consistent copy to `target` while the centre works; `target` appears whole or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(descriptor)
        part = Path(name)
        try:
            if self.is_sqlite:
                _backup_sqlite(self.url.database or "", part)
            else:
                _backup_postgresql(self.url, part)
            sync(part)
            part.replace(target)
            sync(target.parent)
        finally:
            part.unlink(missing_ok=True)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _turn(self, urgent: bool) -> Iterator[None]:
        """SQLite's writers of this process queue here instead of polling each other's lock."""
        if self._turns is None:
            yield
            return
        if not self._turns.take(self._busy_timeout_s, urgent=urgent):
            raise StoreBusy("the database is busy with another change")
        try:
            yield
        finally:
            self._turns.give_back()


def is_full(error: DBAPIError) -> bool:
    """Whether room may help: where a file beside the database cannot grow SQLite only says that it cannot write."""
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode & 0xFF in NO_ROOM
    return getattr(error.orig, "sqlstate", None) == DISK_FULL


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def _engine(url: URL, busy_timeout_s: float) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_size=_POOL_SIZE, max_overflow=_POOL_OVERFLOW, pool_pre_ping=True)
    if not url.database or url.database == ":memory:":
        raise ValueError("SQLite needs a file: sessions on several threads share it")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, pool_size=_POOL_SIZE, max_overflow=_POOL_OVERFLOW, connect_args={"timeout": busy_timeout_s}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("loa_writes", True)
    connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    except OperationalError as error:  # another process writes, such as the command line
        raise StoreBusy("the database is busy with another change") from error


def _backup_sqlite(source: str, target: Path) -> None:
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy, pages=4096)


def _backup_postgresql(url: URL, target: Path) -> None:
    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    environment = dict(os.environ) | ({"PGPASSWORD": url.password} if url.password else {})
    command = ["pg_dump", "--format=custom", f"--exclude-schema={SCHEMA}", f"--file={target}", f"--dbname={plain}"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    except FileNotFoundError as missing:
        raise BackupFailed("pg_dump is not installed (Debian: postgresql-client)") from missing
    except subprocess.CalledProcessError as failed:
        raise BackupFailed(failed.stderr.strip()) from failed
