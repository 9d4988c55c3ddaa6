"""Room on the disk that nothing but an emergency may use (does I/O)."""

import contextlib
import logging
import os
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

RESERVE_BYTES = 16 * 1024 * 1024
"""Some thousands of orders, with what the database writes beside them."""
SCHEMA = "loa_reserve"
ROW_LETTERS = 1900
ROWS_A_PAGE, PAGE_BYTES = 4, 8192
LONGEST_WAIT_S = 2
_ONE_AT_A_TIME = 0x4C6F62
REST = 60
"""So many times it is not asked for again after there was no room: asking fills such a disk for a moment."""


class Reserve(Protocol):
    def keep(self) -> bool:
        """Whether the room is kept."""

    def give_up(self) -> bool:
        """Whether there may be room now that there was not."""


class FileReserve:
    """A file beside the database that is deleted when the disk is full and something must be written."""

    def __init__(self, path: Path, size_bytes: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def keep(self) -> bool:
        """Whether the room is kept; half of what is free is the most that is taken."""
        try:
            if self._path.exists():
                return True
            free = os.statvfs(self._path.parent)
            if free.f_bavail * free.f_frsize < 2 * self._size_bytes:
                return False
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size_bytes)
            finally:
                os.close(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        return True

    def give_up(self) -> bool:
        """Whether there was room to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


class TableReserve:
    """A table that says nothing, in a schema of its own, on the disk of a PostgreSQL wherever that runs.

    It is not logged, so that no replica carries it. How much of the disk is free cannot be asked there.
    """

    def __init__(self, engine: Engine, size_bytes: int = RESERVE_BYTES) -> None:
        self._engine = engine
        self._size_bytes = size_bytes
        self._rest = 0

    def keep(self) -> bool:
        if self._rest:
            self._rest -= 1
            return False
        try:
            return self._kept()
        except SQLAlchemyError as error:
            log.warning("no room is kept in the database for emergencies: %s", str(error).partition("\n")[0])
            self._rest = REST
            return False

    def give_up(self) -> bool:
        try:
            with self._engine.begin() as db:
                db.execute(text(f"SET LOCAL lock_timeout = '{LONGEST_WAIT_S}s'"))
                db.execute(text("DROP TABLE IF EXISTS loa_reserve.room"))
        except SQLAlchemyError:
            log.exception("the room that was kept in the database cannot be given up")
            return False
        return True

    def _kept(self) -> bool:
        with self._engine.begin() as db:
            if not db.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME}).scalar_one():
                return False
            size = db.execute(text("SELECT pg_relation_size(to_regclass('loa_reserve.room'))")).scalar_one()
            if (size or 0) >= self._size_bytes:
                return True
            for step in (
                "CREATE SCHEMA IF NOT EXISTS loa_reserve",
                "DROP TABLE IF EXISTS loa_reserve.room",
                "CREATE UNLOGGED TABLE loa_reserve.room (nothing text)",
            ):
                db.execute(text(step))
            rows = {"letters": ROW_LETTERS, "rows": self._size_bytes // PAGE_BYTES * ROWS_A_PAGE}
            db.execute(
                text("INSERT INTO loa_reserve.room SELECT repeat('x', :letters) FROM generate_series(1, :rows)"), rows
            )
        return True
