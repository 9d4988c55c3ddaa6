"""The whole centre as a process: started, used through its door by a receiver, stopped, killed."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from broadcast.broker.lab import running as lab_broker
from broadcast.clock import SystemClock
from broadcast.trustroot.folder import TrustRoot, load_or_make
from broadcast.wire import enrolment_code, topics
from broadcast.wire.documents import Ack, Outcome, PlayReport, Programme, ReceiverSettings, ReceiverState
from broadcast.wire.enrolment import EnrolmentAnswer, EnrolmentReply, opened
from broadcast.wire.jws import key_id
from broadcast.wire.trust import TrustedDocuments
from scheduler.fleet import service
from scheduler.fleet.models import Receiver
from scheduler.fleet.schemas import CodeNew, ReceiverChange, ReceiverMove, ReceiverNew
from scheduler.people.actor import Actor
from scheduler.people.signin import machine
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind
from web.parts import CannotStart
from web.serve import serve
from web.settings import Settings

LIMIT_S = 60
RUN = """
import asyncio
from web.serve import serve
from web.settings import Settings

asyncio.run(serve(Settings(), ready=lambda url: print(url, flush=True)))
"""
CLOCK = SystemClock()


class Running:
    """A centre process and its own view of the database."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, folder: Path) -> None:
        self.process = process
        self.url = url
        self.folder = folder
        self.store = Store(f"sqlite:///{folder / 'loa.sqlite3'}")

    @property
    def broker(self) -> int:
        """The broker's process id."""
        return next(pid for pid in _children(self.process.pid) if _name(pid) == "mosquitto")

    def actor(self) -> Actor:
        with self.store.reading() as db:
            return machine(db)


