"""A centre whose studio runs, people's clients of it, and a microphone that is no browser's: aiortc driven by hand."""

import asyncio
import functools
import http.server
import shutil
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlmodel import select

from broadcast.clock import SystemClock
from broadcast.live.desk import LiveDesk
from broadcast.media import MediaStore
from broadcast.wire.chunks import Chunk
from scheduler.changes import Changes
from scheduler.people.models import AuditEntry
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.auth import CSRF_HEADER
from web.centre import Centre
from web.live.lab import HandMicrophone, voice
from web.live.microphone import Samples
from web.live.peer import offer_addresses
from web.live.studio import Studio

PASSWORD = "một mật khẩu đủ dài"


@pytest.fixture
def clock() -> SystemClock:
    """Connections take real time."""
    return SystemClock()


@dataclass
class Air:
    """The centre, where its receivers were sent documents, and a client for the operator."""

    centre: Centre
    studio: Studio
    places: Any
    operator: httpx.AsyncClient
    browser: Callable[[], httpx.AsyncClient]
    code: Callable[[], str]
    sent: list[frozenset[str]] = field(default_factory=list)

    def ends(self) -> dict[str, str]:
        """The reason for which each talk ended, by the audit record."""
        with self.centre.store.reading() as db:
            rows = db.exec(select(AuditEntry).where(AuditEntry.action == "live.end")).all()
            return {row.subject.removeprefix("live:"): row.detail["reason"] for row in rows}

    async def ask(self, **other: Any) -> dict[str, Any]:
        body = {"zone_id": self.places.leng, "zone_ids": [self.places.leng], "title": "Xã nói chuyện", "cls": "normal"}
        answer = await self.operator.post("/api/v1/live", json=body | other, headers={"X-Second-Factor": self.code()})
        assert answer.status_code == 201, answer.text
        asked: dict[str, Any] = answer.json()
        return asked

    async def talk(self, talk_id: str) -> dict[str, Any]:
        answer = await self.operator.get(f"/api/v1/live/{talk_id}")
        found: dict[str, Any] = answer.json()
        return found

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 -- whatever it is
                await asyncio.sleep(0.02)

    async def until_ended(self, talk_id: str) -> dict[str, Any]:
        return await self.until_talk(talk_id, lambda talk: talk["state"] == "ended")

    async def until_talk(self, talk_id: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The talk once this holds of it."""
        async with asyncio.timeout(20):
            while not holds(found := await self.talk(talk_id)):  # noqa: ASYNC110 -- asked as a page asks
                await asyncio.sleep(0.05)
            return found

    async def sign_in(self, client: httpx.AsyncClient, login: str) -> None:
        answer = await client.post("/api/v1/session", json={"login": login, "password": PASSWORD})
        client.headers[CSRF_HEADER] = answer.json()["csrf_token"]

    def record(self, talk_id: str) -> list[Chunk]:
        """The chunks of a talk that is on the air, from now on."""
        feed, chunks = self.studio.desk.get(talk_id), list[Chunk]()
        assert feed is not None
        feed.follow(lambda chunk, _sealed: chunks.append(chunk))
        return chunks


@pytest.fixture
async def studio(
    store: Store, clock: SystemClock, tmp_path: Path
) -> AsyncIterator[tuple[Studio, list[frozenset[str]]]]:
    """A studio that runs, and the zones that it had sent documents to."""
    sent: list[frozenset[str]] = []

    async def send(zone_ids: Collection[str]) -> None:
        sent.append(frozenset(zone_ids))

    changes = Changes()
    changes.attach(asyncio.get_running_loop())
    made = Studio(
        store, LiveDesk("http://centre"), clock, changes,
        media=MediaStore(tmp_path / "media"), folder=tmp_path / "live", keep_days=30, send=send,
        relay_hosts=frozenset({"127.0.0.1"}),
    )  # fmt: skip
    offer_addresses(frozenset({"127.0.0.1"}), loopback=True)
    running = asyncio.create_task(made.run())
    yield made, sent
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def air(
    centre: Centre, app: FastAPI, studio: tuple[Studio, list[frozenset[str]]], *, places: Any, add_person: Any,
    typed_code: Callable[[str], str],
) -> AsyncIterator[Air]:  # fmt: skip
    add_person("operator", places.province, Role.OPERATOR)
    add_person("official", places.leng, Role.EDITOR)
    centre.studio, sent = studio

    def browser() -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://testserver")

    async with browser() as operator:
        air = Air(centre, centre.studio, places, operator, browser, lambda: typed_code("operator"), sent)
        await air.sign_in(operator, "operator")
        yield air


@pytest.fixture
def station(tmp_path: Path) -> Iterator[str]:
    """The address of a stream: an MP3 of our own voice, from a host on this machine."""
    folder = tmp_path / "station"
    folder.mkdir()
    raw = folder / "voice.f32"
    raw.write_bytes(voice(20).tobytes())
    made = ("ffmpeg", "-v", "error", "-f", "f32le", "-ar", "48000", "-ac", "1", "-i", raw, folder / "voice.mp3")
    subprocess.run(made, check=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/voice.mp3"
        server.shutdown()
    shutil.rmtree(folder)


@pytest.fixture
async def microphone(air: Air) -> AsyncIterator[Callable[..., HandMicrophone]]:
    made: list[HandMicrophone] = []

    def make(samples: Samples | None = None, client: httpx.AsyncClient | None = None) -> HandMicrophone:
        made.append(HandMicrophone(client or air.operator, voice(30) if samples is None else samples))
        return made[-1]

    yield make
    await asyncio.gather(*(one.close() for one in made))


@pytest.fixture
async def address(app: FastAPI, air: Any) -> AsyncIterator[str]:
    """Where the pages of the centre are served."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving
