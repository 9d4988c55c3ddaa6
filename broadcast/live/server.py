"""Serves feeds to receivers over HTTP: one long answer per listener (does I/O).

Raw asyncio, as the same bytes go to thousands; measured by `bench/fanout.py`. What a listener may cost is limited: the
head of a request in bytes and seconds, connections in all and per address. A line on which nothing arrives any more is
given up by the kernel.
"""

import asyncio
import socket
import ssl
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from broadcast.clock import Clock
from broadcast.live.desk import LiveDesk
from broadcast.live.feed import LiveFeed
from broadcast.live.hall import Hall, Listener
from broadcast.live.request import MAX_HEAD_BYTES, Asked, Refused, accepted, parse, refusal

BACKLOG = 2048
QUEUE_S = 1.2
MIN_QUEUE_BYTES = 4096
"""The kernel holds so much sound for a listener, which is what a link with a bad moment needs, and little more."""
DEAD_LINE_MS = 15_000
END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """Many receivers may share one address: mobile networks and proxies hide thousands behind one."""

    connections: int = 10_000
    per_address: int = 4_000
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
        self._lines: dict[_Line, str] = {}
        self._addresses: Counter[str] = Counter()
        self._halls: dict[str, Hall] = {}
        self._socket = _listen(host, port, congestion)
        self.port: int = self._socket.getsockname()[1]

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        # Only this loop's transports leave the socket alone while their own buffer is empty.
        direct = isinstance(loop, asyncio.SelectorEventLoop)
        server = await loop.create_server(lambda: _Line(self, direct=direct), sock=self._socket, backlog=BACKLOG)
        try:
            await server.serve_forever()
        finally:
            server.close()
            for line in tuple(self._lines):
                line.abort()

    def close(self) -> None:
        """Give the port back, where `run` was never called."""
        self._socket.close()

    def listeners(self, feed_id: str) -> int:
        """How many listen to a feed now."""
        return len(self._halls.get(feed_id, ()))

    def connected(self, line: "_Line", address: str) -> "_Tls | None":
        """A new line; how it is encrypted. Raises Refused where there are too many."""
        self._lines[line] = address
        self._addresses[address] += 1
        if len(self._lines) > self._limits.connections or self._addresses[address] > self._limits.per_address:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Too many listen here at the moment.")
        asyncio.get_running_loop().call_later(self._limits.head_s, line.hurry)
        return None if self._tls is None else _Tls(self._tls)

    def lost(self, line: "_Line") -> None:
        address = self._lines.pop(line)
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    def answer(self, head: bytes) -> tuple[bytes, Asked, LiveFeed]:
        """How the answer to a request begins. Raises Refused."""
        asked = parse(head)
        feed = self._desk.get(asked.feed_id)
        if feed is None and self._desk.is_closed(asked.feed_id):
            raise Refused(HTTPStatus.GONE, "This feed is over.")
        if feed is None:
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such feed here.")
        return accepted(self._clock.now()), asked, feed

    def refuse(self, refused: Refused) -> bytes:
        return refusal(refused, self._clock.now())

    def enter(self, feed: LiveFeed, listener: Listener) -> None:
        if feed.id not in self._halls:
            self._halls[feed.id] = Hall(feed)
        self._halls[feed.id].enter(listener)

    def go_on(self, feed: LiveFeed, listener: Listener) -> None:
        self._halls[feed.id].go_on(listener)

    def leave(self, feed: LiveFeed, listener: Listener) -> None:
        hall = self._halls[feed.id]
        hall.leave(listener)
        if not len(hall):
            hall.close()
            del self._halls[feed.id]


class _Line(asyncio.Protocol):
    """One connection: a request, then chunks until one side ends it."""

    def __init__(self, server: FeedServer, *, direct: bool) -> None:
        self.descriptor = -1
        self._server = server
        self._direct = direct
        self._transport: asyncio.Transport | None = None
        self._tls: _Tls | None = None
        self._head: bytearray | None = bytearray()  # None once it was answered
        self._listening: tuple[LiveFeed, Listener] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a feed is served over TCP")
        transport.set_write_buffer_limits(0)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        try:
            self._tls = self._server.connected(self, peer[0] if peer else "")
        except Refused as refused:
            self._refuse(refused)

    def data_received(self, data: bytes) -> None:
        if self._tls is not None:
            try:
                data = self._tls.opened(data)
            except ssl.SSLError:
                self.abort()
                return
            self.write(self._tls.outgoing())
        if not data:
            return
        if self._head is None:
            self.abort()  # whatever else it wants, it can ask for on another connection
            return
        self._head += data
        head, end, _ = self._head.partition(END_OF_HEAD)
        if len(self._head) > MAX_HEAD_BYTES:
            self._refuse(Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too long."))
        elif end:
            self._answer(bytes(head))

    def connection_lost(self, _error: Exception | None) -> None:
        self.descriptor = -1
        self._head = None
        self._server.lost(self)
        if self._listening is not None:
            self._server.leave(*self._listening)
            self._listening = None

    def pause_writing(self) -> None:
        if self._listening is not None:
            self._listening[1].held_up = True

    def resume_writing(self) -> None:
        if self._listening is not None:
            self._listening[1].held_up = False
            self._server.go_on(*self._listening)

    def hurry(self) -> None:
        """The time to send a request is over."""
        if self._head is not None:
            self._refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "The request took too long."))

    def wrap(self, data: bytes) -> bytes:
        return data if self._tls is None else self._tls.sealed(data)

    def write(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)

    def finish(self) -> None:
        self.descriptor = -1
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self.descriptor = -1
        self._head = None
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, head: bytes) -> None:
        try:
            beginning, asked, feed = self._server.answer(head)
        except Refused as refused:
            self._refuse(refused)
            return
        self._head = None
        self.write(self.wrap(beginning))
        if asked.body:
            self._listen(feed, asked.number)
        else:
            self.finish()

    def _listen(self, feed: LiveFeed, number: int) -> None:
        if self._transport is None:
            return
        connection = self._transport.get_extra_info("socket")
        queue_bytes = max(MIN_QUEUE_BYTES, round(feed.bitrate_bps / 8 * QUEUE_S))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, queue_bytes)
        self.descriptor = connection.fileno() if self._direct else -1
        listener = Listener(self, number)
        listener.held_up = self._transport.get_write_buffer_size() > 0
        self._listening = feed, listener
        self._server.enter(feed, listener)

    def _refuse(self, refused: Refused) -> None:
        self._head = None
        if self._tls is None or self._tls.is_shaken:
            self.write(self.wrap(self._server.refuse(refused)))
        self.finish()


class _Tls:
    """TLS beside the transport, so that a listener's socket can be written to in the same way with it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.is_shaken = False

    def opened(self, data: bytes) -> bytes:
        """What was said in `data`. Raises ssl.SSLError."""
        self._incoming.write(data)
        said = bytearray()
        with suppress(ssl.SSLWantReadError):
            if not self.is_shaken:
                self._object.do_handshake()
                self.is_shaken = True
            while part := self._object.read(MAX_HEAD_BYTES):
                said += part
        return bytes(said)

    def outgoing(self) -> bytes:
        """What the handshake has to answer."""
        return self._outgoing.read()

    def sealed(self, data: bytes) -> bytes:
        self._object.write(data)
        return self._outgoing.read()


def _listen(host: str, port: int, congestion: str) -> socket.socket:
    """A listening socket whose connections inherit what it is set to."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_LINE_MS)
    with suppress(OSError):  # a kernel without it uses its own
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
    return listening
