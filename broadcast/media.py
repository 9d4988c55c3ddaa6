"""Content-addressed files: a file's name is the SHA-256 of its bytes.

A stored file never changes; a name is either absent or whole. Names come from outside (documents, URLs), so anything
but 64 lower-case hex digits is refused before it touches a path.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from broadcast.wholefile import sync

CHUNK_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BadHashError(ValueError):
    """What was given as a SHA-256 is not 64 lower-case hex digits."""


class MediaMissingError(FileNotFoundError):
    """The store holds no file of that SHA-256."""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes in lower-case hex; memory stays at one chunk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class MediaStore:
    """Files under `root/ab/cd/<sha256>`; several processes may use one store at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where a file of this hash lies or would lie. Raises BadHashError."""
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise BadHashError("a media name must be 64 lower-case hex digits")
        return self._root / sha256[:2] / sha256[2:4] / sha256

    def __contains__(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def __iter__(self) -> Iterator[str]:
        """The hashes of all stored files, in no particular order."""
        for file in self._root.glob("??/??/*"):
            if _SHA256.fullmatch(file.name):
                yield file.name

    def open(self, sha256: str) -> BinaryIO:
        """The file for reading. Raises BadHashError or MediaMissingError."""
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise MediaMissingError(f"no stored file has the SHA-256 {sha256}") from None

    def size_bytes(self, sha256: str) -> int:
        """Raises BadHashError or MediaMissingError."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            raise MediaMissingError(f"no stored file has the SHA-256 {sha256}") from None

    def put(self, source: Path) -> str:
        """Copy a file in and return its SHA-256; storing the same bytes again changes nothing."""
        with self.staging() as staged:
            digest = hashlib.sha256()
            with source.open("rb") as reader, staged.open("wb") as writer:
                while chunk := reader.read(CHUNK_BYTES):
                    digest.update(chunk)
                    writer.write(chunk)
            return self._adopt(staged, digest.hexdigest())

    def put_staged(self, staged: Path) -> str:
        """Move a finished file made within `staging` in, without copying, and return its SHA-256."""
        return self._adopt(staged, sha256_of(staged))

    @contextmanager
    def staging(self, suffix: str = "") -> Iterator[Path]:
        """A path on the store's own disk for a file in the making; what is left of it afterwards is removed."""
        folder = Path(tempfile.mkdtemp(dir=self._incoming))
        try:
            yield folder / f"file{suffix}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def delete(self, sha256: str) -> bool:
        """Whether there was a file to delete. Raises BadHashError."""
        try:
            self.path(sha256).unlink()
        except FileNotFoundError:
            return False
        return True

    def drop(self, sha256: str, before_s: float) -> int:
        """Delete a file unless it was put at or after `before_s` (Unix time); its bytes, 0 where it stays or is not.

        It is taken aside first, so that what is put in the same moment is put back. Raises BadHashError.
        """
        path = self.path(sha256)
        with self.staging() as aside:
            try:
                if path.stat().st_mtime >= before_s:
                    return 0
                path.rename(aside)
            except FileNotFoundError:
                return 0
            found = aside.stat()
            if found.st_mtime >= before_s:
                aside.rename(path)
                return 0
            return found.st_size

    def verify(self, sha256: str) -> bool:
        """Whether the file is there and its bytes still have this hash. Raises BadHashError."""
        path = self.path(sha256)
        return path.is_file() and sha256_of(path) == sha256

    def clear_incoming(self) -> None:
        """Remove what a killed process left half-made; call at start, before anyone stores."""
        for leftover in self._incoming.iterdir():
            shutil.rmtree(leftover, ignore_errors=True)

    def _adopt(self, staged: Path, sha256: str) -> str:
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        sync(staged)
        staged.chmod(0o644)
        staged.replace(target)
        sync(target.parent)
        return sha256
