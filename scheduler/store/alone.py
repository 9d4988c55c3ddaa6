"""Doing one thing at a time where a row lock is not enough: counting, trees, what must stay unique."""

import zlib

from sqlalchemy import func
from sqlmodel import Session, select

_SPACE = 0x4C6F61  # the first half of these locks, so that they meet no others


def alone(db: Session, *names: str) -> None:
    """Until this transaction ends, no other holds one of `names`; ask before reading. SQLite has one writer anyway."""
    if db.get_bind().dialect.name == "postgresql":
        for key in sorted({zlib.crc32(name.encode()) for name in names}):
            db.exec(select(func.pg_advisory_xact_lock(_SPACE, key - 2**31)))
