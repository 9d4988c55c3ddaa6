"""What the daemon tells about itself on this machine: a lock that says whether it runs, and a file (does I/O).

Rules
- The lock is on the folder itself: it needs no file, so that a disk that is read-only does not keep a daemon from
  starting.
- The file is written each minute and whenever something changes, and flash wears: it is never synced, and where systemd
  gives a folder in memory (RUNTIME_DIRECTORY) it lies there and `status.json` only points to it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from broadcast.wire.documents import ReceiverState
from receivers.quarantine import put_aside

STATUS = "status.json"


class AlreadyRunning(Exception):
    """Another daemon holds this state folder."""


class ComingAiring(Struct, frozen=True, kw_only=True):
    """What sounds next."""

    airing_id: str
    start_us: int
    end_us: int


class Status(Struct, frozen=True, kw_only=True):
    """`link_error` says why the link is down."""

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
    with _lock(folder) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"a receiver daemon is running on {folder} already") from None
        yield


def is_running(folder: Path) -> bool:
    """Whether a daemon holds the folder's lock."""
    try:
        with _lock(folder) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def write(folder: Path, status: Status) -> None:
    """Replace what was told, whole; OSError leaves it as it was."""
    path = _place(folder, status.receiver_id)
    if path.is_dir():
        put_aside(path, status.written_us)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(msgspec.json.encode(status))
    os.replace(temporary, path)  # noqa: PTH105 - beside the write it belongs to


def read(folder: Path) -> Status | None:
    """The last status written; None when there is none that can be read."""
    try:
        return msgspec.json.decode((folder / STATUS).read_bytes(), type=Status)
    except (OSError, ValueError, RecursionError):
        return None


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _place(folder: Path, receiver_id: str) -> Path:
    """Where the file is written; `folder` points there."""
    name, memory = folder / STATUS, os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if not memory:
        return name
    place = Path(memory) / f"status-{receiver_id}.json"
    with contextlib.suppress(OSError):
        if not name.is_symlink() or name.readlink() != place:
            name.unlink(missing_ok=True)
            name.symlink_to(place)
    return place
