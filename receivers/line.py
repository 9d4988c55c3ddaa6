"""One HTTP answer, read in a thread block by block, that can be left at any moment (does I/O).

Rules
- What waits for the network waits in the one thread that is given.
- When whoever waits for it is cancelled, the connection is shut down, so the thread comes back at once. Only a name
  that is being looked up cannot be hurried: that is left to itself, and what comes of it is dropped.
- The connection is watched by a descriptor of its own: the same to the kernel, and it outlives what TLS and
  http.client make of the first.
"""

import asyncio
import contextlib
import socket
import ssl
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

P = ParamSpec("P")
T = TypeVar("T")
Find = Callable[[tuple[str, int]], list[Any]]
"""The places of a host and port, as socket.getaddrinfo tells them for TCP; OSError. Called in the thread."""


def look_up(address: tuple[str, int]) -> list[Any]:
    """The places of a host by the resolver."""
    return list(socket.getaddrinfo(*address, type=socket.SOCK_STREAM))


class Line:
    """The way to one answer; `count` is shown the connection as it moves, `find` knows where hosts are."""

    def __init__(
        self,
        thread: Executor,
        count: Callable[[Connection], object],
        timeout_s: float,
        find: Find = look_up,
        connect_s: float | None = None,
    ) -> None:
        self._thread = thread
        self._find = find
        self._count = count
        self._timeout_s = timeout_s
        self._connect_s = timeout_s if connect_s is None else connect_s
        self._watched: list[socket.socket] = []
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
        for watched in self._watched:
            self._count(watched)
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
        return done

    async def _hurry(self, job: asyncio.Future[Any]) -> None:
        """Have the thread come back from `job`."""
        self._left = True
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
            return self._answer.read1(BLOCK_BYTES) if self._answer else b""  # a block of a set size is lost with a cut
        except TimeoutError:
            raise NoAnswer(f"nothing came for {self._timeout_s:g} s") from None
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswer(said(error)) from None

    def _write_block(self, file: IO[bytes], room_bytes: int) -> int:
        block = self._read_block()
        if len(block) <= room_bytes and not self._left:
            file.write(block)
        return len(block)

    def _dial(self, address: tuple[str, int], timeout_s: float, _: Any = None) -> socket.socket:
        """As socket.create_connection, but the connection is watched before it is made."""
        failed: OSError = ConnectionAbortedError("left")
        for family, kind, protocol, _name, place in [] if self._left else self._find(address):
            near = socket.socket(family, kind, protocol)
            try:
                near.settimeout(self._connect_s)
                self._watch(near)
                near.connect(place)
                near.settimeout(timeout_s)
                self.connected = True
            except OSError as error:
                near.close()
                failed = error
            else:
                return near
        raise failed

    def _watch(self, near: socket.socket) -> None:
        """Watch `near` after what was before; ConnectionAbortedError once it is left."""
        self._shut()
        self._watched.append(near.dup())
        if self._left:
            self._watched[-1].close()
            raise ConnectionAbortedError("left")

    def _shut(self) -> None:
        for watched in self._watched:
            with contextlib.suppress(OSError):
                watched.shutdown(socket.SHUT_RDWR)
