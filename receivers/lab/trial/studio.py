"""Growing recordings for tests and benches: feeds with a key of their own, and a server that may misbehave."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self

import av
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcast.clock import US_PER_S, SystemClock
from broadcast.wire.chunks import CHUNK_US, CONTENT_TYPE, PACKETS, Chunk, seal
from broadcast.wire.enrolment import order_key_text
from broadcast.wire.now import Feed

HOST = "127.0.0.1"
DELIVERY_US = 20_000  # after its last sample a chunk is sent

Manner = Callable[[asyncio.StreamWriter, "Studio", int], Awaitable[None]]
"""How one request, for the chunks of a studio from a number on, is answered; then the connection is closed."""


class Studio:
    """The feed `feed_id` made of `packets`, an empty one where one is missing."""

    def __init__(self, feed_id: str, packets: Sequence[bytes]) -> None:
        self.id = feed_id
        self.key = Ed25519PrivateKey.generate()
        self.packets = tuple(packets)
        starts = range(0, max(1, len(packets)), PACKETS)
        self.chunks = tuple(
            Chunk(number, self.packets[start : start + PACKETS], last=start == starts[-1])
            for number, start in enumerate(starts)
        )
        self.sealed = tuple(seal(feed_id, chunk, self.key) for chunk in self.chunks)

    def feed(self, *urls: str) -> Feed:
        """As a now document tells of it."""
        return Feed(id=self.id, key=order_key_text(self.key.public_key()), urls=urls)


def packets_in(ogg: Path) -> list[bytes]:
    """The Opus packets of a recording."""
    with av.open(str(ogg)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


class FeedHost:
    """Async context manager: serves `studio` at `url`. Each request takes the next of `manners`, then `usual`."""

    def __init__(self, studio: Studio, manners: Sequence[Manner] = (), usual: Manner | None = None) -> None:
        self.studio = studio
        self.manners = list(manners)
        self.usual = usual or all_of
        self.asked: list[int] = []
        """The numbers that were asked from."""
        self.open = 0
        self._server: asyncio.Server | None = None
        self._port = 0
        self._closing = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}/live/{self.studio.id}"

    @property
    def feed(self) -> Feed:
        return self.studio.feed(self.url)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            number = int(head.split(" ")[1].rpartition("from=")[2])
            self.asked.append(number)
            manner = self.manners.pop(0) if self.manners else self.usual
            answering = asyncio.ensure_future(manner(writer, self.studio, number))
            leaving = asyncio.ensure_future(reader.read())  # empty lines are nothing
            closing = asyncio.ensure_future(self._closing.wait())
            await asyncio.wait({answering, leaving, closing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (answering, leaving, closing):
                task.cancel()
            await asyncio.gather(answering, leaving, closing, return_exceptions=True)
        self.open -= 1
        writer.close()


def begin(writer: asyncio.StreamWriter, content_type: str = CONTENT_TYPE) -> None:
    """The head of an answer whose end is the connection's."""
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n".encode())


async def all_of(writer: asyncio.StreamWriter, studio: Studio, number: int) -> None:
    """All there is, at once, and the end."""
    begin(writer)
    writer.write(b"".join(studio.sealed[number:]))
    await writer.drain()


def then(raw: bytes, *, stands: bool, content_type: str = CONTENT_TYPE) -> Manner:
    """These bytes whatever was asked for; then the connection `stands` still, or ends."""

    async def answer(writer: asyncio.StreamWriter, _studio: Studio, _number: int) -> None:
        begin(writer, content_type)
        writer.write(raw)
        await writer.drain()
        if stands:
            await asyncio.Event().wait()

    return answer


def dribbled(raw: bytes, every_s: float) -> Manner:
    """These bytes one by one."""

    async def answer(writer: asyncio.StreamWriter, _studio: Studio, _number: int) -> None:
        begin(writer)
        for byte in raw:
            writer.write(bytes((byte,)))
            await asyncio.sleep(every_s)

    return answer


def first(count: int, *, stands: bool) -> Manner:
    """The first `count` chunks of what was asked for; then the connection `stands` still, or ends."""

    async def answer(writer: asyncio.StreamWriter, studio: Studio, number: int) -> None:
        await then(b"".join(studio.sealed[number : number + count]), stands=stands)(writer, studio, number)

    return answer


def spoken(said_us: int, *, stall: tuple[int, float] | None = None) -> Manner:
    """Each chunk as it is spoken, sample 0 at `said_us`; `stall`: before a chunk nothing is sent for some seconds.

    Who asks for that chunk or a later one notices nothing of it.
    """
    clock = SystemClock()

    async def answer(writer: asyncio.StreamWriter, studio: Studio, number: int) -> None:
        begin(writer)
        for place in range(number, len(studio.sealed)):
            if stall is not None and place == stall[0] and number < place:
                await clock.sleep(stall[1])
            await clock.sleep((said_us + (place + 1) * CHUNK_US + DELIVERY_US - clock.now_us()) / US_PER_S)
            writer.write(studio.sealed[place])
            await writer.drain()

    return answer
