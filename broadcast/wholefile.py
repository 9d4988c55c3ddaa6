"""Files that survive a power cut: a name holds the old content or the whole new one, never a part (does I/O).

Mode and owner are right from the first byte on.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple


class Owner(NamedTuple):
    uid: int
    gid: int


def write_whole(path: Path, data: bytes, mode: int = 0o600, owner: Owner | None = None) -> None:
    """Make `path` hold `data` (temporary file, fsync, replace, fsync of the folder); OSError leaves it as it was."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    try:
        create(temporary, data, mode, owner)
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    sync(path.parent)


def append(path: Path, data: bytes) -> None:
    """Add `data` to a file that is there, durably; after OSError any part of it may be there."""
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Make a folder and what is missing above it, durably: what is synced in a folder goes with the folder's name."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync(folder.parent)


def clear_unfinished(folder: Path) -> None:
    """Remove what a power cut left of `write_whole` in and below `folder`; its only user calls it at the start."""
    with contextlib.suppress(OSError):
        for leftover in folder.rglob(".*.new"):
            leftover.unlink(missing_ok=True)


def create(path: Path, data: bytes, mode: int = 0o600, owner: Owner | None = None) -> None:
    """Make a new file; FileExistsError where there is one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        if owner is not None:
            os.fchown(descriptor, *owner)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def sync(path: Path) -> None:
    """Make a file's bytes durable, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
