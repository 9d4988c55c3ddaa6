"""Connections of receivers that do not play, many in one process: `python -m bench.audience ZONE FOLDER…`.

Where a machine has no room for thousands of daemons, these are as much of a receiver as its centre and broker see: TLS
with the receiver's certificate, MQTT 5 with its subscriptions, an answer to each delivery, a state once it is on line
and two for each order, received and sounding. They believe what comes. They are asked and answer as `bench.crowd`; the
first sample of a `Piece` is here when the order came.
"""

import asyncio
import base64
import struct
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from bench.crowd import Piece, allow_many_files, answering, until_idle
from broadcast.clock import US_PER_S, Clock, SystemClock
from broadcast.wire import topics
from broadcast.wire.documents import OrderProgress, ReceiverState
from broadcast.wire.now import Now, Order
from receivers import identity
from receivers.identity import Identity
from receivers.tls import broker_context

KEEPALIVE_S = 60
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PING = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90, 0xC0
AT_LEAST_ONCE, RETAIN = 0x02, 0x01


class Ear(asyncio.Protocol):
    """One connection of receiver `me` in `zones`."""

    def __init__(self, me: Identity, zones: tuple[str, ...], clock: Clock, heard: list[Piece]) -> None:
        self._me = me
        self._zones = zones
        self._clock = clock
        self._heard = heard
        self._bytes = bytearray()
        self._number = 0
        self._known: set[str] = set()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.WriteTransport):
            raise TypeError("a broker is reached over TCP")
        self._transport = transport
        self._send(CONNECT, _text("MQTT") + struct.pack(">BBHB", 5, 0x02, KEEPALIVE_S, 0) + _text(self._me.receiver_id))

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        for kind, body in _packets(self._bytes):
            match kind & 0xF0:
                case 0x20:
                    self._subscribe()
                case 0x90:
                    self._tell()
                    self._ping()
                case 0x30:
                    self._take(kind, body)

    def connection_lost(self, error: Exception | None) -> None:
        raise RuntimeError(f"the broker has left {self._me.receiver_id}: {error}")

    def _subscribe(self) -> None:
        mine = self._me.receiver_id
        names = [topics.settings(mine), topics.ack(mine), topics.time(mine)]
        for zone_id in self._zones:
            names += [topics.programme(zone_id), topics.now(zone_id), topics.bank(zone_id)]
        self._send(SUBSCRIBE, self._next() + b"\0" + b"".join(_text(name) + b"\x01" for name in names))

    def _take(self, kind: int, body: bytes) -> None:
        at_us = self._clock.now_us()
        (size_bytes,) = struct.unpack_from(">H", body)
        topic, at = body[2 : 2 + size_bytes].decode(), 2 + size_bytes
        if kind & AT_LEAST_ONCE:
            self._send(PUBACK, body[at : at + 2])
            at += 2
        properties_bytes, at = _length(body, at)
        if topic.endswith("/now"):
            self._hear(body[at + properties_bytes :], at_us)

    def _hear(self, jws: bytes, at_us: int) -> None:
        payload = jws.split(b".")[1]
        document = msgspec.json.decode(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)), type=Now)
        for order in document.orders:
            if order.id not in self._known:
                self._known.add(order.id)
                begin_us, end_us = order.start_us, order.until_us
                piece = Piece(self._me.receiver_id, order.id, at_us, at_us, begin_us, at_us, end_us, over=False)
                self._heard.append(piece)
                self._tell(order, at_us)
                left_s = max(0, order.start_us - at_us) / US_PER_S
                asyncio.get_running_loop().call_later(left_s, self._tell, order, at_us, order.start_us)

    def _tell(self, order: Order | None = None, received_us: int = 0, sounding_us: int | None = None) -> None:
        """Publish a state."""
        orders = (
            () if order is None else (OrderProgress(id=order.id, received_us=received_us, sounding_us=sounding_us),)
        )
        state = ReceiverState(online=True, at_us=self._clock.now_us(), orders=orders)
        head = _text(topics.state(self._me.receiver_id)) + self._next() + b"\0"
        self._send(PUBLISH | AT_LEAST_ONCE | RETAIN, head + msgspec.json.encode(state))

    def _ping(self) -> None:
        asyncio.get_running_loop().call_later(KEEPALIVE_S / 2, self._ping)
        if self._transport is not None:
            self._send(PING, b"")

    def _send(self, kind: int, body: bytes) -> None:
        size, left = bytearray(), len(body)
        while not size or left:
            left, low = divmod(left, 128)
            size.append(low | (0x80 if left else 0))
        if self._transport is not None:
            self._transport.write(bytes((kind,)) + size + body)

    def _next(self) -> bytes:
        self._number = self._number % 65_535 + 1
        return struct.pack(">H", self._number)


def _packets(held: bytearray) -> Iterator[tuple[int, bytes]]:
    """The MQTT packets that are whole, taken out of `held`."""
    while len(held) >= 2:
        try:
            size_bytes, at = _length(held, 1)
        except IndexError:
            return
        if len(held) < at + size_bytes:
            return
        kind, body = held[0], bytes(held[at : at + size_bytes])
        del held[: at + size_bytes]
        yield kind, body


def _length(held: bytes | bytearray, at: int) -> tuple[int, int]:
    """A number of MQTT's own kind, and where it ends."""
    value, shift = 0, 0
    while True:
        byte = held[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def _same(ear: Ear) -> Ear:
    return ear


async def run(zones: tuple[str, ...], folders: list[Path], clock: Clock) -> None:
    loop = asyncio.get_running_loop()
    heard: list[Piece] = []
    over = answering(loop, lambda: [heard.pop() for _ in range(len(heard))])
    for folder in folders:
        me = identity.load(folder)
        ear, tls = Ear(me, zones, clock, heard), broker_context(me.ca, folder / me.credentials)
        await loop.create_connection(partial(_same, ear), me.broker.host, me.broker.port, ssl=tls)
        await until_idle(clock)
    await over.wait()


def main() -> int:
    allow_many_files()
    zone_id, *folders = sys.argv[1:]
    asyncio.run(run((zone_id,), [Path(folder) for folder in folders], SystemClock()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
