"""An emergency passes while everything that could be in its way is there. What passes is told by order, not by time."""

import asyncio
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session, col, select

from broadcast.broker.lab import running
from broadcast.bus import Bus, Message
from broadcast.clock import SystemClock
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.speech.say import all_voices
from scheduler.emergency.document import now_document
from scheduler.emergency.sender import Urgent
from scheduler.fleet.documents import Draft
from scheduler.people import audit
from scheduler.people.models import AuditEntry
from scheduler.people.signin import machine
from scheduler.rights import Role
from web.centre import DOOR_THREADS
from web.urgent_door import AT_ONCE, STRANGERS

API = "/api/v1"
LIMIT_S = 60
THREADS_OF_PAGES = 40
MB = 1 << 20
UPLOADS = 4
UNDER_WAY_MB, LONGEST_MB = 60, 190
"""Of each upload: what has come of it before anything urgent is asked for, and what it has at most."""


async def test_not_behind_pages_and_jobs_that_fill_every_thread(alarm: Any, browsers: Any) -> None:
    let_go, inside = threading.Event(), threading.Semaphore(0)

    def page() -> None:
        inside.release()
        let_go.wait(LIMIT_S)

    loop = asyncio.get_running_loop()
    pages = [asyncio.create_task(anyio.to_thread.run_sync(page)) for _one in range(THREADS_OF_PAGES)]
    jobs = [loop.run_in_executor(None, page) for _one in range(THREADS_OF_PAGES)]
    try:
        while inside._value < THREADS_OF_PAGES:  # noqa: ASYNC110 - threads: asking is all there is
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(browsers["operator"].get(f"{API}/zones"))
        await alarm.passes(browsers)
        assert not waiting.done()
    finally:
        let_go.set()
        await asyncio.gather(*pages, *jobs)
    assert (await waiting).status_code == 200


