import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from broadcast.broker.lab import LabBroker, running
from broadcast.bus import Bus, Message
from broadcast.clock import Clock, ManualClock, SystemClock, to_us
from broadcast.wire import topics
from broadcast.wire.documents import Airing, BroadcastClass, Media, Programme
from broadcast.wire.jws import key_id
from broadcast.wire.trust import TrustedDocuments
from scheduler.changes import Changes
from scheduler.fleet import outbox
from scheduler.fleet.documents import Draft
from scheduler.fleet.models import DirtyTopic, IssuedDocument
from scheduler.publisher import MARK, Mark, Publisher
from scheduler.store.engine import Store

KEY = Ed25519PrivateKey.generate()
LIMIT_S = 60
SHA = "ab" * 32


class Plan:
    """What zones shall play; a zone it does not know does not exist, a broken one raises."""

    def __init__(self) -> None:
        self.starts: dict[str, tuple[int, ...]] = {}
        self.broken: set[str] = set()

    def __call__(self, _db: Session, zone_id: str, _now: datetime) -> Draft | None:
        if zone_id in self.broken:
            raise RuntimeError("a mistake in Loa")
        if zone_id not in self.starts:
            return None
        media = (Media(sha256=SHA, size_bytes=1, duration_us=1),)
        airings = tuple(
            Airing(id=f"a{at}", broadcast_id="b", cls=BroadcastClass.NORMAL, start_us=at, media=media)
            for at in self.starts[zone_id]
        )
        document = Programme(target=zone_id, number=1, issued_us=0, expires_us=0, airings=airings)
        return Draft(document, "Asia/Ho_Chi_Minh")


@pytest.fixture
def plan() -> Plan:
    return Plan()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[LabBroker]:
    async with running(tmp_path, SystemClock()) as lab:
        yield lab


@pytest.fixture
async def bus(lab: LabBroker) -> AsyncIterator[Bus]:
    bus = lab.bus()
    task = asyncio.create_task(bus.run(ignore))
    await bus.next_session(0)
    yield bus
    task.cancel()


def ignore(_message: Message) -> None:
    pass


def no_bus(clock: Clock) -> Bus:
    """One that was never connected."""
    return Bus("127.0.0.1", 1, ssl.create_default_context, clock)


def publisher(store: Store, plan: Plan, clock: Clock, bus: Bus | None = None) -> Publisher:
    return Publisher(store, bus or no_bus(clock), key=KEY, builders={"programme": plan}, clock=clock, changes=Changes())


def mark(store: Store, clock: Clock, *zone_ids: str) -> None:
    with store.writing() as db:
        outbox.mark_dirty(db, [topics.programme(zone_id) for zone_id in zone_ids], clock.now())


def issued(store: Store, zone_id: str) -> IssuedDocument | None:
    with store.reading() as db:
        return db.get(IssuedDocument, topics.programme(zone_id))


def waiting(store: Store) -> list[str]:
    with store.reading() as db:
        return sorted(row.topic for row in db.exec(select(DirtyTopic)))


def starts(raw: bytes | None, now: datetime) -> tuple[int, ...]:
    """What a receiver that trusts KEY reads in a zone's document."""
    trusted = TrustedDocuments({key_id(KEY.public_key()): KEY.public_key()})
    document = trusted.accept(topics.programme("z1"), raw or b"", to_us(now))
    assert isinstance(document, Programme)
    return tuple(airing.start_us for airing in document.airings)


def test_a_dirty_topic_becomes_a_signed_document(store: Store, plan: Plan, clock: ManualClock) -> None:
    plan.starts["z1"] = (5,)
    mark(store, clock, "z1")
    publisher(store, plan, clock).issue()
    document = issued(store, "z1")
    assert document is not None
    assert starts(document.jws.encode(), clock.now()) == (5,)
    assert document.published_number is None
    assert waiting(store) == []


async def test_the_same_again_is_no_new_document(store: Store, plan: Plan, clock: ManualClock) -> None:
    plan.starts["z1"] = (5,)
    for _time in range(2):
        mark(store, clock, "z1")
        publisher(store, plan, clock).issue()
        await clock.advance(timedelta(seconds=10))
    document = issued(store, "z1")
    assert document is not None
    assert document.issued_at == clock.now() - timedelta(seconds=20)
    assert waiting(store) == []


