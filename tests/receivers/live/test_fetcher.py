"""A real server that cuts, stands still, repeats itself, answers with pages and rubbish; a real connection to it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from broadcast.clock import SystemClock
from broadcast.wire.chunks import CHUNK_US, PACKETS
from receivers.fetch import open_client
from receivers.lab.trial.saying import packet_saying, saying
from receivers.lab.trial.studio import FeedHost, begin, first, spoken, then
from receivers.live import decide
from receivers.live.buffer import Buffers, ChunkBuffer
from receivers.live.decide import Growing, Taken
from receivers.live.feeds import Feeds
from receivers.live.fetcher import BAD, PAGE, Fetcher
from receivers.live.places import Places
from receivers.tasks import end

if TYPE_CHECKING:
    from collections.abc import Callable

    from broadcast.wire.now import Feed
    from receivers.lab.trial.studio import Manner, Studio
    from receivers.odometer import Connection

CLOCK = SystemClock()
CHUNKS = 10
HOUR_US = 3_600_000_000
STUDIO = saying(CHUNKS * PACKETS)
OTHER = saying(CHUNKS * PACKETS, STUDIO.id)


def _made(feed: Feed) -> Growing:
    """A sound made for an order that is heard in an hour."""
    now_us = CLOCK.now_us()
    return Growing(feed=feed, plays_us=now_us + HOUR_US, until_us=now_us + 2 * HOUR_US)


def _live(feed: Feed, said_us: int, delay_us: int = 2_000_000) -> Growing:
    return Growing(feed=feed, said_us=said_us, plays_us=said_us + delay_us, until_us=said_us + HOUR_US)


async def _fetch(
    growing: Growing, count: Callable[[Connection], object] = lambda _: None
) -> tuple[ChunkBuffer, Counter[str]]:
    buffer, refused = ChunkBuffer(growing), Counter[str]()
    async with asyncio.timeout(60), open_client(count=count) as client:
        await Fetcher(buffer, client, CLOCK, Places(), refused).run()
    return buffer, refused


def _is_whole(buffer: ChunkBuffer, first_packet: int = 0) -> bool:
    packets = range(first_packet, CHUNKS * PACKETS)
    return all(buffer.packet(packet) == packet_saying(1 + packet) for packet in packets)


async def test_one_answer_brings_all_and_its_bytes_are_counted() -> None:
    counted: list[Connection] = []
    async with FeedHost(STUDIO) as host:
        buffer, refused = await _fetch(_made(host.feed), counted.append)
    assert _is_whole(buffer)
    assert (host.asked, refused) == ([0], {})
    assert counted


@pytest.mark.parametrize("stands", [False, True])
async def test_after_a_cut_or_a_stand_still_a_new_connection_asks_for_what_is_missing(stands: bool) -> None:
    async with FeedHost(STUDIO, [first(4, stands=stands)]) as host:
        buffer, refused = await _fetch(_made(host.feed))
    assert _is_whole(buffer)
    assert (host.asked, refused) == ([0, 4], {})


async def test_a_chunk_cut_in_the_middle_is_asked_for_again() -> None:
    half = STUDIO.sealed[0] + STUDIO.sealed[1][:100]
    async with FeedHost(STUDIO, [then(half, stands=False)]) as host:
        buffer, refused = await _fetch(_made(host.feed))
    assert _is_whole(buffer)
    assert (host.asked, refused) == ([0, 1], {})


def _altered(studio: Studio) -> bytes:
    sealed = bytearray(studio.sealed[0])
    sealed[20] ^= 1
    return bytes(sealed)


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        (then(_altered(STUDIO), stands=True), BAD),
        (then(OTHER.sealed[0], stands=True), BAD),
        (then(bytes(100_000), stands=True), BAD),
        (then(b"<html>Please sign in</html>", stands=False, content_type="text/html; charset=utf-8"), PAGE),
    ],
)
async def test_what_the_feeds_key_has_not_signed_is_counted_and_the_connection_left(
    manner: Manner, reason: str
) -> None:
    async with FeedHost(STUDIO, [manner]) as host:
        buffer, refused = await _fetch(_made(host.feed))
    assert _is_whole(buffer)
    assert host.asked == [0, 0]
    assert refused == {reason: 1}


async def test_a_line_that_stood_still_is_kept_when_a_part_of_a_chunk_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a cut TCP brings what it held back in pieces; a new connection would take another second."""
    monkeypatch.setattr(decide, "BARREN_US", 500_000)

    async def cut(writer: asyncio.StreamWriter, studio: Studio, _number: int) -> None:
        begin(writer)
        for piece, then_s in ((studio.sealed[0], 0.7), (studio.sealed[1][:100], 0.02), (studio.sealed[1][100:], 0)):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(then_s)
        writer.write(b"".join(studio.sealed[2:]))
        await writer.drain()

    async with FeedHost(STUDIO, [cut]) as host:
        buffer, refused = await _fetch(_made(host.feed))
    assert _is_whole(buffer)
    assert (host.asked, refused) == ([0], {})


