"""What a receiver that plays nothing costs on a link that is paid by the byte: `python -m bench.idle [MINUTES]`.

A real broker with TLS and client certificates, a real daemon with a programme of 60 recordings, all of them fetched.
Every packet between the two is counted outside of both (bench/wire.py), as a mobile link would carry it, headers and
all. A day is one connection made anew, the idle minutes scaled to 24 hours, and the states that go out unchanged. The
daemon's own count of the same run stands beside it.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench import report
from bench.wire import Counted, WireCount
from broadcast.broker.lab import HOST, LabBroker, running
from broadcast.bus import Bus, Message
from broadcast.clock import US_PER_S, SystemClock
from broadcast.wire import topics
from broadcast.wire.documents import (
    Airing,
    Beat,
    BroadcastClass,
    Media,
    Programme,
    ReceiverSettings,
    ReceiverState,
    Rules,
    SignedDocument,
    TimeTold,
)
from broadcast.wire.enrolment import BrokerAddress, order_key_text
from broadcast.wire.trust import seal
from receivers import config, identity, odometer
from receivers.lab.horns import VirtualHorns
from receivers.lab.relay import Relay, listening
from receivers.thrift import REFRESH_S
from receivers.usage import Usage

GOAL_BYTES = 1_000_000
MINUTES, QUICK_MINUTES = 20.0, 2.0
RECORDINGS = 60
RECORDING_BYTES = 30_000
RECEIVER, ZONE = "0190a1b2c3d4e5f60718293a4b5c6d7e", "0190a1b2c3d4e5f60718293a4b5c6d7f"  # as long as real ones
SETTLED_S = 15.0
LIMIT_S = 120.0
DAY_S = 86_400
ON_THE_WIRE = 1.06  # headers, TLS and the confirmation of a state
US_PER_DAY = DAY_S * US_PER_S


class Measured(NamedTuple):
    """`whole_bytes` is all of both runs on the wire, `own_bytes` the daemon's own count of it."""

    connect: Counted
    idle: Counted
    whole_bytes: int
    own_bytes: int
    state_bytes: int


