"""Real sound: a session that is fed as it is spoken, and what virtual horns gave out of it."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from broadcast.clock import SystemClock
from receivers.lab.correlate import RIGHT, align
from receivers.lab.listen import Listener, Recording
from receivers.lab.trial.play import PlayerProcess
from receivers.lab.trial.signals import murmur, read_opus, write_opus
from receivers.lab.trial.studio import FeedHost, Studio, first, packets_in, spoken
from receivers.live.decide import Growing
from receivers.sound.cue import RATE_HZ, Cue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from receivers.lab.horns import VirtualHorns
    from receivers.lab.trial.signals import Sound

pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound

CLOCK = SystemClock()
S = 1_000_000
DELAY_US = 2 * S
BOUND_US = 5_000
TAIL_S = 0.3
HORNS = ("horn1", "horn2")


@pytest.fixture(scope="module")
def players(horns: VirtualHorns) -> Iterator[dict[str, PlayerProcess]]:
    with ExitStack() as stack:
        started = {name: stack.enter_context(PlayerProcess(name, horns.environment)) for name in HORNS}
        for process in started.values():
            process.await_status(lambda status: bool(status["clock_ready"]))
        yield started


@pytest.fixture
def serve() -> Iterator[Callable[[FeedHost], None]]:
    """Runs hosts beside the test."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    hosts: list[FeedHost] = []

    def start(host: FeedHost) -> None:
        asyncio.run_coroutine_threadsafe(host.__aenter__(), loop).result(10)
        hosts.append(host)

    yield start
    for host in hosts:
        asyncio.run_coroutine_threadsafe(host.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_talk_is_heard_at_its_place_on_every_horn_and_a_second_without_a_byte_leaves_no_hole(
    horns: VirtualHorns,
    players: dict[str, PlayerProcess],
    serve: Callable[[FeedHost], None],
    tmp_path: Path,
) -> None:
    talk = write_opus(tmp_path / "talk.opus", murmur(6.0, seed=8))
    said_us = CLOCK.now_us() + S
    host = FeedHost(Studio("talk", packets_in(talk)), usual=spoken(said_us, stall=(9, 1.0)))
    serve(host)
    plays_us = said_us + DELAY_US
    growing = Growing(feed=host.feed, said_us=said_us, plays_us=plays_us, until_us=plays_us + 60 * S)
    cue = Cue("live", Path("talk"), plays_us, 0, plays_us + 60 * S, feed_id="talk")
    with ExitStack() as stack:
        listeners = [stack.enter_context(Listener(horns, name, tmp_path / name, CLOCK)) for name in HORNS]
        for player in players.values():
            player.follow([growing])
            player.set_plan([cue])
        pieces = [player.played(timeout_s=60) for player in players.values()]
        time.sleep(TAIL_S)
        recordings = [listener.stop() for listener in listeners]
    began_us = [_began_us(recording, read_opus(talk), plays_us) for recording in recordings]
    assert max(abs(began - plays_us) for began in began_us) < BOUND_US
    assert abs(began_us[0] - began_us[1]) < BOUND_US
    for piece in pieces:
        assert piece.finished
        assert (piece.gap_us, piece.error, piece.counts) == (0, None, (26, 0, 0))
        assert piece.start_error_us is not None
        assert abs(piece.start_error_us) < BOUND_US


def _began_us(recording: Recording, sound: Sound, start_us: int) -> float:
    """When `sound` began, which was heard whole and once."""
    margin_us = 100_000
    found = align(sound, recording.between(start_us - margin_us, start_us + 6 * S + margin_us), RATE_HZ)
    assert found.heard_once, found
    assert not found.gaps
    assert np.median([window.correlation for window in found.windows]) >= RIGHT
    return recording.utc_us_at(recording.frame_at(start_us - margin_us) + found.offset_frames)


def test_who_comes_late_joins_at_the_word_that_is_due(
    horns: VirtualHorns, players: dict[str, PlayerProcess], serve: Callable[[FeedHost], None], tmp_path: Path
) -> None:
    """The talk has gone on for three seconds, and its last chunk never comes: its length is known.

    Measured is where each half second lies. A player that stood still for longer than its card has sound in hand, as on
    a starved machine, is late by what it then had no sound for, says so (`gap_us`), and is back in its place.
    """
    talk = write_opus(tmp_path / "late.opus", murmur(6.0, seed=9))
    said_us = CLOCK.now_us() - 3 * S - DELAY_US
    host = FeedHost(Studio("late", packets_in(talk)), usual=first(25, stands=True))
    serve(host)
    plays_us = said_us + DELAY_US
    growing = Growing(
        feed=host.feed, said_us=said_us, plays_us=plays_us, until_us=plays_us + 60 * S, frames=5 * RATE_HZ
    )
    with Listener(horns, "horn1", tmp_path / "heard", CLOCK) as listener:
        players["horn1"].follow([growing])
        players["horn1"].set_plan([Cue("late", Path("late"), plays_us, 0, plays_us + 60 * S, feed_id="late")])
        piece = players["horn1"].played(timeout_s=60)
        time.sleep(TAIL_S)
        recording = listener.stop()
    assert piece.finished
    assert piece.start_us is not None
    assert 3 * S < piece.late_us < 4 * S
    joined = round(piece.late_us * RATE_HZ / S) + RATE_HZ // 10
    due_us = plays_us + joined * S / RATE_HZ
    found = align(read_opus(talk)[joined : 5 * RATE_HZ], recording.between(due_us - 50_000, plays_us + 5 * S), RATE_HZ)
    heard_from = recording.frame_at(due_us - 50_000)
    late_us = [recording.utc_us_at(heard_from + window.offset_frames) - due_us for window in found.windows]
    assert all(-BOUND_US < late < BOUND_US + piece.gap_us for late in late_us), (late_us, piece)
    assert min(map(abs, late_us)) < BOUND_US
    assert found.correlation >= RIGHT or piece.gap_us
    assert host.asked[0] in range(12, 17)
