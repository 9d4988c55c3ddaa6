"""A name holds the old content or the whole new one, whatever breaks in between."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broadcast.wholefile import clear_unfinished, create, write_whole

KILLED = """
import os, signal, sys
from pathlib import Path
from broadcast.wholefile import write_whole

def replace(self, _target):
    os.kill(os.getpid(), signal.SIGKILL)

Path.replace = replace
write_whole(Path(sys.argv[1]), b"new")
"""


@contextmanager
def _full(limit_bytes: int) -> Iterator[None]:
    """Nothing can be written beyond this many bytes of a file, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_is_replaced_with_its_mode_in_a_folder_that_is_made(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "deep" / "down" / "file"
    for data in (b"old and longer", b"new"):
        write_whole(path, data, mode)
        assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (data, mode)
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    with _full(1000), pytest.raises(OSError, match="large") as failed:
        write_whole(path, bytes(5000))
    assert failed.value.errno == errno.EFBIG
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - names


def test_what_a_power_cut_leaves_is_cleared_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "file"
    write_whole(path, b"old")
    (path.parent / "kept.new").write_bytes(b"")
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(list(path.parent.iterdir())) == 3
    clear_unfinished(tmp_path)
    assert {left.name for left in path.parent.iterdir()} == {"file", "kept.new"}


def test_a_new_file_is_never_put_over_another_nor_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").write_bytes(b"old")
    for name in ("link", "file"):
        with pytest.raises(FileExistsError):
            create(tmp_path / name, b"new")
    assert not (tmp_path / "elsewhere").exists()
