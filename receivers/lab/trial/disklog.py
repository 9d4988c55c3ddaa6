"""Records what a program does to a folder, step by step, without the program knowing (does I/O).

While `recording` lasts the calls through which Python makes, writes, renames, removes and syncs files are noted as
well as done. Nothing in the program is changed for it. A way to the disk that is not noted would show: at the end the
noted steps, replayed in full, must give exactly what is in the folder, else AssertionError.
"""

import builtins
import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from receivers.lab.trial.powercut import (
    Linked,
    Made,
    Removed,
    Renamed,
    Shortened,
    Step,
    Synced,
    Told,
    Tree,
    Written,
    whole,
)


class DiskLog:
    """What was done in and below `root`, which holds only folders at first."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self.steps: list[Step] = []
        self._files: dict[str, int] = {}
        self._count = 0
        self.folders = sorted(str(path.relative_to(root)) for path in root.rglob("*"))

    def told(self, word: object) -> None:
        """Note that from here on someone relies on `word`."""
        self.steps.append(Told(word))

    def name(self, path: object) -> str | None:
        """What the model calls `path` (or an open descriptor); None outside of the root."""
        if isinstance(path, int):
            path = Path(f"/proc/self/fd/{path}").readlink()
        real = os.path.abspath(os.fspath(path))  # type: ignore[call-overload]  # noqa: PTH100 - links are not followed
        if real == self._root:
            return ""
        inside = real.startswith(self._root + os.sep)
        return real[len(self._root) + 1 :] if inside else None

    def number(self, name: str) -> int:
        """The file that is called `name` now."""
        return self._files[name]

    def opened(self, name: str, *, existed: bool, emptied: bool) -> None:
        if not existed:
            self._count += 1
            self._files[name] = self._count
            self.steps.append(Made(name, self._count))
        elif emptied:
            self.steps.append(Shortened(self._files[name], 0))

    def synced(self, descriptor: int) -> None:
        name = self.name(descriptor)
        if name is not None:
            self.steps.append(Synced(self._files.get(name, name)))

    def renamed(self, old: str, new: str) -> None:
        self._files[new] = self._files.pop(old)
        self.steps.append(Renamed(old, new))

    def linked(self, old: str, new: str) -> None:
        self._files[new] = self._files[old]
        self.steps.append(Linked(old, new))

    def removed(self, name: str) -> None:
        self._files.pop(name, None)
        self.steps.append(Removed(name))

    def check(self) -> None:
        """The steps account for everything that is there."""
        if dict(whole(self.steps, self.folders)) != dict(read(Path(self._root))):
            raise AssertionError("something went to the disk on a way that is not recorded")


@contextmanager
def recording(root: Path) -> Iterator[DiskLog]:
    """Record until the end of the block."""
    log = DiskLog(root)
    with ExitStack() as stack:
        for module, name in ((io, "open"), (builtins, "open")):
            stack.enter_context(patch.object(module, name, _noted_open(log)))
        for name, noted in _noted(log).items():
            stack.enter_context(patch.object(os, name, noted))
        yield log
    log.check()


def read(root: Path) -> Tree:
    """What is on a real disk."""
    paths = sorted(root.rglob("*"))
    return {str(path.relative_to(root)): None if path.is_dir() else path.read_bytes() for path in paths}


def write(root: Path, tree: Tree) -> None:
    """Make a real disk of a model's."""
    for name, data in tree.items():
        if data is None:
            (root / name).mkdir()
        else:
            (root / name).write_bytes(data)


class _Raw(io.FileIO):
    """A file whose writes are noted."""

    log: DiskLog
    number: int

    def write(self, data: Any, /) -> int:
        offset = os.fstat(self.fileno()).st_size if "a" in self.mode else self.tell()
        count = super().write(data)
        self.log.steps.append(Written(self.number, offset, bytes(data[:count])))
        return count


def _noted_open(log: DiskLog) -> Any:
    real = io.open

    def noted(file: Any, mode: str = "r", buffering: int = -1, *more: Any, **named: Any) -> Any:
        name = log.name(file) if set(mode) & set("wax+") and not isinstance(file, bytes) else None
        if name is None:
            return real(file, mode, buffering, *more, **named)
        existed = isinstance(file, int) or os.path.lexists(file)
        raw = _Raw(file, mode.replace("b", ""))
        log.opened(name, existed=existed, emptied="w" in mode and not isinstance(file, int))
        raw.log, raw.number = log, log.number(name)
        return raw if buffering == 0 else io.BufferedWriter(raw)

    return noted


def _noted(log: DiskLog) -> dict[str, Any]:
    real = {name: getattr(os, name) for name in ("open", "fsync", "replace", "rename", "link", "unlink", "mkdir")}

    def open_(path: Any, flags: int, mode: int = 0o777, **named: Any) -> int:
        existed, name = os.path.lexists(path), log.name(path)
        descriptor: int = real["open"](path, flags, mode, **named)
        if name is not None and flags & (os.O_CREAT | os.O_TRUNC):
            log.opened(name, existed=existed, emptied=bool(flags & os.O_TRUNC))
        return descriptor

    def fsync(descriptor: int) -> None:
        real["fsync"](descriptor)
        log.synced(descriptor)

    def two(call: str) -> Any:
        def noted(old: Any, new: Any, **named: Any) -> None:
            names = log.name(old), log.name(new)
            real[call](old, new, **named)
            if names[0] is not None and names[1] is not None:
                (log.linked if call == "link" else log.renamed)(names[0], names[1])

        return noted

    def unlink(path: Any, **named: Any) -> None:
        name = log.name(path) if "dir_fd" not in named else None
        real["unlink"](path, **named)
        if name is not None:
            log.removed(name)

    def mkdir(path: Any, mode: int = 0o777, **named: Any) -> None:
        real["mkdir"](path, mode, **named)
        name = log.name(path)
        if name is not None:
            log.steps.append(Made(name, None))

    return {"open": open_, "fsync": fsync, "unlink": unlink, "remove": unlink, "mkdir": mkdir} | {
        call: two(call) for call in ("replace", "rename", "link")
    }
