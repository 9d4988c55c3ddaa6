"""The one connection to the broker: MQTT 5 over TLS with the receiver's certificate (does I/O).

Rules
- It never gives up: after any failure it tries again, waiting twice as long each time up to RETRY_MAX_US, less a random
  part; a name that does not resolve is a failure like any other. What plays does not depend on it.
- The will says that the receiver is gone; the state is published retained, the latest only.
- Reports go in order of their numbers, and again from the first that the Ack does not cover: after a new connection,
  and after RESEND_S, twice as long each time that brings no Ack, for a link that is paid by the byte.
- A change of zones re-subscribes within the connection. A publication that is not confirmed within TIMEOUT_S breaks
  the connection: half-open ones are found by that and by the keep-alive.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import SystemRandom
from typing import Protocol

import aiomqtt
import msgspec
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from broadcast.clock import Clock
from broadcast.wire import topics
from broadcast.wire.documents import Ack, PlayReport, ReceiverState
from receivers.identity import Identity
from receivers.needs import backoff_us
from receivers.tasks import run_until

log = logging.getLogger(__name__)

KEEPALIVE_S = 45  # the broker tells of a lost receiver after one and a half of these
TIMEOUT_S = 20.0
RETRY_MAX_US = 60_000_000
STABLE_US = 60_000_000  # a connection that held this long was a good one: the next wait is short again
RESEND_S = 30.0
RESEND_MAX_S = 3600.0
FAREWELL_S = 3.0
REFUSED_CODE = 128  # SUBACK codes from here on are refusals


class Desk(Protocol):
    """What the link carries for."""

    def wanted_topics(self) -> frozenset[str]: ...

    def pending_reports(self) -> Mapping[int, PlayReport]: ...

    def acknowledged(self) -> int: ...

    def current_state(self) -> ReceiverState: ...

    def farewell_state(self) -> ReceiverState: ...

    def on_document(self, topic: str, raw: bytes) -> None: ...

    def on_ack(self, ack: Ack) -> None: ...

    def on_link(self, *, online: bool) -> None: ...


@dataclass
class LinkStatus:
    """The connection as it is; `error` is why it is not there."""

    online: bool = False
    since_us: int = 0
    error: str | None = None


@dataclass
class _Bells:
    """What wakes the link's senders."""

    state: asyncio.Event = field(default_factory=asyncio.Event)
    reports: asyncio.Event = field(default_factory=asyncio.Event)
    topics: asyncio.Event = field(default_factory=asyncio.Event)


class Link:
    """The connection of receiver `identity`, whose credentials lie in `folder`."""

    def __init__(self, identity: Identity, folder: Path, clock: Clock, desk: Desk, resend_s: float = RESEND_S) -> None:
        self._identity = identity
        self._folder = folder
        self._clock = clock
        self._desk = desk
        self._resend_s = resend_s
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
                async with self._client() as client:
                    await self._session(client)
            except (aiomqtt.MqttError, OSError, UnicodeError) as error:
                self._went_down(error)
            wait_us = backoff_us(self._failures, self._random.random(), RETRY_MAX_US)
            await self._clock.sleep(wait_us / 1_000_000)

    def _client(self) -> aiomqtt.Client:
        farewell = msgspec.json.encode(self._desk.farewell_state())
        receiver_id = self._identity.receiver_id
        return aiomqtt.Client(
            self._identity.broker.host,
            self._identity.broker.port,
            identifier=receiver_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(topics.state(receiver_id), farewell, qos=1, retain=True),
            clean_start=True,
            timeout=TIMEOUT_S,
            keepalive=KEEPALIVE_S,
            tls_context=self._tls(),
        )

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and host name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self._identity.ca)
        context.load_cert_chain(self._folder / self._identity.credentials)
        return context

    async def _session(self, client: aiomqtt.Client) -> None:
        self._came_up()
        tasks = (
            asyncio.create_task(self._receive(client), name="link-receive"),
            asyncio.create_task(self._subscribe(client), name="link-subscribe"),
            asyncio.create_task(self._send_states(client), name="link-states"),
            asyncio.create_task(self._send_reports(client), name="link-reports"),
        )
        try:
            await run_until(asyncio.Event(), tasks)
        except asyncio.CancelledError:
            with contextlib.suppress(aiomqtt.MqttError, OSError):
                await self._publish_state(client, self._desk.farewell_state(), FAREWELL_S)
            raise

    def _came_up(self) -> None:
        self._up_at_us = self._clock.monotonic_us()
        self.status = LinkStatus(online=True, since_us=self._clock.now_us())
        log.info("connected to %s:%s", self._identity.broker.host, self._identity.broker.port)
        self._desk.on_link(online=True)

    def _went_down(self, error: Exception) -> None:
        was_good = self.status.online and self._clock.monotonic_us() - self._up_at_us > STABLE_US
        self._failures = 1 if was_good else self._failures + 1
        since_us = self._clock.now_us() if self.status.online else self.status.since_us
        self.status = LinkStatus(since_us=since_us, error=str(error) or type(error).__name__)
        log.log(logging.WARNING if self._failures == 1 else logging.DEBUG, "no connection: %s", self.status.error)
        self._desk.on_link(online=False)

    async def _receive(self, client: aiomqtt.Client) -> None:
        ack_topic = topics.ack(self._identity.receiver_id)
        async for message in client.messages:
            raw = message.payload
            if not isinstance(raw, bytes) or not raw:
                continue
            if str(message.topic) != ack_topic:
                self._desk.on_document(str(message.topic), raw)
                continue
            with contextlib.suppress(msgspec.MsgspecError, ValueError):
                self._desk.on_ack(msgspec.json.decode(raw, type=Ack))

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        held: frozenset[str] = frozenset()
        ack = frozenset((topics.ack(self._identity.receiver_id),))
        options = SubscribeOptions(qos=1)
        while True:
            self._bells.topics.clear()
            wanted = self._desk.wanted_topics() | ack
            if self._asks_again:
                self._asks_again, held = False, frozenset[str]()
            if held - wanted:
                await client.unsubscribe(sorted(held - wanted))
            if wanted - held:
                codes = await client.subscribe([(topic, options) for topic in sorted(wanted - held)])
                for topic, code in zip(sorted(wanted - held), codes, strict=True):
                    if isinstance(code, ReasonCode) and code.value >= REFUSED_CODE:
                        log.warning("the broker does not let this receiver read %s", topic)
            held = wanted
            await self._bells.topics.wait()

    async def _send_states(self, client: aiomqtt.Client) -> None:
        while True:
            self._bells.state.clear()
            await self._publish_state(client, self._desk.current_state(), TIMEOUT_S)
            await self._bells.state.wait()

    async def _publish_state(self, client: aiomqtt.Client, state: ReceiverState, timeout_s: float) -> None:
        topic = topics.state(self._identity.receiver_id)
        await client.publish(topic, msgspec.json.encode(state), qos=1, retain=True, timeout=timeout_s)

    async def _send_reports(self, client: aiomqtt.Client) -> None:
        topic = topics.reports(self._identity.receiver_id)
        sent = acknowledged = self._desk.acknowledged()
        wait_s = self._resend_s
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
                wait_s = self._resend_s
