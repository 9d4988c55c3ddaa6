"""A receiver's beats: answered with the time, and a sign of life."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import aiomqtt
import msgspec
import pytest
from sqlmodel import select

from broadcast.broker.lab import LabBroker, running
from broadcast.bus import Bus, Message
from broadcast.clock import ManualClock, SystemClock
from broadcast.wire import topics
from broadcast.wire.documents import Beat, ReceiverState, TimeTold
from scheduler.changes import Changes
from scheduler.fleet.inbox import MAX_BEAT_BYTES
from scheduler.fleet.models import Receiver
from scheduler.ingest import SEEN_US, SILENT_US, Ingest
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind

LIMIT_S = 60


def add_receiver(store: Store) -> None:
    with store.writing() as db:
        db.add(Zone(id="z1", path="/z1/", kind=ZoneKind.VILLAGE, name="Tak Pổ"))
        db.flush()
        db.add(Receiver(id="r1", zone_id="z1", name="r1"))


def row(store: Store) -> Receiver:
    with store.reading() as db:
        return db.exec(select(Receiver)).one()


def seen_at(store: Store) -> datetime | None:
    return row(store).seen_at


def beat(at_us: int = 1, *, retained: bool = False) -> Message:
    return Message(topics.beat("r1"), msgspec.json.encode(Beat(at_us=at_us)), retained)


def state(*, online: bool = True) -> Message:
    return Message(topics.state("r1"), msgspec.json.encode(ReceiverState(online=online, at_us=1)), retained=False)


@pytest.fixture
def ingest(store: Store, clock: ManualClock) -> Ingest:
    add_receiver(store)
    return Ingest(store, Bus("127.0.0.1", 1, ssl.create_default_context, clock), clock, Changes())


async def test_a_beat_is_a_sign_of_life_written_at_most_once_a_minute(
    ingest: Ingest, store: Store, clock: ManualClock
) -> None:
    ingest.take(beat())
    await ingest.write()
    first = clock.now()
    assert seen_at(store) == first
    await clock.advance(timedelta(microseconds=SEEN_US - 1))
    ingest.take(beat(2))
    await ingest.write()
    assert seen_at(store) == first
    await clock.advance(timedelta(microseconds=1))
    ingest.take(beat(3))
    await ingest.write()
    assert seen_at(store) == clock.now()


async def test_what_the_broker_remembers_of_a_beat_is_none(ingest: Ingest, store: Store) -> None:
    ingest.take(beat(retained=True))
    await ingest.write()
    assert seen_at(store) is None


async def test_beats_keep_a_receiver_on_line(ingest: Ingest, store: Store, clock: ManualClock) -> None:
    ingest.take(state())
    await ingest.write()
    for _beat in range(3):
        await clock.advance(timedelta(microseconds=SILENT_US))
        ingest.take(beat())
        await ingest.write()
        assert row(store).online
    await clock.advance(timedelta(microseconds=SILENT_US + 1))
    await ingest.write()
    assert not row(store).online
    ingest.take(beat())
    await ingest.write()
    assert row(store).online


async def test_a_last_will_after_a_beat_says_off_line(ingest: Ingest, store: Store) -> None:
    ingest.take(state())
    await ingest.write()
    ingest.take(beat())
    ingest.take(state(online=False))
    await ingest.write()
    assert not row(store).online


async def test_what_is_no_beat_is_counted_and_changes_nothing(ingest: Ingest, store: Store) -> None:
    for payload in (b"{", b'{"at_us": -1}', b'{"at_us": 1.5}', b"x" * (MAX_BEAT_BYTES + 1)):
        ingest.take(Message(topics.beat("r1"), payload, retained=False))
        await ingest.write()
    assert ingest.refused == {"malformed": 4}
    assert seen_at(store) is None


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[LabBroker]:
    async with running(tmp_path, SystemClock()) as lab:
        yield lab


@pytest.fixture
async def centre(lab: LabBroker, sqlite_store: Store, clock: ManualClock) -> AsyncIterator[Ingest]:
    """A centre that hears a real broker."""
    add_receiver(sqlite_store)
    bus = lab.bus()
    ingest = Ingest(sqlite_store, bus, clock, Changes())
    tasks = [asyncio.create_task(bus.run(ingest.take)), asyncio.create_task(ingest.time_desk.run())]
    await bus.next_session(0)
    yield ingest
    for task in tasks:
        task.cancel()


async def answer(messages: AsyncIterator[aiomqtt.Message]) -> TimeTold:
    async with asyncio.timeout(LIMIT_S):
        payload = (await anext(messages)).payload
    assert isinstance(payload, bytes)
    return msgspec.json.decode(payload, type=TimeTold)


@pytest.mark.usefixtures("centre")
async def test_the_time_is_told_to_who_asks(clock: ManualClock, lab: LabBroker) -> None:
    async with lab.client("r1") as node:
        await node.subscribe(topics.time("r1"), qos=0)
        await node.publish(topics.beat("r1"), msgspec.json.encode(Beat(at_us=7)), qos=0)
        told = await answer(aiter(node.messages))
    assert told == TimeTold(at_us=7, centre_us=clock.now_us())


async def test_one_answer_a_second(centre: Ingest, clock: ManualClock, lab: LabBroker) -> None:
    async with lab.client("r1") as node:
        await node.subscribe(topics.time("r1"), qos=0)
        for at_us in (1, 2, 3):
            centre.time_desk.ask("r1", Beat(at_us=at_us))
        await clock.advance(timedelta(seconds=1))
        centre.time_desk.ask("r1", Beat(at_us=4))
        messages = aiter(node.messages)
        assert [(await answer(messages)).at_us for _answer in range(2)] == [1, 4]
