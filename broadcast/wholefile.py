"""A file that is either the old one or the whole new one, with its mode and owner from its first byte on."""

import os
from pathlib import Path
from typing import NamedTuple


class Owner(NamedTuple):
    uid: int
    gid: int


def write_whole(path: Path, data: bytes, mode: int = 0o600, owner: Owner | None = None) -> None:
    """Make `path` hold `data` (temporary file, fsync, replace, fsync of the folder); OSError leaves it as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    try:
        create(temporary, data, mode, owner)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


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


def sync_folder(folder: Path) -> None:
    """Make names created, replaced or removed in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
