"""Serves feeds to receivers over HTTP: one long answer per listener (does I/O).

What a listener may cost is limited: the head of a request in bytes and seconds, connections in all, per address and per
feed. A line on which nothing arrives any more is given up by the kernel, one that takes nothing any more by its hall.
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from broadcast.clock import Clock
from broadcast.live.desk import LiveDesk
from broadcast.live.feed import LiveFeed
from broadcast.live.hall import Hall, queue_bytes
from broadcast.live.line import Line
from broadcast.live.request import Refused, accepted, parse, refusal

log = logging.getLogger(__name__)

BACKLOG = 2048
ACCEPTED_AT_ONCE = 64
DEAD_LINE_MS = 15_000
TCP_RTO_MAX_MS, TRY_AGAIN_MS = 44, 1000
"""The kernel (since 6.15) sends again after no longer than this, however often it did: so a cut line is back soon."""
TCP_THIN_LINEAR_TIMEOUTS = 16
"""And where little is on the way, as here, it does not wait longer each time."""
NO_FILES_S = 0.5
"""Nobody is let in for so long where the process has no files left."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Many receivers may share one address: mobile networks and proxies hide thousands behind one.

    One feed leaves places for others: an emergency's words are one too.
    """

    connections: int = 10_000
    per_address: int = 4_000
    per_feed: int = 8_000
    head_s: float = 5.0


class FeedServer:
    """Listens at `host`:`port` from the beginning (0 finds a free port); OSError where it cannot."""

    def __init__(
        self,
        desk: LiveDesk,
        host: str,
        port: int,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        congestion: str = "bbr",
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._tls = tls
        self._limits = limits or Limits()
        self._lines: dict[Line, str] = {}
        self._addresses: Counter[str] = Counter()
        self._halls: dict[str, Hall] = {}
        self._heard_by: dict[Line, str] = {}
        self._socket = _listen(host, port, congestion)
        self.port: int = self._socket.getsockname()[1]

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._let_in)
        try:
            await loop.create_future()
        finally:
            loop.remove_reader(self._socket)
            self._socket.close()
            for line in tuple(self._lines):
                line.abort()

    def listeners(self, feed_id: str) -> int:
        """How many listen to a feed now."""
        return len(self._halls.get(feed_id, ()))

    def answer(self, line: Line, head: bytes) -> None:
        """What `line` asks for is what it hears from now on. Raises Refused."""
        asked = parse(head)
        feed = self._desk.get(asked.feed_id)
        if feed is None and self._desk.is_closed(asked.feed_id):
            raise Refused(HTTPStatus.GONE, "This feed is over.")
        if feed is None:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such feed here.")
        beginning = accepted(self._clock.now())
        if not asked.body:
            line.send_last(beginning)
            return
        if self.listeners(feed.id) >= self._limits.per_feed:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Too many listen to this at the moment.")
        line.answered()
        line.wanted = asked.number
        # The kernel doubles it for its own needs; so a full batch finds room where as much is on the way.
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * queue_bytes(feed))
        self._heard_by[line] = feed.id
        self._hall(feed).enter(line, beginning)

    def refusal(self, refused: Refused) -> bytes:
        return refusal(refused, self._clock.now())

    def go_on(self, line: Line) -> None:
        self._halls[self._heard_by[line]].go_on(line)

    def lost(self, line: Line) -> None:
        address = self._lines.pop(line)
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        feed_id = self._heard_by.pop(line, None)
        if feed_id is not None:
            hall = self._halls[feed_id]
            hall.leave(line)
            if not len(hall):
                hall.close()
                del self._halls[feed_id]

    def _hall(self, feed: LiveFeed) -> Hall:
        if feed.id not in self._halls:
            self._halls[feed.id] = Hall(feed)
        return self._halls[feed.id]

    def _let_in(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, (address, *_rest) = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("live sound: nobody is let in for a moment: %s", error)
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._socket)
                loop.call_later(NO_FILES_S, self._open_again)
                return
            try:
                self._greet(connection, address)
            except OSError as error:
                log.debug("live sound: %s left before it was greeted: %s", address, error)
                connection.close()

    def _open_again(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._socket, self._let_in)

    def _greet(self, connection: socket.socket, address: str) -> None:
        line = Line(self, connection, self._tls)
        self._lines[line] = address
        self._addresses[address] += 1
        if len(self._lines) > self._limits.connections or self._addresses[address] > self._limits.per_address:
            line.refuse(Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Too many listen here at the moment."))
        else:
            asyncio.get_running_loop().call_later(self._limits.head_s, line.hurry)


def _listen(host: str, port: int, congestion: str) -> socket.socket:
    """A listening socket whose connections inherit what it is set to."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listening.setblocking(False)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_LINE_MS)
    quick = (TCP_RTO_MAX_MS, TRY_AGAIN_MS), (TCP_THIN_LINEAR_TIMEOUTS, 1)
    for option, value in ((socket.TCP_CONGESTION, congestion.encode()), *quick):
        with suppress(OSError):  # a kernel without it uses its own
            listening.setsockopt(socket.IPPROTO_TCP, option, value)
    return listening
