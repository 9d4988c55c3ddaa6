"""The chunks of a growing recording (pure): twelve Opus packets of 20 ms, numbered and signed.

    number      4 bytes, big-endian, from 0 without a hole
    flags       1 byte: 1 for the last chunk
    size        2 bytes: of the body
    body        up to PACKETS packets, each 2 bytes of length and the packet; a length of 0 is a missing packet
    signature   64 bytes: Ed25519 over DOMAIN, the feed's id, a zero byte, number, flags and body

Sample k of the feed, at 48 kHz, is sample k + PRE_SKIP_FRAMES of what the chunks decode to (an Opus encoder's delay:
RFC 7845, 4.2); chunk n decodes to the samples [n, n + 1) * CHUNK_FRAMES. So a receiver knows a chunk's place on the
timeline from its number alone, and a chunk of another feed, or one that was altered, fits no signature.
"""

import struct
from collections.abc import Iterator, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

RATE_HZ = 48_000
PACKET_FRAMES = 960
PACKETS = 12
PRE_SKIP_FRAMES = 312  # libopus at 48 kHz
CHUNK_FRAMES = PACKET_FRAMES * PACKETS
CHUNK_US = CHUNK_FRAMES * 1_000_000 // RATE_HZ
MAX_PACKET_BYTES = 400  # 20 ms at 160 kbit/s
MAX_BODY_BYTES = PACKETS * (2 + MAX_PACKET_BYTES)
DOMAIN = b"loa live chunk 1\0"
LAST = 1
CONTENT_TYPE = "application/vnd.loa.live"

_HEAD = struct.Struct(">IBH")
_LENGTH = struct.Struct(">H")
_SIGNATURE_BYTES = 64


class BadChunk(Exception):
    """The bytes are no chunk of this feed: the connection that brought them is to be left."""


class Chunk(Struct, frozen=True):
    """`packets` in order, an empty one where one is missing; fewer than PACKETS only in the last chunk."""

    number: int
    packets: tuple[bytes, ...]
    last: bool = False


def seal(feed_id: str, chunk: Chunk, key: Ed25519PrivateKey) -> bytes:
    """`chunk` as it goes over the wire."""
    body = b"".join(_LENGTH.pack(len(packet)) + packet for packet in chunk.packets)
    flags = LAST if chunk.last else 0
    signature = key.sign(_signed(feed_id, chunk.number, flags, body))
    return _HEAD.pack(chunk.number, flags, len(body)) + body + signature


class ChunkReader:
    """The chunks in the bytes of one connection; what is not signed for `feed_id` by `key` raises BadChunk."""

    def __init__(self, feed_id: str, key: Ed25519PublicKey) -> None:
        self._feed_id = feed_id
        self._key = key
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """Take in `data`; the chunks that are whole now."""
        self._bytes += data
        while len(self._bytes) >= _HEAD.size:
            number, flags, size_bytes = _HEAD.unpack_from(self._bytes)
            if size_bytes > MAX_BODY_BYTES:
                raise BadChunk(f"{size_bytes} bytes in one chunk")
            whole_bytes = _HEAD.size + size_bytes + _SIGNATURE_BYTES
            if len(self._bytes) < whole_bytes:
                return
            body = bytes(self._bytes[_HEAD.size : _HEAD.size + size_bytes])
            signature = bytes(self._bytes[_HEAD.size + size_bytes : whole_bytes])
            del self._bytes[:whole_bytes]
            try:
                self._key.verify(signature, _signed(self._feed_id, number, flags, body))
            except InvalidSignature as error:
                raise BadChunk(f"chunk {number} is not signed for this feed") from error
            yield Chunk(number, tuple(_packets(body)), bool(flags & LAST))


def _signed(feed_id: str, number: int, flags: int, body: bytes) -> bytes:
    return b"".join((DOMAIN, feed_id.encode(), b"\0", number.to_bytes(4), flags.to_bytes(1), body))


def _packets(body: bytes) -> Sequence[bytes]:
    packets, at = [], 0
    while at < len(body):
        if at + _LENGTH.size > len(body):
            raise BadChunk("a packet without its length")
        (size_bytes,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        if size_bytes > MAX_PACKET_BYTES or at + size_bytes > len(body):
            raise BadChunk("a packet longer than its chunk")
        packets.append(body[at : at + size_bytes])
        at += size_bytes
    if len(packets) > PACKETS:
        raise BadChunk(f"{len(packets)} packets in one chunk")
    return packets
