"""Everyone who listens to one feed: each chunk goes to all of them at once, and to nobody too late (does I/O).

Rules
- A listener that keeps up costs one `send` for each two chunks, of bytes that are made once. The send is most of what a
  listener costs; where the delay is no longer than it must be on a bad link, each chunk has one.
- What the network has not yet taken would be stale by the time it comes: with more sound on the way than the delay,
  within QUEUE_S, a listener is sent only drops of the next chunk until there is less, and then what it wants, or the
  oldest that can still be heard in time. Who had room for several chunks when last looked at needs no look before each.
- The drops are for a link that was cut: the first that arrives tells the kernel what was lost before it, and each puts
  off the kernel's own timer, which tries again a second after it tried in vain (RFC 8985 and 6298).
- Who is behind gets each chunk by itself: what is sent as one is one record of TLS, of no use before its end has come.
- Who keeps up though much is lost gets each chunk in PIECES. Loss is told by what comes after it, and as long as it is
  not, BBR lets no more leave than was under way: of whole chunks one or two packets, and then the timer alone can tell.
- Who has taken nothing for GIVE_UP_US of sound is let go: a place is for somebody who hears.
- Where a socket takes a part of a chunk, the rest goes first, as soon as there is room.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Protocol

from broadcast.clock import US_PER_S
from broadcast.live.feed import LiveFeed
from broadcast.wire.chunks import CHUNK_US, Chunk

QUEUE_S, MIN_QUEUE_BYTES = (1.2, 2.0), 4096
"""What a link with a bad moment needs on the way to keep its pace, and the most."""
LOOK_AGAIN_S, DROP_BYTES = 0.1, 80
LATE_US, LATE_FIRST_US = 300_000, 500_000
"""What will have been heard so soon is not sent, it would come too late; nor so soon to who comes: it is behind the
head of the answer, and on a slow link what is late makes the next late."""
BATCH_BYTES = 4096
"""So much is sent at once where nothing gets stale."""
GIVE_UP_US = 20_000_000
PIECES, POOR_SEGMENTS, WEIGH_CHUNKS, POOR_CHUNKS = 3, 2, 20, 120
"""A link is poor for POOR_CHUNKS after it lost POOR_SEGMENTS within WEIGH_CHUNKS."""
PAIRS_FROM_US = 3_500_000
"""With this delay or more, what is sent may be another 240 ms old: a packet that is lost twice is still in time."""
NO_ROOM = (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError)

Send = Callable[[bytes], int]


class Listener(Protocol):
    """A connection and its place in the feed."""

    wanted: int
    """The chunk to go on with, while it is not among those that have everything."""
    send: Send
    """Of the socket: how many bytes it took. Raises OSError, NO_ROOM among others."""

    def queued_bytes(self) -> int:
        """How much the kernel holds that the other end has not confirmed."""
        ...

    def resent_segments(self) -> int:
        """How many of its segments the kernel has sent again so far."""
        ...

    def stands_still(self, *, still: bool) -> None:
        """Whether what is on the way has been too much for a while: see `_drip`."""
        ...

    def send_later(self, rest: bytes) -> None:
        """Send `rest`, which the socket did not take, as soon as there is room; then call `Hall.go_on`."""
        ...

    def finish(self) -> None:
        """Close, as everything is sent."""
        ...

    def abort(self) -> None:
        """Close, whatever is left."""
        ...


class Hall:
    """The listeners of `feed`."""

    def __init__(self, feed: LiveFeed) -> None:
        self._feed = feed
        self._ready: dict[Listener, Send] = {}
        self._tight: set[Listener] = set()  # those of them that are looked at before each send
        self._behind: set[Listener] = set()
        self._full: set[Listener] = set()  # too much is on the way to them
        self._stuck: dict[Listener, int] = {}  # who takes nothing, since which chunk
        self._looking = False
        self._begun: dict[Listener, bytes] = {}  # what is left of a chunk that goes out in drops
        self._early: set[Listener] = set()  # what they want has not been said yet
        self._resent: dict[Listener, int] = {}  # when last looked at
        self._weigh_at = 0
        self._poor: dict[Listener, int] = {}  # who loses much, until which chunk
        self._limit_bytes = None if feed.delay_us is None else queue_bytes(feed)
        self._unseen_bytes = 0  # sent to all of them since they were looked at
        self._in_pairs = feed.delay_us is not None and feed.delay_us >= PAIRS_FROM_US
        self._held = b""  # the first of a pair
        self._unfollow = feed.follow(self._take)

    def __len__(self) -> int:
        return len(self._ready) + len(self._behind) + len(self._full) + len(self._early)

    def close(self) -> None:
        """No more chunks come."""
        self._unfollow()

    def enter(self, listener: Listener, first: bytes) -> None:
        """Give `listener` these bytes, then what there is from the chunk that it wants, and then whatever comes."""
        listener.wanted = max(listener.wanted, self._oldest(LATE_FIRST_US))
        self._behind.add(listener)
        if _sent(listener, first):
            self.go_on(listener)

    def leave(self, listener: Listener) -> None:
        self._ready.pop(listener, None)
        self._tight.discard(listener)
        self._behind.discard(listener)
        self._full.discard(listener)
        self._begun.pop(listener, None)
        self._early.discard(listener)
        self._stuck.pop(listener, None)
        self._resent.pop(listener, None)
        self._poor.pop(listener, None)

    def go_on(self, listener: Listener) -> None:
        """There is room again: send what is missing, as much as it takes."""
        feed = self._feed
        while (number := max(listener.wanted, self._oldest())) < feed.next_number:
            room_bytes = self._room_bytes(listener)
            if room_bytes < 0:
                self._wait(listener, number)
                return
            several = room_bytes // len(feed.sealed(number)) if self._limit_bytes is None else 1
            batch = feed.sealed_from(number, max(1, several))
            listener.wanted = number + len(batch)
            self._stuck.setdefault(listener, feed.next_number)
            if not _sent(listener, b"".join(batch)):
                return
            self._stuck.pop(listener, None)
        if feed.ended:
            listener.finish()
            return
        self._behind.discard(listener)
        self._stuck.pop(listener, None)
        if number > feed.next_number or self._held:
            self._early.add(listener)
        else:
            self._ready[listener] = self._way(listener)
            self._tight.add(listener)

    def _oldest(self, late_us: int = LATE_US) -> int:
        """The first chunk that will not have been heard in `late_us`; the newest where that is all of the delay."""
        feed = self._feed
        if feed.delay_us is None:
            return feed.first_number
        return max(feed.first_number, feed.next_number - max(1, (feed.delay_us - late_us) // CHUNK_US))

    def _take(self, chunk: Chunk, sealed: bytes) -> None:
        if self._in_pairs and not self._held and not chunk.last:
            self._held = sealed
            return
        first = chunk.number - bool(self._held)
        data, self._held = self._held + sealed, b""
        self._look(first)
        if chunk.number >= self._weigh_at:
            self._weigh_at = chunk.number + WEIGH_CHUNKS
            self._weigh(chunk.number)
        short, broken = _send_all(self._ready, data)
        self._unseen_bytes += len(data)
        for listener in broken:
            listener.abort()
        for listener, sent in short:
            self._put_off(listener, chunk.number + 1, data[sent:])
        if chunk.last:
            for listener in tuple(self._ready):
                listener.finish()
        for listener in [early for early in self._early if chunk.last or early.wanted <= chunk.number]:
            self._early.discard(listener)
            self._behind.add(listener)
            self.go_on(listener)
        self._let_go(chunk.number)

    def _let_go(self, number: int) -> None:
        """Close on those who take nothing of what gets stale; a recording is waited for."""
        oldest = number - GIVE_UP_US // CHUNK_US
        if self._limit_bytes is not None:
            for listener in [stuck for stuck, since in self._stuck.items() if since < oldest]:
                listener.abort()

    def _look(self, first: int) -> None:
        """Let those wait for chunk `first` to whom too much is on the way; the others have room for one more."""
        if self._limit_bytes is None:
            return
        enough_bytes = self._limit_bytes // 2
        if self._unseen_bytes > enough_bytes:
            self._unseen_bytes = 0
            self._tight |= self._ready.keys()
        for listener in tuple(self._tight):
            room_bytes = self._room_bytes(listener)
            if room_bytes < 0:
                del self._ready[listener]
                self._wait(listener, first)
            if not 0 <= room_bytes < enough_bytes:
                self._tight.discard(listener)

    def _weigh(self, number: int) -> None:
        """See which links lose much."""
        if self._limit_bytes is None:
            return
        for listener in self._ready:
            resent = listener.resent_segments()
            before = self._resent.get(listener, resent)
            self._resent[listener] = resent
            if resent - before >= POOR_SEGMENTS:
                self._poor[listener] = number + POOR_CHUNKS
            elif self._poor.get(listener, number) < number:
                del self._poor[listener]
            self._ready[listener] = self._way(listener)

    def _way(self, listener: Listener) -> Send:
        return _in_pieces(listener.send) if listener in self._poor else listener.send

    def _room_bytes(self, listener: Listener) -> int:
        """How much may be sent now; negative where too much is on the way already."""
        return BATCH_BYTES if self._limit_bytes is None else self._limit_bytes - listener.queued_bytes()

    def _wait(self, listener: Listener, wanted: int) -> None:
        listener.wanted = wanted
        self._behind.discard(listener)
        self._full.add(listener)
        self._stuck.setdefault(listener, self._feed.next_number)
        self._look_later()

    def _look_later(self) -> None:
        if self._full and not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._looking = False
        full, self._full = self._full, set()
        self._behind |= full
        for listener in full:
            if self._room_bytes(listener) < 0:
                self._drip(listener)
                continue
            rest = self._begun.pop(listener, None)
            if rest is not None:
                listener.stands_still(still=False)
            if not rest or _sent(listener, rest):
                self.go_on(listener)

    def _drip(self, listener: Listener) -> None:
        """Send the next drop, of what was begun or of the chunk to go on with."""
        if listener not in self._begun:
            listener.stands_still(still=True)
        rest, number = self._begun.get(listener, b""), max(listener.wanted, self._oldest())
        if not rest and number < self._feed.next_number:
            rest, number = self._feed.sealed(number), number + 1
        try:
            sent = listener.send(rest[:DROP_BYTES]) if rest else 0
        except NO_ROOM:
            sent = 0
        except OSError:
            listener.abort()
            return
        self._begun[listener] = rest[sent:]
        self._wait(listener, number)

    def _put_off(self, listener: Listener, wanted: int, rest: bytes) -> None:
        del self._ready[listener]
        self._tight.discard(listener)
        self._behind.add(listener)
        listener.wanted = wanted
        self._stuck.setdefault(listener, wanted)
        listener.send_later(rest)


def _send_all(listeners: Mapping[Listener, Send], data: bytes) -> tuple[list[tuple[Listener, int]], list[Listener]]:
    """Who took only so much of `data`, and whose line is broken."""
    short, broken, whole = list[tuple[Listener, int]](), list[Listener](), len(data)
    for listener, send in listeners.items():
        try:
            sent = send(data)
        except NO_ROOM:
            sent = 0
        except OSError:
            broken.append(listener)
            continue
        if sent != whole:
            short.append((listener, sent))
    return short, broken


def _in_pieces(send: Send) -> Send:
    def sending(data: bytes) -> int:
        piece_bytes, sent = -(-len(data) // PIECES), 0
        while piece := data[sent : sent + piece_bytes]:
            try:
                took = send(piece)
            except NO_ROOM:
                break
            sent += took
            if took < len(piece):
                break
        return sent

    return sending


def queue_bytes(feed: LiveFeed) -> int:
    """How much of a feed may be on the way to a listener before more is sent."""
    shortest_s, longest_s = QUEUE_S
    queue_s = min(longest_s, max(shortest_s, (feed.delay_us or 0) / US_PER_S))
    return max(MIN_QUEUE_BYTES, round(feed.bitrate_bps / 8 * queue_s))


def _sent(listener: Listener, data: bytes) -> bool:
    """Whether the socket took all of `data`; it gets the rest later."""
    try:
        sent = listener.send(data)
    except NO_ROOM:
        sent = 0
    except OSError:
        listener.abort()
        return False
    if sent != len(data):
        listener.send_later(data[sent:])
    return sent == len(data)
