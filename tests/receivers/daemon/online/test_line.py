"""A download is left at once wherever it stands, and no answer, however odd, holds it up or fills the memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from broadcast.broker.lab import HOST
from broadcast.clock import SystemClock
from receivers.fetch import Client, FetchFailed, fetch, open_client
from receivers.line import look_up
from receivers.media import MediaStore
from receivers.needs import Need
from receivers.opener import MAX_REDIRECTS, NoAnswer, asked
from receivers.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from broadcast.wire.documents import Media
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import HttpServer

SIZE = 300_000
FOR_EVER_S = 3600.0
SYN_SENT = "02"


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    store = MediaStore(tmp_path / "media")
    store.open()
    return store


@pytest.fixture
def media(desk: Desk, http: HttpServer) -> Media:
    media = desk.media("a", 30, SIZE)
    http.bodies.update(desk.bodies)
    return media


async def _fetch(client: Client, url: str, store: MediaStore, media: Media) -> None:
    await fetch(client, f"{url}/media/{media.sha256}", Need(media.sha256, media.size_bytes, 0), store, SystemClock())


async def _left(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(15):
        await end((task,))
    assert task.cancelled()


@pytest.mark.parametrize("over_tls", [False, True])
async def test_one_that_stands_still_is_left_and_the_thread_is_free(
    http: HttpServer, secure: str, store: MediaStore, media: Media, over_tls: bool
) -> None:
    http.faults = ["held"]
    url = secure if over_tls else http.url
    async with open_client(timeout_s=FOR_EVER_S) as client:
        task = asyncio.create_task(_fetch(client, url, store, media))
        async with asyncio.timeout(15):
            await http.holding.wait()
            while store.done_bytes(media.sha256) < SIZE // 4:  # noqa: ASYNC110 - a file grows without a bell
                await asyncio.sleep(0.01)
        await _left(task)
        begun = store.part(media.sha256).read_bytes()
        assert http.bodies[media.sha256].startswith(begun)
        async with asyncio.timeout(15):
            await _fetch(client, url, store, media)
    assert http.requests[-1][1] == f"bytes={len(begun)}-"
    assert store.path(media.sha256).read_bytes() == http.bodies[media.sha256]
    http.gate.set()


async def test_one_that_is_still_connecting_is_left_and_the_thread_is_free(
    http: HttpServer, store: MediaStore, media: Media
) -> None:
    with _deaf() as port:
        others = _knocking(port)
        async with open_client(timeout_s=FOR_EVER_S) as client:
            task = asyncio.create_task(_fetch(client, f"http://{HOST}:{port}", store, media))
            async with asyncio.timeout(15):
                while not _knocking(port) - others:  # noqa: ASYNC110 - the kernel has no bell
                    await asyncio.sleep(0.01)
            await _left(task)
            assert not _knocking(port) - others
            async with asyncio.timeout(15):
                await _fetch(client, http.url, store, media)
    assert media.sha256 in store.ready


@contextlib.contextmanager
def _deaf() -> Iterator[int]:
    """A port at which nobody is let in and nobody is turned away: its queue is full."""
    with socket.socket() as deaf, contextlib.ExitStack() as stack:
        deaf.bind((HOST, 0))
        deaf.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        yield deaf.getsockname()[1]


def _knocking(port: int) -> set[str]:
    """The connections to `port` that were not answered yet, by their own addresses."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[2].endswith(f":{port:04X}") and row[3] == SYN_SENT}


async def test_many_that_are_left_use_one_thread_and_leave_no_descriptor(
    http: HttpServer, store: MediaStore, media: Media
) -> None:
    before = _open_files()
    async with open_client(timeout_s=FOR_EVER_S) as client:
        for _ in range(10):
            http.faults = ["held"]
            http.holding.clear()
            task = asyncio.create_task(_fetch(client, http.url, store, media))
            async with asyncio.timeout(15):
                await http.holding.wait()
            await _left(task)
        assert sum(thread.name.startswith("download") for thread in threading.enumerate()) == 1
    http.gate.set()
    async with asyncio.timeout(15):
        while _open_files() > before:  # noqa: ASYNC110 - the server's ends close by and by
            await asyncio.sleep(0.01)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_who_is_in_haste_knocks_again_and_takes_the_first_that_is_let_in() -> None:
    """Of a host with a place where nobody answers, one that turns everyone away, and one that answers."""
    oddity = Oddity(b"HTTP/1.1 200 OK\r\n\r\n")
    with _deaf() as deaf, socket.socket() as shut:
        shut.bind((HOST, 0))
        async with oddity.running() as url, open_client(timeout_s=FOR_EVER_S) as client:
            good = urlsplit(url).port or 0
            others = _knocking(deaf)
            places = [look_up((HOST, port))[0] for port in (deaf, shut.getsockname()[1], good)]
            line = client.line(lambda _: places, haste=True)
            async with asyncio.timeout(15):
                answer = await line.open(asked(url, {}), client.trust, None)
                assert (answer.status, line.connected) == (HTTPStatus.OK, True)
                assert await line.read_block() == b""
            line.leave()
            assert not _knocking(deaf) - others


