"""A small centre on real sockets: Mosquitto with TLS and certificates, recordings and enrolment over faulty HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broadcast.broker.lab import HOST, LabBroker, running
from broadcast.clock import SystemClock
from broadcast.trustroot.authority import Authority, public_key_of
from broadcast.wire import enrolment, enrolment_code, topics
from broadcast.wire.documents import Ack, Beat, PlayReport, ReceiverState, TimeTold
from broadcast.wire.enrolment import BrokerAddress, EnrolmentReply, EnrolmentRequest, order_key_text
from broadcast.wire.trust import seal
from receivers import identity
from receivers.lab.trial.relay import Relay
from receivers.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    from broadcast.bus import Message
    from broadcast.wire.signed import SignedDocument

CODE_SECRET = b"seven-or-more"
PAGE = b"<html>Please sign in to use this Wi-Fi</html>"


@dataclass
class HttpServer:
    """Serves `bodies` by name, with Range. One of `faults` is taken by each request.

    They are cut:N (after N bytes), held (in the middle, until `gate`), html, page and bare (a portal), longer, altered,
    404, and plain (no Range).
    """

    bodies: dict[str, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    post: Callable[[bytes], tuple[int, bytes]] | None = None
    port: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    holding: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            request, *lines = head.split("\r\n")
            headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
            method, path, _ = request.split(" ")
            self.requests.append((path, headers.get("range")))
            if method == "POST" and self.post is not None:
                status, answer = self.post(await reader.readexactly(int(headers["content-length"])))
                self._head(writer, status, len(answer), "application/json")
                writer.write(answer)
            else:
                await self._get(writer, self.bodies.get(path.rsplit("/", 1)[-1]), headers.get("range"))
            await writer.drain()
        writer.close()

    async def _get(self, writer: asyncio.StreamWriter, body: bytes | None, wanted: str | None) -> None:
        fault, _, count = (self.faults.pop(0) if self.faults else "").partition(":")
        if body is None or fault == "404":
            self._head(writer, 404, 0, "text/plain")
            return
        if fault == "bare":
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PAGE)
            return
        if fault in {"html", "page"}:  # a portal that says what it is, and one that does not
            self._head(writer, 200, len(PAGE), "text/html" if fault == "html" else "audio/ogg")
            writer.write(PAGE)
            return
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and fault != "plain" else 0
        piece = body[begin:]
        if fault == "altered":
            piece = piece[:-1] + bytes((piece[-1] ^ 1,))
        if fault == "longer":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/ogg\r\nConnection: close\r\n\r\n" + piece + b"x")
            return
        part = f"Content-Range: bytes {begin}-{len(body) - 1}/{len(body)}\r\n" if begin else ""
        self._head(writer, 206 if begin else 200, len(piece), "audio/ogg", part)
        if fault == "held":
            writer.write(piece[: len(piece) // 2])
            self.holding.set()
            await self.gate.wait()
            piece = piece[len(piece) // 2 :]
        writer.write(piece[: int(count)] if fault == "cut" else piece)

    def _head(self, writer: asyncio.StreamWriter, status: int, length: int, kind: str, more: str = "") -> None:
        phrase = HTTPStatus(status).phrase
        head = f"HTTP/1.1 {status} {phrase}\r\nContent-Length: {length}\r\nContent-Type: {kind}\r\n{more}"
        writer.write(f"{head}Connection: close\r\n\r\n".encode())


@dataclass
class Centre:
    """What a receiver sees of a centre. Reports are acknowledged as long as `acknowledging`."""

    lab: LabBroker
    http: HttpServer
    reports: list[PlayReport] = field(default_factory=list)
    states: list[ReceiverState] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    acknowledging: bool = True
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.bus = self.lab.bus()

    @property
    def order_key(self) -> Ed25519PublicKey:
        return self.lab.root.order_key.public_key()

    @property
    def code(self) -> str:
        return enrolment_code.make(CODE_SECRET, self.order_key)

    def take(self, message: Message) -> None:
        place = topics.parse(message.topic)
        if place is not None and place.kind == "reports":
            self.reports.append(msgspec.json.decode(message.payload, type=PlayReport))
            if self.acknowledging:
                self._later(self.acknowledge(place.target, self.reports[-1].number))
        elif place is not None and place.kind == "state":
            self.states.append(msgspec.json.decode(message.payload, type=ReceiverState))
        elif place is not None and place.kind == "beat":
            self.beats.append(msgspec.json.decode(message.payload, type=Beat))
            told = TimeTold(at_us=self.beats[-1].at_us, centre_us=self.lab.clock.now_us())
            self._later(self.bus.publish(topics.time(place.target), msgspec.json.encode(told), retain=False))
        self._later(self._notify())

    async def until(self, what: Callable[[], bool], seconds: float = 60) -> None:
        """Return once `what` holds; it is asked at each message that comes up."""
        async with asyncio.timeout(seconds), self.news:
            await self.news.wait_for(what)

    async def acknowledge(self, receiver_id: str, number: int) -> None:
        await self.bus.publish(topics.ack(receiver_id), msgspec.json.encode(Ack(number=number)), retain=True)

    async def publish(self, document: SignedDocument) -> None:
        kind = str(type(document).__struct_config__.tag)
        scope = "receivers" if kind == "settings" else "zones"
        topic = str(topics.Topic(scope, document.target, kind))
        await self.bus.publish(topic, seal(document, self.lab.root.order_key), retain=True)

    def enrolment(
        self,
        receiver_id: str,
        key: Ed25519PrivateKey | None = None,
        change: Callable[[EnrolmentReply], EnrolmentReply] = lambda reply: reply,
    ) -> Callable[[bytes], tuple[int, bytes]]:
        """Answers enrolment requests as a centre, by another order key if one is given; `change` is signed too."""

        def answer(body: bytes) -> tuple[int, bytes]:
            request = msgspec.json.decode(body, type=EnrolmentRequest)
            if enrolment_code.parse(request.code).secret != enrolment_code.parse(self.code).secret:
                return 403, b'{"title":"Refused","detail":"This code is not known."}'
            root = self.lab.root
            certificate = root.authority.receiver(receiver_id, public_key_of(request.csr), self.lab.clock.now())
            reply = self._reply(receiver_id, certificate.public_bytes(Encoding.PEM))
            return 201, msgspec.json.encode(enrolment.seal(change(reply), key or root.order_key))

        return answer

    def enrolled(self, folder: Path, receiver_id: str) -> identity.Identity:
        """A receiver's identity, kept in `folder`, without asking."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.lab.root.authority.receiver(receiver_id, key.public_key(), self.lab.clock.now())
        reply = self._reply(receiver_id, certificate.public_bytes(Encoding.PEM))
        made = identity.Identity(
            receiver_id=receiver_id,
            credentials="credentials-test.pem",
            ca=reply.ca,
            order_keys=(order_key_text(self.order_key),),
            broker=reply.broker,
            media_urls=reply.media_urls,
            enrolled_us=self.lab.clock.now_us(),
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        identity.save(folder, made, pem + reply.certificate.encode())
        return made

    def _reply(self, receiver_id: str, certificate: bytes) -> EnrolmentReply:
        return EnrolmentReply(
            receiver_id=receiver_id,
            certificate=certificate.decode(),
            ca=self.lab.root.ca_pem.decode(),
            broker=BrokerAddress(host=HOST, port=self.lab.port),
            media_urls=(f"{self.http.url}/media/",),
        )

    async def _notify(self) -> None:
        async with self.news:
            self.news.notify_all()

    def _later(self, job: object) -> None:
        task = asyncio.ensure_future(job)  # type: ignore[call-overload]
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@pytest.fixture
async def http() -> AsyncIterator[HttpServer]:
    server = HttpServer()
    listener = await asyncio.start_server(server.serve, HOST, 0)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    listener.close()


@pytest.fixture
async def secure(http: HttpServer, tmp_path: Path) -> AsyncIterator[str]:
    """The address of the same server over TLS."""
    key, authority = ec.generate_private_key(ec.SECP256R1()), Authority.make(SystemClock().now())
    certificate = authority.broker(key.public_key(), [HOST], SystemClock().now())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    (tmp_path / "https.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "https.pem")
    listener = await asyncio.start_server(http.serve, HOST, 0, ssl=context)
    yield f"https://{HOST}:{listener.sockets[0].getsockname()[1]}"
    listener.close()


@pytest.fixture
async def centre(tmp_path: Path, http: HttpServer) -> AsyncIterator[Centre]:
    async with running(tmp_path / "centre", SystemClock()) as lab:
        centre = Centre(lab, http)
        task = asyncio.create_task(centre.bus.run(centre.take))
        async with asyncio.timeout(60):
            await centre.bus.next_session(0)
        yield centre
        await end((task,))


@pytest.fixture
async def relay(centre: Centre) -> AsyncIterator[Relay]:
    """A link to the centre's broker that is up and can be cut."""
    relay = Relay(centre.lab.port)
    await relay.mend()
    yield relay
    relay.cut()
