import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from broadcast.clock import SystemClock
from broadcast.live.desk import LiveDesk
from broadcast.live.encoder import Samples
from broadcast.live.feed import LiveFeed
from broadcast.live.hall import GIVE_UP_US
from broadcast.live.server import FeedServer, Limits
from broadcast.trustroot.folder import load_or_make, renew
from broadcast.wire.chunks import CHUNK_FRAMES, CHUNK_US, CONTENT_TYPE, Chunk, ChunkReader
from broadcast.wire.enrolment import order_key

HOST = "127.0.0.1"
SOON_S = 10
KERNEL = Path("/proc/sys/net/ipv4")
NAME_BYTES = 16  # TCP_CA_NAME_MAX
ABRUPT = struct.pack("ii", 1, 0)  # SO_LINGER: gone without a word

Serve = Callable[..., contextlib.AbstractAsyncContextManager[FeedServer]]


@pytest.fixture
def serve(desk: LiveDesk) -> Serve:
    @contextlib.asynccontextmanager
    async def serving(
        limits: Limits | None = None, tls: ssl.SSLContext | None = None, congestion: str = "bbr"
    ) -> AsyncIterator[FeedServer]:
        server = FeedServer(desk, HOST, 0, SystemClock(), limits=limits, tls=tls, congestion=congestion)
        task = asyncio.create_task(server.run())
        yield server
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return serving


@pytest.fixture
def tls_ends(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The centre's end and a receiver's."""
    now = SystemClock().now()
    root = load_or_make(tmp_path / "keys", now)
    renew(root, ["localhost"], now)
    centre = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    centre.load_cert_chain(root.broker_file)
    return centre, ssl.create_default_context(cadata=root.ca_pem.decode())


class Ear:
    """A listener over a real connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.head = b""

    async def chunks(self, feed: LiveFeed, last: Callable[[Chunk], bool]) -> list[Chunk]:
        """What comes until a chunk of which `last` says so."""
        chunks: list[Chunk] = []
        reading = ChunkReader(feed.id, order_key(feed.public_key))
        async with asyncio.timeout(SOON_S):
            while not chunks or not last(chunks[-1]):
                data = await self.reader.read(4096)
                assert data, [chunk.number for chunk in chunks]
                chunks += reading.feed(data)
        return chunks

    async def rest(self) -> bytes:
        async with asyncio.timeout(SOON_S):
            return await self.reader.read()

    def close(self) -> None:
        self.writer.close()


async def ask(server: FeedServer, target: str, method: str = "GET", tls: ssl.SSLContext | None = None) -> Ear:
    name = "localhost" if tls else None
    reader, writer = await asyncio.open_connection(HOST, server.port, ssl=tls, server_hostname=name)
    ear = Ear(reader, writer)
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    async with asyncio.timeout(SOON_S):
        ear.head = await reader.readuntil(b"\r\n\r\n")
    return ear


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


def congestion_of(line: socket.socket) -> str:
    return line.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, NAME_BYTES).rstrip(b"\0").decode()


def kernels_own() -> str:
    """The congestion control of a socket that asked for none."""
    return (KERNEL / "tcp_congestion_control").read_text().strip()


def can_have(congestion: str) -> bool:
    """Some are there and only for the administrator."""
    with socket.socket() as line, contextlib.suppress(OSError):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
        return True
    return False


def said(feed: LiveFeed, chunks: int) -> None:
    """Say so much more, and then some."""
    feed.write(np.full(chunks * CHUNK_FRAMES, 0.01, dtype=np.float32), feed.frames)


async def test_all_who_listen_hear_every_chunk_to_the_end(desk: LiveDesk, serve: Serve, speech: Samples) -> None:
    feed = desk.open("talk", delay_us=None)
    async with serve() as server:
        ears = [await ask(server, "/live/talk?from=0") for _ in range(20)]
        assert all(f"Content-Type: {CONTENT_TYPE}".encode() in ear.head for ear in ears)
        await until(lambda: server.listeners("talk") == 20)
        for at in range(0, len(speech), 960):
            feed.write(speech[at : at + 960], at)
        feed.end()
        assert [await ear.rest() for ear in ears] == [b"".join(feed.chunks)] * 20
        await until(lambda: server.listeners("talk") == 0)
        for ear in ears:
            ear.close()