@asynccontextmanager
async def centre(folder: Path) -> AsyncIterator[Running]:
    environment = {
        "LOA_DATA_DIR": str(folder),
        "LOA_PORT": "0",
        "LOA_BROKER_PORT": "0",
        "LOA_BANK_DELAY_S": "3600",
        "PATH": os.environ["PATH"],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            assert process.stdout is not None
            url = (await process.stdout.readline()).decode().strip()
        assert url, "it did not start; see standard error"
        running = Running(process, url, folder)
        try:
            yield running
        finally:
            running.store.close()
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(LIMIT_S):
            await process.wait()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with centre(tmp_path / "data") as running:
        yield running


class Node:
    """What a receiver keeps of its enrolment."""

    def __init__(self, reply: EnrolmentReply, key: ec.EllipticCurvePrivateKey, trust: TrustRoot) -> None:
        self.reply = reply
        self.tls = trust.context(key, x509.load_pem_x509_certificate(reply.certificate.encode()))
        public = trust.order_key.public_key()
        self.trusted = TrustedDocuments({key_id(public): public})

    def client(self, will: aiomqtt.Will | None = None) -> aiomqtt.Client:
        return aiomqtt.Client(
            self.reply.broker.host,
            self.reply.broker.port,
            identifier=self.reply.receiver_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=self.tls,
            will=will,
            timeout=60,
        )


def place(running: Running) -> str:
    """A district with two villages and one receiver in the first; the receiver's id."""
    with running.store.writing() as db:
        for zone_id, path in (("d", "/d/"), ("v1", "/d/v1/"), ("v2", "/d/v2/")):
            db.add(Zone(id=zone_id, path=path, kind=ZoneKind.OTHER, name=zone_id, parent_id=None))
            db.flush()
    with running.store.writing() as db:
        return service.create(db, machine(db), CLOCK.now(), ReceiverNew(zone_id="v1", name="Loa 1")).id


def enrolled(running: Running, receiver_id: str) -> Node:
    trust = load_or_make(running.folder / "keys", CLOCK.now())
    with running.store.writing() as db:
        order_key = trust.order_key.public_key()
        code = service.new_code(db, machine(db), CLOCK.now(), receiver_id, order_key=order_key, asked=CodeNew()).code
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    body = {"code": code, "csr": request.public_bytes(Encoding.PEM).decode(), "software": "loa/test"}
    answer = httpx.post(f"{running.url}/api/v1/enrolments", json=body)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    believed = msgspec.json.decode(answer.content, type=EnrolmentAnswer)
    return Node(opened(believed, enrolment_code.parse(code))[0], key, trust)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - another process: asking is all there is
            await asyncio.sleep(0.02)


async def test_from_a_code_to_documents_and_reports(running: Running) -> None:
    """The way of a receiver: it gets its documents and an Ack, obeys a move, and is put out when it is revoked."""
    receiver_id = place(running)
    node = await asyncio.to_thread(enrolled, running, receiver_id)
    gone = msgspec.json.encode(ReceiverState(online=False, at_us=1))
    will = aiomqtt.Will(topics.state(receiver_id), gone, qos=1, retain=True)
    async with asyncio.timeout(LIMIT_S), node.client(will) as client:
        await introduce(node, client)
        messages = aiter(client.messages)
        assert await first_messages(node, messages) == {"programme": ("v1",), "settings": ("d", "v1"), "ack": 1}
        row = _receiver(running, receiver_id)
        assert (row.online, row.ack_number, row.heard_dbfs) == (True, 1, -20.0)
        await asyncio.to_thread(_move, running, receiver_id, "v2")
        document = await next_document(node, messages)
        assert isinstance(document, ReceiverSettings)
        assert document.zone_path == ("d", "v2")
        await asyncio.to_thread(_revoke, running, receiver_id)
        with pytest.raises(aiomqtt.MqttError):
            await next_document(node, messages, following=3)
    await until(lambda: not _receiver(running, receiver_id).online)


async def introduce(node: Node, client: aiomqtt.Client) -> None:
    """What a receiver does first: subscribe, say how it is, and report."""
    receiver_id = node.reply.receiver_id
    report = PlayReport(
        number=1,
        airing_id="a1",
        broadcast_id="b1",
        outcome=Outcome.HEARD,
        planned_start_us=CLOCK.now_us(),
        planned_duration_us=1,
        end_us=CLOCK.now_us(),
        rms_dbfs=-20.0,
    )
    for topic in (topics.settings(receiver_id), topics.programme("v1"), topics.ack(receiver_id)):
        await client.subscribe(topic, qos=1)
    state = ReceiverState(online=True, at_us=CLOCK.now_us(), volume_percent=70)
    await client.publish(topics.state(receiver_id), msgspec.json.encode(state), qos=1, retain=True)
    await client.publish(topics.reports(receiver_id), msgspec.json.encode(report), qos=1)


async def first_messages(node: Node, messages: AsyncIterator[aiomqtt.Message]) -> dict[str, object]:
    """Its programme, its settings and the Ack of its first report, in whatever order they come."""
    got: dict[str, object] = {}
    while len(got) < 3:
        message = await anext(messages)
        assert isinstance(message.payload, bytes)
        if message.topic.value == topics.ack(node.reply.receiver_id):
            if number := msgspec.json.decode(message.payload, type=Ack).number:
                got["ack"] = number
            continue
        match node.trusted.accept(message.topic.value, message.payload, CLOCK.now_us()):
            case Programme(target=zone_id):
                got["programme"] = (zone_id,)
            case ReceiverSettings(zone_path=zone_path):
                got["settings"] = zone_path
    return got


async def next_document(
    node: Node, messages: AsyncIterator[aiomqtt.Message], following: int = 1
) -> Programme | ReceiverSettings:
    """The next document that is news, or the one `following` so many."""
    while True:
        message = await anext(messages)
        assert isinstance(message.payload, bytes)
        if message.topic.value.endswith("/ack"):
            continue
        document = node.trusted.accept(message.topic.value, message.payload, CLOCK.now_us())
        if isinstance(document, Programme | ReceiverSettings):
            following -= 1
            if following == 0:
                return document


async def test_a_killed_broker_comes_back_with_all_documents(running: Running) -> None:
    receiver_id = place(running)
    node = await asyncio.to_thread(enrolled, running, receiver_id)
    await until(lambda: _has_documents(running, receiver_id))
    before = running.broker
    os.kill(before, signal.SIGKILL)
    async with asyncio.timeout(LIMIT_S):
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with node.client() as client:
                    await client.subscribe(topics.settings(receiver_id), qos=1)
                    document = await next_document(node, aiter(client.messages))
                    break
    assert isinstance(document, ReceiverSettings)
    assert running.broker != before


async def test_killed_in_the_middle_of_saves_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Each life is killed -9 while documents are being made; the last one publishes what the database says."""
    folder = tmp_path / "data"
    async with centre(folder) as first:
        receiver_id = place(first)
    for life in range(2):
        async with centre(folder) as running:
            for step in range(7):
                await asyncio.to_thread(_note, running, receiver_id, f"{life}.{step}")
                await asyncio.to_thread(_move, running, receiver_id, f"v{step % 2 + 1}")
            running.process.kill()
    async with centre(folder) as running, asyncio.timeout(LIMIT_S):
        node = await asyncio.to_thread(enrolled, running, receiver_id)  # the broker's port is another one
        async with node.client() as client:
            await client.subscribe(topics.settings(receiver_id), qos=1)
            messages = aiter(client.messages)
            document = await next_document(node, messages)
            while not (isinstance(document, ReceiverSettings) and document.zone_path == ("d", "v1")):
                document = await next_document(node, messages)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_asked_to_stop_it_leaves_nothing_behind(tmp_path: Path, how: signal.Signals) -> None:
    async with centre(tmp_path / "data") as running:
        family = [running.process.pid, *_children(running.process.pid)]
        running.process.send_signal(how)
        async with asyncio.timeout(LIMIT_S):
            assert await running.process.wait() == 0
    assert not _alive(family)


async def test_killed_it_leaves_nothing_behind(tmp_path: Path) -> None:
    async with centre(tmp_path / "data") as running:
        family = [running.process.pid, *_children(running.process.pid)]
        running.process.kill()
    await until(lambda: not _alive(family))


async def test_an_external_broker_is_used_and_left_running(tmp_path: Path) -> None:
    async with lab_broker(tmp_path, CLOCK) as lab:
        settings = Settings(data_dir=tmp_path, port=0, broker_external=True, broker_port=lab.port)
        url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(settings, ready=url.set_result))
        async with asyncio.timeout(LIMIT_S), httpx.AsyncClient(base_url=await url) as client:
            while not (await client.get("/api/v1/health")).json()["broker_connected"]:  # noqa: ASYNC110 - as a probe does
                await asyncio.sleep(0.02)
            signal.raise_signal(signal.SIGTERM)
            await serving
        assert _children(os.getpid()).count(lab.broker.pid or 0) == 1


async def test_a_port_in_use_is_explained(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data_dir=tmp_path, port=taken.getsockname()[1], broker_port=0)
        with pytest.raises(CannotStart, match="LOA_PORT"):
            await serve(settings)


async def test_a_brokers_port_in_use_is_explained(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data_dir=tmp_path, port=0, broker_port=taken.getsockname()[1])
        with pytest.raises(CannotStart, match="LOA_BROKER_PORT"):
            await serve(settings)


async def test_a_second_centre_on_the_same_data_is_refused(running: Running) -> None:
    with pytest.raises(CannotStart, match="Another centre"):
        await serve(Settings(data_dir=running.folder, port=0, broker_port=0))


async def test_damaged_keys_are_explained(tmp_path: Path) -> None:
    load_or_make(tmp_path / "keys", CLOCK.now())
    (tmp_path / "keys" / "order.pem").write_bytes(b"")
    with pytest.raises(CannotStart, match="Restore this folder"):
        await serve(Settings(data_dir=tmp_path, port=0, broker_port=0))


async def test_a_part_that_fails_ends_the_process(tmp_path: Path) -> None:
    """The database is taken away under the running centre; whoever supervises it must notice."""
    async with centre(tmp_path / "data") as running:
        with running.store.writing() as db:
            db.connection().exec_driver_sql("DROP TABLE dirtytopic")
        family = [running.process.pid, *_children(running.process.pid)]
        async with asyncio.timeout(LIMIT_S):
            assert await running.process.wait() == 1
    assert not _alive(family)


def _receiver(running: Running, receiver_id: str) -> Receiver:
    with running.store.reading() as db:
        row = db.get(Receiver, receiver_id)
        assert row is not None
        return row


def _has_documents(running: Running, receiver_id: str) -> bool:
    health = httpx.get(f"{running.url}/api/v1/health").json()
    return bool(health["status"] == "ok" and health["documents_waiting"] == 0 and receiver_id)


def _move(running: Running, receiver_id: str, zone_id: str) -> None:
    version = _receiver(running, receiver_id).version
    with running.store.writing() as db:
        move = ReceiverMove(zone_id=zone_id)
        service.move(db, machine(db), CLOCK.now(), receiver_id, version=version, move=move)


def _note(running: Running, receiver_id: str, note: str) -> None:
    version = _receiver(running, receiver_id).version
    with running.store.writing() as db:
        change = ReceiverChange(note=note)
        service.change(db, machine(db), CLOCK.now(), receiver_id, version=version, change=change)


def _revoke(running: Running, receiver_id: str) -> None:
    with running.store.writing() as db:
        service.revoke(db, machine(db), CLOCK.now(), receiver_id)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
