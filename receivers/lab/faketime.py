"""Processes whose wall clock is wrong, and can be set while they run (libfaketime)."""

import platform
from collections.abc import Mapping
from pathlib import Path

from broadcast.wholefile import write_whole


class NoFaketime(Exception):
    """libfaketime is not installed; the message says what to do."""


def library() -> Path:
    """The library to be loaded into a process; NoFaketime where there is none."""
    path = Path(f"/usr/lib/{platform.machine()}-linux-gnu/faketime/libfaketimeMT.so.1")
    if not path.exists():
        raise NoFaketime("a wrong clock needs libfaketime: apt install faketime")
    return path


class WrongClock:
    """The wall clock of the processes that are given `environment`; its monotonic clock and its files are true."""

    def __init__(self, path: Path, away_s: float = 0) -> None:
        self._path = path
        self.set(away_s)

    def set(self, away_s: float) -> None:
        """From now on it is so far from the true time."""
        write_whole(self._path, f"{away_s:+.0f}\n".encode())

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_RESET": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
