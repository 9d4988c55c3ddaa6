import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from broadcast.clock import SystemClock
from receivers.lab.horns import HornsError, VirtualHorns
from receivers.lab.listen import Listener

ROOT = Path(__file__).parents[3]
ORPHAN = """
import os, sys
from pathlib import Path
from receivers.lab.horns import VirtualHorns
with VirtualHorns(["horn"], Path(sys.argv[1])) as horns:
    print(horns.pid, flush=True)
    os.kill(os.getpid(), 9)
"""


def _is_gone(pid: int) -> bool:
    """Waits for the end of a process that is no child; true once it is over."""
    waiter = subprocess.run(["tail", f"--pid={pid}", "-f", "/dev/null"], timeout=60, check=False)
    return waiter.returncode == 0


def test_the_daemon_ends_with_the_context(tmp_path: Path) -> None:
    with VirtualHorns(["horn"], tmp_path) as horns:
        pid = horns.pid
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()


def test_the_daemon_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHAN, str(tmp_path)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -9
    assert _is_gone(int(killed.stdout))


def test_two_villages_of_horns_do_not_meet(tmp_path: Path) -> None:
    with VirtualHorns(["horn"], tmp_path / "a") as one, VirtualHorns(["horn"], tmp_path / "b") as other:
        assert one.environment["PULSE_SERVER"] != other.environment["PULSE_SERVER"]


@pytest.mark.flaky(reruns=2)  # a starved machine loses sound
def test_a_horn_with_a_fast_crystal_gives_out_more_samples_in_the_same_time(tmp_path: Path) -> None:
    """By 1 %, so that a few seconds tell."""
    clock = SystemClock()
    with VirtualHorns(["true", "fast"], tmp_path, {"fast": 10_000.0}) as horns, ExitStack() as stack:
        listeners = [
            stack.enter_context(Listener(horns, name, tmp_path / f"{name}.raw", clock)) for name in horns.names
        ]
        time.sleep(4.0)
        true, fast = (listener.stop() for listener in listeners)
    seconds = [(one.utc_us_at(150_000) - one.utc_us_at(0)) / 1e6 for one in (true, fast)]
    assert seconds[0] / seconds[1] == pytest.approx(1.01, abs=0.001)


def test_missing_pulseaudio_is_said_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HornsError, match="apt install pulseaudio"), VirtualHorns(["horn"], tmp_path):
        pass


def test_a_name_that_the_daemon_would_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HornsError, match="letters"):
        VirtualHorns(["horn 1 rate=8000"], tmp_path)
