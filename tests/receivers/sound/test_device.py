import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from broadcast.clock import SystemClock
from receivers.lab.correlate import align
from receivers.lab.horns import VirtualHorns
from receivers.lab.listen import Listener
from receivers.lab.trial.play import PlayerProcess
from receivers.lab.trial.signals import read_opus
from receivers.sound.cue import RATE_HZ, Cue

pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound

ROOT = Path(__file__).parents[3]
CLOCK = SystemClock()
S = 1_000_000


def test_an_unknown_device_is_said_with_those_that_are_there(horns: VirtualHorns) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "receivers.lab.trial.play", "horn9"],
        env=dict(horns.environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith("sound device horn9: not there; there are: ")
    assert "horn1" in process.stderr
    assert process.stderr.count("\n") == 1


def test_a_hung_device_is_noticed_opened_again_and_the_piece_goes_on_at_its_place(
    horns: VirtualHorns, announcement: Path, tmp_path: Path
) -> None:
    with PlayerProcess("horn2", horns.environment) as player:
        start_us = CLOCK.now_us() + S // 2
        cue = Cue("hung", announcement, start_us, 0, start_us + 6 * S)
        player.set_plan([cue])
        player.await_status(lambda status: status["playing"] == cue.key)
        horns.suspend("horn2", True)
        try:
            player.await_status(lambda status: status["faults"] == ["device-silent"] and status["playing"] is None)
        finally:
            horns.suspend("horn2", False)
        with Listener(horns, "horn2", tmp_path / "horn2.raw", CLOCK) as listener:
            played = player.played(timeout_s=60)
            recording = listener.stop()
    assert played.gap_us > S // 2
    assert played.start_error_us is not None
    assert abs(played.start_error_us) < 5_000
    rest = read_opus(announcement)[5 * RATE_HZ :]
    heard = recording.between(start_us + 5 * S - 100_000, start_us + 6 * S + 100_000)
    found = align(rest, heard, RATE_HZ)
    assert found.heard_once, found
    assert found.offset_frames == pytest.approx(4_800, abs=20 * 48)


def test_frames_lost_to_a_stopped_process_are_a_gap(horns: VirtualHorns, announcement: Path) -> None:
    with PlayerProcess("horn3", horns.environment) as player:
        start_us = CLOCK.now_us() + S // 2
        cue = Cue("stopped", announcement, start_us, 0, start_us + 3 * S)
        player.set_plan([cue])
        player.await_status(lambda status: status["playing"] == cue.key)
        os.kill(player.pid, signal.SIGSTOP)
        time.sleep(0.6)  # a quarter of a second is in store
        os.kill(player.pid, signal.SIGCONT)
        played = player.played(timeout_s=60)
    assert played.gap_us > 200_000
