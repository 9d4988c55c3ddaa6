"""Anchors of the audit record, in a file beside the database: who cuts off the record's end must know of it (does I/O).

One line of JSON an anchor, only ever added. What cannot be read is passed over: it is worth as little as a line that is
not there. Copies kept elsewhere (the log has each, too) are worth more than this file.
"""

import logging
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcast.clock import Clock
from broadcast.wholefile import append, write_whole
from scheduler.people import audit, chain
from scheduler.store.engine import Store
from scheduler.store.patience import outlast

log = logging.getLogger(__name__)

FILE = "audit-anchors.jsonl"
EVERY_S = 600.0


def read(path: Path) -> list[chain.Anchor]:
    """The anchors in a file, oldest first; none where there is no file."""
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            found.append(msgspec.json.decode(line, type=chain.Anchor))
        except msgspec.DecodeError:
            continue
    return found


def newest(path: Path) -> chain.Anchor | None:
    return next(reversed(read(path)), None)


def drop(store: Store, key: Ed25519PrivateKey, path: Path, now: datetime) -> chain.Anchor | None:
    """Write down where the chain ends, if it has grown since the last anchor."""
    with store.reading() as db:
        number, sha256 = audit.head(db)
    before = newest(path)
    if number == 0 or (before is not None and before.number >= number):
        return None
    made = chain.anchor(key, number, sha256, now)
    line = msgspec.json.encode(made) + b"\n"
    if not path.exists():
        write_whole(path, line)
    else:
        append(path, line if _ends(path) else b"\n" + line)
    log.info("audit anchor: entry %s has the hash %s", number, sha256)
    return made


async def keep(store: Store, key: Ed25519PrivateKey, path: Path, clock: Clock) -> NoReturn:
    """Anchor the chain every ten minutes in which it grew."""

    def once() -> None:
        try:
            drop(store, key, path, clock.now())
        except OSError as error:
            log.warning("no audit anchor was written: %s", error)

    while True:
        await outlast(clock, "audit anchors", once)
        await clock.sleep(EVERY_S)


def _ends(path: Path) -> bool:
    """Whether the last line is whole: a power cut may have left a part of one."""
    return path.read_bytes().endswith(b"\n")