class Centre:
    """What a receiver sees of a centre: documents, recordings, and the time when it asks."""

    def __init__(self, lab: LabBroker) -> None:
        self.lab = lab
        self.bus = Bus(HOST, lab.port, lab.root.client_context, lab.clock)
        self.bodies = {hashlib.sha256(body).hexdigest(): body for body in map(_noise, range(RECORDINGS))}
        self.state: ReceiverState | None = None
        self.state_bytes = 0
        self.heard = asyncio.Event()
        self._answers: set[asyncio.Task[None]] = set()

    def take(self, message: Message) -> None:
        match topics.parse(message.topic):
            case topics.Topic(kind="state"):
                self.state = msgspec.json.decode(message.payload, type=ReceiverState)
                self.state_bytes = max(self.state_bytes, len(message.payload))
                self.heard.set()
            case topics.Topic(kind="beat"):
                beat = msgspec.json.decode(message.payload, type=Beat)
                told = msgspec.json.encode(TimeTold(at_us=beat.at_us, centre_us=self.lab.clock.now_us()))
                answer = asyncio.create_task(self.bus.publish(topics.time(RECEIVER), told, retain=False))
                self._answers.add(answer)
                answer.add_done_callback(self._answers.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One recording over HTTP."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            body = self.bodies[head.split(b" ", 2)[1].decode().rsplit("/", 1)[1]]
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        writer.close()

    async def until_ready(self) -> None:
        """Return once the receiver is there and has every recording."""
        async with asyncio.timeout(LIMIT_S):
            while not _is_ready(self.state):
                self.heard.clear()
                await self.heard.wait()

    async def publish(self) -> None:
        """Settings, and a programme that begins tomorrow."""
        now_us = self.lab.clock.now_us()
        end_us = now_us + 8 * US_PER_DAY
        settings = ReceiverSettings(
            target=RECEIVER, zone_path=(ZONE,), rules=Rules(), number=1, issued_us=now_us, expires_us=end_us
        )
        airings = tuple(
            Airing(
                id=f"{sha256[:32]}.{place}",
                broadcast_id=sha256[:32],
                cls=BroadcastClass.NORMAL,
                start_us=now_us + US_PER_DAY + place * 3600 * US_PER_S,
                media=(Media(sha256=sha256, size_bytes=len(body), duration_us=60 * US_PER_S),),
            )
            for place, (sha256, body) in enumerate(self.bodies.items())
        )
        await self._send(topics.settings(RECEIVER), settings)
        programme = Programme(target=ZONE, airings=airings, number=1, issued_us=now_us, expires_us=end_us)
        await self._send(topics.programme(ZONE), programme)

    async def _send(self, topic: str, document: SignedDocument) -> None:
        await self.bus.publish(topic, seal(document, self.lab.root.order_key), retain=True)


def _noise(number: int) -> bytes:
    return hashlib.shake_128(number.to_bytes(4)).digest(RECORDING_BYTES)


def _is_ready(state: ReceiverState | None) -> bool:
    if state is None or not state.online or len(state.media) < RECORDINGS:
        return False
    return all(media.ready_us is not None for media in state.media)


def _enrol(lab: LabBroker, folder: Path, port: int, media_port: int) -> None:
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
async def _daemon(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[None]:
    """A receiver's daemon, ended in order with the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receivers", "run", "--state", str(folder), "--device", "idle"),
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def _centre(folder: Path) -> AsyncIterator[Centre]:
    async with running(folder, SystemClock()) as lab:
        centre = Centre(lab)
        task = asyncio.create_task(centre.bus.run(centre.take))
        try:
            async with asyncio.timeout(LIMIT_S):
                await centre.bus.next_session(0)
            yield centre
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _measure(where: Path, idle_s: float) -> Measured:
    state = where / "state"
    state.mkdir()
    (state / config.FILE_NAME).write_text("clock_kept_by_host = true\n")
    async with _centre(where / "centre") as centre:
        relay = Relay(centre.lab.port)  # the centre's own connection to the broker is not to be counted
        await relay.mend()
        server = await asyncio.start_server(centre.serve, sock=listening())
        media_port = server.sockets[0].getsockname()[1]
        _enrol(centre.lab, state, relay.port, media_port)
        await centre.publish()
        with (
            VirtualHorns(["idle"], where / "horns") as horns,
            WireCount([relay.port]) as broker,
            WireCount([media_port]) as media,
        ):
            async with _daemon(state, horns.environment):
                await centre.until_ready()
                await asyncio.sleep(SETTLED_S)
            centre.state, first = None, broker.counted
            async with _daemon(state, horns.environment):
                await centre.until_ready()
                await asyncio.sleep(SETTLED_S)
                connected = broker.counted
                await asyncio.sleep(idle_s)
                idle = broker.counted.less(connected)
        server.close()
        relay.cut()
    usage = msgspec.json.decode((state / odometer.FILE_NAME).read_bytes(), type=Usage)
    return Measured(
        connect=connected.less(first),
        idle=idle,
        whole_bytes=broker.counted.both_bytes + media.counted.both_bytes,
        own_bytes=sum(sum(moved) for moved in usage.days.values()),
        state_bytes=centre.state_bytes,
    )


def main() -> int:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else QUICK_MINUTES if report.is_quick() else MINUTES
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as folder:
        found = asyncio.run(_measure(Path(folder), minutes * 60))
    a_day = DAY_S / (minutes * 60)
    states_bytes = round(DAY_S / REFRESH_S * found.state_bytes * ON_THE_WIRE)
    rows = [
        {"what": "one connection, with all it subscribes to", "bytes": found.connect.both_bytes},
        {"what": f"idle, {minutes:g} minutes", "bytes": found.idle.both_bytes},
        {"what": f"... up, {found.idle.packets} packets in all", "bytes": found.idle.up_bytes},
        {"what": "... down", "bytes": found.idle.down_bytes},
        {"what": f"states that say nothing new, of {found.state_bytes} bytes", "bytes": states_bytes},
    ]
    day_bytes = round(found.connect.both_bytes + found.idle.both_bytes * a_day + states_bytes)
    rows.append({"what": "a day", "bytes": day_bytes})
    report.table("bytes on the wire, headers and TLS included", rows)
    ratio = found.own_bytes / found.whole_bytes
    counts = [
        {"who": "packets on the wire, from start to end", "bytes": found.whole_bytes},
        {"who": "the daemon's own count of the same", "bytes": found.own_bytes},
        {"who": "its count to the wire's", "bytes": ratio},
    ]
    report.table("counted twice, recordings included", counts)
    reached = day_bytes <= GOAL_BYTES
    print(f"\ngoal: an idle day <= {GOAL_BYTES} bytes: {'reached' if reached else 'MISSED'}")
    result = {"goal_bytes": GOAL_BYTES, "reached": reached, "minutes": minutes, "day_bytes": day_bytes}
    report.write("idle", {**result, "wire": rows, "counts": counts, "ratio": ratio})
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