async def test_each_local_day_brings_a_new_document(store: Store, plan: Plan, clock: ManualClock) -> None:
    plan.starts["z1"] = (5,)
    mark(store, clock, "z1")
    running_publisher = publisher(store, plan, clock)
    running_publisher.issue()
    first = issued(store, "z1")
    await clock.advance(timedelta(hours=16))
    running_publisher.issue()
    second = issued(store, "z1")
    assert first is not None
    assert second is not None
    assert second.expires_at == first.expires_at + timedelta(days=1)
    assert second.number > first.number


async def test_what_a_clock_ahead_issued_is_made_anew_as_soon_as_the_clock_is_right(
    store: Store, plan: Plan, clock: ManualClock
) -> None:
    """Receivers hold what ends before their newest document was issued for over, emergencies too."""
    plan.starts["z1"] = (5,)
    running = publisher(store, plan, clock)
    clock.step_wall(timedelta(hours=7))
    mark(store, clock, "z1")
    running.issue()
    ahead = issued(store, "z1")
    clock.step_wall(timedelta(hours=-7))
    await clock.advance(timedelta(seconds=1))
    running.issue()
    right = issued(store, "z1")
    assert ahead is not None
    assert right is not None
    assert right.issued_at == clock.now()
    assert right.number == ahead.number + 1
    running.issue()
    assert waiting(store) == []


def test_a_change_while_it_is_built_is_not_lost(store: Store, clock: ManualClock) -> None:
    class ChangesWhileBuilt(Plan):
        def __call__(self, db: Session, zone_id: str, now: datetime) -> Draft | None:
            draft = super().__call__(db, zone_id, now)
            if self.starts[zone_id] == (1,):
                self.starts[zone_id] = (2,)
                clock.step_wall(timedelta(milliseconds=1))
                mark(store, clock, zone_id)
            return draft

    plan = ChangesWhileBuilt()
    plan.starts["z1"] = (1,)
    mark(store, clock, "z1")
    running_publisher = publisher(store, plan, clock)
    running_publisher.issue()
    running_publisher.issue()
    document = issued(store, "z1")
    assert document is not None
    assert starts(document.jws.encode(), clock.now()) == (2,)
    assert waiting(store) == []


async def test_a_topic_that_cannot_be_built_keeps_no_other_waiting(
    store: Store, plan: Plan, clock: ManualClock
) -> None:
    plan.starts = {"z1": (1,), "z2": (2,)}
    plan.broken = {"z1"}
    mark(store, clock, "z1", "z2")
    running_publisher = publisher(store, plan, clock)
    running_publisher.issue()
    assert issued(store, "z2") is not None
    assert waiting(store) == [topics.programme("z1")]
    plan.broken = set()
    await clock.advance(timedelta(minutes=2))
    running_publisher.issue()
    assert issued(store, "z1") is not None


def test_programmes_do_not_wait_behind_the_settings_of_a_province(store: Store, plan: Plan, clock: ManualClock) -> None:
    with store.writing() as db:
        outbox.mark_dirty(db, [topics.settings(f"r{number}") for number in range(1000)], clock.now())
    clock.step_wall(timedelta(seconds=1))
    plan.starts["z1"] = (1,)
    mark(store, clock, "z1")
    publisher(store, plan, clock).issue()
    assert issued(store, "z1") is not None


def test_a_zone_that_is_gone_is_emptied_and_its_number_kept(store: Store, plan: Plan, clock: ManualClock) -> None:
    plan.starts["z1"] = (1,)
    mark(store, clock, "z1")
    running_publisher = publisher(store, plan, clock)
    running_publisher.issue()
    first = issued(store, "z1")
    plan.starts.clear()
    clock.step_wall(timedelta(seconds=1))
    mark(store, clock, "z1")
    running_publisher.issue()
    gone = issued(store, "z1")
    assert first is not None
    assert gone is not None
    assert (gone.jws, gone.number, gone.published_number) == ("", first.number, None)
    assert waiting(store) == []


@pytest.mark.parametrize("killed_after", ["issue", "publish"])
async def test_killed_between_two_steps_the_same_bytes_go_out(
    sqlite_store: Store, plan: Plan, bus: Bus, killed_after: str
) -> None:
    clock = SystemClock()
    plan.starts["z1"] = (1,)
    mark(sqlite_store, clock, "z1")
    publisher(sqlite_store, plan, clock, bus).issue()
    before = issued(sqlite_store, "z1")
    assert before is not None
    if killed_after == "publish":
        await bus.publish(before.topic, before.jws.encode(), retain=True)
    after = publisher(sqlite_store, plan, clock, bus)
    after.issue()
    await after.send()
    assert await bus.retained(topics.programme("z1")) == before.jws.encode()
    document = issued(sqlite_store, "z1")
    assert document is not None
    assert document.number == before.number
    assert document.published_number == document.number


