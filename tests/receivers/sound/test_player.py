"""Real sound: a player in a process of its own, and what its virtual horn gave out."""

import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from broadcast.clock import SystemClock
from receivers.lab.correlate import align
from receivers.lab.horns import VirtualHorns
from receivers.lab.listen import Listener, Recording
from receivers.lab.trial.play import PlayerProcess
from receivers.lab.trial.signals import read_opus
from receivers.sound.cue import RATE_HZ, Cue, Played
from receivers.sound.device import Device, Render
from receivers.sound.mixer import FADE_FRAMES, Samples
from receivers.sound.player import Player

pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound

CLOCK = SystemClock()
S = 1_000_000
SOON_US = 400_000  # until a plan's first sound: enough to open a file
TAIL_S = 0.2  # a recording ends a little before it is stopped
GOOD = 0.95  # of a half second that is drawn to its place, by fractions of a sample
BOUND_US = 5_000  # what a start may be off by; measured closely in bench/start


@pytest.fixture(scope="module")
def player(horns: VirtualHorns) -> Iterator[PlayerProcess]:
    with PlayerProcess("horn1", horns.environment) as process:
        process.await_status(lambda status: bool(status["clock_ready"]))
        yield process
        assert process.status()["faults"] == []


@pytest.fixture
def listener(horns: VirtualHorns, tmp_path: Path) -> Iterator[Listener]:
    with Listener(horns, "horn1", tmp_path / "horn1.raw", CLOCK) as listening:
        yield listening


def _hear(player: PlayerProcess, listener: Listener, *cues: Cue) -> tuple[Recording, list[Played]]:
    player.set_plan(cues)
    played = [player.played(timeout_s=60) for _ in cues]
    time.sleep(TAIL_S)
    return listener.stop(), played


def _assert_heard_at(recording: Recording, sound: Samples, start_us: int, end_us: int) -> None:
    """`sound` was heard whole and once between two instants, beginning at the first; undisturbed as it was made."""
    margin_us = 100_000
    found = align(sound, recording.between(start_us - margin_us, end_us + margin_us), RATE_HZ)
    began_us = recording.utc_us_at(recording.frame_at(start_us - margin_us) + found.offset_frames)
    assert found.heard_once, found
    assert np.median([window.correlation for window in found.windows]) >= GOOD
    assert abs(began_us - start_us) < BOUND_US


def test_a_file_is_heard_whole_at_its_instant_and_measured_as_heard(
    player: PlayerProcess, listener: Listener, announcement: Path
) -> None:
    start_us = CLOCK.now_us() + SOON_US
    end_us = start_us + 6 * S
    recording, (played,) = _hear(player, listener, Cue("whole", announcement, start_us, 0, end_us))
    _assert_heard_at(recording, read_opus(announcement), start_us, end_us)
    assert not recording.between(start_us - 300_000, start_us - BOUND_US).any()
    assert not recording.between(end_us + BOUND_US, end_us + 150_000).any()
    assert played.finished
    assert (played.key, played.gap_us, played.underruns, played.error) == ("whole", 0, 0, None)
    assert played.start_error_us is not None
    assert abs(played.start_error_us) < BOUND_US
    assert played.frames_played == pytest.approx(6 * RATE_HZ, rel=500e-6)
    heard = recording.between(start_us, end_us).astype(float) / 32_767
    assert played.rms_dbfs == pytest.approx(20 * np.log10(np.sqrt(np.mean(heard**2))), abs=0.1)
    assert played.peak_dbfs == pytest.approx(20 * np.log10(np.abs(heard).max()), abs=0.1)


def test_a_late_piece_is_joined_at_the_sample_due(
    player: PlayerProcess, listener: Listener, announcement: Path
) -> None:
    start_us = CLOCK.now_us() - 3 * S
    end_us = start_us + 6 * S
    recording, (played,) = _hear(player, listener, Cue("late", announcement, start_us, 0, end_us))
    assert played.start_us is not None
    assert 3 * S < played.late_us < 3.5 * S
    first = round(played.late_us * RATE_HZ / S) + FADE_FRAMES
    joined_us = start_us + round(first * S / RATE_HZ)
    _assert_heard_at(recording, read_opus(announcement)[first:], joined_us, end_us)
    assert played.finished


