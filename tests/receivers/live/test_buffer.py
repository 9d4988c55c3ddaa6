"""Chunks in any order, again and again, at any time: what is of use is kept, once, within bounds."""

import threading

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire.chunks import CHUNK_US, PACKETS
from receivers.lab.trial.saying import NOON, URL, packet_saying, saying, spoken_at_noon
from receivers.live.buffer import Buffers, ChunkBuffer
from receivers.live.decide import BEHIND_CHUNKS, Growing, Taken, due_number, room

STUDIO = saying(100 * PACKETS - 5)
LIVE = spoken_at_noon(STUDIO.feed(URL))
WHOLE = replace(LIVE, said_us=None)


@given(
    growing=st.sampled_from([LIVE, WHOLE]),
    arrivals=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 900_000)), max_size=120),
)
def test_what_is_held_is_right_fresh_and_bounded(growing: Growing, arrivals: list[tuple[int, int]]) -> None:
    buffer, now_us, seen = ChunkBuffer(growing), NOON, set[int]()
    for number, passes_us in arrivals:
        now_us += passes_us
        before = buffer.packet(number * PACKETS)
        became = buffer.put(STUDIO.chunks[number], now_us)
        assert (became is Taken.TAKEN) == (number in room(growing, now_us) and before is None)
        if became is Taken.TAKEN:
            assert growing is WHOLE or number not in seen
            seen.add(number)
        assert len(buffer) <= len(room(growing, now_us)) + BEHIND_CHUNKS + 1
        asked = buffer.ask_from(now_us)
        assert asked is None or (asked not in seen and (growing is WHOLE or asked >= due_number(growing, now_us)))
    for packet in range(len(STUDIO.packets)):
        assert buffer.packet(packet) in (None, packet_saying(1 + packet))


def test_the_end_is_known_with_the_last_chunk_or_by_what_was_told() -> None:
    buffer = ChunkBuffer(LIVE)
    assert buffer.end_frame is None
    late_us = NOON + 97 * CHUNK_US
    assert buffer.put(STUDIO.chunks[99], late_us) is Taken.TAKEN
    assert buffer.end_frame == (100 * PACKETS - 5) * 960 - 312
    assert buffer.packet(100 * PACKETS - 5) == b""
    buffer.growing = replace(LIVE, frames=48_000)
    assert buffer.end_frame == 48_000


def test_bells_ring_for_what_is_taken_alone() -> None:
    buffer, bell = ChunkBuffer(LIVE), threading.Event()
    buffer.ring(bell)
    buffer.put(STUDIO.chunks[1], NOON)
    assert bell.is_set()
    bell.clear()
    buffer.put(STUDIO.chunks[1], NOON)
    assert not bell.is_set()
    buffer.ring_no_more(bell)
    buffer.put(STUDIO.chunks[2], NOON)
    assert not bell.is_set()


def test_a_feed_keeps_its_chunks_while_it_is_in_force_and_another_key_is_another_feed() -> None:
    buffers = Buffers()
    assert buffers.follow({"f1": LIVE})
    kept = buffers.get("f1")
    assert kept is not None
    kept.put(STUDIO.chunks[0], NOON)
    moved = replace(LIVE, plays_us=LIVE.plays_us + 1, frames=7)
    assert not buffers.follow({"f1": moved})
    assert buffers.get("f1") is kept
    assert kept.growing is moved
    assert buffers.follow({"f1": replace(LIVE, feed=saying(1).feed(URL))})
    assert buffers.get("f1") is not kept
    assert buffers.follow({})
    assert buffers.get("f1") is None


def test_a_recording_is_whole_when_its_last_chunk_and_all_before_have_come() -> None:
    buffers = Buffers()
    buffers.follow({WHOLE.feed.id: WHOLE})
    (buffer,) = buffers.all()
    for number in (*range(50, 100), *range(49)):
        buffer.put(STUDIO.chunks[number], NOON)
        assert not buffers.sure(0)
    buffer.put(STUDIO.chunks[49], NOON)
    assert buffers.sure(0) == {WHOLE.feed.id}
