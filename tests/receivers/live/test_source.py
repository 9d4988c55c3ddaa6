"""The sound path's view of a feed, with real Opus and the thread that decodes it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from broadcast.clock import SystemClock
from broadcast.wire.chunks import PACKET_FRAMES, PACKETS, RATE_HZ, Chunk
from receivers.lab.correlate import align
from receivers.lab.trial.saying import URL
from receivers.lab.trial.signals import murmur, write_opus
from receivers.lab.trial.studio import Studio, packets_in
from receivers.live.buffer import Buffers
from receivers.live.decide import Growing
from receivers.live.source import LiveSource, opener
from receivers.sound.cue import Counts, Cue
from receivers.sound.decode import DecodedFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from receivers.live.buffer import ChunkBuffer
    from receivers.sound.decode import Source
    from receivers.sound.mixer import Samples

CLOCK = SystemClock()
SECONDS = 2.0
FRAMES = round(SECONDS * RATE_HZ)
PATIENCE = 2_000  # attempts of 10 ms


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    path = write_opus(tmp_path_factory.mktemp("live") / "two.opus", murmur(SECONDS, seed=4))
    return Studio("two", packets_in(path))


@pytest.fixture
def cue() -> Cue:
    start_us = CLOCK.now_us()
    return Cue("live", Path("two"), start_us, 0, start_us + 60_000_000, feed_id="two")


@pytest.fixture
def buffers(studio: Studio, cue: Cue) -> Buffers:
    """With the feed in force and nothing of it there."""
    buffers = Buffers()
    growing = Growing(feed=studio.feed(URL), plays_us=cue.start_us, until_us=cue.end_us)
    buffers.follow({"two": growing})
    return buffers


def _buffer(buffers: Buffers) -> ChunkBuffer:
    buffer = buffers.get("two")
    assert buffer is not None
    return buffer


def _until(done: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE):
        if done():
            return
        pause.wait(0.01)
    pytest.fail("it never came about")


def _drawn(source: Source) -> Samples:
    """All of the feed, drawn as the device does, but waiting where it would not."""
    sound, done = np.zeros(FRAMES, dtype=np.float32), 0

    def more() -> bool:
        nonlocal done
        while count := source.fill(done, sound[done : done + PACKET_FRAMES]):
            done += count
        return done == FRAMES

    _until(more)
    return sound


def test_all_that_came_is_heard_and_what_the_feed_lacks_is_counted(studio: Studio, buffers: Buffers, cue: Cue) -> None:
    lacking = {3, 40, 41}
    for chunk in studio.chunks:
        packets = [
            b"" if chunk.number * PACKETS + place in lacking else packet for place, packet in enumerate(chunk.packets)
        ]
        _buffer(buffers).put(Chunk(chunk.number, tuple(packets), chunk.last), CLOCK.now_us())
    source = opener(buffers, CLOCK)(cue, 0)
    assert source.counts == Counts()
    sound = _drawn(source)
    assert align(murmur(SECONDS, seed=4), sound, RATE_HZ).correlation > 0.9
    assert source.counts == (len(studio.chunks), 0, 60_000)
    assert source.end_frame == len(studio.packets) * PACKET_FRAMES - 312
    source.close()


def test_it_is_ready_when_the_first_sound_is_there_and_says_where_that_is(
    studio: Studio, buffers: Buffers, cue: Cue
) -> None:
    source = opener(buffers, CLOCK)(cue, 0)
    assert (source.ready, source.end_frame) == (False, None)
    for chunk in studio.chunks[2:]:
        _buffer(buffers).put(chunk, CLOCK.now_us())
    _until(lambda: source.ready)
    assert source.first_frame == 2 * PACKETS * PACKET_FRAMES - 312
    source.close()


def test_a_recording_is_held_as_long_as_it_is_heard_and_a_closed_source_leaves_no_thread(
    studio: Studio, buffers: Buffers, cue: Cue
) -> None:
    source = opener(buffers, CLOCK)(cue, 0)
    assert isinstance(source, LiveSource)
    buffer = _buffer(buffers)
    buffers.follow({})
    assert buffers.get("two") is buffer
    source.close()
    assert not source._thread.is_alive()
    assert buffers.follow({})
    assert buffers.get("two") is None


def test_a_feed_that_is_not_in_force_is_an_error_and_a_cue_without_one_is_a_file(cue: Cue) -> None:
    open_source = opener(Buffers(), CLOCK)
    nothing = open_source(cue, 480)
    assert (nothing.ready, nothing.first_frame, nothing.end_frame) == (True, 480, 480)
    assert nothing.error is not None
    assert nothing.fill(480, np.zeros(10, dtype=np.float32)) == 0
    file = open_source(Cue("file", Path("/nowhere"), 0, 0, 1), 0)
    assert isinstance(file, DecodedFile)
    file.close()
