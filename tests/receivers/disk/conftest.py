"""Disks as a power cut leaves them."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from receivers.lab.trial import disklog
from receivers.lab.trial.powercut import disks
from receivers.lab.trial.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from receivers.lab.trial.powercut import Disk


@dataclass
class Cuts:
    """Power cuts at every step of what is done to a shelf."""

    root: Path

    def after(
        self, act: Callable[[Shelf, Callable[[object], None]], None], judge: Callable[[Shelf, Disk], None]
    ) -> int:
        """Do `act` on a new shelf, given where to note what was told; open and `judge` each disk it may leave."""
        folder = Path(tempfile.mkdtemp(dir=self.root))
        with disklog.recording(folder) as log:
            act(Shelf(folder), log.told)
        count = 0
        for count, disk in enumerate(disks(log.steps, log.folders), 1):  # noqa: B007 - it is the result
            root = Path(tempfile.mkdtemp(dir=self.root))
            disklog.write(root, disk.tree)
            try:
                judge(Shelf(root), disk)
            except BaseException as error:
                last = log.steps[disk.steps - 1] if disk.steps else "nothing"
                error.add_note(f"after step {disk.steps}, {last!r:.200}: {disk.loss}; there is {list(disk.tree)}")
                raise
            shutil.rmtree(root)
        return count


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, for what syncs thousands of times."""
    shared = Path("/dev/shm")  # noqa: S108 - a fresh folder in it
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def cuts(memory: Path) -> Cuts:
    return Cuts(memory)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)
