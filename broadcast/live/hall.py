"""Everyone who listens to one feed: each chunk goes to all of them at once, and to nobody too late (does I/O).

Rules
- A listener that keeps up costs one `send` for each two chunks and nothing else: their bytes are made once, and nothing
  asks whether there is room. The send is most of what a listener costs; where the delay is short, each chunk has one.
- The kernel holds little for a listener (SO_SNDBUF). Where a chunk finds no room, the listener is behind: what was
  begun is sent when there is room again, and then what it wants, or the oldest that can still be heard in time.
"""

import ssl
from collections.abc import Callable
from typing import Protocol

from broadcast.live.feed import LiveFeed
from broadcast.wire.chunks import CHUNK_US, Chunk

BATCH_BYTES = 4096
"""So much is sent at once to a listener that is behind."""
PAIRS_FROM_US = 2_000_000
"""With this delay or more, what is sent may be another 240 ms old."""
NO_ROOM = (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError)

Send = Callable[[bytes], int]


class Listener(Protocol):
    """A connection and its place in the feed."""

    wanted: int
    """The chunk to go on with, while it is not among those that have everything."""
    send: Send
    """Of the socket: how many bytes it took. Raises OSError, NO_ROOM among others."""

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
        self._behind: set[Listener] = set()
        self._early: set[Listener] = set()  # what they want has not been said yet
        self._in_pairs = feed.delay_us is not None and feed.delay_us >= PAIRS_FROM_US
        self._held = b""  # the first of a pair
        self._unfollow = feed.follow(self._take)

    def __len__(self) -> int:
        return len(self._ready) + len(self._behind) + len(self._early)

    def close(self) -> None:
        """No more chunks come."""
        self._unfollow()

    def enter(self, listener: Listener, first: bytes) -> None:
        """Give `listener` these bytes, then what there is from the chunk that it wants, and then whatever comes."""
        self._behind.add(listener)
        if _sent(listener, first):
            self.go_on(listener)

    def leave(self, listener: Listener) -> None:
        self._ready.pop(listener, None)
        self._behind.discard(listener)
        self._early.discard(listener)

    def go_on(self, listener: Listener) -> None:
        """There is room again: send what is missing, as much as it takes."""
        feed = self._feed
        while (number := max(listener.wanted, self._oldest())) < feed.next_number:
            batch = feed.sealed_from(number, max(1, BATCH_BYTES // len(feed.sealed(number))))
            listener.wanted = number + len(batch)
            if not _sent(listener, b"".join(batch)):
                return
        if feed.ended:
            listener.finish()
            return
        self._behind.discard(listener)
        if number > feed.next_number or self._held:
            self._early.add(listener)
        else:
            self._ready[listener] = listener.send

    def _oldest(self) -> int:
        """The first chunk that would not come too late, were it sent now."""
        feed = self._feed
        if feed.delay_us is None:
            return feed.first_number
        return max(feed.first_number, feed.next_number - feed.delay_us // CHUNK_US)

    def _take(self, chunk: Chunk, sealed: bytes) -> None:
        if self._in_pairs and not self._held and not chunk.last:
            self._held = sealed
            return
        data, self._held = self._held + sealed, b""
        whole = len(data)
        for listener, send in tuple(self._ready.items()):
            try:
                sent = send(data)
            except NO_ROOM:
                sent = 0
            except OSError:
                listener.abort()
                continue
            if sent != whole:
                self._put_off(listener, chunk.number + 1, data[sent:])
            elif chunk.last:
                listener.finish()
        for listener in [early for early in self._early if chunk.last or early.wanted <= chunk.number]:
            self._early.discard(listener)
            self._behind.add(listener)
            self.go_on(listener)

    def _put_off(self, listener: Listener, wanted: int, rest: bytes) -> None:
        del self._ready[listener]
        self._behind.add(listener)
        listener.wanted = wanted
        listener.send_later(rest)


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
