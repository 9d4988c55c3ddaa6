"""The one connection to the broker: MQTT 5 over TLS with the receiver's certificate (does I/O).

Rules
- It never gives up: after any failure it tries again, waiting twice as long each time up to RETRY_MAX_US, less a random
  part; a name that does not resolve is a failure like any other. What plays does not depend on it.
- The will says that the receiver is gone; the state is published retained, the latest only.
- Reports go in order of their numbers, and again from the first that the Ack does not cover: after a new connection,
  and after RESEND_S, twice as long each time that brings no Ack, for a link that is paid by the byte.
- What the centre has stored is heard before anything is sent, for `ack_s` at most: a node that lost its journal, or
  could not write it, would else give numbers that are taken to other reports, and the centre would drop those.
- A beat goes out with each new connection and now and then, and brings the centre's time. It asks for nothing to be
  confirmed.
- A change of zones re-subscribes within the connection. A publication that is not confirmed in time breaks it, and so
  does silence of one and a half keep-alives: the broker answers each, so the way is gone, whatever the kernel believes.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import SystemRandom
from typing import Protocol, TypeVar

import aiomqtt
import msgspec
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from broadcast.clock import Clock
from broadcast.wire import topics
from broadcast.wire.documents import Ack, Beat, PlayReport, ReceiverState, TimeTold
from receivers.identity import Identity
from receivers.mqtt import CertificateRefused, Conduit
from receivers.needs import backoff_us
from receivers.odometer import Connection, read
from receivers.tasks import run_until
from receivers.tls import broker_context, check_times

log = logging.getLogger(__name__)

T = TypeVar("T")

QUIET = 1.5  # keep-alives; the broker gives a receiver up after as many
RETRY_MAX_US = 60_000_000
STABLE_US = 60_000_000  # a connection that held this long was a good one: the next wait is short again
RESEND_MAX_S = 3600.0
FAREWELL_S = 3.0
REFUSED_CODE = 128  # SUBACK codes from here on are refusals


@dataclass(frozen=True, slots=True)
class Pacing:
    """How long the link waits for what."""

    keepalive_s: int = 60  # a lost receiver is told of within 100 s (EN 54-16)
    timeout_s: float = 20.0  # for an answer
    beat_s: float = 600.0
    resend_s: float = 30.0
    ack_s: float = 5.0  # the broker sends what it retains at once, and the centre greets who connects
    watch_s: float = 5.0  # between two looks at the connection


class Desk(Protocol):
    """What the link carries for."""

    def wanted_topics(self) -> frozenset[str]: ...

    def pending_reports(self) -> Mapping[int, PlayReport]: ...

    def acknowledged(self) -> int: ...

    def current_state(self) -> ReceiverState: ...

    def farewell_state(self) -> ReceiverState: ...

    def beat(self) -> Beat | None: ...

    def on_document(self, topic: str, raw: bytes) -> None: ...

    def on_time(self, told: TimeTold) -> None: ...

    def on_ack(self, ack: Ack) -> None: ...

    def on_link(self, *, online: bool) -> None: ...


@dataclass
class LinkStatus:
    """The connection as it is; `error` is why it is not there, `refused` when it is this receiver's certificate."""

    online: bool = False
    since_us: int = 0
    error: str | None = None
    refused: str | None = None


@dataclass
class _Bells:
    """What wakes the link's senders."""

    state: asyncio.Event = field(default_factory=asyncio.Event)
    reports: asyncio.Event = field(default_factory=asyncio.Event)
    topics: asyncio.Event = field(default_factory=asyncio.Event)
    acked: asyncio.Event = field(default_factory=asyncio.Event)


