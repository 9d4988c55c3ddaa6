"""Packets are put in their place by their own clock, whatever the network does to them."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.live.placing import (
    BEHIND_FRAMES,
    CONCEALED_FRAMES,
    JUDGED_PACKETS,
    PACKET_FRAMES,
    WINDOW,
    Placed,
    Placing,
    RtpPacket,
    frames_of,
)

FULL_BAND_20_MS = b"\xf8"


def packet(number: int, *, sequence: int = 0, timestamp: int = 0) -> RtpPacket:
    return RtpPacket(
        (sequence + number) % 2**16,
        (timestamp + number * PACKET_FRAMES) % 2**32,
        FULL_BAND_20_MS + number.to_bytes(4, "big"),
    )


def number_of(placed: Placed) -> int:
    assert placed.payload is not None
    return int.from_bytes(placed.payload[1:], "big")


def sounding(placed: list[Placed]) -> list[Placed]:
    return [one for one in placed if one.payload is not None]


@given(sequence=st.integers(0, 2**16 - 1), timestamp=st.integers(0, 2**32 - 1), delay=st.integers(0, 48_000))
def test_whatever_number_a_stream_begins_with_it_comes_out_whole(sequence: int, timestamp: int, delay: int) -> None:
    placing, out = Placing(), []
    for number in range(400):
        arrived = number * PACKET_FRAMES + delay
        out += placing.put(packet(number, sequence=sequence, timestamp=timestamp), arrived)
    assert [number_of(one) for one in out] == list(range(400))
    assert all(b.frame - a.frame == PACKET_FRAMES for a, b in pairwise(out))
    assert out[0].frame == delay


@given(chance=st.randoms())
def test_reordering_within_the_window_loses_nothing(chance: Random) -> None:
    placing, out = Placing(), []
    numbers = list(range(300))
    for at in range(1, 297, WINDOW):  # shuffled within blocks that the window spans; the first packet stays first
        block = numbers[at : at + WINDOW]
        chance.shuffle(block)
        numbers[at : at + WINDOW] = block
    for place, number in enumerate(numbers):
        out += placing.put(packet(number), place * PACKET_FRAMES)
    assert [number_of(one) for one in out] == list(range(300))
    assert (placing.lost, placing.late) == (0, 0)


@given(lost=st.sets(st.integers(1, 290), max_size=40))
def test_what_is_lost_takes_nothing_with_it_and_is_to_be_made_up_in_its_place(lost: set[int]) -> None:
    placing, out = Placing(), []
    for number in range(300):
        if number not in lost:
            out += placing.put(packet(number), number * PACKET_FRAMES)
    assert [number_of(one) for one in sounding(out)] == [n for n in range(300) if n not in lost]
    assert all(one.frame == number_of(one) * PACKET_FRAMES for one in sounding(out))
    made_up = sum(one.frames for one in out if one.payload is None)
    runs = [len(run) for run in _runs(lost)]
    assert made_up == sum(min(run * PACKET_FRAMES, CONCEALED_FRAMES) for run in runs)
    assert placing.lost == len(lost)


def _runs(numbers: set[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return found


@given(chance=st.randoms())
def test_the_networks_jitter_moves_no_packet(chance: Random) -> None:
    placing, out = Placing(), []
    for number in range(500):
        jitter = chance.randrange(0, PACKET_FRAMES)
        out += placing.put(packet(number), number * PACKET_FRAMES + jitter)
    settled = out[200:]
    assert all(b.frame - a.frame == PACKET_FRAMES for a, b in pairwise(settled))


def test_one_that_comes_after_it_was_given_up_is_dropped() -> None:
    placing = Placing()
    out = [placed for number in (0, 2, 3, 4, 5, 6) for placed in placing.put(packet(number), number * PACKET_FRAMES)]
    assert [number_of(one) for one in sounding(out)] == [0, 2, 3, 4, 5, 6]
    assert placing.put(packet(1), 7 * PACKET_FRAMES) == []
    assert (placing.lost, placing.late) == (1, 1)


def test_a_microphone_that_stood_still_goes_on_at_the_time_it_is() -> None:
    placing = Placing()
    for number in range(200):
        placing.put(packet(number), number * PACKET_FRAMES)
    stood_still = 2 * BEHIND_FRAMES
    out: list[Placed] = []
    for number in range(200, 200 + 2 * JUDGED_PACKETS):
        out += placing.put(packet(number), number * PACKET_FRAMES + stood_still)
    assert out[0].frame == 200 * PACKET_FRAMES
    assert out[-1].frame == (199 + 2 * JUDGED_PACKETS) * PACKET_FRAMES + stood_still


@pytest.mark.parametrize(
    ("payload", "frames"), [(b"\xf8x", 960), (b"\xe8x", 240), (b"\x08x", 960), (b"\x19x", 5760), (b"\xfb\x03", 2880)]
)
def test_a_packet_says_how_long_it_is(payload: bytes, frames: int) -> None:
    assert frames_of(payload) == frames


def test_timestamps_that_jump_begin_anew() -> None:
    placing = Placing()
    placing.put(packet(0), 0)
    (placed,) = placing.put(packet(1, timestamp=2**31), PACKET_FRAMES)
    assert placed.frame == PACKET_FRAMES


@pytest.mark.parametrize("number", [0, 1, 7])
def test_a_packet_that_comes_twice_sounds_once(number: int) -> None:
    placing = Placing()
    out = [p for n in range(8) for p in placing.put(packet(n), n * PACKET_FRAMES)]
    assert [number_of(one) for one in out] == list(range(8))
    assert placing.put(packet(number), 8 * PACKET_FRAMES) == []