async def test_addresses_are_asked_in_turn() -> None:
    async with AsyncExitStack() as stack:
        bad = await stack.enter_async_context(FeedHost(STUDIO, [then(_altered(STUDIO), stands=True)] * 3))
        gone = await stack.enter_async_context(FeedHost(STUDIO))
        await gone.__aexit__()
        good = await stack.enter_async_context(FeedHost(STUDIO))
        buffer, _ = await _fetch(_made(STUDIO.feed(bad.url, gone.url, good.url)))
    assert _is_whole(buffer)
    assert (bad.asked, good.asked) == ([0], [0])


async def test_what_is_past_is_not_asked_for() -> None:
    """A session that is heard since just before its fourth chunk."""
    async with FeedHost(STUDIO) as host:
        growing = _live(host.feed, CLOCK.now_us() - 2_000_000 - 4 * CHUNK_US + 50_000)
        due = decide.due_number(growing, CLOCK.now_us())
        buffer, refused = await _fetch(growing)
    assert host.asked[0] in (due, due + 1)
    assert 3 <= due <= 5
    assert _is_whole(buffer, (CHUNKS - 1) * PACKETS)
    assert refused == {}


async def test_a_server_that_sends_the_past_again_and_again_is_left() -> None:
    said_us = CLOCK.now_us() - 3_000_000 - CHUNK_US
    old = then(b"".join(STUDIO.sealed[:2]) * 50, stands=True)
    async with FeedHost(STUDIO, [old]) as host:
        _, refused = await _fetch(_live(host.feed, said_us))
    assert len(host.asked) == 2
    assert refused.keys() <= {Taken.PAST, Taken.TWICE}
    assert decide.USELESS_CHUNKS < refused.total() <= 100


async def test_a_line_on_which_something_comes_twice_now_and_then_is_kept() -> None:
    """More in all than may come one after another."""
    twice = then(b"".join(2 * sealed for sealed in STUDIO.sealed), stands=True)
    async with FeedHost(STUDIO, [twice]) as host:
        buffer, refused = await _fetch(_made(host.feed))
    assert _is_whole(buffer)
    assert host.asked == [0]
    assert refused[Taken.TWICE] > decide.USELESS_CHUNKS


async def test_who_follows_from_before_the_first_word_has_each_chunk_before_it_is_heard() -> None:
    """The connection stands still until the talk begins, and that is no fault."""
    short, said_us = saying(3 * PACKETS), CLOCK.now_us() + 1_300_000
    async with FeedHost(short, [spoken(said_us)]) as host:
        buffer, refused = await _fetch(_live(host.feed, said_us))
    assert all(buffer.packet(packet) for packet in range(3 * PACKETS))
    assert (host.asked, refused) == ([0], {})