class Link:
    """The connection of receiver `identity`, whose credentials lie in `folder`; `count` is shown it now and then."""

    def __init__(
        self,
        identity: Identity,
        folder: Path,
        clock: Clock,
        desk: Desk,
        *,
        pacing: Pacing = Pacing(),
        proxy: str | None = None,
        count: Callable[[Connection], object] = read,
        clock_believed: Callable[[], bool] = lambda: True,
    ) -> None:
        self._identity = identity
        self._folder = folder
        self._clock = clock
        self._desk = desk
        self._pacing = pacing
        self._proxy = proxy
        self._count = count
        self._clock_believed = clock_believed
        self._tls: ssl.SSLContext | None = None
        self._random = SystemRandom()
        self._bells = _Bells()
        self._asks_again = False
        self._failures = 0
        self._up_at_us = 0
        self.status = LinkStatus(since_us=clock.now_us())

    def state_changed(self) -> None:
        self._bells.state.set()

    def reports_changed(self) -> None:
        self._bells.reports.set()

    def topics_changed(self) -> None:
        self._bells.topics.set()

    def ask_again(self) -> None:
        """Have the broker send what it remembers once more: it may have been refused by a clock that was wrong."""
        self._asks_again = True
        self._bells.topics.set()

    async def run(self) -> None:
        """For ever; when cancelled it says farewell first."""
        while True:
            try:
                conduit = self._conduit()
                async with conduit as client:
                    await self._session(client, conduit)
            except (aiomqtt.MqttError, OSError, UnicodeError) as error:
                self._went_down(error)
            wait_us = backoff_us(self._failures, self._random.random(), RETRY_MAX_US)
            await self._clock.sleep(wait_us / 1_000_000)

    def _conduit(self) -> Conduit:
        farewell = msgspec.json.encode(self._desk.farewell_state())
        receiver_id = self._identity.receiver_id
        return Conduit(
            self._identity.broker.host,
            self._identity.broker.port,
            self._pacing.timeout_s,
            self._proxy,
            identifier=receiver_id,
            will=aiomqtt.Will(topics.state(receiver_id), farewell, qos=1, retain=True),
            clean_start=True,
            keepalive=self._pacing.keepalive_s,
            tls_context=self._context(),
        )

    def _context(self) -> ssl.SSLContext:
        """Made once: reading certificates holds the interpreter, and with it the sound."""
        if self._tls is None:
            try:
                self._tls = broker_context(self._identity.ca, self._folder / self._identity.credentials)
            except ValueError as error:
                raise aiomqtt.MqttError(f"the centre's CA certificate cannot be used: {error}") from None
        check_times(self._tls, believed=self._clock_believed())
        return self._tls

    async def _session(self, client: aiomqtt.Client, conduit: Conduit) -> None:
        self._came_up()
        tasks = (
            asyncio.create_task(self._receive(client), name="link-receive"),
            asyncio.create_task(self._subscribe(client), name="link-subscribe"),
            asyncio.create_task(self._send_states(client), name="link-states"),
            asyncio.create_task(self._send_reports(client), name="link-reports"),
            asyncio.create_task(self._send_beats(client), name="link-beats"),
            asyncio.create_task(self._watch(conduit), name="link-watch"),
        )
        try:
            await run_until(asyncio.Event(), tasks)
        except asyncio.CancelledError:
            with contextlib.suppress(aiomqtt.MqttError, OSError):
                await self._publish_state(client, self._desk.farewell_state(), FAREWELL_S)
            raise
        finally:
            self._look_at(conduit)

    async def _watch(self, conduit: Conduit) -> None:
        """Have the connection counted, and break it when nothing comes any more."""
        while True:
            quiet_ms = self._look_at(conduit)
            if quiet_ms is not None and quiet_ms > QUIET * 1000 * self._pacing.keepalive_s:
                raise aiomqtt.MqttError(f"nothing has come for {quiet_ms // 1000} s")
            await asyncio.sleep(min(self._pacing.watch_s, self._pacing.keepalive_s / 10))

    def _look_at(self, conduit: Conduit) -> int | None:
        """For how many milliseconds nothing has come, if that is known."""
        connection = conduit.socket
        if connection is None:
            return None
        self._count(connection)
        reading = read(connection)
        return reading.quiet_ms if reading else None

    def _came_up(self) -> None:
        self._up_at_us = self._clock.monotonic_us()
        self.status = LinkStatus(online=True, since_us=self._clock.now_us())
        self._bells.acked.clear()
        log.info("connected to %s:%s", self._identity.broker.host, self._identity.broker.port)
        self._desk.on_link(online=True)

    def _went_down(self, error: Exception) -> None:
        was_good = self.status.online and self._clock.monotonic_us() - self._up_at_us > STABLE_US
        self._failures = 1 if was_good else self._failures + 1
        since_us = self._clock.now_us() if self.status.online else self.status.since_us
        why = str(error.__cause__ or error) or type(error).__name__
        refused = why if isinstance(error, CertificateRefused) else self.status.refused
        self.status = LinkStatus(since_us=since_us, error=why, refused=refused)
        log.log(logging.WARNING if self._failures == 1 else logging.DEBUG, "no connection: %s", self.status.error)
        self._desk.on_link(online=False)

    async def _receive(self, client: aiomqtt.Client) -> None:
        receiver_id = self._identity.receiver_id
        async for message in client.messages:
            raw, topic = message.payload, str(message.topic)
            if not isinstance(raw, bytes) or not raw:
                continue
            if topic == topics.ack(receiver_id):
                self._take(raw, Ack, self._desk.on_ack)
                self._bells.acked.set()
            elif topic == topics.time(receiver_id):
                self._take(raw, TimeTold, self._desk.on_time)
            else:
                self._desk.on_document(topic, raw)

    def _take(self, raw: bytes, kind: type[T], act: Callable[[T], None]) -> None:
        """What cannot be read is as if it had not come."""
        try:
            told = msgspec.json.decode(raw, type=kind)
        except (msgspec.MsgspecError, ValueError):
            return
        act(told)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        held: frozenset[str] = frozenset()
        receiver_id = self._identity.receiver_id
        own = frozenset((topics.ack(receiver_id), topics.time(receiver_id)))
        options = SubscribeOptions(qos=1)
        while True:
            self._bells.topics.clear()
            wanted = self._desk.wanted_topics() | own
            if self._asks_again:
                self._asks_again, held = False, frozenset[str]()
            if held - wanted:
                await client.unsubscribe(sorted(held - wanted))
            if wanted - held:
                codes = await client.subscribe([(topic, options) for topic in sorted(wanted - held)])
                if len(codes) != len(wanted - held):
                    raise aiomqtt.MqttError("the broker answers for other topics than were asked for")
                for topic, code in zip(sorted(wanted - held), codes, strict=True):
                    if isinstance(code, ReasonCode) and code.value >= REFUSED_CODE:
                        log.warning("the broker does not let this receiver read %s", topic)
            held = wanted
            await self._bells.topics.wait()

    async def _send_states(self, client: aiomqtt.Client) -> None:
        while True:
            self._bells.state.clear()
            await self._publish_state(client, self._desk.current_state(), self._pacing.timeout_s)
            await self._bells.state.wait()

    async def _publish_state(self, client: aiomqtt.Client, state: ReceiverState, timeout_s: float) -> None:
        topic = topics.state(self._identity.receiver_id)
        await client.publish(topic, msgspec.json.encode(state), qos=1, retain=True, timeout=timeout_s)

    async def _send_reports(self, client: aiomqtt.Client) -> None:
        topic = topics.reports(self._identity.receiver_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pacing.ack_s):
                await self._bells.acked.wait()
        sent = acknowledged = self._desk.acknowledged()
        wait_s = self._pacing.resend_s
        while True:
            self._bells.reports.clear()
            for number, report in list(self._desk.pending_reports().items()):
                if number > sent:
                    await client.publish(topic, msgspec.json.encode(report), qos=1)
                    sent = number
            try:
                async with asyncio.timeout(wait_s):
                    await self._bells.reports.wait()
            except TimeoutError:
                sent = self._desk.acknowledged()
                wait_s = min(wait_s * 2, RESEND_MAX_S)
            if acknowledged != self._desk.acknowledged():
                acknowledged = self._desk.acknowledged()
                wait_s = self._pacing.resend_s

    async def _send_beats(self, client: aiomqtt.Client) -> None:
        topic = topics.beat(self._identity.receiver_id)
        while True:
            beat = self._desk.beat()
            if beat is not None:
                await client.publish(topic, msgspec.json.encode(beat), qos=0)
            await asyncio.sleep(self._pacing.beat_s)