@pytest.mark.parametrize("delay_us", [600_000, 2_000_000, 4_000_000])
async def test_a_session_is_heard_whole_by_who_was_there_from_the_start(
    desk: LiveDesk, serve: Serve, delay_us: int
) -> None:
    feed = desk.open("talk", delay_us=delay_us, levelled=False)
    async with serve() as server:
        ear, late = await ask(server, "/live/talk?from=0"), await ask(server, "/live/talk?from=9")
        await until(lambda: server.listeners("talk") == 2)
        for _ in range(15):
            said(feed, 1)
            await asyncio.sleep(0)
        feed.end()
        heard = await ear.chunks(feed, lambda chunk: chunk.last)
        assert [chunk.number for chunk in heard] == list(range(feed.next_number))
        from_nine = await late.chunks(feed, lambda chunk: chunk.last)
        assert [chunk.number for chunk in from_nine] == list(range(9, feed.next_number))
        assert await ear.rest() == await late.rest() == b""


async def test_who_comes_in_the_middle_hears_what_is_not_too_late(desk: LiveDesk, serve: Serve) -> None:
    feed = desk.open("talk", delay_us=2_000_000, levelled=False)
    said(feed, 31)
    async with serve() as server:
        ear = await ask(server, "/live/talk?from=2")
        again = await ask(server, "/live/talk?from=28")
        said(feed, 4)
        feed.end()
        heard = await ear.chunks(feed, lambda chunk: chunk.last)
        assert [chunk.number for chunk in heard] == list(range(31 - 1_500_000 // CHUNK_US, feed.next_number))
        assert [c.number for c in await again.chunks(feed, lambda c: c.last)] == list(range(28, feed.next_number))


async def test_a_recording_comes_whole_however_late(desk: LiveDesk, serve: Serve) -> None:
    feed = desk.open("text", delay_us=None, levelled=False)
    said(feed, 300)
    feed.end()
    async with serve() as server:
        assert await (await ask(server, "/live/text")).rest() == b"".join(feed.chunks)
        assert await (await ask(server, "/live/text?from=290")).rest() == b"".join(feed.chunks[290:])
        assert await (await ask(server, "/live/text?from=999")).rest() == b""


async def test_who_asks_for_what_never_comes_is_let_go_at_the_end(desk: LiveDesk, serve: Serve) -> None:
    feed = desk.open("talk")
    async with serve() as server:
        ear = await ask(server, "/live/talk?from=500")
        said(feed, 3)
        feed.end()
        assert await ear.rest() == b""


async def test_a_slow_listener_skips_what_is_too_late_and_holds_nobody_up(desk: LiveDesk, serve: Serve) -> None:
    feed = desk.open("talk", delay_us=2_000_000, levelled=False)
    async with serve() as server:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, (HOST, server.port))
        await loop.sock_sendall(slow, b"GET /live/talk?from=0 HTTP/1.1\r\n\r\n")
        quick = await ask(server, "/live/talk?from=0")
        await until(lambda: server.listeners("talk") == 2)
        heard: list[Chunk] = []
        noise = np.random.default_rng(1).standard_normal(CHUNK_FRAMES).astype(np.float32) * np.float32(0.1)
        for number in range(60):
            feed.write(noise, feed.frames)
            if number % 2:
                heard += await quick.chunks(feed, lambda chunk, number=number: chunk.number == number)  # type: ignore[misc]
        assert [chunk.number for chunk in heard] == list(range(60))
        reader, writer = await asyncio.open_connection(sock=slow)
        ear = Ear(reader, writer)
        ear.head = await reader.readuntil(b"\r\n\r\n")
        got = await ear.chunks(feed, lambda chunk: chunk.number == 59)
        numbers = [chunk.number for chunk in got]
        assert numbers == sorted(set(numbers))
        skipped = max(at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1] + 1)
        assert numbers[skipped] >= 60 - 2_000_000 // CHUNK_US
        assert skipped < 40  # what the buffers of both ends held
        ear.close()


