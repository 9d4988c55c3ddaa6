"""The chunks of feeds that have come, each until it is past (thread-safe: one thread puts, any may read)."""

import threading
from collections.abc import Mapping

from broadcast.wire.chunks import PACKET_FRAMES, PACKETS, PRE_SKIP_FRAMES, Chunk
from receivers.live.decide import BEHIND_CHUNKS, Growing, Taken, ask_from, comes_in_time, due_number, taken


class ChunkBuffer:
    """One feed's chunks by number. `growing` may be replaced by one of the same feed: its times may change."""

    def __init__(self, growing: Growing) -> None:
        self.growing = growing
        self.moved_us: int | None = None
        """When a chunk came last, or it was first asked for: monotonic time. None before."""
        self.opened_us: int | None = None
        """When it was first answered: monotonic time."""
        self.turned_away = False
        """Whether who was asked last has nothing of it."""
        self._chunks: dict[int, tuple[bytes, ...]] = {}
        self._last: int | None = None
        self._bells: tuple[threading.Event, ...] = ()

    def put(self, chunk: Chunk, now_us: int) -> Taken:
        """Keep a chunk that the feed's key has signed, if it is of use at `now_us`."""
        became = taken(self.growing, self._chunks, self._last, chunk.number, now_us)
        if became is Taken.TAKEN:
            if chunk.last and self._last is None:
                self._last = chunk.number
            self._chunks[chunk.number] = chunk.packets
            self._let_go(now_us)
            for bell in self._bells:
                bell.set()
        return became

    def ask_from(self, now_us: int) -> int | None:
        """The chunk to ask from; None when all that is of use has come."""
        return ask_from(self.growing, self._chunks, self._last, now_us)

    @property
    def may_grow(self) -> bool:
        """Whether more may come than there is room for now: someone still speaks."""
        return self._last is None and self.growing.said_us is not None

    def packet(self, number: int) -> bytes | None:
        """The feed's packet `number`; empty where the feed has none there, None when its chunk has not come."""
        packets = self._chunks.get(number // PACKETS)
        if packets is None:
            return None
        place = number % PACKETS
        return packets[place] if place < len(packets) else b""

    @property
    def is_whole(self) -> bool:
        """Whether every chunk of a recording that is kept whole is here."""
        return self.growing.said_us is None and self._last is not None and len(self._chunks) == self._last + 1

    def is_sure(self, monotonic_us: int) -> bool:
        """Whether all of a recording is here, or comes in time."""
        if self.is_whole or self.opened_us is None or self.moved_us is None:
            return self.is_whole
        return comes_in_time(self.growing, self._chunks, self.opened_us, self.moved_us, monotonic_us)

    @property
    def is_heard(self) -> bool:
        """Whether someone waits for its chunks."""
        return bool(self._bells)

    @property
    def end_frame(self) -> int | None:
        """The feed's length in samples, where it is known by now."""
        if self.growing.frames is not None:
            return self.growing.frames
        last = self._last
        if last is None:
            return None
        return max(0, (last * PACKETS + len(self._chunks[last])) * PACKET_FRAMES - PRE_SKIP_FRAMES)

    def __len__(self) -> int:
        return len(self._chunks)

    def ring(self, bell: threading.Event) -> None:
        """Set `bell` at each chunk from now on."""
        self._bells = (*self._bells, bell)

    def ring_no_more(self, bell: threading.Event) -> None:
        self._bells = tuple(other for other in self._bells if other is not bell)

    def _let_go(self, now_us: int) -> None:
        if self.growing.said_us is None:
            return
        oldest = due_number(self.growing, now_us) - BEHIND_CHUNKS
        for number in [number for number in self._chunks if number < oldest and number != self._last]:
            del self._chunks[number]


class Buffers:
    """A buffer for each feed in force, by the feed's id."""

    def __init__(self) -> None:
        self._buffers: dict[str, ChunkBuffer] = {}

    def follow(self, wanted: Mapping[str, Growing]) -> bool:
        """Hold buffers for `wanted` and no others; whether feeds came or went. A feed with another key is another.

        A recording that is kept whole is held as long as it is heard: its file may have come meanwhile.
        """
        before = self._buffers
        kept = {
            feed_id: buffer
            for feed_id, buffer in before.items()
            if buffer.growing.said_us is None and buffer.is_heard and feed_id not in wanted
        }
        for feed_id, growing in wanted.items():
            buffer = before.get(feed_id)
            if buffer is None or buffer.growing.feed != growing.feed:
                buffer = ChunkBuffer(growing)
            buffer.growing = growing
            kept[feed_id] = buffer
        self._buffers = kept
        return {id(buffer) for buffer in kept.values()} != {id(buffer) for buffer in before.values()}

    def get(self, feed_id: str) -> ChunkBuffer | None:
        return self._buffers.get(feed_id)

    def sure(self, monotonic_us: int) -> frozenset[str]:
        """The feeds of which everything is here, or comes in time."""
        return frozenset(feed_id for feed_id, buffer in self._buffers.items() if buffer.is_sure(monotonic_us))

    def all(self) -> tuple[ChunkBuffer, ...]:
        return tuple(self._buffers.values())
