"""Files that survive a power cut: a name holds the old content or the whole new one, never a part (does I/O)."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make `path` hold `data`: temporary file, fsync, replace, fsync of the folder. OSError leaves `path` as it was."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - the descriptor carries the mode
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names created, replaced or removed in `folder` durable."""
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


def quarantine(path: Path, now_us: int) -> Path | None:
    """Put a file that cannot be read out of the way as `<name>.bad-<seconds>`; its new path, None if that failed."""
    aside = path.with_name(f"{path.name}.bad-{now_us // 1_000_000}")
    try:
        path.replace(aside)
    except OSError:
        return None
    return aside


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
