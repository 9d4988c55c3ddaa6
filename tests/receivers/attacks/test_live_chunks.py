"""A cache between centre and receiver is in strange hands: whatever it does to live chunks, nothing false is heard.

Each test is named after what it does; the fetcher is the real one, the connection real, and the source's own reel turns
what came into sound.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.clock import SystemClock
from broadcast.wire.chunks import PACKET_FRAMES, PACKETS, Chunk, seal
from receivers.fetch import open_client
from receivers.lab.trial.saying import SayingDecoder, packet_saying, saying
from receivers.lab.trial.studio import FeedHost, dribbled, then
from receivers.live import decide
from receivers.live.buffer import ChunkBuffer
from receivers.live.decide import Growing, Taken
from receivers.live.fetcher import BAD, Fetcher
from receivers.live.places import Places
from receivers.live.reel import Reel, start_of
from receivers.tasks import end

if TYPE_CHECKING:
    from receivers.lab.trial.studio import Manner, Studio

CLOCK = SystemClock()
HOUR_US = 3_600_000_000
CHUNKS = 6
STUDIO = saying(CHUNKS * PACKETS)
YESTERDAY = saying(CHUNKS * PACKETS, "yesterday")
FORGED = saying(CHUNKS * PACKETS, STUDIO.id)  # the right name, and a key that the now document does not tell of
RENAMED = tuple(seal("yesterday", chunk, STUDIO.key) for chunk in STUDIO.chunks)  # the right key, another session


async def _attacked(manner: Manner, *, usual: Manner | None = None) -> tuple[ChunkBuffer, Counter[str], list[int]]:
    """What has come after the cache answered once as `manner`, and then as `usual`: honestly, if not told otherwise."""
    refused = Counter[str]()
    async with FeedHost(STUDIO, [manner], usual) as host, asyncio.timeout(60), open_client() as client:
        now_us = CLOCK.now_us()
        buffer = ChunkBuffer(Growing(feed=host.feed, plays_us=now_us + HOUR_US, until_us=now_us + 2 * HOUR_US))
        fetcher = Fetcher(buffer, client, CLOCK, Places(), refused)
        if usual is None:
            await fetcher.run()
        else:
            task = asyncio.create_task(fetcher.run())
            while len(host.asked) < 4:  # noqa: ASYNC110 - what is asked has no bell
                await asyncio.sleep(0.01)
            await end((task,))
    return buffer, refused, host.asked


def _heard(buffer: ChunkBuffer) -> dict[int, float]:
    """What sounds at the start of which packet; nothing of it in a wrong place or twice."""
    reel, heard, position = Reel(buffer, SayingDecoder, 0), dict[int, float](), 0
    while position < CHUNKS * PACKETS * PACKET_FRAMES:
        while (block := reel.turn(position)) is not None:
            assert block.start not in heard
            if not block.made_up:
                heard[block.start] = block.sound[-1]
        position += PACKET_FRAMES
    assert all(start == start_of(round(value) - 1) for start, value in heard.items())
    return heard


def _sounds_whole(buffer: ChunkBuffer) -> bool:
    return len(_heard(buffer)) == CHUNKS * PACKETS


async def test_chunks_sent_again_are_heard_once() -> None:
    again = b"".join(STUDIO.sealed[number] for number in (0, 1, 0, 1, 1, 2))
    buffer, refused, _ = await _attacked(then(again, stands=False))
    assert _sounds_whole(buffer)
    assert refused == {Taken.TWICE: 3}


async def test_a_flood_of_chunks_sent_again_is_left() -> None:
    buffer, refused, asked = await _attacked(then(STUDIO.sealed[0] * 1_000, stands=True))
    assert _sounds_whole(buffer)
    assert refused == {Taken.TWICE: decide.USELESS_CHUNKS + 1}
    assert asked == [0, 1]


async def test_chunks_out_of_order_are_heard_in_order() -> None:
    mixed = b"".join(STUDIO.sealed[number] for number in (4, 1, 5, 0, 3, 2))
    buffer, refused, asked = await _attacked(then(mixed, stands=True))
    assert _sounds_whole(buffer)
    assert (refused, asked) == ({}, [0])


async def test_withheld_chunks_are_asked_for_again_and_nothing_slides_into_their_place() -> None:
    gapped = b"".join(STUDIO.sealed[number] for number in (0, 1, 4))
    buffer, refused, asked = await _attacked(then(gapped, stands=False))
    assert _sounds_whole(buffer)
    assert (asked, refused) == ([0, 2], {Taken.TWICE: 1})


async def test_all_withheld_is_silence_and_few_attempts() -> None:
    nothing = then(b"", stands=False)
    buffer, refused, asked = await _attacked(nothing, usual=nothing)
    assert _heard(buffer) == {}
    assert (set(asked), refused) == ({0}, {})


async def test_bytes_that_dribble_in_to_keep_the_connection_are_left() -> None:
    buffer, refused, asked = await _attacked(dribbled(STUDIO.sealed[0], 0.3))
    assert _sounds_whole(buffer)
    assert (asked, refused) == ([0, 0], {})


async def test_invented_chunks_never_sound() -> None:
    for invented in (FORGED.sealed[0], RENAMED[0], STUDIO.sealed[0][:-1] + b"!", b"\xff" * 5_000):
        always = then(invented, stands=True)
        buffer, refused, _ = await _attacked(always, usual=always)
        assert len(buffer) == 0
        assert _heard(buffer) == {}
        assert refused.keys() == {BAD}


async def test_another_sessions_chunks_never_sound_also_behind_good_ones() -> None:
    mixed = STUDIO.sealed[0] + YESTERDAY.sealed[1] + STUDIO.sealed[1]
    buffer, refused, asked = await _attacked(then(mixed, stands=True))
    assert _sounds_whole(buffer)
    assert (asked, refused) == ([0, 1], {BAD: 1})


async def test_a_renumbered_chunk_is_no_chunk() -> None:
    renumbered = (3).to_bytes(4) + STUDIO.sealed[0][4:]
    buffer, refused, _ = await _attacked(then(renumbered, stands=True))
    assert _sounds_whole(buffer)
    assert refused == {BAD: 1}


def test_yesterdays_words_are_past_also_where_the_key_is_right() -> None:
    """The session's own chunks, recorded and sent again an hour later."""
    now_us = CLOCK.now_us()
    feed = STUDIO.feed("http://127.0.0.1:1")
    growing = Growing(
        feed=feed, said_us=now_us - HOUR_US, plays_us=now_us - HOUR_US + 2_000_000, until_us=now_us + HOUR_US
    )
    buffer = ChunkBuffer(growing)
    assert {buffer.put(chunk, now_us) for chunk in STUDIO.chunks} == {Taken.PAST}
    assert len(buffer) == 0


