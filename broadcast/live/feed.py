"""One growing recording: samples or packets in, signed chunks out, each to whoever follows.

Rules
- Everything here runs on the event loop's thread; `write` costs about a millisecond for 20 ms of sound.
- A sample's place is its number from the session's start, whenever it comes: what comes late is dropped, whole packets
  that never came go out as missing, what is missing within a packet is silence.
- A session with a delay keeps only what can still be heard; one without (a text, a recording) keeps everything.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcast.live.encoder import BITRATE_BPS, PacketEncoder, Samples
from broadcast.live.leveller import LOOKAHEAD_FRAMES, Leveller
from broadcast.wire.chunks import CHUNK_US, PACKET_FRAMES, PACKETS, PRE_SKIP_FRAMES, RATE_HZ, Chunk, seal
from broadcast.wire.enrolment import order_key_text

MAX_HOLE_FRAMES = 600 * RATE_HZ
"""A place further ahead than this is an error of whoever writes."""
MAX_CHUNKS = 2 * 3600 * 1_000_000 // CHUNK_US
"""Two hours: as much as an announcement may have."""

Follower = Callable[[Chunk, bytes], None]
"""Gets each new chunk and the same as it goes over the wire, at once and in order; it may not raise or block."""


class FeedEnded(Exception):
    """Something was written to a feed that had ended, or that is as long as it may be."""


class LiveFeed:
    """Made by `LiveDesk`. `delay_us` is None where nothing gets stale; a `leveller` brings speech to one loudness."""

    def __init__(
        self, feed_id: str, *, delay_us: int | None, bitrate_bps: int = BITRATE_BPS, leveller: Leveller | None = None
    ) -> None:
        self.id = feed_id
        self.delay_us = delay_us
        self.bitrate_bps = bitrate_bps
        self.frames = 0
        """How long it is so far, in samples written or passed by."""
        self._key = Ed25519PrivateKey.generate()
        self._sealing = _Sealing(feed_id, self._key, None if delay_us is None else delay_us // CHUNK_US + 1)
        self._encoding = _Encoding(bitrate_bps, leveller)

    @property
    def public_key(self) -> str:
        """What `wire.now.Feed` calls `key`."""
        return order_key_text(self._key.public_key())

    @property
    def ended(self) -> bool:
        """Whether the last chunk is out."""
        return self._sealing.ended

    @property
    def first_number(self) -> int:
        """Of the oldest chunk that is kept."""
        return self._sealing.first

    @property
    def next_number(self) -> int:
        """Of the chunk that comes next; after the end, how many there were."""
        return self._sealing.next

    @property
    def chunks(self) -> tuple[bytes, ...]:
        """The sealed chunks that are kept, `first_number` first."""
        return tuple(self._sealing.kept)

    def sealed(self, number: int) -> bytes:
        """A chunk that is kept, as it goes over the wire; IndexError for another."""
        at = number - self.first_number
        if at < 0:
            raise IndexError(f"chunk {number} is no longer kept")
        return self._sealing.kept[at]

    def sealed_from(self, number: int, limit: int) -> list[bytes]:
        """Up to `limit` kept chunks from `number` on."""
        at = max(0, number - self.first_number)
        return list(islice(self._sealing.kept, at, at + limit))

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Hand every chunk from now on to `follower`, until what is returned is called."""
        self._sealing.followers.append(follower)
        return lambda: self._sealing.forget(follower)

    def write(self, pcm: Samples, at_frame: int) -> None:
        """Sound of any length, mono float32 at 48 kHz, whose first sample is the session's `at_frame`th.

        Raises FeedEnded, ValueError for a place that cannot be.
        """
        self.pass_by(at_frame)
        fresh = pcm[max(0, self.frames - at_frame) :]
        self._put(fresh, heard=True)

    def pass_by(self, to_frame: int) -> None:
        """Nothing more comes that belongs before `to_frame`: listeners are told so rather than left waiting.

        Raises FeedEnded, ValueError.
        """
        self._check()
        hole = to_frame - self.frames
        if hole > MAX_HOLE_FRAMES:
            raise ValueError(f"a hole of {hole} samples")
        while (hole := to_frame - self.frames) > 0:
            self._put(np.zeros(min(hole, PACKET_FRAMES), dtype=np.float32), heard=False)

    def end(self) -> int:
        """Send out the rest and the last chunk; how many samples there were. A second time it changes nothing."""
        if not self.ended:
            packets = -(-(self.frames + PRE_SKIP_FRAMES) // PACKET_FRAMES)
            self._sealing.end(self._encoding.rest(packets - self._sealing.packets) if self.frames else [])
        return self.frames

    def pass_on(self, packets: list[bytes], frames: int | None = None) -> None:
        """Packets that another encoder made, instead of `write`; with `frames` they are the last, and it is so long.

        Raises FeedEnded.
        """
        self._check()
        if frames is not None:
            self.frames = frames
            self._sealing.end(packets)
            return
        self.frames += len(packets) * PACKET_FRAMES
        for packet in packets:
            self._sealing.add(packet)

    def _put(self, pcm: Samples, *, heard: bool) -> None:
        self._check()
        self.frames += len(pcm)
        for packet in self._encoding.put(pcm, heard=heard):
            self._sealing.add(packet)

    def _check(self) -> None:
        if self.ended:
            raise FeedEnded(f"{self.id} has ended")
        if self.next_number >= MAX_CHUNKS:
            raise FeedEnded(f"{self.id} is as long as a session may be")


class _Encoding:
    """Samples into packets, levelled on the way; the packets of what was not heard are empty."""

    def __init__(self, bitrate_bps: int, leveller: Leveller | None) -> None:
        self._encoder = PacketEncoder(bitrate_bps)
        self._leveller = leveller
        self._block = np.zeros(PACKET_FRAMES, dtype=np.float32)
        self._filled = 0
        self._heard = False
        self._before: tuple[Samples, bool] | None = None  # a levelled block whose end the leveller still holds

    def put(self, pcm: Samples, *, heard: bool) -> list[bytes]:
        packets, at = [], 0
        while at < len(pcm):
            count = min(len(pcm) - at, PACKET_FRAMES - self._filled)
            self._block[self._filled : self._filled + count] = pcm[at : at + count]
            self._heard = self._heard or heard
            self._filled += count
            at += count
            if self._filled == PACKET_FRAMES:
                packets += self._packets(self._block.copy(), self._heard)
                self._filled, self._heard = 0, False
        return packets

    def rest(self, count: int) -> list[bytes]:
        """The last `count` packets, silence after the last sample."""
        packets: list[bytes] = []
        while len(packets) < count:
            packets += self.put(np.zeros(PACKET_FRAMES - self._filled, dtype=np.float32), heard=True)
        return packets[:count]

    def _packets(self, block: Samples, heard: bool) -> list[bytes]:
        if self._leveller is None:
            return [self._encoder.encode(block) if heard else b""]
        levelled, before = self._leveller.process(block), self._before
        self._before = levelled, heard
        if before is None:
            return []
        if not before[1]:
            return [b""]
        whole = np.concatenate((before[0][LOOKAHEAD_FRAMES:], levelled[:LOOKAHEAD_FRAMES]))
        return [self._encoder.encode(whole)]


class _Sealing:
    """Packets into signed chunks; the last `keep` of them stay (None: all)."""

    def __init__(self, feed_id: str, key: Ed25519PrivateKey, keep: int | None) -> None:
        self.kept: deque[bytes] = deque(maxlen=keep)
        self.next = 0
        self.packets = 0
        self.ended = False
        self.followers: list[Follower] = []
        self._feed_id = feed_id
        self._key = key
        self._waiting: list[bytes] = []

    @property
    def first(self) -> int:
        return self.next - len(self.kept)

    def add(self, packet: bytes) -> None:
        self.packets += 1
        self._waiting.append(packet)
        if len(self._waiting) == PACKETS:
            self._seal(last=False)

    def end(self, packets: list[bytes]) -> None:
        """The last packets, and the last chunk: an empty one where the packets before filled theirs."""
        self.packets += len(packets)
        self._waiting += packets
        while len(self._waiting) > PACKETS:
            self._seal(last=False)
        self._seal(last=True)

    def forget(self, follower: Follower) -> None:
        if follower in self.followers:
            self.followers.remove(follower)

    def _seal(self, *, last: bool) -> None:
        chunk = Chunk(self.next, tuple(self._waiting[:PACKETS]), last)
        del self._waiting[:PACKETS]
        sealed = seal(self._feed_id, chunk, self._key)
        self.kept.append(sealed)
        self.next += 1
        self.ended = last
        for follower in tuple(self.followers):
            follower(chunk, sealed)
