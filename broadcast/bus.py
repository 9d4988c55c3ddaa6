"""The centre's connection to the broker: kept up for ever, documents out, what receivers say in (does I/O)."""

import asyncio
import contextlib
import logging
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, NamedTuple

import aiomqtt

from broadcast.clock import Clock
from broadcast.trustroot.authority import CENTRE
from broadcast.wire import topics
from broadcast.wire.documents import MAX_DOCUMENT_BYTES

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 10.0
KEEPALIVE_S = 20
ANSWER_LIMIT_S = 10.0
AT_MOST_ONCE = 0
AT_LEAST_ONCE = 1
MANY_CALLS = 1000
"""So many publications may wait for the broker's answer at once before the log says so."""
FROM_RECEIVERS = (topics.state("+"), topics.reports("+"), topics.beat("+"))
PROBE = f"{topics.PREFIX}/centre/probe"


class Message(NamedTuple):
    """`retained` tells what the broker remembered from what was said just now."""

    topic: str
    payload: bytes
    retained: bool


class BusDown(Exception):
    """There is no connection, or it broke before the broker confirmed; it is being made again."""


class Bus:
    """An MQTT 5 client named as its certificate. `tls` is asked anew for each connection, as certificates are renewed.

    `hears` are the topics whose messages `run` hands on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: Callable[[], ssl.SSLContext],
        clock: Clock,
        *,
        name: str = CENTRE,
        hears: Sequence[str] = FROM_RECEIVERS,
    ) -> None:
        self._name = name
        self._hears = hears
        self._host = host
        self._port = port
        self._tls = tls
        self._clock = clock
        self._client: aiomqtt.Client | None = None
        self._lost: asyncio.Future[None]
        self._taps: dict[str, Callable[[Message], None]] = {}
        self._changed = asyncio.Condition()
        self.session = 0

    @property
    def connected(self) -> bool:
        return self._client is not None

    async def run(self, take: Callable[[Message], None]) -> None:
        """Stay connected until cancelled; `take` gets each message of a receiver and must not block."""
        delay_s, first = FIRST_DELAY_S, True
        while True:
            try:
                async with self._connection() as client:
                    delay_s, first = FIRST_DELAY_S, True
                    await self._listen(client, take)
            except (aiomqtt.MqttError, OSError) as error:
                level = logging.WARNING if first else logging.DEBUG
                log.log(level, "no connection to the broker at %s:%d: %s", self._host, self._port, error)
                first = False
            await self._clock.sleep(delay_s)
            delay_s = min(delay_s * 2, LONGEST_DELAY_S)

    async def next_session(self, after: int) -> int:
        """The number of the present connection, as soon as there is one with a number above `after`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.connected and self.session > after)
            return self.session

    async def publish(self, topic: str, payload: bytes, *, retain: bool, qos: int = AT_LEAST_ONCE) -> None:
        """Return once the broker has it (AT_MOST_ONCE: once it is sent).

        Raises BusDown, and ValueError for what no broker of Loa's takes.
        """
        if len(payload) > MAX_DOCUMENT_BYTES:
            raise ValueError(f"{len(payload)} bytes for {topic}")
        client = self._connected_client()
        await self._answered(client.publish(topic, payload, qos=qos, retain=retain))

    async def retained(self, topic: str) -> bytes | None:
        """What the broker remembers of `topic`, None if nothing. Raises BusDown.

        The broker answers in order: when a message sent after subscribing comes back, what was retained has come.
        """
        token = secrets.token_hex(8).encode()
        found: list[bytes] = []
        done = asyncio.Event()
        self._taps[topic] = lambda message: found.append(message.payload) if message.retained else None
        self._taps[PROBE] = lambda message: done.set() if message.payload == token else None
        client = self._connected_client()
        try:
            await self._answered(client.subscribe([(PROBE, AT_LEAST_ONCE), (topic, AT_LEAST_ONCE)]))
            await self.publish(PROBE, token, retain=False)
            await self._answered(done.wait())
            await self._answered(client.unsubscribe([PROBE, topic]))
        finally:
            self._taps.clear()
        return found[-1] if found else None

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiomqtt.Client]:
        async with aiomqtt.Client(
            self._host,
            self._port,
            identifier=self._name,
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=self._tls(),
            keepalive=KEEPALIVE_S,
            timeout=ANSWER_LIMIT_S,
            clean_start=True,
            max_inflight_messages=200,
        ) as client:
            client.pending_calls_threshold = MANY_CALLS
            if self._hears:
                await client.subscribe([(topic, AT_LEAST_ONCE) for topic in self._hears])
            async with self._changed:
                self._client, self.session = client, self.session + 1
                self._lost = asyncio.get_running_loop().create_future()
                self._changed.notify_all()
            log.info("%s is connected to the broker at %s:%d", self._name, self._host, self._port)
            try:
                yield client
            finally:
                self._client = None
                self._lost.set_result(None)

    async def _answered(self, call: Coroutine[Any, Any, object]) -> None:
        """Wait for the broker's answer, but no longer than for the connection's end."""
        answer = asyncio.ensure_future(call)
        try:
            either: set[asyncio.Future[Any]] = {answer, self._lost}
            await asyncio.wait(either, timeout=ANSWER_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise BusDown("the broker did not answer")
            answer.result()
        except (aiomqtt.MqttError, OSError) as error:
            raise BusDown(str(error)) from error
        finally:
            answer.cancel()

    async def _listen(self, client: aiomqtt.Client, take: Callable[[Message], None]) -> None:
        async for raw in client.messages:
            payload = raw.payload if isinstance(raw.payload, bytes) else b""
            message = Message(raw.topic.value, payload, retained=raw.retain)
            self._taps.get(message.topic, take)(message)

    def _connected_client(self) -> aiomqtt.Client:
        if self._client is None:
            raise BusDown("not connected to the broker")
        return self._client


async def displace(host: str, port: int, receiver_id: str, tls: ssl.SSLContext) -> None:
    """End the connection that `receiver_id` has, by taking its place for a moment; `tls` carries its name."""
    with contextlib.suppress(aiomqtt.MqttError, OSError):
        async with aiomqtt.Client(
            host,
            port,
            identifier=receiver_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=tls,
            timeout=ANSWER_LIMIT_S,
            clean_start=True,
        ):
            pass
