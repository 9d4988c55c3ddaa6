"""Who comes to a feed late gets what can still be heard, a chunk at a time."""

import asyncio

import numpy as np
import pytest

from broadcast.live.desk import LiveDesk
from broadcast.live.feed import LiveFeed
from broadcast.live.hall import DROP_BYTES, PIECES, POOR_CHUNKS, POOR_SEGMENTS, WEIGH_CHUNKS, Hall, Send
from broadcast.wire.chunks import CHUNK_FRAMES, CHUNK_US

HEAD = b"head"


class Ear:
    """A listener whose socket takes everything at once."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.heard: list[bytes] = []
        self.under_way_bytes = 0
        self.is_still = False
        self.resent = 0
        self.moved = asyncio.Event()
        self.send: Send = self._send

    def _send(self, data: bytes) -> int:
        self.heard.append(data)
        self.moved.set()
        return len(data)

    async def has_heard(self, size_bytes: int) -> None:
        while sum(map(len, self.heard)) < size_bytes:
            await self.moved.wait()
            self.moved.clear()

    def queued_bytes(self) -> int:
        return self.under_way_bytes

    def resent_segments(self) -> int:
        return self.resent

    def stands_still(self, *, still: bool) -> None:
        self.is_still = still

    def send_later(self, rest: bytes) -> None:
        raise AssertionError(rest)

    def finish(self) -> None: ...

    def abort(self) -> None:
        raise AssertionError


def said(feed: LiveFeed, chunks: int) -> None:
    """Say so much more."""
    noise = np.random.default_rng(1).normal(0, 0.1, chunks * CHUNK_FRAMES)
    feed.write(noise.astype(np.float32), feed.frames)


@pytest.mark.parametrize("delay_us", [600_000, 1_000_000, 2_000_000, 4_000_000])
def test_who_comes_late_is_sent_each_chunk_by_itself_from_the_first_that_half_a_second_leaves_time_for(
    desk: LiveDesk, delay_us: int
) -> None:
    feed = desk.open("talk", delay_us=delay_us, levelled=False)
    said(feed, 40)
    hall, ear = Hall(feed), Ear(0)
    hall.enter(ear, HEAD)
    head, *chunks = ear.heard
    assert head == HEAD
    assert chunks == list(feed.chunks[-len(chunks) :])
    ends_us = delay_us - len(chunks) * CHUNK_US  # until the first is heard out, were the newest said just now
    assert len(chunks) == 1 or 500_000 <= ends_us + CHUNK_US <= 500_000 + 2 * CHUNK_US


def test_who_asks_for_what_is_newer_gets_that(desk: LiveDesk) -> None:
    feed = desk.open("talk", delay_us=2_000_000, levelled=False)
    said(feed, 40)
    hall, ear = Hall(feed), Ear(feed.next_number - 2)
    hall.enter(ear, HEAD)
    assert ear.heard == [HEAD, *feed.chunks[-2:]]


def test_what_nothing_makes_stale_is_sent_several_chunks_at_a_time(desk: LiveDesk) -> None:
    feed = desk.open("text", delay_us=None, levelled=False)
    said(feed, 40)
    hall, ear = Hall(feed), Ear(0)
    hall.enter(ear, HEAD)
    assert b"".join(ear.heard) == HEAD + b"".join(feed.chunks)
    assert len(ear.heard) < feed.next_number


async def test_a_line_that_stands_still_is_sent_drops_and_whole_chunks_when_it_moves_again(desk: LiveDesk) -> None:
    feed = desk.open("talk", delay_us=3_000_000, levelled=False)
    hall, ear = Hall(feed), Ear(0)
    hall.enter(ear, HEAD)
    said(feed, 1)
    ear.under_way_bytes = 1_000_000
    said(feed, 8)
    whole = len(ear.heard)
    assert whole < len(feed.chunks)
    async with asyncio.timeout(15):
        await ear.has_heard(sum(map(len, ear.heard)) + 3 * DROP_BYTES)
        assert [len(drop) for drop in ear.heard[whole:]] == [DROP_BYTES] * 3
        assert ear.is_still
        ear.under_way_bytes = 0
        await ear.has_heard(len(HEAD) + sum(map(len, feed.chunks)))
    assert b"".join(ear.heard) == HEAD + b"".join(feed.chunks)
    assert not ear.is_still
    said(feed, 1)
    assert ear.heard[-1] == feed.chunks[-1]


async def test_a_line_that_stands_still_is_sent_no_more_than_was_said_and_leaves_nothing_behind(desk: LiveDesk) -> None:
    feed = desk.open("talk", delay_us=3_000_000, levelled=False)
    hall, ear = Hall(feed), Ear(0)
    hall.enter(ear, HEAD)
    ear.under_way_bytes = 1_000_000
    said(feed, 1)
    async with asyncio.timeout(15):
        await ear.has_heard(len(HEAD) + len(feed.chunks[0]))
    hall.leave(ear)
    assert len(hall) == 0
    ear.under_way_bytes = 0
    said(feed, 1)
    assert b"".join(ear.heard) == HEAD + feed.chunks[0]


def test_who_loses_much_is_sent_each_chunk_in_pieces_until_it_loses_no_more(desk: LiveDesk) -> None:
    feed = desk.open("talk", delay_us=2_000_000, levelled=False)
    hall, poor, good = Hall(feed), Ear(0), Ear(0)
    for ear in (poor, good):
        hall.enter(ear, HEAD)
        ear.heard.clear()
    poor.resent = good.resent = 7  # before it was looked at
    said(feed, WEIGH_CHUNKS)
    poor.resent += POOR_SEGMENTS
    good.resent += POOR_SEGMENTS - 1
    said(feed, WEIGH_CHUNKS)
    for ear in (poor, good):
        ear.heard.clear()
    poor.resent += POOR_SEGMENTS - 1  # less than what keeps it poor
    said(feed, POOR_CHUNKS)
    assert len(good.heard) == POOR_CHUNKS
    assert len(poor.heard) == POOR_CHUNKS * PIECES
    assert b"".join(poor.heard) == b"".join(good.heard)
    said(feed, WEIGH_CHUNKS)
    poor.heard.clear()
    said(feed, 1)
    assert poor.heard == [feed.chunks[-1]]
