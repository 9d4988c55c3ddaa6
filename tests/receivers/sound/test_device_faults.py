"""A card that is pulled out, dies, or hangs in every call, with real sound: the piece is in its place afterwards."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broadcast.clock import SystemClock
from receivers.lab.correlate import align
from receivers.lab.horns import VirtualHorns
from receivers.lab.listen import Listener
from receivers.lab.trial.play import PlayerProcess
from receivers.lab.trial.signals import murmur, read_opus, write_opus
from receivers.sound.cue import HANGS, RATE_HZ, Cue

pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound

ROOT = Path(__file__).parents[3]
CLOCK = SystemClock()
S = 1_000_000
LAST_S = 2  # that are listened to
REOPENINGS = 20

Fault = Callable[[VirtualHorns, str], None]
FAULTS: dict[str, tuple[Fault, Fault, set[str], int]] = {  # how it begins and ends, what is told, seconds of sound
    "pulled out": (VirtualHorns.unplug, VirtualHorns.plug, {"device-silent"}, 9),
    "dead": (VirtualHorns.kill, VirtualHorns.revive, {"device-silent"}, 9),
    "hanging": (
        lambda horns, name: horns.freeze(name, True),
        lambda horns, name: horns.freeze(name, False),
        {"device-silent", HANGS},
        15,
    ),
}


@pytest.fixture(scope="module")
def own_horns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualHorns]:
    """Horns whose server can be killed."""
    with VirtualHorns(["card"], tmp_path_factory.mktemp("own")) as virtual:
        yield virtual


@pytest.mark.parametrize("fault", FAULTS)
def test_a_card_that_fails_and_comes_back_goes_on_at_its_place_and_the_gap_is_told(
    own_horns: VirtualHorns, tmp_path: Path, fault: str
) -> None:
    break_it, mend_it, told, length_s = FAULTS[fault]
    long = write_opus(tmp_path / "long.opus", murmur(length_s, seed=9))
    with PlayerProcess("card", own_horns.environment) as player:
        start_us = CLOCK.now_us() + S // 2
        end_us = start_us + length_s * S
        player.set_plan([Cue(fault, long, start_us, 0, end_us)])
        player.await_status(lambda status: status["playing"] == fault)
        break_it(own_horns, "card")
        try:
            player.await_status(lambda status: set(status["faults"]) == told and status["playing"] is None)
            broken_us = CLOCK.now_us()
        finally:
            mend_it(own_horns, "card")
        player.await_status(lambda status: not status["faults"] and status["playing"] == fault)
        with Listener(own_horns, "card", tmp_path / "card.raw", CLOCK) as listener:
            played = player.played(timeout_s=60)
            recording = listener.stop()
        assert player.status()["faults"] == []
    assert broken_us - start_us <= played.gap_us + S
    assert played.frames_played / RATE_HZ == pytest.approx(length_s - played.gap_us / S, abs=0.1)
    assert played.finished
    last_us = end_us - LAST_S * S
    found = align(read_opus(long)[-LAST_S * RATE_HZ :], recording.between(last_us - 100_000, end_us + 100_000), RATE_HZ)
    assert found.heard_once, found
    assert found.offset_frames == pytest.approx(4_800, abs=20 * 48)


REOPEN = f"""
import json, os, sys
from broadcast.clock import SystemClock
from receivers.sound.device import Device

device = Device("card", SystemClock())
device.open(lambda first, count, line, lost: None)
taken = []
for _ in range({REOPENINGS}):
    device.reopen()
    taken.append((len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))))
device.close()
json.dump(taken, sys.stdout)
"""


def test_opening_it_again_and_again_takes_no_more_descriptors_or_threads(own_horns: VirtualHorns) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REOPEN],
        env=dict(own_horns.environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    taken = json.loads(done.stdout)
    descriptors, threads = zip(*taken, strict=True)
    assert set(descriptors) == {descriptors[0]}
    assert max(threads) - min(threads) <= 1  # one that has just ended may still be counted


def test_a_process_ends_in_order_while_its_card_hangs(own_horns: VirtualHorns) -> None:
    """`close` kills a process that does not end."""
    with PlayerProcess("card", own_horns.environment) as player:
        own_horns.freeze("card", True)
        try:
            player.await_status(lambda status: HANGS in status["faults"])
            player.close()
        finally:
            own_horns.freeze("card", False)
    assert player.exit_code == 0
