"""Room on the disk that nothing but an emergency may use (does I/O)."""

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 16 * 1024 * 1024
"""Some thousands of orders, with what SQLite writes beside them."""


class Reserve:
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
