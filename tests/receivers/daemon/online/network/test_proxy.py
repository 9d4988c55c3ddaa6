"""Everything by an HTTP proxy: documents by CONNECT, recordings and enrolment as requests."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from broadcast.clock import SystemClock
from broadcast.wire import enrolment_code
from receivers import identity
from receivers.config import Config
from receivers.enrol import enrol
from receivers.fetch import FetchFailed, fetch, open_client
from receivers.lab.trial.relay import HOST
from receivers.media import MediaStore
from receivers.needs import Need

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre, HttpServer
    from tests.receivers.daemon.online.network.conftest import Station

S = 1_000_000


@dataclass
class Proxy:
    """Passes on, and keeps what it was asked for."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.decode().split("\r\n", 1)[0].split(" ")
            self.asked.append(f"{method} {target}")
            lines = [line.partition(": ") for line in head.decode().split("\r\n")]
            self.credentials += [value for name, _, value in lines if name == "Proxy-Authorization"]
            place = target if method == "CONNECT" else target.removeprefix("http://").split("/", 1)[0]
            host, _, port = place.partition(":")
            onward, back = await asyncio.open_connection(host, int(port))
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                back.write(head.replace(f"http://{place}".encode(), b"", 1))
            await asyncio.gather(_copy(reader, back), _copy(onward, writer))
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await reader.read(65_536):
            writer.write(block)
            await writer.drain()
    writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    yield proxy
    server.close()


async def test_a_receiver_lives_behind_a_proxy(station: Station, proxy: Proxy) -> None:
    song = station.media("song", 2)
    await station.plan(station.desk.airing("later", SystemClock().now_us() + 3600 * S, song))
    async with station.running(Config(clock_kept_by_host=True, proxy=proxy.url)):
        await station.up()
        await station.stocked()
    assert proxy.asked == [
        f"CONNECT {HOST}:{station.relay.port}",
        f"GET {station.centre.http.url}/media/{song.sha256}",
    ]


async def test_a_proxy_that_is_gone_is_told(station: Station) -> None:
    async with station.running(Config(clock_kept_by_host=True, proxy=f"http://{HOST}:1")):
        told = await station.told(lambda told: told.link_error is not None)
    assert f"{HOST}:1" in (told.link_error or "")


async def test_a_receiver_is_enrolled_by_a_proxy(centre: Centre, proxy: Proxy, tmp_path: Path) -> None:
    centre.http.post = centre.enrolment("rx7")
    code = enrolment_code.parse(centre.code)
    await asyncio.to_thread(enrol, centre.http.url, code, tmp_path, SystemClock(), None, proxy.url)
    enrolled = identity.load(tmp_path)
    assert enrolled.receiver_id == "rx7"
    assert enrolled.expires_us is not None
    assert proxy.asked == [f"POST {centre.http.url}/api/v1/enrolments"]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("no_proxy", ["", "elsewhere.example", HOST])
async def test_the_environments_proxy_is_taken_for_recordings(
    http: HttpServer,
    proxy: Proxy,
    desk: Desk,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    no_proxy: str,
) -> None:
    monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    media = desk.media("song", 2)
    http.bodies.update(desk.bodies)
    store = MediaStore(tmp_path / "media")
    store.open()
    url = f"{http.url}/media/{media.sha256}"
    async with open_client() as client:
        await fetch(client, url, Need(media.sha256, media.size_bytes, 0), store, SystemClock())
    assert proxy.asked == ([] if no_proxy == HOST else [f"GET {url}"])


@pytest.mark.parametrize("over_tls", [False, True])
async def test_the_settings_proxy_is_taken_for_all_and_told_who_asks(
    http: HttpServer,
    secure: str,
    proxy: Proxy,
    desk: Desk,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    over_tls: bool,
) -> None:
    monkeypatch.setenv("NO_PROXY", HOST)
    media = desk.media("song", 2)
    http.bodies.update(desk.bodies)
    store = MediaStore(tmp_path / "media")
    store.open()
    url = f"{secure if over_tls else http.url}/media/{media.sha256}"
    async with open_client(proxy.url.replace("//", "//loa:a%20b@")) as client:
        await fetch(client, url, Need(media.sha256, media.size_bytes, 0), store, SystemClock())
    assert proxy.asked == [f"CONNECT {secure.removeprefix('https://')}" if over_tls else f"GET {url}"]
    assert proxy.credentials == ["Basic bG9hOmEgYg=="]
    assert media.sha256 in store.ready


async def test_a_proxy_that_refuses_is_told(http: HttpServer, secure: str, desk: Desk, tmp_path: Path) -> None:
    media = desk.media("song", 2)
    store = MediaStore(tmp_path / "media")
    store.open()
    need = Need(media.sha256, media.size_bytes, 0)
    async with open_client(http.url) as client:  # knows neither CONNECT nor whole addresses
        for url in (secure, "http://elsewhere.example"):
            with pytest.raises(FetchFailed, match="404"):
                await fetch(client, f"{url}/{media.sha256}", need, store, SystemClock())
