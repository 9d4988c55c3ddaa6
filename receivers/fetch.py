"""One recording over HTTP into its `.part` file (does I/O).

Rules
- What is there already is asked for by Range and added to; a server that does not know Range starts it over.
- An answer that announces another size than the signed one, or that is HTML, is refused and does not touch what is
  there. One that turns out to be longer is refused and removed; a shorter one is a cut, and what came stays.
- A part that is not the one that was asked for says that this server or cache cannot do parts: the whole is asked for
  next, so that nothing is stuck for ever.
- The transport is not trusted, the hash is: plain HTTP, a cache or any certificate will do. What a captive portal slips
  in fails its hash and is removed.
"""

import asyncio
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPResponse
from typing import IO, Self

from broadcast.clock import Clock
from receivers.line import Find, Line, look_up
from receivers.media import MediaStore
from receivers.needs import Need
from receivers.odometer import Connection, read
from receivers.opener import NoAnswer, asked

CANNOT_RESUME = {HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
TIMEOUT_S = 20.0  # for a connection and for each block: a link that brings nothing this long is broken


class FetchFailed(Exception):
    """It did not come; the same may be tried again later."""


class FetchRefused(FetchFailed):
    """Something came, but not what was signed."""


class Client:
    """Asks for one recording at a time, from one thread; `count` is shown the connection that it comes by.

    With more `threads` one that is stuck in looking up a name holds up no other.
    """

    def __init__(
        self, proxy: str | None, count: Callable[[Connection], object], timeout_s: float, threads: int = 1
    ) -> None:
        self._thread = ThreadPoolExecutor(threads, "download")
        self._count = count
        self._timeout_s = timeout_s
        self.proxy = proxy
        self.trust = _any_certificate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def line(self, find: Find = look_up, *, haste: bool = False) -> Line:
        """For one recording; `find` knows where hosts are."""
        return Line(self._thread, self._count, self._timeout_s, find, haste=haste)


def open_client(
    proxy: str | None = None,
    count: Callable[[Connection], object] = read,
    timeout_s: float = TIMEOUT_S,
    threads: int = 1,
) -> Client:
    """Without `proxy` the environment's is taken, where there is one."""
    return Client(proxy, count, timeout_s, threads)


async def fetch(client: Client, url: str, need: Need, store: MediaStore, clock: Clock) -> None:
    """Bring the recording `need` from `url` into the store, or FetchFailed, or OSError from the disk."""
    have_bytes = store.done_bytes(need.sha256)
    if have_bytes > need.size_bytes:
        store.part(need.sha256).unlink()
        have_bytes = 0
    if have_bytes < need.size_bytes:
        try:
            await _download(client, url, need, store, have_bytes)
        except NoAnswer as error:
            raise FetchFailed(f"{url}: {error}") from None
    if not await asyncio.to_thread(store.finish, need.sha256, clock.now_us()):
        raise FetchRefused(f"{url}: what came does not fit the signed hash")


async def _download(client: Client, url: str, need: Need, store: MediaStore, have_bytes: int) -> None:
    part, line = store.part(need.sha256), client.line()
    request = asked(url, {"Range": f"bytes={have_bytes}-"} if have_bytes else {})
    try:
        answer = await line.open(request, client.trust, client.proxy)
        resumed = answer.status == HTTPStatus.PARTIAL_CONTENT and _begins_at(answer, have_bytes)
        if not resumed and answer.status != HTTPStatus.OK:
            if answer.status in CANNOT_RESUME:
                part.unlink(missing_ok=True)
            raise FetchFailed(f"{url}: answered {answer.status}")
        have_bytes = have_bytes if resumed else 0
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise FetchRefused(f"{url}: a web page instead of sound; is a sign-in page in between?")
        if answer.length is not None and have_bytes + answer.length != need.size_bytes:
            if resumed:
                part.unlink()
            raise FetchRefused(f"{url}: {have_bytes + answer.length} bytes instead of {need.size_bytes}")
        with part.open("ab" if resumed else "wb") as file:
            try:
                await _write(line, url, file, need.size_bytes - have_bytes)
            except FetchRefused:
                part.unlink()
                raise
            have_bytes = file.tell()
    finally:
        line.leave()
    if have_bytes < need.size_bytes:
        raise FetchFailed(f"{url}: cut after {have_bytes} of {need.size_bytes} bytes")


async def _write(line: Line, url: str, file: IO[bytes], room_bytes: int) -> None:
    while wrote_bytes := await line.write_block(file, room_bytes):
        room_bytes -= wrote_bytes
        if room_bytes < 0:
            raise FetchRefused(f"{url}: longer than was signed")


def _begins_at(answer: HTTPResponse, have_bytes: int) -> bool:
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have_bytes}-")


def _any_certificate() -> ssl.SSLContext:
    """Without the machine's certificates: to read them holds the interpreter for tens of milliseconds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
