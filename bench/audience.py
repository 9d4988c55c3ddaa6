"""Connections of receivers that do not play, many in one process: `python -m bench.audience ZONE FOLDER…`.

Where a machine has no room for a thousand daemons, these are what a receiver is to its centre and broker: TLS with the
receiver's certificate, MQTT 5 with its subscriptions, an answer to each delivery, and states and reports as large, as
many and as soon as a daemon's: one state once it is on line, one when an order's first sample sounds, one when it has
ended or was taken back, and a report of each. What is made for an order they fetch as a daemon does: from its feed,
and then whole.

They believe what comes, and read it only after all of them have it: when it came is what they are for. They are asked
and answer as `bench.crowd`; the first sample of a `Piece` is here when the order came.
"""

import asyncio
import base64
import contextlib
import struct
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench.crowd import Piece, allow_many_files, answering, until_idle
from broadcast.clock import US_PER_S, Clock, SystemClock
from broadcast.wire import topics
from broadcast.wire.documents import ClockState, DataUse, OrderProgress, Outcome, PlayReport, ReceiverState
from broadcast.wire.now import Made, Now, Order
from receivers import identity
from receivers.identity import Identity
from receivers.tls import broker_context

KEEPALIVE_S = 60
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PING = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90, 0xC0
AT_LEAST_ONCE, RETAIN = 0x02, 0x01
TELL_S = 0.1  # after the first sample, as a daemon
READ_AFTER_S = 0.6  # all have it by then
SILENT_S = 20.0
READ_BYTES = 65_536


class Ear(asyncio.Protocol):
    """One connection of receiver `me` in `zones`."""

    def __init__(self, me: Identity, zones: tuple[str, ...], clock: Clock, heard: list[Piece]) -> None:
        self._me = me
        self._zones = zones
        self._clock = clock
        self._heard = heard
        self._bytes = bytearray()
        self._number = 0
        self._orders: dict[str, OrderProgress] = {}
        self._begun: dict[str, Order] = {}
        self._reported = 0
        self._numbers: dict[str, int] = {}
        self._fetching: dict[str, list[asyncio.Task[None]]] = {}
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
            asyncio.get_running_loop().call_later(READ_AFTER_S, self._hear, topic, body[at + properties_bytes :], at_us)

    def _hear(self, topic: str, jws: bytes, at_us: int) -> None:
        document = _read(jws)
        self._numbers[topic.partition("/v1/")[2]] = document.number
        for order in document.orders:
            if order.id not in self._orders:
                self._begin(order, at_us)
        standing = {order.id for order in document.orders}
        for order_id in [key for key, order in self._begun.items() if key not in standing]:
            self._finish(self._begun.pop(order_id))

    def _begin(self, order: Order, at_us: int) -> None:
        begin_us = max(order.start_us, at_us)
        piece = Piece(self._me.receiver_id, order.id, at_us, at_us, order.start_us, at_us, order.until_us, over=False)
        self._heard.append(piece)
        self._orders[order.id] = OrderProgress(id=order.id, received_us=at_us)
        self._begun[order.id] = order
        left_s = max(0, begin_us - self._clock.now_us()) / US_PER_S + TELL_S
        asyncio.get_running_loop().call_later(left_s, self._sound, order, begin_us)
        for part in order.parts:
            if isinstance(part, Made):
                self._fetching.setdefault(order.id, []).append(asyncio.create_task(self._fetch(part)))

    def _sound(self, order: Order, begin_us: int) -> None:
        self._progress(order.id, sounding_us=begin_us, level_dbfs=-18.0)
        if order.id in self._begun:
            self._tell(order)

    def _finish(self, order: Order) -> None:
        now_us = self._clock.now_us()
        for task in self._fetching.pop(order.id, ()):
            task.cancel()
        self._progress(order.id, ended_us=now_us)
        self._tell()
        self._reported += 1
        report = PlayReport(
            number=self._reported,
            airing_id=f"{order.id}.0.0",
            broadcast_id=order.id,
            outcome=Outcome.CUT,
            planned_start_us=order.start_us,
            planned_duration_us=20 * US_PER_S,
            start_us=order.start_us,
            start_error_us=0,
            end_us=now_us,
            played_us=max(0, now_us - order.start_us),
            rms_dbfs=-18.0,
            peak_dbfs=-6.0,
            media_sha256="0" * 64,
            media_ready_us=order.start_us,
            reason="cancelled",
        )
        head = _text(topics.reports(self._me.receiver_id)) + self._next() + b"\0"
        self._send(PUBLISH | AT_LEAST_ONCE, head + msgspec.json.encode(report))

    def _progress(self, order_id: str, **changes: object) -> None:
        self._orders[order_id] = msgspec.structs.replace(self._orders[order_id], **changes)

    async def _fetch(self, part: Made) -> None:
        """All of it from its feed, then the file: what is thrown away costs the centre as much."""
        urls = [f"{part.feed.urls[0]}?from=0"] if part.feed is not None else []
        for url in (*urls, self._me.media_urls[0] + part.media[0].sha256):
            with contextlib.suppress(OSError, TimeoutError):
                await _get(url)

    def _tell(self, order: Order | None = None) -> None:
        """Publish a state, of the size of a daemon's."""
        state = ReceiverState(
            online=True,
            at_us=self._clock.now_us(),
            player="idle" if order is None else "emergency",
            airing_id=None if order is None else f"{order.id}.0.0",
            orders=tuple(self._orders.values())[-32:],
            numbers=self._numbers,
            pending_reports=0,
            acknowledged=self._reported,
            cache_bytes=10_000_000,
            free_bytes=10_000_000_000,
            clock=ClockState(trusted=True, error_us=1_000, offset_us=0, offset_error_us=1_000),
            volume_percent=100,
            data=DataUse(day_up_bytes=10_000, day_down_bytes=20_000, month_bytes=30_000),
            started_us=1,
            version="audience",
        )
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


@lru_cache(maxsize=64)
def _read(jws: bytes) -> Now:
    """Once for all that hear the same."""
    payload = jws.split(b".")[1]
    return msgspec.json.decode(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)), type=Now)


async def _get(url: str) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        async with asyncio.timeout(SILENT_S):
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
            while await reader.read(READ_BYTES):
                pass
    finally:
        writer.close()


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
