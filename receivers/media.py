"""The recordings on a receiver's disk (does I/O; the slow parts are meant for a thread).

Rules
- `<sha256>.opus` is whole and verified, `<sha256>.part` is on its way. A file gets its name only after its hash was
  read back from what is on disk, synced and replaced into place; so a cut file never plays.
- At every start a file counts as missing until it has been read and its hash fits; one that does not is put aside.
- `index.json` keeps when each file became ready; losing it costs only that.
- What is bad and cannot be put aside counts as missing until a good one has replaced it.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Collection
from errno import EROFS
from pathlib import Path

from receivers import quarantine
from receivers.needs import Stored
from receivers.quarantine import put_aside

INDEX = "index.json"
BLOCK_BYTES = 256 * 1024


class MediaStore:
    """Recordings under `folder`. `ready` is replaced, never changed in place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ready: dict[str, Stored] = {}
        self._first_ready_us: dict[str, int] = {}
        self._bad: set[str] = set()

    def open(self, now_us: int = 0) -> None:
        """Make the folder and read since when each file is ready; nothing is ready yet. Never raises."""
        quarantine.open_folder(self._folder, now_us)
        self._first_ready_us = quarantine.read_json(self._folder / INDEX, dict[str, int], now_us) or {}
        for part in self._folder.glob("*.part"):
            if not part.is_file() or not os.access(part, os.R_OK | os.W_OK, effective_ids=True):
                put_aside(part, now_us)

    def path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.opus"

    def part(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.part"

    def done_bytes(self, sha256: str) -> int:
        """How much of a recording is here, verified or not."""
        if sha256 in self.ready:
            return self.ready[sha256].size_bytes
        with contextlib.suppress(OSError):
            return self.part(sha256).stat().st_size
        return 0

    def on_disk(self) -> frozenset[str]:
        """The files that have their name, checked or not."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            names = os.listdir(self._folder)  # noqa: PTH208 - asked with each document, and a path takes ten times as long
            return frozenset(name.removesuffix(".opus") for name in names if name.endswith(".opus")) - self._bad
        return frozenset()

    def check(self, sha256: str, now_us: int) -> bool | None:
        """Read a file again: True and ready, False and put aside, None when it is not there. Slow: for a thread."""
        path = self.path(sha256)
        try:
            right = file_sha256(path) == sha256
            size_bytes = path.stat().st_size
        except FileNotFoundError:
            self._forget(sha256)
            return None
        except OSError:
            right = False
        if not right:
            self._forget(sha256)
            put_aside(path, now_us)
            if path.exists():
                self._bad.add(sha256)
            return False
        self._mark_ready(sha256, size_bytes, now_us)
        return True

    def finish(self, sha256: str, now_us: int) -> bool:
        """Give a complete `.part` its name if its hash fits, else remove it. Slow: for a thread."""
        part = self.part(sha256)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        if file_sha256(part) != sha256:
            part.unlink()
            return False
        size_bytes = part.stat().st_size
        part.replace(self.path(sha256))
        self._bad.discard(sha256)
        self._mark_ready(sha256, size_bytes, now_us)
        self._write_index()  # which syncs the folder, too
        return True

    def remove(self, sha256: str) -> None:
        """Let a file and what there is of it go."""
        self._forget(sha256)
        self.path(sha256).unlink(missing_ok=True)
        self.part(sha256).unlink(missing_ok=True)

    def remove_parts(self, kept: frozenset[str]) -> None:
        """Remove what was begun and is no longer needed."""
        for path in self._folder.glob("*.part"):
            if path.stem not in kept:
                path.unlink(missing_ok=True)

    def used_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._folder.iterdir() if path.is_file())

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    def need_writable(self) -> None:
        """OSError while the folder is on a disk that is read-only or not there; writes nothing to find out."""
        if os.statvfs(self._folder).f_flag & os.ST_RDONLY:
            raise OSError(EROFS, os.strerror(EROFS), str(self._folder))

    def clear_aside(self) -> None:
        """Remove what was put aside."""
        quarantine.clear(self._folder)

    def let_go_oldest(self, needed: Collection[str], over_bytes: int) -> bool:
        """Win back `over_bytes`, as far as what is not `needed` goes, the oldest first; whether anything went."""
        unneeded = sorted(self.ready.keys() - needed, key=lambda sha256: (self.ready[sha256].ready_us, sha256))
        gone = False
        for sha256 in unneeded:
            if over_bytes <= 0:
                break
            over_bytes -= self.ready[sha256].size_bytes
            self.remove(sha256)
            gone = True
        return gone

    def _mark_ready(self, sha256: str, size_bytes: int, now_us: int) -> None:
        ready_us = self._first_ready_us.setdefault(sha256, now_us)
        self.ready = self.ready | {sha256: Stored(size_bytes, ready_us, now_us)}

    def _forget(self, sha256: str) -> None:
        self._first_ready_us.pop(sha256, None)
        self.ready = {key: stored for key, stored in self.ready.items() if key != sha256}

    def _write_index(self) -> None:
        with contextlib.suppress(OSError):
            quarantine.write_json(self._folder / INDEX, self._first_ready_us)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