async def test_who_is_turned_away_everywhere_is_told_at_once() -> None:
    with socket.socket() as shut:
        shut.bind((HOST, 0))
        url = f"http://{HOST}:{shut.getsockname()[1]}"
        async with open_client(timeout_s=FOR_EVER_S) as client:
            line = client.line(haste=True)
            async with asyncio.timeout(15):
                with pytest.raises(NoAnswer, match="refused"):
                    await line.open(asked(url, {}), client.trust, None)
            line.leave()


async def test_an_answer_that_stands_still_is_nudged_with_empty_lines() -> None:
    """The server sends its second block when it has been nudged, and not before."""
    said: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\none")
        said.append(await reader.readexactly(2))
        writer.write(b"two")
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    async with open_client(timeout_s=FOR_EVER_S) as client, asyncio.timeout(15):
        line = client.line(haste=True)
        await line.open(asked(f"http://{HOST}:{server.sockets[0].getsockname()[1]}", {}), client.trust, None)
        assert [await line.read_block() for _ in range(3)] == [b"one", b"two", b""]
        line.leave()
    assert said == [b"\r\n"]
    server.close()


class Oddity:
    """Answers everything with `raw`, then with `endless` until nobody reads; `places` is what was asked for."""

    def __init__(self, raw: bytes, endless: bytes = b"") -> None:
        self.raw = raw
        self.endless = endless
        self.places: list[str] = []
        self.sent_bytes = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.places.append((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode())
            writer.write(self.raw)
            while self.endless:
                writer.write(self.endless)
                self.sent_bytes += len(self.endless)
                await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        listener = await asyncio.start_server(self.serve, HOST, 0)
        yield f"http://{HOST}:{listener.sockets[0].getsockname()[1]}"
        listener.close()


@pytest.mark.parametrize(
    ("raw", "endless"),
    [
        (b"", b"HTTP/1.1 200 OK "),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 60_000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 60_000),
        (b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\n\r\n", b"x" * 60_000),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", b"x" * 60_000),
        (b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n", b"x" * 60_000),
        (b"HTTP/1.1 302 Found\r\n\r\n", b"x" * 60_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1" * 60_000),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 60_000),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (b"SSH-2.0-OpenSSH\r\n", b""),
        (b"\0" * 100, b""),
    ],
)
async def test_no_answer_is_endless(store: MediaStore, media: Media, raw: bytes, endless: bytes) -> None:
    oddity = Oddity(raw, endless)
    async with oddity.running() as url, open_client(timeout_s=0.5) as client:
        with pytest.raises(FetchFailed):
            await _fetch(client, url, store, media)
    assert store.done_bytes(media.sha256) == 0
    assert len(oddity.places) <= MAX_REDIRECTS + 1


async def test_a_redirect_is_followed_with_the_range(http: HttpServer, store: MediaStore, media: Media) -> None:
    store.part(media.sha256).write_bytes(http.bodies[media.sha256][:1000])
    place = f"{http.url}/media/{media.sha256}"
    oddity = Oddity(f"HTTP/1.1 307 Elsewhere\r\nLocation: {place}\r\n\r\n".encode())
    async with oddity.running() as url, open_client() as client:
        await _fetch(client, url, store, media)
    assert http.requests == [(f"/media/{media.sha256}", "bytes=1000-")]
    assert media.sha256 in store.ready


async def test_one_in_chunks_is_taken_and_a_cut_one_goes_on(http: HttpServer, store: MediaStore, media: Media) -> None:
    body = http.bodies[media.sha256]
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(body[at : at + 7000]), body[at : at + 7000]) for at in range(0, SIZE, 7000)
    )
    oddity = Oddity(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks[: SIZE // 2])
    async with oddity.running() as url, open_client() as client:
        with pytest.raises(FetchFailed):
            await _fetch(client, url, store, media)
        begun = store.part(media.sha256).read_bytes()
        assert begun == body[: len(begun)] != b""
        store.part(media.sha256).unlink()
        oddity.raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        await _fetch(client, url, store, media)
    assert store.path(media.sha256).read_bytes() == body


@pytest.mark.parametrize("url", ["", "no address", "ftp://127.0.0.1", "http://", "http://[", "http://127.0.0.1:99999"])
async def test_what_is_no_address_is_told(store: MediaStore, media: Media, url: str) -> None:
    async with open_client() as client:
        with pytest.raises(FetchFailed):
            await _fetch(client, url, store, media)
