"""Sound in its place, whatever the network does: chunks late, lost, doubled and out of order, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.wire.chunks import CHUNK_FRAMES, CHUNK_US, PACKET_FRAMES, PACKETS
from receivers.lab.trial.saying import MADE_UP, NOON, URL, SayingDecoder, saying, spoken_at_noon
from receivers.live.buffer import ChunkBuffer
from receivers.live.reel import AHEAD_FRAMES, FADE_PACKETS, LEAD_FRAMES, Block, Reel, start_of

CHUNKS = 8
STUDIO = saying(CHUNKS * PACKETS)
GROWING = spoken_at_noon(STUDIO.feed(URL), delay_us=600_000)
STEP = 1_000  # frames that the device asks for at a time
US_PER_FRAME = 1_000_000 / 48_000


@dataclass
class Listening:
    """Plays a feed in virtual time; `arrivals` are (instant after NOON, chunk), in any order and number."""

    arrivals: list[tuple[int, int]]
    begins: int = 0
    heard: list[tuple[int, Block]] = field(default_factory=list)
    """What was turned out, with the position that was to be heard next at that moment."""

    def __post_init__(self) -> None:
        self.buffer = ChunkBuffer(GROWING)
        self.reel = Reel(self.buffer, SayingDecoder, self.begins)
        waiting = sorted(self.arrivals)
        for position in range(self.begins, (CHUNKS + 1) * CHUNK_FRAMES, STEP):
            now_us = GROWING.plays_us + round(position * US_PER_FRAME)
            while waiting and NOON + waiting[0][0] <= now_us:
                self.buffer.put(STUDIO.chunks[waiting.pop(0)[1]], now_us)
            while (block := self.reel.turn(position)) is not None:
                self.heard.append((position, block))


def _arrivals() -> st.SearchStrategy[list[tuple[int, int]]]:
    """Each chunk up to three times, on time or late by up to two seconds, or never."""
    late_us = st.lists(st.integers(0, 2_000_000), max_size=3)
    return st.lists(late_us, min_size=CHUNKS, max_size=CHUNKS).map(
        lambda lates: [((number + 1) * CHUNK_US + us, number) for number, some in enumerate(lates) for us in some]
    )


@given(arrivals=_arrivals(), begins=st.sampled_from([0, 0, 100_000, 777]))
@settings(max_examples=60)
def test_never_in_a_wrong_place_never_twice_never_late_and_all_that_came_in_time(
    arrivals: list[tuple[int, int]], begins: int
) -> None:
    listening = Listening(arrivals, begins)
    reached = None
    for position, block in listening.heard:
        assert reached is None or block.start >= reached
        reached = block.start + PACKET_FRAMES
        assert position < reached <= position + AHEAD_FRAMES + PACKET_FRAMES
        number = (block.start + 312) // PACKET_FRAMES
        assert start_of(number) == block.start
        said = MADE_UP if block.made_up else number + 1
        assert np.abs(block.sound[-1]) <= np.abs(said)
        assert np.sign(block.sound[-1]) in (0, np.sign(said))
    real = {block.start for _, block in listening.heard if not block.made_up}
    for number in range(CHUNKS):
        in_time_us = GROWING.plays_us + round((start_of(number * PACKETS) - LEAD_FRAMES - STEP) * US_PER_FRAME) - NOON
        if any(at_us <= in_time_us for at_us, chunk in arrivals if chunk == number):
            wanted = [start_of(number * PACKETS + place) for place in range(PACKETS)]
            assert real >= {start for start in wanted if start >= begins}
            assert number not in listening.reel.late


@given(lost=st.sets(st.integers(1, CHUNKS - 2)))
@settings(max_examples=20)
def test_what_is_lost_is_made_up_for_a_tenth_of_a_second_and_then_silent(lost: set[int]) -> None:
    listening = Listening([((number + 1) * CHUNK_US, number) for number in range(CHUNKS) if number not in lost])
    made_up = [block for _, block in listening.heard if block.made_up]
    runs = [number for number in lost if number - 1 not in lost]
    assert len(made_up) == FADE_PACKETS * len(runs)
    assert [block.start for block in made_up] == [
        start_of(number * PACKETS + place) for number in sorted(runs) for place in range(FADE_PACKETS)
    ]
    for at in range(0, len(made_up), FADE_PACKETS):
        faded = np.abs(np.concatenate([block.sound for block in made_up[at : at + FADE_PACKETS]]))
        assert (np.diff(faded) <= 0).all()
        assert faded[-1] == 0
    assert listening.reel.late == lost


def test_a_packet_that_the_feed_itself_lacks_is_made_up_at_once_and_the_next_rises() -> None:
    studio = saying(PACKETS)
    chunk = studio.chunks[0]
    buffer = ChunkBuffer(GROWING)
    packets = (*chunk.packets[:5], b"", *chunk.packets[6:])
    buffer.put(type(chunk)(0, packets, last=True), NOON)
    reel = Reel(buffer, SayingDecoder, 0)
    blocks = [reel.turn(0) for _ in range(PACKETS)]
    assert [block.made_up for block in blocks if block] == [place == 5 for place in range(PACKETS)]
    assert reel.is_over
    assert reel.late == set()
    after = blocks[6]
    assert after is not None
    assert after.sound[0] < after.sound[-1] == 7


def test_a_decoder_that_missed_packets_is_given_those_before_the_one_heard() -> None:
    given_to: list[int] = []

    class Telling(SayingDecoder):
        def decode(self, packet: bytes) -> np.ndarray[tuple[int], np.dtype[np.float32]] | None:
            given_to.append(int.from_bytes(packet))
            return super().decode(packet)

    buffer = ChunkBuffer(GROWING)
    buffer.put(STUDIO.chunks[1], NOON)
    joins = start_of(PACKETS + 8)
    block = Reel(buffer, Telling, joins).turn(joins)
    assert block is not None
    assert block.start == joins
    assert given_to == [PACKETS + place for place in range(5, 10)]


def test_after_a_jump_back_in_time_what_is_still_held_is_heard_again_at_its_place() -> None:
    buffer = ChunkBuffer(GROWING)
    for chunk in STUDIO.chunks[:8]:
        buffer.put(chunk, NOON)
    reel = Reel(buffer, SayingDecoder, 5 * CHUNK_FRAMES)
    reel.turn(5 * CHUNK_FRAMES)
    reel.seek(CHUNK_FRAMES)
    block = reel.turn(CHUNK_FRAMES)
    assert block is not None
    assert block.start <= CHUNK_FRAMES < block.start + PACKET_FRAMES
    assert block.sound[-1] == (block.start + 312) // PACKET_FRAMES + 1
