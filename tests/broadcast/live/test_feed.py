import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.live.desk import FeedTaken, LiveDesk
from broadcast.live.encoder import Samples
from broadcast.live.feed import MAX_HOLE_FRAMES, FeedEnded
from broadcast.wire.chunks import CHUNK_FRAMES, CHUNK_US, PACKET_FRAMES, PACKETS, PRE_SKIP_FRAMES, Chunk
from broadcast.wire.now import DELAY_US
from tests.broadcast.live.conftest import Decode, Read

SECOND = 48_000
ABOUT = 4  # samples, a twelfth of a millisecond: the encoder bends phases a little


def place_of(sound: Samples, heard: Samples) -> int:
    """Where `sound` begins in `heard`."""
    size = len(sound) + len(heard)
    found = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sound, size)), size)
    return int(np.argmax(found[: len(heard)]))


@pytest.mark.parametrize("levelled", [False, True])
def test_a_sample_is_where_the_wire_says_it_is(
    desk: LiveDesk, speech: Samples, read: Read, decode: Decode, levelled: bool
) -> None:
    feed = desk.open("talk", delay_us=None, levelled=levelled)
    feed.write(speech, 0)
    assert feed.end() == len(speech)
    chunks = read(feed, feed.chunks)
    heard = decode([packet for chunk in chunks for packet in chunk.packets])
    assert place_of(speech[SECOND : 2 * SECOND], heard) == pytest.approx(SECOND + PRE_SKIP_FRAMES, abs=ABOUT)
    assert len(heard) >= len(speech) + PRE_SKIP_FRAMES


def test_chunks_are_numbered_whole_and_the_last_one_says_so(desk: LiveDesk, speech: Samples, read: Read) -> None:
    feed = desk.open("talk", delay_us=None)
    for at in range(0, len(speech), 700):  # blocks of no particular size
        feed.write(speech[at : at + 700], at)
    feed.end()
    chunks = read(feed, feed.chunks)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert all(len(chunk.packets) == PACKETS for chunk in chunks[:-1])
    assert all(packet for chunk in chunks for packet in chunk.packets)


def test_a_feed_of_whole_chunks_ends_with_a_whole_one(desk: LiveDesk, read: Read) -> None:
    feed = desk.open("talk", delay_us=None, levelled=False)
    feed.write(np.zeros(2 * CHUNK_FRAMES - PRE_SKIP_FRAMES, dtype=np.float32), 0)
    feed.end()
    chunks = read(feed, feed.chunks)
    assert [(len(chunk.packets), chunk.last) for chunk in chunks] == [(PACKETS, False), (PACKETS, True)]


def test_a_feed_whose_last_chunk_is_out_ends_with_an_empty_one(desk: LiveDesk, speech: Samples, read: Read) -> None:
    feed = desk.open("talk", delay_us=None)
    feed.pass_on([b"\xf8"] * PACKETS)
    feed.pass_on([], CHUNK_FRAMES - PRE_SKIP_FRAMES)
    assert [(len(chunk.packets), chunk.last) for chunk in read(feed, feed.chunks)] == [(PACKETS, False), (0, True)]


@pytest.mark.parametrize("levelled", [False, True])
def test_what_never_came_goes_out_as_missing_and_the_rest_stays_in_its_place(
    desk: LiveDesk, speech: Samples, read: Read, decode: Decode, levelled: bool
) -> None:
    feed = desk.open("talk", delay_us=None, levelled=levelled)
    feed.write(speech[:SECOND], 0)
    feed.write(speech[SECOND:], SECOND + 10 * PACKET_FRAMES)
    feed.end()
    packets = [packet for chunk in read(feed, feed.chunks) for packet in chunk.packets]
    assert [number for number, packet in enumerate(packets) if not packet] == list(range(50, 60))
    place = 2 * SECOND + 10 * PACKET_FRAMES + PRE_SKIP_FRAMES
    assert place_of(speech[2 * SECOND :], decode(packets)) == pytest.approx(place, abs=ABOUT)


def test_a_part_of_a_packet_that_never_came_is_silence(desk: LiveDesk, speech: Samples, read: Read) -> None:
    feed = desk.open("talk", delay_us=None)
    feed.write(speech[:SECOND], 0)
    feed.write(speech[SECOND:], SECOND + 300)
    assert feed.end() == len(speech) + 300
    assert all(packet for chunk in read(feed, feed.chunks) for packet in chunk.packets)


