"""What cannot be read is kept for whoever asks, out of the way and only so much of it (does I/O)."""

import contextlib
import os
import shutil
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from broadcast.wholefile import make_folder, write_whole

T = TypeVar("T")
KEPT = 3  # in each folder


def write_json(path: Path, value: object) -> None:
    """Replace a file that `read_json` reads: JSON, and a line with its CRC-32."""
    body = msgspec.json.encode(value)
    write_whole(path, b"%b\n%08x\n" % (body, zlib.crc32(body)))


def read_json(path: Path, kind: type[T], now_us: int) -> T | None:
    """The `kind` in a file; None when there is no file, or one that was altered: that one is put aside."""
    try:
        body, _, check = path.read_bytes().partition(b"\n")
        if check == b"%08x\n" % zlib.crc32(body):
            return msgspec.json.decode(body, type=kind)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        pass
    put_aside(path, now_us)
    return None


def open_folder(folder: Path, now_us: int) -> None:
    """Make `folder` if it can be made; what is in its place and no folder is put aside. Never raises."""
    if os.path.lexists(folder) and not folder.is_dir():
        put_aside(folder, now_us)
    with contextlib.suppress(OSError):
        make_folder(folder)


def put_aside(path: Path, now_us: int) -> None:
    """Rename `path`, whatever it is, to `<name>.bad-<seconds>` and let the oldest of its folder go. Never raises."""
    with contextlib.suppress(OSError):
        path.replace(_aside(path, now_us))
    clear(path.parent, KEPT)


def keep_copy(path: Path, now_us: int) -> None:
    """The same with `path` left as it is, for a file that is about to be replaced whole. Never raises."""
    aside = _aside(path, now_us)
    with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)
        os.link(path, aside)
    clear(path.parent, KEPT)


def clear(folder: Path, kept: int = 0) -> None:
    """Remove what was put aside in `folder` but for the `kept` newest. Never raises."""
    with contextlib.suppress(OSError):
        for old in sorted(folder.glob("*.bad-*"), key=_seconds, reverse=True)[kept:]:
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.unlink(missing_ok=True)


def _aside(path: Path, now_us: int) -> Path:
    return path.with_name(f"{path.name}.bad-{now_us // 1_000_000}")


def _seconds(path: Path) -> int:
    text = path.name.rpartition("-")[2]
    return int(text) if text.isdecimal() else 0
