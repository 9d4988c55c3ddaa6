"""A link between a receiver and its centre that can be cut, held and made slow, for tests and benches."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field

from receivers.tasks import end

HOST = "127.0.0.1"
BLOCK_BYTES = 65_536
MSS_BYTES = 1460


def listening(port: int = 0, host: str = HOST) -> socket.socket:
    """A TCP socket at `port` of `host` whose connections have segments as on Ethernet."""
    server = socket.create_server((host, port))
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MSS_BYTES)
    return server


@dataclass
class Relay:
    """Passes TCP connections on to the local port `target` while it listens at `port`; 0 finds one and keeps it.

    `rate_bytes_per_s` is shared by all connections, each way on its own. `opened` counts connections ever made.
    Segments are of the size of a link outside.
    """

    target: int
    port: int = 0
    host: str = HOST
    rate_bytes_per_s: int | None = None
    opened: int = 0
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    listener: asyncio.Server | None = None
    _passing: set[asyncio.Task[None]] = field(default_factory=set)
    _turns: tuple[asyncio.Lock, asyncio.Lock] = field(default_factory=lambda: (asyncio.Lock(), asyncio.Lock()))

    async def mend(self) -> None:
        """Listen, and let everything flow."""
        self.flowing.set()
        if self.listener is None:
            self.listener = await asyncio.start_server(self._pass, sock=listening(self.port, self.host))
            self.port = self.listener.sockets[0].getsockname()[1]

    def hold(self) -> None:
        """Half-open: connections stay, new ones are accepted, and nothing comes through until `mend`."""
        self.flowing.clear()

    def cut(self) -> None:
        """Close all connections and accept none until `mend`."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        for task in self._passing:
            task.cancel()

    @property
    def connections(self) -> int:
        return len(self._passing)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it is run as one
        self.opened += 1
        self._passing.add(task)
        try:
            with contextlib.suppress(OSError):
                await self._both_ways(reader, writer)
        except asyncio.CancelledError:
            pass  # it was cut: asyncio's server would log that as a mistake
        finally:
            self._passing.discard(task)
            writer.close()

    async def _both_ways(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.flowing.wait()
        onward, back = await asyncio.open_connection(HOST, self.target)
        up = asyncio.create_task(self._copy(reader, back, self._turns[0]))
        down = asyncio.create_task(self._copy(onward, writer, self._turns[1]))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end((up, down))
            back.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turn: asyncio.Lock) -> None:
        with contextlib.suppress(OSError):
            while True:
                rate = self.rate_bytes_per_s
                block = await reader.read(BLOCK_BYTES if rate is None else max(1, rate // 20))
                if rate is not None:
                    async with turn:
                        await asyncio.sleep(len(block) / rate)
                await self.flowing.wait()  # an end that closes is not heard of either
                if not block:
                    break
                writer.write(block)
                await writer.drain()