async def test_what_the_broker_has_is_not_sent_again(sqlite_store: Store, plan: Plan, bus: Bus, lab: LabBroker) -> None:
    clock = SystemClock()
    plan.starts["z1"] = (1,)
    mark(sqlite_store, clock, "z1")
    first = publisher(sqlite_store, plan, clock, bus)
    first.issue()
    await first.send()
    async with lab.client("r1") as receiver:
        await receiver.subscribe("loa/v1/zones/+/programme", qos=1)
        messages = aiter(receiver.messages)
        assert (await anext(messages)).retain
        await publisher(sqlite_store, plan, clock, bus).send()
        await bus.publish(topics.programme("last"), b"last", retain=False)
        async with asyncio.timeout(LIMIT_S):
            assert (await anext(messages)).payload == b"last"


async def test_a_broker_that_lost_everything_gets_everything_again(
    sqlite_store: Store, plan: Plan, tmp_path: Path
) -> None:
    clock = SystemClock()
    plan.starts = {"z1": (1,), "z2": (2,)}
    mark(sqlite_store, clock, "z1", "z2")
    for life in ("first", "second"):
        async with running(tmp_path / life, clock) as lab, asyncio.timeout(LIMIT_S):
            bus = lab.bus()
            task = asyncio.create_task(bus.run(ignore))
            await bus.next_session(0)
            living = publisher(sqlite_store, plan, clock, bus)
            for _round in range(2):
                living.issue()
                await living.send()
            assert starts(await bus.retained(topics.programme("z1")), clock.now()) == (1,)
            assert await bus.retained(topics.programme("z2")) is not None
            task.cancel()


async def test_a_broker_that_lost_the_last_minute_gets_that_again(sqlite_store: Store, plan: Plan, bus: Bus) -> None:
    """A killed Mosquitto comes back with what it saved last: an older document and the mark of that time."""
    clock = SystemClock()
    plan.starts["z1"] = (1,)
    mark(sqlite_store, clock, "z1")
    living = publisher(sqlite_store, plan, clock, bus)
    living.issue()
    await living.send()
    topic = topics.programme("z1")
    saved = {name: await bus.retained(name) or b"" for name in (topic, MARK)}
    plan.starts["z1"] = (2,)
    mark(sqlite_store, clock, "z1")
    living.issue()
    await living.send()
    for name, payload in saved.items():
        await bus.publish(name, payload, retain=True)
    await publisher(sqlite_store, plan, clock, bus).send()
    assert starts(await bus.retained(topic), clock.now()) == (2,)


async def test_a_change_while_the_broker_is_away_makes_nothing_else_anew(
    sqlite_store: Store, plan: Plan, bus: Bus
) -> None:
    clock = SystemClock()
    plan.starts = {"z1": (1,), "z2": (2,)}
    living = publisher(sqlite_store, plan, clock, bus)
    for zone_id in ("z2", "z1"):
        mark(sqlite_store, clock, zone_id)
        living.issue()
        await living.send()
    before = issued(sqlite_store, "z2")
    plan.starts["z1"] = (3,)
    mark(sqlite_store, clock, "z1")
    again = publisher(sqlite_store, plan, clock, bus)
    for _round in range(2):
        again.issue()
        await again.send()
    assert issued(sqlite_store, "z2") == before
    assert starts(await bus.retained(topics.programme("z1")), clock.now()) == (3,)


async def test_the_mark_grows_though_the_clock_is_set_back(
    sqlite_store: Store, plan: Plan, bus: Bus, clock: ManualClock
) -> None:
    """Else a broker that lost its last minute would not get the documents of that minute again."""
    living = publisher(sqlite_store, plan, clock, bus)
    marks = []
    for start in (1, 2):
        plan.starts["z1"] = (start,)
        mark(sqlite_store, clock, "z1")
        living.issue()
        await living.send()
        marks.append(msgspec.json.decode(await bus.retained(MARK) or b"", type=Mark).published_us)
        clock.step_wall(timedelta(hours=-1))
    assert marks[0] < marks[1]


