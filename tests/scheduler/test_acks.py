"""When a receiver is told how far its reports are stored: after each, and once in each connection of the centre."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import msgspec
import pytest

from broadcast.bus import Bus, Message
from broadcast.wire import topics
from broadcast.wire.documents import Ack, Outcome, PlayReport, ReceiverState
from scheduler.changes import Changes
from scheduler.fleet.models import Receiver
from scheduler.ingest import Ingest
from scheduler.zones.models import Zone, ZoneKind

if TYPE_CHECKING:
    from broadcast.clock import ManualClock
    from scheduler.store.engine import Store


class Slate(Bus):
    """A bus that keeps what it is told to publish; `session` is set by hand."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__("127.0.0.1", 1, ssl.create_default_context, clock)
        self.acks: list[int] = []

    async def publish(self, topic: str, payload: bytes, *, retain: bool, qos: int = 1) -> None:
        assert (topic, retain, qos) == (topics.ack("r1"), True, 1)
        self.acks.append(msgspec.json.decode(payload, type=Ack).number)


@pytest.fixture
def bus(clock: ManualClock) -> Slate:
    return Slate(clock)


@pytest.fixture
def ingest(bus: Slate, sqlite_store: Store, clock: ManualClock) -> Ingest:
    with sqlite_store.writing() as db:
        db.add(Zone(id="z1", path="/z1/", kind=ZoneKind.VILLAGE, name="Tak Pổ"))
        db.flush()
        db.add(Receiver(id="r1", zone_id="z1", name="r1"))
    return Ingest(sqlite_store, bus, clock, Changes())


def _state(at_us: int, *, retained: bool = False) -> Message:
    state = ReceiverState(online=True, at_us=at_us)
    return Message(topics.state("r1"), msgspec.json.encode(state), retained)


def _report(number: int) -> Message:
    said = PlayReport(
        number=number,
        airing_id="a1",
        broadcast_id="b1",
        outcome=Outcome.HEARD,
        planned_start_us=1,
        planned_duration_us=1,
    )
    return Message(topics.reports("r1"), msgspec.json.encode(said), retained=False)


async def _said(ingest: Ingest, bus: Slate, *messages: Message) -> list[int]:
    """What is acknowledged upon `messages`."""
    bus.acks.clear()
    for message in messages:
        ingest.take(message)
    await ingest.write()
    return list(bus.acks)


async def test_who_speaks_is_greeted_once_in_each_connection(ingest: Ingest, bus: Slate) -> None:
    bus.session = 1
    assert await _said(ingest, bus, _state(1)) == [0]
    assert await _said(ingest, bus, _state(2)) == []
    assert await _said(ingest, bus, _report(1)) == [1]
    assert await _said(ingest, bus, _state(3)) == []
    bus.session = 2  # the broker may have forgotten what it remembered
    assert await _said(ingest, bus, _state(4)) == [1]
    assert await _said(ingest, bus, _state(5)) == []


async def test_a_report_is_acknowledged_each_time_and_greets_too(ingest: Ingest, bus: Slate) -> None:
    bus.session = 1
    assert await _said(ingest, bus, _report(1)) == [1]
    assert await _said(ingest, bus, _report(1)) == [1]
    assert await _said(ingest, bus, _state(1)) == []


async def test_a_state_that_is_only_remembered_greets_nobody(ingest: Ingest, bus: Slate) -> None:
    bus.session = 1
    assert await _said(ingest, bus, _state(1, retained=True)) == []
    assert await _said(ingest, bus, _state(2)) == [0]
