"""What a receiver sees of a centre, for benches: a real broker with TLS, documents, recordings, time. And a daemon."""

import asyncio
import contextlib
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broadcast.broker.lab import HOST, LabBroker, running
from broadcast.bus import Bus, Message
from broadcast.clock import US_PER_S, SystemClock
from broadcast.wire import topics
from broadcast.wire.documents import (
    Ack,
    Airing,
    Beat,
    BroadcastClass,
    Media,
    PlayReport,
    Programme,
    ReceiverSettings,
    ReceiverState,
    Rules,
    TimeTold,
)
from broadcast.wire.enrolment import BrokerAddress, order_key_text
from broadcast.wire.signed import SignedDocument
from broadcast.wire.trust import seal
from receivers import identity

RECEIVER, ZONE = "0190a1b2c3d4e5f60718293a4b5c6d7e", "0190a1b2c3d4e5f60718293a4b5c6d7f"  # as long as real ones
LIMIT_S = 120.0
US_PER_DAY = 86_400 * US_PER_S


class Centre:
    """Serves recordings `bodies`, answers beats, keeps and acknowledges reports."""

    def __init__(self, lab: LabBroker, bodies: Iterable[bytes]) -> None:
        self.lab = lab
        self.bus = Bus(HOST, lab.port, lab.root.client_context, lab.clock)
        self.bodies = {hashlib.sha256(body).hexdigest(): body for body in bodies}
        self.state: ReceiverState | None = None
        self.state_bytes = 0
        self.reports: list[PlayReport] = []
        self.heard = asyncio.Event()
        self._number = 0
        self._answers: set[asyncio.Task[None]] = set()

    def take(self, message: Message) -> None:
        match topics.parse(message.topic):
            case topics.Topic(kind="state"):
                self.state = msgspec.json.decode(message.payload, type=ReceiverState)
                self.state_bytes = max(self.state_bytes, len(message.payload))
            case topics.Topic(kind="reports"):
                report = msgspec.json.decode(message.payload, type=PlayReport)
                self.reports.append(report)
                self._answer(topics.ack(RECEIVER), Ack(number=report.number), retain=True)
            case topics.Topic(kind="beat"):
                beat = msgspec.json.decode(message.payload, type=Beat)
                told = TimeTold(at_us=beat.at_us, centre_us=self.lab.clock.now_us())
                self._answer(topics.time(RECEIVER), told, retain=False)
        self.heard.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One recording over HTTP."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            body = self.bodies[head.split(b" ", 2)[1].decode().rsplit("/", 1)[1]]
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        writer.close()

    async def until(self, is_so: Callable[[], bool], seconds: float = LIMIT_S) -> None:
        """Return once `is_so`; looked at after each message. TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while not is_so():
                self.heard.clear()
                await self.heard.wait()

    @property
    def is_ready(self) -> bool:
        """Whether the receiver is there and has every recording."""
        state = self.state
        return state is not None and state.online and len(state.ready) == len(self.bodies)

    async def publish(self, airings: Sequence[Airing]) -> None:
        """Settings, and a programme of `airings`, for eight days."""
        self._number += 1
        now_us = self.lab.clock.now_us()
        number, end_us = self._number, now_us + 8 * US_PER_DAY
        settings = ReceiverSettings(
            target=RECEIVER, zone_path=(ZONE,), rules=Rules(), number=number, issued_us=now_us, expires_us=end_us
        )
        programme = Programme(target=ZONE, airings=tuple(airings), number=number, issued_us=now_us, expires_us=end_us)
        await self._send(topics.settings(RECEIVER), settings)
        await self._send(topics.programme(ZONE), programme)

    def airing(self, name: str, sha256: str, start_us: int, duration_us: int) -> Airing:
        media = Media(sha256=sha256, size_bytes=len(self.bodies[sha256]), duration_us=duration_us)
        return Airing(id=name, broadcast_id=sha256[:32], cls=BroadcastClass.NORMAL, start_us=start_us, media=(media,))

    async def _send(self, topic: str, document: SignedDocument) -> None:
        await self.bus.publish(topic, seal(document, self.lab.root.order_key), retain=True)

    def _answer(self, topic: str, told: Ack | TimeTold, *, retain: bool) -> None:
        answer = asyncio.create_task(self.bus.publish(topic, msgspec.json.encode(told), retain=retain))
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)


@contextlib.asynccontextmanager
async def centre(folder: Path, bodies: Iterable[bytes]) -> AsyncIterator[Centre]:
    """A running centre under `folder`."""
    async with running(folder, SystemClock()) as lab:
        made = Centre(lab, bodies)
        task = asyncio.create_task(made.bus.run(made.take))
        try:
            async with asyncio.timeout(LIMIT_S):
                await made.bus.next_session(0)
            yield made
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def enrol(lab: LabBroker, folder: Path, port: int, media_port: int) -> None:
    """Make `folder` the state of a receiver that reaches the broker and the recordings at these ports."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = lab.root.authority.receiver(RECEIVER, key.public_key(), lab.clock.now())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = identity.Identity(
        receiver_id=RECEIVER,
        credentials="credentials-bench.pem",
        ca=lab.root.ca_pem.decode(),
        order_keys=(order_key_text(lab.root.order_key.public_key()),),
        broker=BrokerAddress(host=HOST, port=port),
        media_urls=(f"http://{HOST}:{media_port}/media/",),
        enrolled_us=lab.clock.now_us(),
    )
    identity.save(folder, made, pem + certificate.public_bytes(Encoding.PEM))


@contextlib.asynccontextmanager
async def daemon(folder: Path, horn: str, environment: Mapping[str, str]) -> AsyncIterator[int]:
    """A receiver's daemon on `horn`, ended in order with the block; its process id."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-OO", "-m", "receivers", "run", "--state", str(folder), "--device", horn),
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process.pid
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
