"""A real broker in a folder of its own, with certificates by the name, for tests and benches (does I/O)."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiomqtt
from cryptography.hazmat.primitives.asymmetric import ec

from broadcast.broker.config import STATE_FILE, STATE_FOLDER
from broadcast.broker.process import Broker
from broadcast.bus import Bus
from broadcast.clock import Clock
from broadcast.trustroot.authority import URGENT, Authority
from broadcast.trustroot.folder import TrustRoot, load_or_make, renew

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class LabBroker:
    """A broker that runs, and what is needed to talk to it."""

    broker: Broker
    root: TrustRoot
    clock: Clock
    state_file: Path

    @property
    def port(self) -> int:
        return self.broker.port

    def bus(self) -> Bus:
        """The centre's connection; its caller runs it."""
        return Bus(HOST, self.port, self.root.client_context, self.clock)

    def urgent_bus(self) -> Bus:
        """The centre's second connection; its caller runs it."""
        return Bus(HOST, self.port, self.root.urgent_context, self.clock, name=URGENT, hears=())

    def receiver_context(self, receiver_id: str, authority: Authority | None = None) -> tuple[ssl.SSLContext, int]:
        """TLS with a new receiver certificate, by another CA if one is given, and the certificate's serial."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (authority or self.root.authority).receiver(receiver_id, key.public_key(), self.clock.now())
        return self.root.context(key, certificate), certificate.serial_number

    def client(
        self, receiver_id: str, tls: ssl.SSLContext | None = None, will: aiomqtt.Will | None = None
    ) -> aiomqtt.Client:
        """A client with the rights of a receiver."""
        tls = tls or self.receiver_context(receiver_id)[0]
        return aiomqtt.Client(
            HOST,
            self.port,
            identifier=receiver_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=tls,
            will=will,
            timeout=5,
            clean_start=True,
        )


@contextlib.asynccontextmanager
async def running(where: Path, clock: Clock, revoked: Iterable[tuple[int, datetime]] = ()) -> AsyncIterator[LabBroker]:
    """A broker that listens, until the block ends."""
    root = load_or_make(where / "keys", clock.now())
    renew(root, [HOST], clock.now())
    broker = Broker(where / "broker", root, HOST, 0, clock)
    broker.prepare(revoked)
    task = asyncio.create_task(broker.run(), name="broker")
    try:
        await started(broker, task)
        yield LabBroker(broker, root, clock, where / "broker" / STATE_FOLDER / STATE_FILE)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def started(broker: Broker, task: asyncio.Task[None]) -> None:
    """Return once the broker listens; raise what its task raised instead."""
    waiting = asyncio.ensure_future(broker.running.wait())
    await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
