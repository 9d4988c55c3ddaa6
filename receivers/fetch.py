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
from typing import IO, Any

from broadcast.clock import Clock
from receivers.lean_httpx import httpx
from receivers.media import MediaStore
from receivers.needs import Need
from receivers.odometer import Connection, read
from receivers.version import SOFTWARE

CANNOT_RESUME = {httpx.codes.PARTIAL_CONTENT, httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE}
TIMEOUT_S = 20.0  # for a connection and for each block: a link that brings nothing this long is broken


class FetchFailed(Exception):
    """It did not come; the same may be tried again later."""


class FetchRefused(FetchFailed):
    """Something came, but not what was signed."""


class Client(httpx.AsyncClient):
    """A client for recordings; `count` is shown the connection that they come by."""

    count: Callable[[Connection], object]

    def look_at(self, response: httpx.Response) -> None:
        self.count(response.extensions["network_stream"].get_extra_info("socket"))


def open_client(
    proxy: str | None = None, count: Callable[[Connection], object] = read, timeout_s: float = TIMEOUT_S
) -> Client:
    """Without `proxy` the environment's is taken, where there is one."""
    client = Client(
        timeout=timeout_s,
        proxy=proxy,
        verify=_any_certificate(),
        headers={"User-Agent": SOFTWARE, "Accept-Encoding": "identity"},
        follow_redirects=True,
        limits=httpx.Limits(max_connections=1),
    )
    client.count = count
    return client


async def fetch(client: Client, url: str, need: Need, store: MediaStore, clock: Clock) -> None:
    """Bring the recording `need` from `url` into the store, or FetchFailed, or OSError from the disk."""
    have_bytes = store.done_bytes(need.sha256)
    if have_bytes > need.size_bytes:
        store.part(need.sha256).unlink()
        have_bytes = 0
    if have_bytes < need.size_bytes:
        try:
            await _download(client, url, need, store, have_bytes)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise FetchFailed(f"{url}: {str(error) or type(error).__name__}") from None
    if not await asyncio.to_thread(store.finish, need.sha256, clock.now_us()):
        raise FetchRefused(f"{url}: what came does not fit the signed hash")


async def _download(client: Client, url: str, need: Need, store: MediaStore, have_bytes: int) -> None:
    headers = {"Range": f"bytes={have_bytes}-"} if have_bytes else {}
    part = store.part(need.sha256)
    async with client.stream("GET", url, headers=headers) as response:
        client.look_at(response)
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT and _begins_at(response, have_bytes)
        if not resumed and response.status_code != httpx.codes.OK:
            if response.status_code in CANNOT_RESUME:
                part.unlink(missing_ok=True)
            raise FetchFailed(f"{url}: answered {response.status_code}")
        have_bytes = have_bytes if resumed else 0
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise FetchRefused(f"{url}: a web page instead of sound; is a sign-in page in between?")
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and have_bytes + int(announced) != need.size_bytes:
            if resumed:
                part.unlink()
            raise FetchRefused(f"{url}: {have_bytes + int(announced)} bytes instead of {need.size_bytes}")
        with part.open("ab" if resumed else "wb") as file:
            try:
                await _write(client, response, file, need.size_bytes - have_bytes)
            except FetchRefused:
                part.unlink()
                raise
            have_bytes = file.tell()
    if have_bytes < need.size_bytes:
        raise FetchFailed(f"{url}: cut after {have_bytes} of {need.size_bytes} bytes")


async def _write(client: Client, response: httpx.Response, file: IO[Any], room_bytes: int) -> None:
    async for block in response.aiter_raw():  # as it comes: blocks of a set size would be lost with a cut
        room_bytes -= len(block)
        if room_bytes < 0:
            raise FetchRefused(f"{response.url}: longer than was signed")
        client.look_at(response)
        await asyncio.to_thread(file.write, block)


def _begins_at(response: httpx.Response, have_bytes: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {have_bytes}-")


def _any_certificate() -> ssl.SSLContext:
    """Without the machine's certificates: to read them holds the interpreter for tens of milliseconds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