@pytest.mark.parametrize("broker_lost_too", [False, True])
async def test_a_restored_database_numbers_everything_anew(
    sqlite_store: Store, plan: Plan, bus: Bus, tmp_path: Path, *, broker_lost_too: bool
) -> None:
    clock = SystemClock()
    plan.starts["z1"] = (1,)
    mark(sqlite_store, clock, "z1")
    living = publisher(sqlite_store, plan, clock, bus)
    living.issue()
    await living.send()
    sqlite_store.backup(tmp_path / "backup.sqlite3")
    plan.starts["z1"] = (2,)
    mark(sqlite_store, clock, "z1")
    living.issue()
    await living.send()
    newer = issued(sqlite_store, "z1")
    plan.starts["z1"] = (1,)
    for topic in (MARK, topics.programme("z1")) if broker_lost_too else ():
        await bus.publish(topic, b"", retain=True)
    restored = Store(f"sqlite:///{tmp_path / 'backup.sqlite3'}")
    again = publisher(restored, plan, clock, bus)
    await again.send()
    again.issue()
    await again.send()
    document = issued(restored, "z1")
    restored.close()
    assert newer is not None
    assert document is not None
    assert starts(await bus.retained(topics.programme("z1")), clock.now()) == (1,)
    assert document.number > newer.number


async def test_a_save_reaches_a_receiver_by_itself(sqlite_store: Store, plan: Plan, bus: Bus, lab: LabBroker) -> None:
    clock = SystemClock()
    task = asyncio.create_task(publisher(sqlite_store, plan, clock, bus).run())
    async with lab.client("r1") as receiver, asyncio.timeout(LIMIT_S):
        await receiver.subscribe(topics.programme("z1"), qos=1)
        plan.starts["z1"] = (7,)
        await asyncio.to_thread(mark, sqlite_store, clock, "z1")
        message = await anext(aiter(receiver.messages))
    task.cancel()
    assert isinstance(message.payload, bytes)
    assert starts(message.payload, clock.now()) == (7,)


async def test_killed_brokers_are_filled_again(sqlite_store: Store, plan: Plan, bus: Bus, lab: LabBroker) -> None:
    """With -9, a moment after the document was confirmed and long before Mosquitto would have saved it."""
    clock = SystemClock()
    plan.starts["z1"] = (7,)
    mark(sqlite_store, clock, "z1")
    task = asyncio.create_task(publisher(sqlite_store, plan, clock, bus).run())
    async with asyncio.timeout(LIMIT_S):
        await _published(lab)
        assert lab.broker.pid is not None
        os.kill(lab.broker.pid, 9)
        await bus.next_session(1)
        assert starts(await _published(lab), clock.now()) == (7,)
    task.cancel()


async def _published(lab: LabBroker) -> bytes:
    """The document of zone z1 as soon as a receiver gets it."""
    async with lab.client("r1") as receiver:
        await receiver.subscribe(topics.programme("z1"), qos=1)
        payload = (await anext(aiter(receiver.messages))).payload
        assert isinstance(payload, bytes)
        return payload


async def test_a_database_that_is_away_ends_nothing(
    store: Store,
    impatient_store: Store,
    away: Callable[[], AbstractContextManager[None]],
    plan: Plan,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = SystemClock()
    plan.starts["z1"] = (5,)
    mark(store, clock, "z1")
    async with asyncio.timeout(3 * LIMIT_S):
        with away():
            task = asyncio.create_task(publisher(impatient_store, plan, clock).run())
            while "the publisher waits" not in caplog.text:  # noqa: ASYNC110 - told by the log alone
                await asyncio.sleep(0.01)
        while await asyncio.to_thread(issued, store, "z1") is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()


def test_a_connection_that_breaks_is_no_mistake_in_a_document(
    postgresql_store: Store, plan: Plan, clock: ManualClock
) -> None:
    breaking = [True]

    def build(db: Session, zone_id: str, now: datetime) -> Draft | None:
        if breaking and breaking.pop():
            db.connection().execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return plan(db, zone_id, now)

    plan.starts["z1"] = (5,)
    mark(postgresql_store, clock, "z1")
    one = Publisher(
        postgresql_store,
        no_bus(clock),
        key=KEY,
        builders={"programme": build},
        clock=clock,
        changes=Changes(),
    )
    with pytest.raises(OperationalError):
        one.issue()
    one.issue()
    assert issued(postgresql_store, "z1") is not None
