"""One talk on the air, in virtual time."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
import pytest

from broadcast.clock import ManualClock
from broadcast.live.desk import LiveDesk
from broadcast.wire.chunks import CHUNK_FRAMES, PRE_SKIP_FRAMES, Chunk
from broadcast.wire.documents import BroadcastClass
from scheduler.live.models import LiveEnd
from web.live.booth import Booth
from web.live.lab import alignment, decoded, voice
from web.live.microphone import Samples
from web.live.placing import PACKET_FRAMES, RATE_HZ
from web.live.vigil import END_US, WARN_US

T = TypeVar("T")
PACKET = timedelta(milliseconds=20)


class Talk:
    """A booth, its clock, and all chunks that came of it."""

    def __init__(self, *, limit_s: int = 600) -> None:
        self.clock = ManualClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
        self.feed = LiveDesk("http://centre").open("talk")
        self.chunks: list[Chunk] = []
        self.feed.follow(lambda chunk, _sealed: self.chunks.append(chunk))
        self.booth = Booth(self.feed, self.clock, cls=BroadcastClass.PRIORITY, limit_s=limit_s)
        self.opening = self.booth.opening_ms * RATE_HZ // 1000
        self.warned: list[bool] = []
        self.running = asyncio.create_task(self.booth.run(self._warn))

    async def _warn(self, silent: bool) -> None:
        self.warned.append(silent)

    async def say(self, samples: Samples) -> None:
        """Packet after packet, each as its time is over."""
        for at in range(0, len(samples), PACKET_FRAMES):
            place = self.booth.timeline()
            await self.clock.advance(PACKET)
            self.booth.heard(samples[at : at + PACKET_FRAMES], place)

    async def passing(self, work: Awaitable[T]) -> T:
        """What comes of `work`, with as much time as it takes."""
        task = asyncio.ensure_future(work)
        for _ in range(1000):
            if task.done():
                break
            await self.clock.advance(PACKET)
        return await task


@pytest.fixture
async def talk() -> Talk:
    return Talk()


async def test_chime_speech_chime_each_in_its_place(talk: Talk) -> None:
    said = voice(8)
    await talk.say(said)
    talk.booth.end(LiveEnd.SPEAKER)
    assert await talk.passing(talk.running) is LiveEnd.SPEAKER
    spoken_until = talk.feed.frames
    frames = await talk.passing(talk.booth.close())
    sound = decoded(talk.chunks)[PRE_SKIP_FRAMES:]
    assert frames > spoken_until + RATE_HZ
    assert np.abs(sound[: talk.opening // 2]).max() > 0.1
    correlation, at = alignment(sound[4 * RATE_HZ : 6 * RATE_HZ], said)
    assert correlation > 0.95
    assert abs(at - 4 * RATE_HZ) < 20  # what is said in the fourth second is in the fourth second
    assert np.abs(sound[spoken_until : spoken_until + RATE_HZ]).max() > 0.05


async def test_chimes_come_as_time_passes(talk: Talk) -> None:
    for second in range(1, 3):
        await talk.clock.advance(timedelta(seconds=1))
        assert second * RATE_HZ <= talk.feed.frames <= (second + 1) * RATE_HZ
    talk.running.cancel()


async def test_what_is_said_into_the_opening_chime_is_not_heard(talk: Talk) -> None:
    loud = np.full(PACKET_FRAMES, 0.9, dtype=np.float32)
    before = talk.feed.frames
    talk.booth.heard(loud, 0)
    assert talk.feed.frames == before
    talk.running.cancel()


async def test_listeners_are_not_left_waiting_where_nothing_comes(talk: Talk) -> None:
    await talk.say(voice(4))
    at = talk.feed.frames
    await talk.clock.advance(timedelta(seconds=1.5))
    assert talk.feed.frames - at > RATE_HZ // 2
    assert talk.chunks[-1].packets[-1] == b""
    assert len(talk.chunks) == talk.feed.next_number
    assert talk.feed.frames // CHUNK_FRAMES >= talk.feed.next_number
    talk.running.cancel()


async def test_a_page_that_is_gone_ends_it(talk: Talk) -> None:
    await talk.say(voice(4))
    await talk.clock.advance(timedelta(seconds=1.9))
    assert not talk.running.done()
    await talk.clock.advance(timedelta(seconds=0.2))
    assert talk.running.result() is LiveEnd.GONE


async def test_a_forgotten_microphone_is_warned_of_and_ends(talk: Talk) -> None:
    room = (0.0005 * np.random.default_rng(4).standard_normal(PACKET_FRAMES)).astype(np.float32)
    for second in range((END_US + talk.booth.opening_ms * 1000) // 1_000_000 + 1):
        if second * 1_000_000 < WARN_US:
            assert talk.warned == []
        talk.booth.heard(room, talk.booth.timeline())
        await talk.clock.advance(timedelta(seconds=1))
    assert talk.warned == [True]
    assert talk.running.result() is LiveEnd.SILENCE


async def test_the_limit_counts_from_the_end_of_the_opening_chime() -> None:
    talk = Talk(limit_s=5)
    await talk.say(voice(talk.booth.opening_ms / 1000 + 4.8))
    assert not talk.running.done()
    await talk.say(voice(0.3))
    assert talk.running.result() is LiveEnd.LIMIT


async def test_another_limit_counts_from_there_as_well() -> None:
    talk = Talk(limit_s=600)
    talk.booth.limit(5)
    await talk.say(voice(talk.booth.opening_ms / 1000 + 4.8))
    assert not talk.running.done()
    await talk.say(voice(0.3))
    assert talk.running.result() is LiveEnd.LIMIT
