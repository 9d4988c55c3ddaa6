"""Real sound: players on horns whose crystals are off. Closely measured in bench/unison."""

import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from broadcast.clock import SystemClock
from receivers.lab.correlate import align
from receivers.lab.horns import VirtualHorns
from receivers.lab.listen import Listener, Recording
from receivers.lab.play import PlayerProcess
from receivers.lab.signals import Sound, murmur, read_opus, write_opus
from receivers.sound.cue import RATE_HZ, Cue

CLOCK = SystemClock()
S = 1_000_000
SKEW_PPM = {"fast": 200.0, "slow": -200.0}
LEARN_S = 20  # what an idle card needs to know its drift to 1 %
LONG_S = 20
BOUND_US = 500  # uncorrected, the horns would be 8 ms apart at the end


def _heard_us(recording: Recording, sound: Sound, due_us: float) -> float:
    """UTC instant at which `sound` began, looked for about `due_us`."""
    low = recording.frame_at(due_us - 100_000)
    found = align(sound, recording.samples[low : low + len(sound) + RATE_HZ // 5], RATE_HZ)
    assert found.correlation > 0.9
    return recording.utc_us_at(low + found.offset_frames)


def test_horns_with_crystals_that_are_off_stay_together_to_the_end_of_a_file(tmp_path: Path) -> None:
    path = write_opus(tmp_path / "long.opus", murmur(LONG_S, seed=5))
    with ExitStack() as stack:
        horns = stack.enter_context(VirtualHorns(list(SKEW_PPM), tmp_path / "horns", SKEW_PPM))
        players = {name: stack.enter_context(PlayerProcess(name, horns.environment)) for name in SKEW_PPM}
        time.sleep(LEARN_S)
        listeners = {name: stack.enter_context(Listener(horns, name, tmp_path / name, CLOCK)) for name in SKEW_PPM}
        start_us = CLOCK.now_us() + S
        for player in players.values():
            player.set_plan([Cue("long", path, start_us, 0, start_us + LONG_S * S)])
        played = {name: player.played(timeout_s=LONG_S + 10) for name, player in players.items()}
        drifts = {name: player.status()["drift_ppm"] for name, player in players.items()}
        time.sleep(0.5)
        recordings = {name: listener.stop() for name, listener in listeners.items()}
    if any(piece.underruns or piece.gap_us for piece in played.values()):
        pytest.skip("this machine could not play without an interruption")
    assert drifts == {name: pytest.approx(-ppm, abs=20) for name, ppm in SKEW_PPM.items()}
    sound = read_opus(path)
    for at_s in (1, LONG_S - 2):
        excerpt, due_us = sound[at_s * RATE_HZ : (at_s + 1) * RATE_HZ], start_us + at_s * S
        heard = [_heard_us(recording, excerpt, due_us) for recording in recordings.values()]
        assert np.ptp(heard) <= BOUND_US
    assert all(piece.finished and piece.start_error_us is not None for piece in played.values())
