"""A real Opus stream: its sound in its place, and no click where packets are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire.chunks import PACKET_FRAMES, PACKETS, RATE_HZ, Chunk
from receivers.lab.correlate import align
from receivers.lab.trial.saying import NOON, URL, spoken_at_noon
from receivers.lab.trial.signals import murmur, warble, write_opus
from receivers.lab.trial.studio import Studio, packets_in
from receivers.live import decoder
from receivers.live.buffer import ChunkBuffer
from receivers.live.decoder import Decoder, OpusDecoder, PlainDecoder, load, open_decoder
from receivers.live.reel import Reel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from receivers.lab.trial.signals import Sound

SECONDS = 4.0
CLICK = 4.0  # times the steepest step of the sound itself; where packets are left out it is 30


def _played(studio: Studio, lost: Collection[int], make: Callable[[], Decoder]) -> Sound:
    """What is heard of a feed of which the packets `lost` are missing."""
    buffer = ChunkBuffer(replace(spoken_at_noon(studio.feed(URL)), said_us=None))
    for chunk in studio.chunks:
        packets = [
            b"" if chunk.number * PACKETS + place in lost else packet for place, packet in enumerate(chunk.packets)
        ]
        if any(packets) or chunk.last:  # a chunk that is missing as a whole has not come at all
            buffer.put(Chunk(chunk.number, tuple(packets), chunk.last), NOON)
    reel, position = Reel(buffer, make, 0), 0
    heard = np.zeros((len(studio.packets) + 1) * PACKET_FRAMES, dtype=np.float32)
    while not reel.is_over:
        while (block := reel.turn(position)) is not None:
            start = max(0, block.start)
            heard[start : block.start + PACKET_FRAMES] = block.sound[start - block.start :]
        position += PACKET_FRAMES
    return heard


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    path = write_opus(tmp_path_factory.mktemp("tone") / "tone.opus", warble(SECONDS, seed=3))
    return Studio("tone", packets_in(path))


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    path = write_opus(tmp_path_factory.mktemp("speech") / "speech.opus", murmur(SECONDS, seed=3))
    return Studio("speech", packets_in(path))


@pytest.mark.parametrize("make", [open_decoder, PlainDecoder])
def test_a_feed_is_heard_whole_and_in_its_place(speech: Studio, make: Callable[[], Decoder]) -> None:
    found = align(murmur(SECONDS, seed=3), _played(speech, (), make), RATE_HZ)
    assert abs(found.offset_frames) < 4
    assert found.correlation > 0.95
    assert found.copies == 1
    assert not found.slips
    assert not found.gaps


def test_libopus_is_here() -> None:
    assert isinstance(open_decoder(), OpusDecoder)


@given(lost=st.sets(st.integers(1, 199), max_size=40))
@settings(max_examples=15, deadline=None)
def test_what_is_missing_makes_no_click(tone: Studio, lost: set[int]) -> None:
    own = np.abs(np.diff(_played(tone, (), open_decoder))).max()
    assert np.abs(np.diff(_played(tone, lost, open_decoder))).max() <= CLICK * own


def test_one_chunk_that_is_missing_leaves_the_rest_as_it_is(speech: Studio) -> None:
    lost = range(5 * PACKETS, 6 * PACKETS)
    whole, holed = _played(speech, (), open_decoder), _played(speech, lost, open_decoder)
    before, after = 5 * PACKETS * PACKET_FRAMES - 312, 6 * PACKETS * PACKET_FRAMES - 312
    assert np.array_equal(whole[:before], holed[:before])
    assert np.abs(holed[before : before + PACKET_FRAMES]).max() > 0.05
    assert not holed[before + 5 * PACKET_FRAMES : after].any()
    settled = after + 5 * PACKET_FRAMES
    assert align(whole[settled:], holed[settled:], RATE_HZ).correlation > 0.99


@pytest.mark.parametrize("make", [open_decoder, PlainDecoder])
@given(packet=st.binary(min_size=1, max_size=60))
@settings(max_examples=60)
def test_any_bytes_are_sound_or_none(make: Callable[[], Decoder], packet: bytes) -> None:
    sound = make().decode(packet)
    assert sound is None or (sound.shape == (PACKET_FRAMES,) and np.isfinite(sound).all())


def test_what_is_no_libopus_is_not_taken_for_one(tmp_path: Path) -> None:
    assert load(["libnothing-of-the-kind.so.9", "libc.so.6", str(tmp_path)]) is None


def test_pyavs_own_libopus_serves_where_the_system_has_none(speech: Studio) -> None:
    library = load(decoder._beside_pyav())
    assert library is not None
    whole = _played(speech, (), lambda: OpusDecoder(library))
    assert align(murmur(SECONDS, seed=3), whole, RATE_HZ).correlation > 0.95
