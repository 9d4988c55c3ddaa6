"""One HTTP answer, read in a thread block by block, that can be left at any moment (does I/O).

Rules
- What waits for the network waits in the one thread that is given.
- When whoever waits for it is cancelled, the connection is shut down, so the thread comes back at once. Only a name
  that is being looked up cannot be hurried: that is left to itself, and what comes of it is dropped.
- The connection is watched by a descriptor of its own: the same to the kernel, and it outlives what TLS and
  http.client make of the first.
- Who knocks begins a connection each KNOCK_S, at the host's places in turn, and takes the first that is let in: a
  kernel alone waits a second and ever longer before it tries again.
- It acknowledges at once: a kernel waits with that for up to 0.2 s, and by so much more the other end waits before it
  sends again what was lost.
- And it says an empty line while an answer stands still: see `_nudge`.
"""

import asyncio
import contextlib
import errno
import math
import os
import select
import socket
import ssl
import struct
from collections.abc import Callable
from concurrent.futures import Executor
from http.client import HTTPException, HTTPResponse
from typing import IO, Any, ParamSpec, TypeVar
from urllib.request import Request

from receivers.odometer import Connection
from receivers.opener import NoAnswer, Opener, said

BLOCK_BYTES = 65_536
OPEN_STEPS = 4  # a name, a connection, a handshake, a head: each may take as long as a block
HURRIES, HURRY_S = 10, 0.1
NUDGE, NUDGE_S, NUDGE_AGAIN_S, NUDGES = b"\r\n", 0.3, 0.15, 24  # HTTP has it that an empty line is nothing
KNOCK_S, KNOCKS = 0.4, 2
"""So many wait for an answer beside the first, which is for links that take seconds."""
ABRUPT = struct.pack("ii", 1, 0)  # SO_LINGER: whatever else comes is refused, not taken in
HASTE = ((44, 1000), (16, 1))
"""TCP_RTO_MAX_MS and TCP_THIN_LINEAR_TIMEOUTS: the kernel sends again after a second at most, however often it did."""

P = ParamSpec("P")
T = TypeVar("T")
Find = Callable[[tuple[str, int]], list[Any]]
"""The places of a host and port, as socket.getaddrinfo tells them for TCP; OSError. Called in the thread."""


def look_up(address: tuple[str, int]) -> list[Any]:
    """The places of a host by the resolver."""
    return list(socket.getaddrinfo(*address, type=socket.SOCK_STREAM))


