"""What the broker lets a receiver do, asked of a real Mosquitto."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import aiomqtt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from broadcast.broker.lab import HOST, LabBroker
from broadcast.bus import Bus, Message, displace
from broadcast.trustroot.authority import Authority
from broadcast.wire import topics
from broadcast.wire.documents import MAX_DOCUMENT_BYTES

LIMIT_S = 60


@pytest.fixture
async def centre(lab: LabBroker) -> AsyncIterator[Bus]:
    bus = lab.bus()
    heard: list[Message] = []
    task = asyncio.create_task(bus.run(heard.append))
    await bus.next_session(0)
    yield bus
    task.cancel()


async def allowed(lab: LabBroker, topic: str, payload: bytes = b"x") -> bool:
    """Whether what receiver `r1` publishes at `topic` is kept by the broker.

    A message of its own after it shows when the broker has dealt with both.
    """
    async with lab.client("watcher", _centre_tls(lab)) as watcher:
        await watcher.subscribe("loa/v1/#", qos=1)
        async with lab.client("r1") as receiver:
            await receiver.publish(topic, payload, qos=1)
            await receiver.publish(topics.state("r1"), b"last", qos=1)
        async for message in watcher.messages:
            if message.topic.value == topic and message.payload == payload:
                return True
            if message.payload == b"last":
                return False
    raise AssertionError("the broker hung up")


def _centre_tls(lab: LabBroker) -> ssl.SSLContext:
    return lab.root.client_context()


@pytest.mark.parametrize("topic", [topics.state("r1"), topics.reports("r1"), topics.beat("r1")])
async def test_a_receiver_writes_its_own(lab: LabBroker, topic: str) -> None:
    assert await allowed(lab, topic)


@pytest.mark.parametrize(
    "topic",
    [
        topics.state("r2"),
        topics.reports("r2"),
        topics.beat("r2"),
        topics.time("r1"),
        topics.settings("r1"),
        topics.ack("r1"),
        topics.programme("z1"),
        "loa/v1/zones/z1/now",
        "loa/v1/zones/z1/other",
        "loa/v1/centre/mark",
        "loa/v1/receivers/r1/state/more",
    ],
)
async def test_a_receiver_writes_nothing_else(lab: LabBroker, topic: str) -> None:
    assert not await allowed(lab, topic)


async def test_a_receiver_hears_zones_and_its_own_but_not_anothers(lab: LabBroker, centre: Bus) -> None:
    heard = []
    async with lab.client("r1") as receiver:
        await receiver.subscribe("#", qos=1)
        for topic in (topics.settings("r2"), topics.ack("r2"), topics.time("r2"), "loa/v1/centre/mark"):
            await centre.publish(topic, b"secret", retain=True)
        own = (topics.settings("r1"), topics.ack("r1"), topics.time("r1"), topics.programme("z"), "loa/v1/zones/z/now")
        for topic in own:
            await centre.publish(topic, b"mine", retain=True)
        async with asyncio.timeout(LIMIT_S):
            async for message in receiver.messages:
                heard.append((message.topic.value, message.payload))
                if len(heard) == len(own):
                    break
    assert {payload for _topic, payload in heard} == {b"mine"}


async def test_without_a_certificate_nobody_gets_in(lab: LabBroker) -> None:
    naked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    naked.load_verify_locations(cadata=lab.root.ca_pem.decode())
    assert not await _gets_in(lab, naked)


async def test_a_certificate_of_another_ca_is_refused(lab: LabBroker) -> None:
    stranger = Authority.make(lab.clock.now())
    assert not await _gets_in(lab, lab.receiver_context("r1", stranger)[0])
    assert await _gets_in(lab, lab.receiver_context("r1")[0])


async def test_plain_mqtt_is_refused(lab: LabBroker) -> None:
    assert not await _gets_in(lab, None)


async def test_a_revoked_certificate_is_refused_and_its_connection_ended(lab: LabBroker) -> None:
    tls, serial = lab.receiver_context("r1")
    other = lab.receiver_context("r2")[0]
    async with lab.client("r1", tls) as client:
        assert lab.broker.refuse([(serial, lab.clock.now())])
        await _until_refused(lab, tls)
        await displace(HOST, lab.port, "r1", lab.receiver_context("r1")[0])
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(aiomqtt.MqttError):
                async for _message in client.messages:
                    pass
    assert await _gets_in(lab, other)


async def test_the_same_revocations_again_change_nothing(lab: LabBroker) -> None:
    revoked = [(lab.receiver_context("r1")[1], lab.clock.now())]
    assert lab.broker.refuse(revoked)
    assert not lab.broker.refuse(revoked)


async def test_nobody_takes_anothers_session_by_its_client_id(lab: LabBroker) -> None:
    async with lab.client("r1") as first:
        async with aiomqtt.Client(
            HOST,
            lab.port,
            identifier="r1",
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=lab.receiver_context("r2")[0],
        ) as second:
            await second.publish(topics.state("r2"), b"x", qos=1)
        await first.publish(topics.state("r1"), b"still here", qos=1)


async def test_a_server_certificate_cannot_pose_as_the_centre(lab: LabBroker) -> None:
    """Only a client certificate opens a connection, so a leaked broker key is no centre."""
    key = ec.generate_private_key(ec.SECP256R1())
    server = lab.root.authority.broker(key.public_key(), ["centre"], lab.clock.now())
    assert not await _gets_in(lab, lab.root.context(key, server))


async def test_ten_megabytes_end_only_the_senders_connection(lab: LabBroker, centre: Bus) -> None:
    async with lab.client("r2") as bystander:
        await bystander.subscribe(topics.programme("z1"), qos=1)
        async with lab.client("r1") as receiver:
            sending = asyncio.create_task(receiver.publish(topics.state("r1"), bytes(10_000_000), qos=1))
            with pytest.raises(aiomqtt.MqttError):
                await anext(aiter(receiver.messages))
            sending.cancel()
        await centre.publish(topics.programme("z1"), b"goes on", retain=True)
        async with asyncio.timeout(LIMIT_S):
            message = await anext(aiter(bystander.messages))
    assert message.payload == b"goes on"


async def test_the_largest_document_passes(lab: LabBroker, centre: Bus) -> None:
    async with lab.client("r1") as receiver:
        await receiver.subscribe("loa/v1/zones/+/programme", qos=1)
        await centre.publish(topics.programme("fits"), bytes(MAX_DOCUMENT_BYTES), retain=True)
        async with asyncio.timeout(LIMIT_S):
            message = await anext(aiter(receiver.messages))
    assert message.payload == bytes(MAX_DOCUMENT_BYTES)


async def test_what_is_too_large_for_the_broker_is_not_sent(centre: Bus) -> None:
    with pytest.raises(ValueError):
        await centre.publish(topics.programme("large"), bytes(MAX_DOCUMENT_BYTES + 1), retain=True)
    await centre.publish(topics.programme("small"), b"still connected", retain=True)


async def _gets_in(lab: LabBroker, tls: ssl.SSLContext | None) -> bool:
    """Whether the broker answers a CONNECT; TLS 1.3 tells of a refused certificate only after the handshake."""
    connect = b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02r9"
    try:
        reader, writer = await asyncio.open_connection(HOST, lab.port, ssl=tls)
        writer.write(connect)
        answer = await reader.read(1)
        writer.close()
    except (ssl.SSLError, ConnectionError):
        return False
    return answer == b"\x20"


async def _until_refused(lab: LabBroker, tls: ssl.SSLContext) -> None:
    """The broker reads its list a moment after it was told to."""
    async with asyncio.timeout(LIMIT_S):
        while await _gets_in(lab, tls):  # noqa: ASYNC110 - the broker is another process: asking is all there is
            await asyncio.sleep(0.01)
