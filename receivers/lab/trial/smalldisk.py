"""A small disk of its own that can be filled and made read-only, as root (mounts a tmpfs)."""

import contextlib
import errno
import subprocess
from pathlib import Path
from typing import Self

BLOCK_BYTES = 4096


class CannotMount(Exception):
    """This user or this container may not mount."""


class SmallDisk:
    """Context manager: a disk of `size_bytes` at `path`, which is made. Raises CannotMount."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        self._size_bytes = size_bytes

    def __enter__(self) -> Self:
        self.path.mkdir()
        done = _mount("-t", "tmpfs", "-o", f"size={self._size_bytes},mode=0700", "loa-small-disk", self.path)
        if done.returncode:
            raise CannotMount(done.stderr.strip().partition("\n")[0])
        return self

    def __exit__(self, *_error: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=False)

    def set_read_only(self, read_only: bool) -> None:
        """OSError while something on it is open for writing."""
        done = _mount("-o", f"remount,{'ro' if read_only else 'rw'}", self.path)
        if done.returncode:
            raise OSError(errno.EBUSY, done.stderr.strip())

    def fill(self, name: str = "filler") -> Path:
        """Put a file on it that leaves no room at all."""
        path = self.path / name
        with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
            while file.write(bytes(BLOCK_BYTES)) == BLOCK_BYTES:
                pass
        return path


def _mount(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *map(str, words)], check=False, capture_output=True, text=True)
