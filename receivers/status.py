"""What the daemon tells about itself on this machine: a lock that says whether it runs, and a file (does I/O)."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from broadcast.wire.documents import ReceiverState

LOCK = "run.lock"
STATUS = "status.json"


class AlreadyRunning(Exception):
    """Another daemon holds this state folder."""


class ComingAiring(Struct, frozen=True, kw_only=True):
    """What sounds next."""

    airing_id: str
    start_us: int
    end_us: int


class Status(Struct, frozen=True, kw_only=True):
    """`status.json`; `link_error` says why the link is down."""

    receiver_id: str
    broker: str
    pid: int
    written_us: int
    linked: bool
    link_since_us: int
    link_error: str | None
    state: ReceiverState
    coming: tuple[ComingAiring, ...] = ()


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, or AlreadyRunning; it goes with the process, however that ends."""
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"a receiver daemon is running on {folder} already") from None
        yield


def is_running(folder: Path) -> bool:
    """Whether a daemon holds the folder's lock."""
    try:
        with (folder / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def write(folder: Path, status: Status) -> None:
    """Replace the status file, whole but not synced: it is written often, and flash wears."""
    temporary = folder / f".{STATUS}.new"
    temporary.write_bytes(msgspec.json.encode(status))
    os.replace(temporary, folder / STATUS)  # noqa: PTH105 - beside the write it belongs to


def read(folder: Path) -> Status | None:
    """The last status written; None when there is none that can be read."""
    try:
        return msgspec.json.decode((folder / STATUS).read_bytes(), type=Status)
    except (OSError, ValueError):
        return None
