"""Chunks of a growing recording: what is signed comes through whole, whatever the network cuts; nothing else does."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from broadcast.wire.chunks import (
    CHUNK_US,
    MAX_BODY_BYTES,
    MAX_PACKET_BYTES,
    PACKETS,
    BadChunk,
    Chunk,
    ChunkReader,
    seal,
)

KEY = Ed25519PrivateKey.generate()
FEED = "01JD0000000000000000000001"

packets = st.lists(st.binary(max_size=MAX_PACKET_BYTES), max_size=PACKETS).map(tuple)
chunks = st.builds(Chunk, st.integers(0, 2**32 - 1), packets, st.booleans())


def reader() -> ChunkReader:
    return ChunkReader(FEED, KEY.public_key())


@given(st.lists(chunks, max_size=4), st.integers(1, 700))
def test_chunks_come_through_in_whatever_pieces(sent: list[Chunk], piece_bytes: int) -> None:
    wire = b"".join(seal(FEED, chunk, KEY) for chunk in sent)
    opened = reader()
    taken: list[Chunk] = []
    for at in range(0, len(wire), piece_bytes):
        taken += opened.feed(wire[at : at + piece_bytes])
    assert taken == sent


@given(chunks, st.data())
def test_no_byte_can_be_changed_unnoticed(sent: Chunk, data: st.DataObject) -> None:
    wire = bytearray(seal(FEED, sent, KEY))
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] ^= data.draw(st.integers(1, 255))
    try:
        taken = list(reader().feed(bytes(wire)))
    except BadChunk:
        return
    assert taken == []  # its length grew: the rest is waited for


def test_another_feeds_chunk_and_another_keys_are_refused() -> None:
    chunk = Chunk(7, (b"sound",))
    for wire in (seal("another", chunk, KEY), seal(FEED, chunk, Ed25519PrivateKey.generate())):
        with pytest.raises(BadChunk, match="7"):
            list(reader().feed(wire))


def test_what_is_too_long_is_refused_before_it_is_kept() -> None:
    with pytest.raises(BadChunk, match=str(MAX_BODY_BYTES + 1)):
        list(reader().feed(b"\0\0\0\1\0" + (MAX_BODY_BYTES + 1).to_bytes(2)))


def test_a_chunk_is_240_ms() -> None:
    assert CHUNK_US == 240_000
