"""Everyone who listens to one feed: each chunk goes to all of them at once, and to nobody too late (does I/O).

Rules
- A listener that keeps up costs one `write` per chunk: into the socket itself, past asyncio's transport, whose
  buffer is empty then.
- The kernel holds little for a listener (SO_SNDBUF). What does not fit waits in the transport, at most a chunk or a
  batch; when that is gone the listener goes on with what it wants, or with the oldest that can still be heard in time.
- The loop is given back after SLICE listeners, so that nothing else waits for a whole round.
"""

import asyncio
import os
from collections import deque
from typing import Protocol

from broadcast.live.feed import LiveFeed
from broadcast.wire.chunks import CHUNK_US, Chunk

SLICE = 128
BATCH_BYTES = 4096
"""So much is written at once to a listener that is behind."""
BEHIND = -1


class Line(Protocol):
    """The way to one listener."""

    descriptor: int
    """Of the socket if it may be written to past the transport, else -1; -1 once it is closed."""

    def wrap(self, data: bytes) -> bytes:
        """`data` as it goes into the socket: encrypted where the line is."""
        ...

    def write(self, data: bytes) -> None:
        """Send what `wrap` returned, now or as soon as there is room."""
        ...

    def finish(self) -> None:
        """Close once everything is sent."""
        ...

    def abort(self) -> None: ...


class Listener:
    """A line with its place in the feed."""

    __slots__ = ("held_up", "line", "next", "wanted")

    def __init__(self, line: Line, wanted: int) -> None:
        self.line = line
        self.wanted = wanted
        """The chunk to go on with, while it is behind."""
        self.next = BEHIND
        """The chunk that it is ready for."""
        self.held_up = False
        """The transport still holds something for it."""


class Hall:
    """The listeners of `feed`."""

    def __init__(self, feed: LiveFeed) -> None:
        self._feed = feed
        self._listeners: dict[Listener, None] = {}
        self._rounds: deque[tuple[Chunk, bytes]] = deque()
        self._left: list[Listener] = []
        self._loop = asyncio.get_running_loop()
        self._unfollow = feed.follow(self._take)

    def __len__(self) -> int:
        return len(self._listeners)

    def close(self) -> None:
        """End every line at once."""
        self._unfollow()
        for listener in tuple(self._listeners):
            listener.line.abort()

    def enter(self, listener: Listener) -> None:
        """Give `listener` what there is from the chunk that it wants, and then whatever comes."""
        self._listeners[listener] = None
        self.go_on(listener)

    def leave(self, listener: Listener) -> None:
        self._listeners.pop(listener, None)
        listener.next = BEHIND

    def go_on(self, listener: Listener) -> None:
        """The transport holds nothing more: send what is missing, as much as it takes."""
        feed = self._feed
        while not listener.held_up:
            number = max(listener.wanted, self._oldest())
            if number >= feed.next_number:
                listener.next = number
                if feed.ended:
                    listener.line.finish()
                return
            batch = _batch(feed, number)
            listener.wanted = number + len(batch)
            listener.line.write(listener.line.wrap(b"".join(batch)))

    def _oldest(self) -> int:
        """The first chunk that would not come too late, were it sent now."""
        feed = self._feed
        if feed.delay_us is None:
            return feed.first_number
        return max(feed.first_number, feed.next_number - feed.delay_us // CHUNK_US)

    def _take(self, chunk: Chunk, sealed: bytes) -> None:
        self._rounds.append((chunk, sealed))
        if len(self._rounds) == 1:
            self._begin()

    def _begin(self) -> None:
        self._left = list(self._listeners)
        self._slice()

    def _slice(self) -> None:
        """Some of the listeners; the rest, or the next round, when the loop has done what else there was."""
        chunk, sealed = self._rounds[0]
        now, self._left = self._left[:SLICE], self._left[SLICE:]
        self._send(now, chunk.number, sealed)
        if chunk.last:
            for listener in now:
                if listener.next != BEHIND:
                    listener.line.finish()
        if self._left:
            self._loop.call_soon(self._slice)
            return
        self._rounds.popleft()
        if self._rounds:
            self._loop.call_soon(self._begin)

    def _send(self, listeners: list[Listener], number: int, sealed: bytes) -> None:
        write = os.write
        for listener in listeners:
            if listener.next != number:
                continue
            line = listener.line
            data = line.wrap(sealed)
            try:
                sent = write(line.descriptor, data) if line.descriptor >= 0 else 0
            except BlockingIOError:
                sent = 0
            except OSError:
                line.abort()
                continue
            if sent == len(data):
                listener.next = number + 1
            else:
                self._put_off(listener, number, data[sent:])

    def _put_off(self, listener: Listener, number: int, rest: bytes) -> None:
        listener.next, listener.wanted = BEHIND, number + 1
        listener.line.write(rest)
        self.go_on(listener)


def _batch(feed: LiveFeed, number: int) -> list[bytes]:
    first = feed.sealed(number)
    return feed.sealed_from(number, max(1, BATCH_BYTES // len(first)))