async def test_a_node_whose_clock_is_behind_goes_on_when_it_has_room_again() -> None:
    """By this node's clock what was spoken lies further ahead than there is room for."""
    async with FeedHost(saying(21 * PACKETS)) as host:
        buffer, refused = await _fetch(_live(host.feed, CLOCK.now_us() - 600_000, delay_us=600_000))
    assert len(host.asked) > 1
    assert refused[Taken.AHEAD] > 0
    assert buffer.packet(21 * PACKETS - 1) == packet_saying(21 * PACKETS)


async def test_feeds_are_fetched_while_they_are_in_force_and_left_at_once() -> None:
    buffers = Buffers()
    feeds = Feeds(buffers, CLOCK)
    running = asyncio.create_task(feeds.run())
    async with FeedHost(STUDIO, [first(3, stands=True)]) as host, asyncio.timeout(60):
        growing = _made(host.feed)
        feeds.follow([growing])
        buffer = buffers.get(STUDIO.id)
        assert buffer is not None
        while len(buffer) < 3:  # noqa: ASYNC110 - a buffer has no bell for asyncio
            await asyncio.sleep(0.01)
        feeds.follow([growing])
        assert (host.open, buffers.get(STUDIO.id)) == (1, buffer)
        feeds.follow([])
        while host.open:  # noqa: ASYNC110 - it falls when the server has seen the end
            await asyncio.sleep(0.01)
        assert buffers.get(STUDIO.id) is None
        assert host.asked == [0]
        feeds.follow([growing])
        again = buffers.get(STUDIO.id)
        while again is None or not _is_whole(again):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert again is not buffer
    await end((running,))


async def test_a_session_leaves_the_link_while_something_else_has_the_air_and_comes_back() -> None:
    buffers, said_us = Buffers(), CLOCK.now_us() - 1_000_000
    feeds = Feeds(buffers, CLOCK)
    running = asyncio.create_task(feeds.run())
    studio = saying(100 * PACKETS)
    async with FeedHost(studio, usual=spoken(said_us)) as host, asyncio.timeout(60):
        growing = _live(host.feed, said_us)
        covered = replace(growing, heard_us=growing.until_us)
        feeds.follow([growing])
        buffer = buffers.get(studio.id)
        assert buffer is not None
        while not len(buffer):  # noqa: ASYNC110 - a buffer has no bell for asyncio
            await asyncio.sleep(0.01)
        feeds.follow([covered])
        while host.open:  # noqa: ASYNC110 - it falls when the server has seen the end
            await asyncio.sleep(0.01)
        held = len(buffer)
        feeds.follow([growing])
        while len(buffer) == held:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (buffers.get(studio.id), len(host.asked)) == (buffer, 2)
    await end((running,))


async def test_a_text_has_the_link_to_itself_until_it_is_whole_or_nothing_of_it_is_there() -> None:
    buffers = Buffers()
    feeds = Feeds(buffers, CLOCK)
    assert feeds.hurry_us is None
    running = asyncio.create_task(feeds.run())
    async with FeedHost(STUDIO, [first(3, stands=True)]) as host, asyncio.timeout(60):
        feeds.follow([_made(host.feed)])
        assert feeds.hurry_us is not None
        while feeds.hurry_us is not None:  # noqa: ASYNC110 - nothing rings
            await asyncio.sleep(0.01)
        buffer = buffers.get(STUDIO.id)
        assert buffer is not None
        assert _is_whole(buffer)
        lost = replace(host.feed, id="lost", urls=(f"{host.feed.urls[0]}-is-over",))
    async with asyncio.timeout(60):
        feeds.follow([_made(lost)])
        assert feeds.hurry_us is not None
        while feeds.hurry_us is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await end((running,))


def test_a_name_is_looked_up_by_whoever_asks_first_and_beside_from_then_on() -> None:
    places = Places()
    known = places.find(("localhost", 80))
    assert known
    places.doubt()
    assert places.find(("localhost", 80)) == known