def test_a_piece_cut_by_an_emptied_plan_fades_without_a_click(
    player: PlayerProcess, listener: Listener, announcement: Path
) -> None:
    start_us = CLOCK.now_us() + SOON_US
    player.set_plan([Cue("cut", announcement, start_us, 0, start_us + 6 * S)])
    player.await_status(lambda status: status["playing"] == "cut")
    time.sleep(1.0)
    player.set_plan([])
    played = player.played(timeout_s=60)
    time.sleep(TAIL_S)
    sound = read_opus(announcement)
    heard = listener.stop().between(start_us - 50_000, start_us + 3 * S)
    last = int(np.flatnonzero(heard)[-1])
    # The sound's own steepest step, and what a fade of 30 ms may add to it.
    bound = np.abs(np.diff(sound, prepend=0.0)).max() + np.abs(sound).max() / FADE_FRAMES
    assert np.abs(np.diff(heard.astype(float) / 32_767)).max() <= bound + 2 / 32_767
    assert np.abs(heard[last - 48 : last]).max() < 0.1 * np.abs(heard).max()
    assert not played.finished
    assert played.frames_played == pytest.approx(last - int(np.flatnonzero(heard)[0]), abs=48)


def test_two_pieces_back_to_back_and_an_interruption(
    player: PlayerProcess, listener: Listener, announcement: Path, another: Path
) -> None:
    """The first is cut at two seconds, another plays for two, the first comes back at its timeline place."""
    start_us = CLOCK.now_us() + SOON_US
    cut_us, back_us, end_us = start_us + 2 * S, start_us + 4 * S, start_us + 6 * S
    recording, played = _hear(
        player,
        listener,
        Cue("lower", announcement, start_us, 0, cut_us),
        Cue("upper", another, cut_us, 0, back_us),
        Cue("lower again", announcement, back_us, 4 * S, end_us),
    )
    sound = read_opus(announcement)
    faded_us = 30_000
    _assert_heard_at(recording, sound[: 2 * RATE_HZ - FADE_FRAMES], start_us, cut_us - faded_us)
    _assert_heard_at(recording, read_opus(another), cut_us, back_us)
    _assert_heard_at(recording, sound[4 * RATE_HZ + FADE_FRAMES :], back_us + faded_us, end_us)
    assert [piece.finished for piece in played] == [False, True, True]


def test_gain_is_heard_and_a_missing_file_is_reported_and_silent(
    player: PlayerProcess, listener: Listener, another: Path, tmp_path: Path
) -> None:
    start_us = CLOCK.now_us() + SOON_US
    quiet = Cue("quiet", another, start_us, 0, start_us + 2 * S, gain_db=-12.0)
    missing = Cue("missing", tmp_path / "none.opus", start_us + 2 * S, 0, start_us + 3 * S)
    recording, played = _hear(player, listener, quiet, missing)
    found = align(read_opus(another), recording.samples, RATE_HZ)
    assert found.gain_db == pytest.approx(-12, abs=0.1)
    errors = {piece.key: piece.error for piece in played}
    assert errors["quiet"] is None
    assert "No such file" in (errors["missing"] or "")
    assert not recording.between(start_us + 2 * S + BOUND_US, start_us + 3 * S).any()


class DeadDevice(Device):
    """A device that is open and asks for nothing."""

    def open(self, render: Render, is_idle: Callable[[], bool] = lambda: True) -> None:
        """Nothing needs opening."""


def test_a_mistake_on_the_players_thread_does_not_end_it(tmp_path: Path) -> None:
    told: queue.Queue[str] = queue.Queue()

    def on_played(played: Played) -> None:
        told.put(played.key)
        raise ValueError("a mistake in Loa")

    with Player(DeadDevice(None, CLOCK), CLOCK, on_played) as player:
        for key in ("first", "second"):
            start_us = CLOCK.now_us() + SOON_US
            player.set_plan([Cue(key, tmp_path / "missing.opus", start_us, 0, start_us + S)])
            assert told.get(timeout=60) == key