class Line:
    """The way to one answer; `count` is shown the connection as it moves, `find` knows where hosts are.

    One in `haste` knocks, acknowledges at once and nudges, and ends its connection so that nothing more of it comes.
    """

    def __init__(
        self,
        thread: Executor,
        count: Callable[[Connection], object],
        timeout_s: float,
        find: Find = look_up,
        *,
        haste: bool = False,
    ) -> None:
        self._thread = thread
        self._find = find
        self._count = count
        self._timeout_s = timeout_s
        self._haste = haste
        self._watched: list[socket.socket] = []
        self._knocking: list[socket.socket] = []
        self._dropped: list[socket.socket] = []
        self._at_head = True
        self._answer: HTTPResponse | None = None
        self._left = False
        self.connected = False
        """Whether a connection was made, whatever came of it."""

    async def open(self, request: Request, trust: ssl.SSLContext, proxy: str | None) -> HTTPResponse:
        """The answer with its head, after redirects; NoAnswer."""
        opener = Opener(trust, proxy, dial=self._dial, redirects=True)
        limit_s = OPEN_STEPS * self._timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._run(self._open, opener, request)
        except TimeoutError:
            raise NoAnswer(f"no answer within {limit_s:g} s") from None

    async def write_block(self, file: IO[bytes], room_bytes: int) -> int:
        """Write the next block of the answer; its size, 0 at the end. NoAnswer, or OSError from `file`.

        A block that is larger than `room_bytes` is not written.
        """
        return await self._run(self._write_block, file, room_bytes)

    async def read_block(self) -> bytes:
        """What has come of the answer, or comes first; nothing at its end. NoAnswer."""
        return await self._run(self._read_block)

    def leave(self) -> None:
        """Close the connection."""
        self._left = True
        if self._answer is not None:
            self._answer.close()
        self._clear_away()
        for watched in (*self._knocking, *self._watched):
            self._count(watched)
            if self._haste:
                with contextlib.suppress(OSError):
                    watched.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPT)
            watched.close()

    async def _run(self, do: Callable[P, T], *args: P.args, **_: P.kwargs) -> T:
        job = asyncio.get_running_loop().run_in_executor(self._thread, do, *args)
        try:
            done = await asyncio.shield(job)
        except asyncio.CancelledError:
            await self._hurry(job)
            raise
        for watched in self._watched:
            self._count(watched)
        self._clear_away()
        return done

    def _clear_away(self) -> None:
        """Count and close what was begun in vain."""
        dropped, self._dropped = self._dropped, []
        for near in dropped:
            self._count(near)
            near.close()

    async def _hurry(self, job: asyncio.Future[Any]) -> None:
        """Have the thread come back from `job`."""
        self._left = True
        job.add_done_callback(lambda done: done.exception())  # what came of it is nobody's business any more
        for _ in range(HURRIES):
            self._shut()
            if (await asyncio.wait({job}, timeout=HURRY_S))[0]:
                return

    # In the thread, which may come back when it is not waited for any more

    def _open(self, opener: Opener, request: Request) -> HTTPResponse:
        self._answer = opener.open(request, self._timeout_s)
        if self._left:
            self._answer.close()
        return self._answer

    def _read_block(self) -> bytes:
        try:
            if self._haste and self._answer is not None:
                self._acknowledge()
                self._nudge(self._answer)
            return self._answer.read1(BLOCK_BYTES) if self._answer else b""  # a block of a set size is lost with a cut
        except TimeoutError:
            raise NoAnswer(f"nothing came for {self._timeout_s:g} s") from None
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswer(said(error)) from None

    def _acknowledge(self) -> None:
        """What has come so far. The kernel forgets that it was told to."""
        for watched in self._watched:
            watched.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _nudge(self, answer: HTTPResponse) -> None:
        """Wait until something comes, and meanwhile say an empty line now and then.

        With it the kernel tells again what has come, so that the other end does not wait for what was lost of that: a
        kernel that hears of a packet late takes all packets to be as slow, and waits as long before it sends another
        again (RFC 8985, 6.2: RACK.rtt).
        """
        first, self._at_head = self._at_head, False
        if first or answer.chunked:  # what came with the head, or with a length, http.client may hold
            return
        near = answer.fp.raw._sock  # type: ignore[attr-defined]  # noqa: SLF001 - nothing else leads there
        if isinstance(near, ssl.SSLSocket) and near.pending():
            return
        poll = select.poll()
        poll.register(near, select.POLLIN)
        for number in range(NUDGES):
            if poll.poll(1000 * (NUDGE_AGAIN_S if number else NUDGE_S)) or self._left:
                return
            near.send(NUDGE)

    def _write_block(self, file: IO[bytes], room_bytes: int) -> int:
        block = self._read_block()
        if len(block) <= room_bytes and not self._left:
            file.write(block)
        return len(block)

    def _dial(self, address: tuple[str, int], timeout_s: float, _: Any = None) -> socket.socket:
        """As socket.create_connection, but the connection is watched while it is made."""
        self._shut()
        near = self._first_let_in(self._find(address), timeout_s)
        self._watched = [*self._watched, near.dup()]
        self.connected = True
        near.settimeout(timeout_s)
        return near

    def _first_let_in(self, places: list[Any], timeout_s: float) -> socket.socket:
        step_s = KNOCK_S if self._haste else timeout_s
        for number in range(max(len(places), math.ceil(timeout_s / step_s))):
            if self._left:
                raise ConnectionAbortedError("left")
            try:
                self._knock(*places[number % len(places)])
                near = self._let_in(step_s)
            except OSError:
                if number + 1 >= len(places):
                    raise
            else:
                if near is not None:
                    return near
            for useless in self._knocking[1:-KNOCKS]:
                self._drop(useless)
        raise TimeoutError("timed out")

    def _knock(self, family: int, kind: int, protocol: int, _name: str, place: Any) -> None:
        near = socket.socket(family, kind, protocol)
        self._knocking = [*self._knocking, near]
        near.setblocking(False)
        for option, value in HASTE if self._haste else ():
            with contextlib.suppress(OSError):  # a kernel without it is as patient as it is
                near.setsockopt(socket.IPPROTO_TCP, option, value)
        code = near.connect_ex(place)
        if code not in {0, errno.EINPROGRESS}:
            self._turned_away(near, code)

    def _let_in(self, wait_s: float) -> socket.socket | None:
        """The first that is let in within `wait_s`; OSError when one is turned away."""
        poll = select.poll()
        waiting = {near.fileno(): near for near in self._knocking}
        for descriptor in waiting:
            poll.register(descriptor, select.POLLOUT)
        for descriptor, _ in poll.poll(wait_s * 1000):
            near = waiting[descriptor]
            code = near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._turned_away(near, code)
            self._knocking = [other for other in self._knocking if other is not near]
            for late in self._knocking:
                self._drop(late)
            return near
        return None

    def _turned_away(self, near: socket.socket, code: int) -> None:
        self._drop(near)
        raise OSError(code, os.strerror(code))

    def _drop(self, near: socket.socket) -> None:
        """Let it knock no more."""
        self._knocking = [other for other in self._knocking if other is not near]
        self._dropped = [*self._dropped, near]
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)

    def _shut(self) -> None:
        for watched in (*self._watched, *self._knocking):
            with contextlib.suppress(OSError):
                watched.shutdown(socket.SHUT_RDWR)