@pytest.fixture
async def flood(alarm: Any) -> AsyncIterator[Callable[..., list[asyncio.Task[httpx.Response]]]]:
    """Many orders at once, each with its headers; they are left alone until the test is over."""
    begun: list[asyncio.Task[httpx.Response]] = []
    transport = httpx.ASGITransport(app=alarm.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:

        def begin(headers: Iterable[dict[str, str]]) -> list[asyncio.Task[httpx.Response]]:
            path, body = f"{API}/emergencies", alarm.draft()
            begun.extend(asyncio.create_task(client.post(path, json=body, headers=one)) for one in headers)
            return begun

        yield begin
        await asyncio.gather(*begun, return_exceptions=True)


@pytest.fixture
def held() -> Iterator[Callable[[Executor, int], None]]:
    """Takes every thread of a pool until the test is over."""
    let_go = threading.Event()

    def hold(threads: Executor, many: int) -> None:
        for _one in range(many):
            threads.submit(let_go.wait, LIMIT_S)

    yield hold
    let_go.set()


async def test_not_behind_a_flood_of_made_up_tokens(
    alarm: Any, browsers: Any, flood: Callable[..., Any], held: Callable[[Executor, int], None]
) -> None:
    held(alarm.app.state.centre.door_threads, DOOR_THREADS)
    strangers = flood({"Authorization": f"Bearer loa_{number:043d}"} for number in range(200))
    await asyncio.sleep(0)
    await alarm.passes(browsers)
    waiting = [task for task in strangers if not task.done()]
    assert len(waiting) == STRANGERS + AT_ONCE
    assert {task.result().status_code for task in strangers if task.done()} == {429}


async def test_not_behind_a_flood_of_stolen_tokens_that_may_do_nothing_urgent(
    alarm: Any, browsers: Any, flood: Callable[..., Any], add_person: Callable[..., Any]
) -> None:
    tokens = []
    for number in range(12):
        add_person(f"viewer{number}", alarm.places.leng, Role.VIEWER)
        signed = await asyncio.to_thread(alarm.sign_in, f"viewer{number}")
        tokens.append({"Cookie": f"loa_session={signed.cookies['loa_session']}"} | dict(signed.headers))
    let_go, inside = threading.Event(), threading.Semaphore(0)

    def page() -> None:
        inside.release()
        let_go.wait(LIMIT_S)

    pages = [asyncio.create_task(anyio.to_thread.run_sync(page)) for _one in range(THREADS_OF_PAGES)]
    try:
        while inside._value < THREADS_OF_PAGES:  # noqa: ASYNC110 - threads: asking is all there is
            await asyncio.sleep(0.01)
        stolen = flood(tokens * 10)
        await asyncio.sleep(0)
        await alarm.passes(browsers)
        assert sum(not task.done() for task in stolen) == len(tokens) * AT_ONCE
    finally:
        let_go.set()
        await asyncio.gather(*pages)
    assert {(await task).status_code for task in stolen} == {403, 429}


async def test_not_behind_those_who_wait_to_write(alarm: Any, browsers: Any) -> None:
    store, now = alarm.store, alarm.app.state.centre.clock.now()
    held, let_go = threading.Event(), threading.Event()

    def write(name: str, hold: bool) -> None:
        with store.writing() as db:
            if hold:
                held.set()
                let_go.wait(LIMIT_S)
            audit.record(db, machine(db), now, f"page.{name}", "x")

    asked = (await browsers["operator"].post(f"{API}/emergencies", json=alarm.draft())).json()
    with ThreadPoolExecutor(21) as threads:
        threads.submit(write, "first", hold=True)
        held.wait(LIMIT_S)
        for number in range(20):
            threads.submit(write, str(number), hold=False)
        path, headers = f"{API}/emergencies/{asked['id']}/confirm", {"If-Match": '"1"'}
        confirming = asyncio.create_task(browsers["second"].post(path, json={"word": "KHẨN CẤP"}, headers=headers))
        while len(store._turns._urgent) < 1 or len(store._turns._others) < 20:  # noqa: ASYNC110 - who waits is seen there
            await asyncio.sleep(0.01)
        let_go.set()
        assert (await confirming).status_code == 200
    with store.reading() as db:
        done = [row.action for row in db.exec(select(AuditEntry).order_by(col(AuditEntry.id)))]
    order = [action for action in done if action.startswith(("page.", "emergency.confirm"))]
    assert order[:2] == ["page.first", "emergency.confirm"]
    assert len(order) == 22


@pytest.fixture
async def on_air(alarm: Any, tmp_path: Path) -> AsyncIterator[Bus]:
    """The application's centre with a broker and an urgent connection of its own; zone van_1 cannot be built."""
    centre = alarm.app.state.centre
    async with running(tmp_path, SystemClock()) as lab:
        own, main = lab.urgent_bus(), lab.bus()
        tasks = [asyncio.create_task(bus.run(ignore)) for bus in (own, main)]
        for bus in (own, main):
            await bus.next_session(0)
        centre.urgent = Urgent(
            alarm.store,
            (own, main),
            key=Ed25519PrivateKey.generate(),
            build=partial(build, alarm.places.van_1),
            clock=centre.clock,
            threads=centre.urgent_threads,
        )
        yield main
        for task in tasks:
            task.cancel()


def ignore(_message: Message) -> None:
    pass


def build(broken: str, db: Session, zone_id: str, now: Any) -> Draft | None:
    if zone_id == broken:
        raise RuntimeError("a mistake in Loa")
    return now_document(db, zone_id, now)


async def test_not_behind_the_fault_of_another_zone(alarm: Any, browsers: Any, on_air: Bus) -> None:
    places = alarm.places
    body = alarm.draft(zone_ids=[places.van_1, places.leng])
    asked = (await browsers["operator"].post(f"{API}/emergencies", json=body)).json()
    path, headers = f"{API}/emergencies/{asked['id']}/confirm", {"If-Match": '"1"'}
    done = await browsers["second"].post(path, json={"word": "KHẨN CẤP"}, headers=headers)
    assert done.json()["state"] == "issued"
    assert asked["id"].encode() not in (await on_air.retained(f"loa/v1/zones/{places.van_1}/now") or b"")
    assert await on_air.retained(f"loa/v1/zones/{places.leng}/now") is not None
    assert not (await browsers["operator"].get(f"{API}/emergencies/{asked['id']}")).json()["delivered"]


async def test_the_broker_has_it_before_the_answer(alarm: Any, browsers: Any, on_air: Bus) -> None:
    order = await alarm.passes(browsers)
    assert order["delivered"]


@pytest.fixture
async def served(alarm: Any, browsers: Any, tmp_path: Path) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """The two operators, over a real connection each to the application as it is served."""
    media, originals = (MediaStore(tmp_path / name) for name in ("media", "originals"))
    alarm.app.state.centre.producer = Producer(media, originals, all_voices())
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(alarm.app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    made = {
        login: httpx.AsyncClient(base_url=url, cookies=dict(one.cookies), headers=one.headers, timeout=LIMIT_S)
        for login, one in browsers.items()
    }
    yield made
    for client in made.values():
        await client.aclose()
    server.should_exit = True
    await serving
    shutil.rmtree(tmp_path / "originals")


class Upload:
    """A sound file that is sent as fast as it is taken, and does not end before it is let go."""

    def __init__(self, client: httpx.AsyncClient, zone_id: str, let_go: asyncio.Event, letter: bytes) -> None:
        self.sent_mb = 0
        self.under_way = asyncio.Event()
        self._zone_id = zone_id
        self._piece = letter * MB
        self._let_go = let_go
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        path = f"{API}/uploads/announcements"
        self.answer = asyncio.create_task(client.post(path, content=self._body(), headers=headers))

    async def _body(self) -> AsyncIterator[bytes]:
        for name, value in (("zone_id", self._zone_id), ("title", "Từ tệp")):
            yield f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="loa.wav"\r\n\r\n'
        while self.sent_mb < LONGEST_MB and not self._let_go.is_set():
            yield self._piece
            self.sent_mb += 1
            if self.sent_mb == UNDER_WAY_MB:
                self.under_way.set()
        await self._let_go.wait()
        yield b"\r\n--x--\r\n"


async def test_not_behind_hundreds_of_megabytes_that_are_being_uploaded(alarm: Any, served: Any, on_air: Bus) -> None:
    let_go = asyncio.Event()
    uploads = [Upload(served["operator"], alarm.places.leng, let_go, bytes([number])) for number in range(UPLOADS)]
    try:
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*(upload.under_way.wait() for upload in uploads))
        order = await alarm.passes(served)
        assert order["delivered"]
        assert await on_air.retained(f"loa/v1/zones/{alarm.places.leng}/now") is not None
        assert not any(upload.answer.done() for upload in uploads)
    finally:
        let_go.set()
        answers = await asyncio.gather(*(upload.answer for upload in uploads))
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    originals = alarm.app.state.centre.producer.originals
    assert sorted(originals.size_bytes(sha256) for sha256 in originals) == sorted(up.sent_mb * MB for up in uploads)
