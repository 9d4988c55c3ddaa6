"""Virtual horns for every test that must hear something, and sounds to hear."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from receivers.lab.horns import VirtualHorns
from receivers.lab.trial.signals import murmur, write_opus
from receivers.lab.trial.smalldisk import CannotMount, SmallDisk


@pytest.fixture(scope="session")
def horns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualHorns]:
    """Three virtual horns, horn1 to horn3, for as long as the tests run. Leave them unmuted and silent."""
    with VirtualHorns(["horn1", "horn2", "horn3"], tmp_path_factory.mktemp("horns"), listened=True) as virtual:
        yield virtual


@pytest.fixture(scope="session")
def announcement(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of speech-like sound without pauses, as Opus."""
    return write_opus(tmp_path_factory.mktemp("media") / "announcement.opus", murmur(6.0, seed=1))


@pytest.fixture(scope="session")
def another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of another sound, as Opus."""
    return write_opus(tmp_path_factory.mktemp("media") / "another.opus", murmur(2.0, seed=2))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 2 MB of its own."""
    try:
        with SmallDisk(tmp_path / "disk", 2 * 1024**2) as disk:
            yield disk
    except CannotMount as error:
        pytest.skip(f"no disk can be mounted here: {error}")
