"""One listener's connection: a request, then chunks until one side ends it (does I/O).

The socket is this module's own rather than an asyncio transport's, which would cost more per chunk and hold bytes back
where nobody sees how old they are. With TLS it is an `ssl` socket, used in the same way.
"""

import array
import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Protocol

from broadcast.live.hall import NO_ROOM
from broadcast.live.request import MAX_HEAD_BYTES, Refused

_queued = array.array("i", [0])

STILL_CONGESTION = b"reno"
"""BBR would look for the shortest way just when a link is back, with four packets under way at most: so with more lost
than that nothing could be sent for a second. Every kernel has Reno."""
RESENT_AT, _RESENT = 100, struct.Struct("I")
END_OF_HEAD = b"\r\n\r\n"


class Host(Protocol):
    """What a line belongs to."""

    def answer(self, line: "Line", head: bytes) -> None:
        """The line sent the head of a request. Raises Refused."""
        ...

    def refusal(self, refused: Refused) -> bytes: ...

    def go_on(self, line: "Line") -> None:
        """What the line had to send is sent."""
        ...

    def lost(self, line: "Line") -> None:
        """The line is closed."""
        ...


class Line:
    """A `Listener` once its request is answered. With `tls` it shakes hands first."""

    def __init__(self, host: Host, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.wanted = 0
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._congestion = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
        self._shaking = tls is not None
        if tls is not None:
            self.socket = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._descriptor = self.socket.fileno()
        self.send: Callable[[bytes], int] = self.socket.send
        self._head: bytearray | None = bytearray()  # None once it was answered
        self._unsent = b""
        self._then: Callable[[], None] | None = None
        self._is_open = True
        self._resent_segments = 0
        self._loop.add_reader(self.socket, self._readable)

    def queued_bytes(self) -> int:
        """How much the kernel holds that the other end has not confirmed."""
        if self._is_open:
            fcntl.ioctl(self._descriptor, termios.TIOCOUTQ, _queued)
        return _queued[0]

    def resent_segments(self) -> int:
        """How many segments the kernel has sent again so far: tcpi_total_retrans."""
        if self._is_open:
            info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, RESENT_AT + _RESENT.size)
            self._resent_segments = _RESENT.unpack_from(info, RESENT_AT)[0]
        return self._resent_segments

    def stands_still(self, *, still: bool) -> None:
        """Change the congestion control of a line that stands still, and back."""
        if self._is_open:
            with suppress(OSError):
                congestion = STILL_CONGESTION if still else self._congestion
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion)

    def send_later(self, rest: bytes) -> None:
        """Send `rest` as soon as there is room, then tell the host to go on."""
        self._wait(rest, lambda: self._host.go_on(self))

    def send_last(self, data: bytes) -> None:
        """Send `data` and close."""
        self._head = None
        self._wait(data, self.finish)
        self._writable()

    def answered(self) -> None:
        """The request was understood; whatever else is said on this line ends it, but empty lines."""
        self._head = None

    def refuse(self, refused: Refused) -> None:
        """Send why, and close."""
        if self._shaking:
            self.abort()
        else:
            self.send_last(self._host.refusal(refused))

    def hurry(self) -> None:
        """The time to send a request is over."""
        if self._head is not None:
            self.refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "The request took too long."))

    def finish(self) -> None:
        """Close, as everything is sent."""
        if self._is_open and isinstance(self.socket, ssl.SSLSocket):
            with suppress(OSError, ValueError):
                self.socket.unwrap()  # says that this is the end; the answer is not waited for
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        if not self._is_open:
            return
        self._is_open = False
        self._head = None
        self._loop.remove_reader(self.socket)
        self._loop.remove_writer(self.socket)
        self.socket.close()
        self._host.lost(self)

    def _readable(self) -> None:
        try:
            if self._shaking and isinstance(self.socket, ssl.SSLSocket):
                self.socket.do_handshake()
                self._shaking = False
            data = self.socket.recv(MAX_HEAD_BYTES)
        except ssl.SSLWantWriteError:
            self._wait(b"", self._readable)
        except NO_ROOM:
            return
        except OSError:
            self.abort()
        else:
            self._heard(data)

    def _heard(self, data: bytes) -> None:
        if self._head is None and data and not data.strip(b"\r\n"):
            return  # with an empty line a listener's kernel tells what has come
        if not data or self._head is None:
            self.abort()
            return
        self._head += data
        head, end, _ = self._head.partition(END_OF_HEAD)
        if len(self._head) > MAX_HEAD_BYTES:
            self.refuse(Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too long."))
        elif end:
            try:
                self._host.answer(self, bytes(head))
            except Refused as refused:
                self.refuse(refused)

    def _wait(self, unsent: bytes, then: Callable[[], None]) -> None:
        """Call `then` when `unsent` is sent."""
        if self._is_open:
            self._unsent, self._then = unsent, then
            self._loop.add_writer(self.socket, self._writable)

    def _writable(self) -> None:
        try:
            if self._unsent:
                self._unsent = self._unsent[self.send(self._unsent) :]
        except NO_ROOM:
            return
        except OSError:
            self.abort()
            return
        if not self._unsent and self._then is not None:
            self._loop.remove_writer(self.socket)
            then, self._then = self._then, None
            then()