def test_what_comes_late_or_twice_is_dropped(desk: LiveDesk, speech: Samples, read: Read) -> None:
    feed, again = desk.open("talk", delay_us=None), desk.open("again", delay_us=None)
    feed.write(speech, 0)
    again.write(speech[:30_000], 0)
    again.write(speech[:5_000], 10_000)
    again.write(speech[20_000:], 20_000)
    assert feed.end() == again.end()
    assert [c.packets for c in read(feed, feed.chunks)] == [c.packets for c in read(again, again.chunks)]


def test_listeners_are_told_when_nothing_comes(desk: LiveDesk, read: Read) -> None:
    feed = desk.open("talk", delay_us=None)
    feed.pass_by(2 * CHUNK_FRAMES)
    feed.pass_by(CHUNK_FRAMES)
    assert feed.frames == 2 * CHUNK_FRAMES
    assert read(feed, feed.chunks)[0].packets == (b"",) * PACKETS


def test_a_place_that_cannot_be_is_refused(desk: LiveDesk, speech: Samples) -> None:
    feed = desk.open("talk")
    with pytest.raises(ValueError, match="hole"):
        feed.write(speech, MAX_HOLE_FRAMES + 1)
    assert feed.frames == 0


def test_nothing_comes_after_the_end(desk: LiveDesk, speech: Samples) -> None:
    feed = desk.open("talk", delay_us=None)
    feed.write(speech, 0)
    assert feed.end() == feed.end()
    before = feed.chunks
    with pytest.raises(FeedEnded):
        feed.write(speech, len(speech))
    assert feed.chunks == before


def test_a_session_keeps_what_can_still_be_heard(desk: LiveDesk, speech: Samples, read: Read) -> None:
    feed = desk.open("talk", delay_us=960_000)
    feed.write(speech, 0)
    feed.end()
    assert len(feed.chunks) == 960_000 // CHUNK_US + 1
    assert read(feed, feed.chunks)[0].number == feed.first_number
    assert feed.sealed(feed.next_number - 1) == feed.chunks[-1]
    with pytest.raises(IndexError):
        feed.sealed(feed.first_number - 1)


def test_a_follower_gets_each_chunk_once_and_in_order(desk: LiveDesk, speech: Samples) -> None:
    feed = desk.open("talk", delay_us=None)
    heard: list[tuple[Chunk, bytes]] = []
    unfollow = feed.follow(lambda chunk, sealed: heard.append((chunk, sealed)))
    feed.write(speech[:SECOND], 0)
    unfollow()
    unfollow()
    feed.write(speech[SECOND:], SECOND)
    assert [sealed for _, sealed in heard] == list(feed.chunks[: len(heard)])
    assert 0 < len(heard) < feed.next_number


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 9_000)), max_size=12), st.booleans())
def test_however_it_is_written_it_is_as_long_as_its_packets(writes: list[tuple[int, int]], levelled: bool) -> None:
    feed = LiveDesk("").open("talk", delay_us=None, levelled=levelled)
    packets = 0

    def count(chunk: Chunk, _sealed: bytes) -> None:
        nonlocal packets
        packets += len(chunk.packets)

    feed.follow(count)
    for at, length in writes:
        feed.write(np.full(length, 0.01, dtype=np.float32), at)
    longest = max((at + length for at, length in writes), default=0)
    assert feed.end() == max(longest, 0)
    assert packets == (-(-(feed.frames + PRE_SKIP_FRAMES) // PACKET_FRAMES) if feed.frames else 0)


def test_the_desk_announces_its_feeds_and_never_gives_an_id_twice(desk: LiveDesk) -> None:
    feed = desk.open("talk")
    assert desk.get("talk") is feed
    assert feed.delay_us == DELAY_US
    told = desk.announced(feed)
    assert (told.id, told.key, told.urls) == ("talk", feed.public_key, ("http://centre.example:8001/live/talk",))
    with pytest.raises(FeedTaken):
        desk.open("talk")
    desk.close("talk")
    desk.close("talk")
    assert feed.ended
    assert desk.get("talk") is None
    assert desk.is_closed("talk")
    assert not desk.is_closed("other")
    with pytest.raises(FeedTaken):
        desk.open("talk")


def test_each_feed_has_a_key_of_its_own(desk: LiveDesk) -> None:
    assert desk.open("a").public_key != desk.open("b").public_key


@pytest.mark.parametrize(("delay_us", "bitrate_bps"), [(100, 24_000), (5_000_000, 24_000), (DELAY_US, 8_000)])
def test_a_session_outside_the_limits_is_refused(desk: LiveDesk, delay_us: int, bitrate_bps: int) -> None:
    with pytest.raises(ValueError, match=r"delay|bit/s"):
        desk.open("talk", delay_us=delay_us, bitrate_bps=bitrate_bps)
    assert desk.get("talk") is None