@given(
    sent=st.lists(
        st.tuples(st.sampled_from(["own", "forged", "yesterday"]), st.integers(0, CHUNKS - 1), st.integers(0, 600_000)),
        max_size=40,
    )
)
@settings(max_examples=60)
def test_any_mixture_sounds_as_it_was_said_or_not_at_all(sent: list[tuple[str, int, int]]) -> None:
    """By ChunkReader and buffer, as the fetcher uses them, in virtual time."""
    from broadcast.wire.chunks import BadChunk, ChunkReader  # noqa: PLC0415
    from broadcast.wire.enrolment import order_key  # noqa: PLC0415

    studios: dict[str, Studio] = {"own": STUDIO, "forged": FORGED, "yesterday": YESTERDAY}
    feed, now_us = STUDIO.feed("http://127.0.0.1:1"), HOUR_US
    buffer = ChunkBuffer(Growing(feed=feed, said_us=now_us, plays_us=now_us + 2_000_000, until_us=9 * HOUR_US))
    reader = ChunkReader(STUDIO.id, order_key(feed.key))
    for whose, number, passes_us in sent:
        now_us += passes_us
        try:
            for chunk in reader.feed(studios[whose].sealed[number]):
                assert whose == "own"
                became = buffer.put(chunk, now_us)
                assert (became is Taken.PAST) == (number < decide.due_number(buffer.growing, now_us)) or (
                    became is Taken.TWICE
                )
        except BadChunk:
            assert whose != "own"
            reader = ChunkReader(STUDIO.id, order_key(feed.key))
    held = [buffer.packet(packet) for packet in range(CHUNKS * PACKETS)]
    assert all(said in (None, packet_saying(1 + packet)) for packet, said in enumerate(held))


def test_a_longer_talk_than_there_is_room_for_takes_no_more_memory() -> None:
    """A centre that is in strange hands itself sends the chunks of hours to come."""
    now_us = CLOCK.now_us()
    feed = STUDIO.feed("http://127.0.0.1:1")
    buffer = ChunkBuffer(Growing(feed=feed, said_us=now_us, plays_us=now_us + 4_000_000, until_us=now_us + HOUR_US))
    for number in range(10_000):
        buffer.put(Chunk(number, STUDIO.chunks[0].packets), now_us)
    assert len(buffer) < 40