async def test_who_takes_nothing_at_all_is_let_go_and_a_recording_is_waited_for(desk: LiveDesk, serve: Serve) -> None:
    live = desk.open("talk", delay_us=2_000_000, levelled=False)
    text = desk.open("text", delay_us=None, levelled=False)
    noise = np.random.default_rng(1).standard_normal(CHUNK_FRAMES).astype(np.float32) * np.float32(0.1)
    async with serve() as server:
        deaf = []
        for feed in (live, text):
            deaf.append(socket.socket())
            deaf[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf[-1].connect((HOST, server.port))
            deaf[-1].sendall(f"GET /live/{feed.id} HTTP/1.1\r\n\r\n".encode())
        await until(lambda: server.listeners("talk") == server.listeners("text") == 1)
        quick = await ask(server, "/live/talk")
        for _ in range(40 + GIVE_UP_US // CHUNK_US):
            number = live.next_number
            for feed in (live, text):
                feed.write(noise, feed.frames)
            await quick.chunks(live, lambda chunk, number=number: chunk.number == number)  # type: ignore[misc]
        assert server.listeners("talk") == 1
        assert server.listeners("text") == 1
        quick.close()
        for line in deaf:
            line.close()


async def test_what_is_not_there_is_told_as_a_problem(desk: LiveDesk, serve: Serve) -> None:
    desk.open("talk")
    desk.open("old")
    desk.close("old")
    async with serve() as server:
        for target, method, status in (
            ("/live/none", "GET", 404), ("/live/old?from=3", "GET", 410), ("/live/talk", "DELETE", 405),
            ("/live/talk?from=x", "GET", 400), ("/live", "GET", 404),
        ):  # fmt: skip
            ear = await ask(server, target, method)
            assert ear.head.startswith(f"HTTP/1.1 {status} ".encode())
            assert b"application/problem+json" in ear.head
            assert f'"status":{status}'.encode() in await ear.rest()
        ear = await ask(server, "/live/talk", "HEAD")
        assert ear.head.startswith(b"HTTP/1.1 200 ")
        assert await ear.rest() == b""


async def test_a_request_has_a_size_and_a_time(serve: Serve, tls_ends: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async with serve(Limits(head_s=0.05)) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"GET /live/talk HTTP/1.1\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()
    async with serve(Limits(head_s=0.05), tls=tls_ends[0]) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        assert await reader.read() == b""  # who does not even shake hands is not answered
        writer.close()
    async with serve() as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"GET /live/talk HTTP/1.1\r\nCookie: " + b"x" * 4_100)
        assert (await reader.read(14)).startswith(b"HTTP/1.1 431 ")
        writer.close()


async def test_a_listener_who_says_empty_lines_hears_on(desk: LiveDesk, serve: Serve) -> None:
    feed = desk.open("talk", levelled=False)
    async with serve() as server:
        ear = await ask(server, "/live/talk?from=0")
        for number in range(3):
            ear.writer.write(b"\r\n")
            await ear.writer.drain()
            said(feed, 1)
            assert [chunk.number for chunk in await ear.chunks(feed, lambda _: True)] == [number]
        ear.close()


async def test_a_listener_who_talks_is_let_go(desk: LiveDesk, serve: Serve) -> None:
    desk.open("talk")
    async with serve() as server:
        ear = await ask(server, "/live/talk")
        ear.writer.write(b"GET /live/talk HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await ear.rest() == b""
        await until(lambda: server.listeners("talk") == 0)


@pytest.mark.parametrize("limits", [Limits(connections=2), Limits(per_address=2), Limits(per_feed=2)])
async def test_too_many_are_sent_away_and_those_who_listen_stay(desk: LiveDesk, serve: Serve, limits: Limits) -> None:
    feed = desk.open("talk", delay_us=None)
    async with serve(limits) as server:
        ears = [await ask(server, "/live/talk") for _ in range(3)]
        assert [ear.head[9:12] for ear in ears] == [b"200", b"200", b"503"]
        assert b"Retry-After" in ears[2].head
        await ears[2].rest()
        ears[0].close()
        await until(lambda: server.listeners("talk") == 1)
        assert (await ask(server, "/live/talk")).head.startswith(b"HTTP/1.1 200")
        said(feed, 2)
        feed.end()
        assert await ears[1].rest() == b"".join(feed.chunks)


async def test_a_closed_desk_leaves_no_listener_and_a_stopped_server_no_line(desk: LiveDesk, serve: Serve) -> None:
    desk.open("a")
    desk.open("b")
    async with serve() as server:
        ears = [await ask(server, f"/live/{feed}") for feed in "ab"]
        desk.close("a")
        await ears[0].rest()
        await until(lambda: server.listeners("a") == 0)
        assert server.listeners("b") == 1
    await ears[1].rest()


def test_a_port_that_is_taken_is_told(desk: LiveDesk) -> None:
    with socket.create_server((HOST, 0)) as taken, pytest.raises(OSError, match="in use"):
        FeedServer(desk, HOST, taken.getsockname()[1], SystemClock())


async def test_with_tls_it_is_the_same(
    desk: LiveDesk, serve: Serve, tls_ends: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    centre, receiver = tls_ends
    feed = desk.open("talk", delay_us=None, levelled=False)
    said(feed, 40)
    async with serve(tls=centre) as server:
        ear = await ask(server, "/live/talk?from=1", tls=receiver)
        for _ in range(60):
            said(feed, 1)
        feed.end()
        assert await ear.rest() == b"".join(feed.chunks[1:])
        plain = socket.create_connection((HOST, server.port))
        plain.sendall(b"GET /live/talk HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert not (await asyncio.to_thread(plain.recv, 100)).startswith(b"HTTP")
        plain.close()


async def test_who_left_before_he_was_greeted_is_nobody_s_trouble(
    desk: LiveDesk, serve: Serve, tls_ends: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    centre, receiver = tls_ends
    desk.open("talk")
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    async with serve(tls=centre) as server:
        for word in (b"", b"GET"):
            with socket.create_connection((HOST, server.port)) as hasty:  # the server is not asked before it has left
                hasty.sendall(word)
                hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPT)
        assert (await ask(server, "/live/talk", tls=receiver)).head.startswith(b"HTTP/1.1 200")
    assert not troubles


@pytest.mark.parametrize("with_tls", [False, True])
async def test_every_line_has_the_congestion_control_that_was_asked_for(
    desk: LiveDesk, serve: Serve, tls_ends: tuple[ssl.SSLContext, ssl.SSLContext], with_tls: bool
) -> None:
    there = (KERNEL / "tcp_available_congestion_control").read_text().split()
    others = [name for name in there if name != kernels_own() and can_have(name)]
    if not others:
        pytest.skip(f"this kernel has no congestion control but {kernels_own()}")
    centre, receiver = tls_ends if with_tls else (None, None)
    feed = desk.open("talk", levelled=False)
    for asked in others:
        async with serve(tls=centre, congestion=asked) as server:
            assert congestion_of(server._socket) == asked
            ear = await ask(server, "/live/talk", tls=receiver)
            said(feed, 1)
            await ear.chunks(feed, lambda _: True)
            assert [congestion_of(line.socket) for line in server._heard_by] == [asked]
            ear.close()


async def test_where_the_kernel_lacks_what_was_asked_for_its_own_serves(desk: LiveDesk, serve: Serve) -> None:
    feed = desk.open("talk", delay_us=None, levelled=False)
    said(feed, 2)
    feed.end()
    async with serve(congestion="no-such-thing") as server:
        assert congestion_of(server._socket) == kernels_own()
        assert await (await ask(server, "/live/talk?from=0")).rest() == b"".join(feed.chunks)
