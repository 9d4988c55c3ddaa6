"""Real sound: players on horns whose crystals are off. Closely measured in bench/unison."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from broadcast.clock import SystemClock
from receivers.lab.correlate import RIGHT, align
from receivers.lab.horns import VirtualHorns
from receivers.lab.listen import Listener, Recording
from receivers.lab.trial.play import PlayerProcess
from receivers.lab.trial.signals import Sound, murmur, read_opus, write_opus
from receivers.sound.cue import RATE_HZ, Cue

pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound

CLOCK = SystemClock()
S = 1_000_000
SKEW_PPM = {"fast": 200.0, "slow": -200.0}
LEARN_S = 12  # what an idle card needs to know its drift well enough to stay within the bound
LATE_S, CUT_S, BACK_S, END_S = 3, 8, 11, 17
SECTIONS = {"joined": (LATE_S + 1, CUT_S), "interruption": (CUT_S, BACK_S), "resumed": (BACK_S, END_S)}
BOUND_US = 500  # uncorrected, the horns would be 1.2 to 8 ms apart


def test_horns_with_crystals_that_are_off_stay_together_through_a_late_join_and_an_interruption(tmp_path: Path) -> None:
    """Judged by the half seconds that both horns gave out undisturbed, of which there must be half in each section."""
    lower = write_opus(tmp_path / "lower.opus", murmur(END_S, seed=5))
    upper = write_opus(tmp_path / "upper.opus", murmur(BACK_S - CUT_S, seed=6))
    with ExitStack() as stack:
        horns = stack.enter_context(VirtualHorns(list(SKEW_PPM), tmp_path / "horns", SKEW_PPM))
        players = {name: stack.enter_context(PlayerProcess(name, horns.environment)) for name in SKEW_PPM}
        time.sleep(LEARN_S)
        listeners = [stack.enter_context(Listener(horns, name, tmp_path / name, CLOCK)) for name in SKEW_PPM]
        start_us = CLOCK.now_us() + S
        cut_us, back_us, end_us = (start_us + at_s * S for at_s in (CUT_S, BACK_S, END_S))
        plan = [
            Cue("before", lower, start_us, 0, cut_us),
            Cue("upper", upper, cut_us, 0, back_us),
            Cue("after", lower, back_us, BACK_S * S, end_us),
        ]
        players["fast"].set_plan(plan)
        time.sleep(max(0, start_us + LATE_S * S - CLOCK.now_us()) / S)
        players["slow"].set_plan(plan)
        pieces = [player.played(timeout_s=60) for player in players.values() for _ in plan]
        drifts = {name: player.status()["drift_ppm"] for name, player in players.items()}
        time.sleep(0.5)
        recordings = [listener.stop() for listener in listeners]
    assert drifts == {name: pytest.approx(-ppm, abs=40) for name, ppm in SKEW_PPM.items()}
    assert [piece.key for piece in pieces] == [cue.key for cue in plan] * 2
    sound = read_opus(lower)
    sound[CUT_S * RATE_HZ : BACK_S * RATE_HZ] = read_opus(upper)
    for name, (from_s, to_s) in SECTIONS.items():
        spreads_us = list(_spreads_us(recordings, sound, start_us, from_s, to_s))
        assert len(spreads_us) >= to_s - from_s, name
        assert np.median(spreads_us) <= BOUND_US, name


def _spreads_us(recordings: list[Recording], sound: Sound, start_us: int, from_s: int, to_s: int) -> Iterator[float]:
    """How far the horns are apart in each half second of a section that none of them was disturbed in."""
    for first in range(from_s * RATE_HZ, to_s * RATE_HZ, RATE_HZ // 2):
        excerpt, due_us = sound[first : first + RATE_HZ // 2], start_us + first * S / RATE_HZ
        heard_us = [_heard_us(recording, excerpt, due_us) for recording in recordings]
        if not np.isnan(heard_us).any():
            yield float(np.ptp(heard_us))


def _heard_us(recording: Recording, sound: Sound, due_us: float) -> float:
    """UTC instant at which `sound` began, looked for about `due_us`; not a number where it was disturbed."""
    low = max(0, recording.frame_at(due_us - 100_000))
    part = recording.samples[low : low + len(sound) + RATE_HZ // 5]
    if not part.any():
        return float("nan")
    found = align(sound, part, RATE_HZ)
    return recording.utc_us_at(low + found.offset_frames) if found.correlation >= RIGHT else float("nan")
