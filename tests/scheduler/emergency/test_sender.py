"""What is urgent on its way to a real broker, beside the publisher."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from sqlmodel import Session

from broadcast.broker.lab import LabBroker, running
from broadcast.bus import Bus, Message
from broadcast.clock import Clock, SystemClock, to_us
from broadcast.wire import topics
from broadcast.wire.jws import key_id
from broadcast.wire.now import SMALL_BYTES, Now, Order, Purpose
from broadcast.wire.trust import TrustedDocuments
from scheduler.changes import Changes
from scheduler.emergency.document import now_document
from scheduler.emergency.sender import TOGETHER, Urgent
from scheduler.fleet import outbox
from scheduler.fleet.documents import SOON, Draft
from scheduler.fleet.models import IssuedDocument
from scheduler.publisher import Builder, Publisher
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind

KEY = Ed25519PrivateKey.generate()
LIMIT_S = 60


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[LabBroker]:
    async with running(tmp_path, SystemClock()) as lab:
        yield lab


@pytest.fixture
async def own(lab: LabBroker) -> AsyncIterator[Bus]:
    async for bus in connected(lab.urgent_bus()):
        yield bus


@pytest.fixture
async def main(lab: LabBroker) -> AsyncIterator[Bus]:
    async for bus in connected(lab.bus()):
        yield bus


async def connected(bus: Bus) -> AsyncIterator[Bus]:
    task = asyncio.create_task(bus.run(ignore))
    await bus.next_session(0)
    yield bus
    task.cancel()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def ignore(_message: Message) -> None:
    pass


def no_bus(clock: Clock) -> Bus:
    """One that was never connected."""
    return Bus("127.0.0.1", 1, ssl.create_default_context, clock)


class Office:
    """Both who make `now` documents, on one store."""

    def __init__(self, desk: Any, threads: ThreadPoolExecutor, own: Bus, main: Bus, store: Store | None = None) -> None:
        self.desk = desk
        self.store: Store = store or desk.store
        self.own, self.main, self._threads = own, main, threads
        self.builds(now_document)

    def builds(self, build: Builder) -> None:
        """Both begin anew, as after a restart, with this."""
        clock, store = self.desk.clock, self.store
        self.urgent = Urgent(store, (self.own, self.main), key=KEY, build=build, clock=clock, threads=self._threads)
        self.publisher = Publisher(store, self.main, key=KEY, builders={"now": build}, clock=clock, changes=Changes())

    def troubles(self) -> dict[str, str]:
        with self.store.reading() as db:
            return outbox.troubles(db)

    async def publishes(self) -> None:
        """The publisher's whole round, until it has nothing left to do."""
        while self.publisher.issue() or await self.publisher.send():
            pass

    def kept(self, zone_id: str) -> IssuedDocument:
        with self.store.reading() as db:
            return db.get_one(IssuedDocument, topics.now(zone_id))

    async def at_broker(self, zone_id: str) -> Now:
        raw = await self.main.retained(topics.now(zone_id))
        return believed(raw or b"", zone_id, self.desk.clock.now())


def believed(raw: bytes, zone_id: str, now: datetime) -> Now:
    trusted = TrustedDocuments({key_id(KEY.public_key()): KEY.public_key()})
    document = trusted.accept(topics.now(zone_id), raw, to_us(now))
    assert isinstance(document, Now)
    return document


@pytest.fixture
def office(desk: Any, threads: ThreadPoolExecutor, own: Bus, main: Bus) -> Office:
    return Office(desk, threads, own, main)


async def test_the_broker_has_it_when_sending_returns_and_nothing_is_left_to_do(office: Office) -> None:
    desk, zone_id = office.desk, office.desk.places.leng
    order = desk.issued()
    assert not office.urgent.is_fresh
    assert await office.urgent.send([zone_id])
    assert office.urgent.is_fresh
    assert [said.id for said in (await office.at_broker(zone_id)).orders] == [order.id]
    assert office.kept(zone_id).published_number == office.kept(zone_id).number
    assert desk.shown(order.id).delivered
    assert desk.dirty() == set()


class Noted(Bus):
    """It says which topics the broker has confirmed."""

    confirmed: dict[str, threading.Event]

    async def publish(self, topic: str, payload: bytes, *, retain: bool, qos: int = 1) -> None:
        await super().publish(topic, payload, retain=retain, qos=qos)
        self.confirmed.setdefault(topic, threading.Event()).set()


async def test_the_first_zone_has_it_before_those_far_behind_are_built(
    desk: Any, threads: ThreadPoolExecutor, lab: LabBroker
) -> None:
    zone_ids = [f"village-{number}" for number in range(3 * TOGETHER)]
    noted = Noted("127.0.0.1", lab.port, lab.root.client_context, SystemClock())
    noted.confirmed = {topics.now(zone_id): threading.Event() for zone_id in zone_ids}

    def build(db: Session, zone_id: str, now: datetime) -> Draft | None:
        if zone_id == zone_ids[TOGETHER]:
            assert noted.confirmed[topics.now(zone_ids[0])].wait(LIMIT_S)
        return now_document(db, zone_id, now)

    with desk.store.writing() as db:
        for number, zone_id in enumerate(zone_ids):
            db.add(Zone(id=zone_id, path=f"/{zone_id}/", kind=ZoneKind.VILLAGE, name=f"Thôn {number}"))
    async for main in connected(noted):
        office = Office(desk, threads, no_bus(desk.clock), main)
        office.builds(build)
        assert await office.urgent.send(zone_ids)
    assert all(event.is_set() for event in noted.confirmed.values())


async def test_what_the_broker_has_is_noted_while_the_others_are_on_their_way(
    desk: Any, threads: ThreadPoolExecutor, lab: LabBroker
) -> None:
    zone_ids = [f"village-{number}" for number in range(TOGETHER + 1)]
    slow = Slow("127.0.0.1", lab.port, lab.root.client_context, SystemClock(), only=topics.now(zone_ids[-1]))
    with desk.store.writing() as db:
        for number, zone_id in enumerate(zone_ids):
            db.add(Zone(id=zone_id, path=f"/{zone_id}/", kind=ZoneKind.VILLAGE, name=f"Thôn {number}"))
    async for main in connected(slow):
        office = Office(desk, threads, no_bus(desk.clock), main)
        sending = asyncio.create_task(office.urgent.send(zone_ids))
        async with asyncio.timeout(LIMIT_S):
            await slow.asked.wait()
            while office.kept(zone_ids[0]).published_number is None:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0)
        assert office.kept(zone_ids[-1]).published_number is None
        slow.go.set()
        assert await sending


async def test_an_order_of_the_bank_is_small_when_signed(office: Office) -> None:
    office.desk.issued(office.desk.draft("siren-rise-fall.1", "flash-flood.1", every_s=60))
    await office.urgent.send([office.desk.places.leng])
    assert len(office.kept(office.desk.places.leng).jws) < SMALL_BYTES


async def test_numbers_grow_also_within_one_second_and_whoever_makes_them(office: Office) -> None:
    desk, zone_id = office.desk, office.desk.places.leng
    numbers, orders = [], [desk.asked() for _one in range(8)]
    for turn in range(8):  # the clock stands still
        desk.confirmed(orders[turn])
        if turn % 4 < 2:
            await office.urgent.send([zone_id])
        else:
            await office.publishes()
        numbers.append((await office.at_broker(zone_id)).number)
    assert numbers == list(range(numbers[0], numbers[0] + 8))


async def test_what_was_built_before_an_urgent_one_is_not_kept_after_it(
    desk: Any, threads: ThreadPoolExecutor, own: Bus, main: Bus
) -> None:
    office, zone_id = Office(desk, threads, own, main), desk.places.leng
    first = desk.issued()
    built: list[Any] = []

    def slowly(db: Session, target: str, now: datetime) -> Draft | None:
        draft = now_document(db, target, now)
        if not built:
            built.append(desk.issued())  # while the publisher is at work
            office.store.urgently(lambda other: office.urgent.make(other, [zone_id]))
        return draft

    publisher = Publisher(desk.store, main, key=KEY, builders={"now": slowly}, clock=desk.clock, changes=Changes())
    publisher.issue()
    await publisher.send()
    assert {order.id for order in (await office.at_broker(zone_id)).orders} == {first.id, built[0].id}


class Slow(Bus):
    """Its first publication of a document in force, or of that with topic `only`, waits to be let go."""

    def __init__(self, *args: Any, only: str = "/now", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._only = only
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def publish(self, topic: str, payload: bytes, *, retain: bool, qos: int = 1) -> None:
        if topic.endswith(self._only) and not self.asked.is_set():
            self.asked.set()
            await self.go.wait()
        await super().publish(topic, payload, retain=retain, qos=qos)


async def test_an_older_document_that_comes_to_the_broker_last_does_not_stay_there(
    desk: Any, threads: ThreadPoolExecutor, own: Bus, lab: LabBroker
) -> None:
    zone_id = desk.places.leng
    slow = Slow("127.0.0.1", lab.port, lab.root.client_context, SystemClock())
    async for main in connected(slow):
        office = Office(desk, threads, own, main)
        desk.issued()
        office.publisher.issue()
        late = asyncio.create_task(office.publisher.send())
        await asyncio.wait_for(slow.asked.wait(), LIMIT_S)
        second = desk.issued()
        assert await office.urgent.send([zone_id])
        slow.go.set()
        await late
        assert second.id not in {order.id for order in (await office.at_broker(zone_id)).orders}
        await office.publishes()
        assert second.id in {order.id for order in (await office.at_broker(zone_id)).orders}


async def test_without_its_own_connection_it_takes_the_other_and_without_any_the_publisher_sends(
    desk: Any, threads: ThreadPoolExecutor, main: Bus
) -> None:
    zone_id, away = desk.places.leng, no_bus(desk.clock)
    order = desk.issued()
    alone = Office(desk, threads, away, away)
    assert not await alone.urgent.send([zone_id])
    assert not desk.shown(order.id).delivered
    other = Office(desk, threads, away, main)
    assert await other.urgent.send([zone_id])
    desk.cancelled(order)
    assert not await alone.urgent.send([zone_id])
    await other.publishes()
    assert (await other.at_broker(zone_id)).orders == ()


async def test_a_database_that_is_away_leaves_it_to_the_publisher(
    office: Office, impatient_store: Store, threads: ThreadPoolExecutor, away: Any
) -> None:
    desk = office.desk
    order = desk.issued()
    office = Office(desk, threads, office.own, office.main, impatient_store)
    with away():
        assert not await office.urgent.send([desk.places.leng])
    await office.publishes()
    assert [said.id for said in (await office.at_broker(desk.places.leng)).orders] == [order.id]


async def test_what_is_in_force_expires_soon_after_its_end_and_is_not_made_anew_before(office: Office) -> None:
    desk, zone_id = office.desk, office.desk.places.leng
    desk.issued(desk.draft(minutes=30))
    await office.urgent.send([zone_id])
    first = office.kept(zone_id)
    assert first.expires_at == desk.clock.now() + timedelta(minutes=30) + SOON
    desk.later(minutes=20)
    with desk.store.writing() as db:
        outbox.mark_dirty(db, [topics.now(zone_id)], desk.clock.now())
    office.publisher.issue()
    assert office.kept(zone_id).number == first.number
    desk.later(minutes=10)
    desk.tick()
    office.publisher.issue()
    empty = office.kept(zone_id)
    assert empty.number > first.number
    assert empty.expires_at > desk.clock.now() + timedelta(days=7)


async def test_a_zone_that_is_no_more_keeps_no_other_waiting(office: Office) -> None:
    desk = office.desk
    desk.issued()
    assert await office.urgent.send(["gone", desk.places.leng])
    assert len((await office.at_broker(desk.places.leng)).orders) == 1


def unfit(broken: str, *, whole: bool) -> Callable[[Session, str, datetime], Draft | None]:
    """Builds documents of which zone `broken`'s has one order too many that no receiver would read, or is so itself."""

    def build(db: Session, zone_id: str, now: datetime) -> Draft | None:
        draft = now_document(db, zone_id, now)
        if draft is None or zone_id != broken:
            return draft
        assert isinstance(draft.document, Now)
        if whole:
            return replace(draft, document=replace(draft.document, target="a b"))
        bad = Order(id="no id", purpose=Purpose.REAL, start_us=0, until_us=2**50, parts=("storm.1",))
        return replace(draft, document=replace(draft.document, orders=(*draft.document.orders, bad)))

    return build


@pytest.mark.parametrize("by", ["urgent", "publisher"])
async def test_a_document_that_receivers_would_refuse_replaces_no_good_one_and_is_seen(office: Office, by: str) -> None:
    desk, broken, well = office.desk, office.desk.places.leng, office.desk.places.van
    first = desk.issued(desk.draft(zones=[broken, well]))
    assert await office.urgent.send([broken, well])
    office.builds(unfit(broken, whole=True))
    second = desk.issued(desk.draft(zones=[broken, well]))
    if by == "urgent":
        await office.urgent.send([broken, well])
    else:
        await office.publishes()
    assert [said.id for said in (await office.at_broker(broken)).orders] == [first.id]
    assert {said.id for said in (await office.at_broker(well)).orders} == {first.id, second.id}
    ((topic, why),) = office.troubles().items()
    assert topic == topics.now(broken)
    assert "would refuse" in why
    office.builds(now_document)
    assert await office.urgent.send([broken])
    assert {said.id for said in (await office.at_broker(broken)).orders} == {first.id, second.id}
    assert office.troubles() == {}


async def test_an_order_that_receivers_would_refuse_is_left_out_and_the_others_and_a_stop_pass(office: Office) -> None:
    desk, broken = office.desk, office.desk.places.leng
    office.builds(unfit(broken, whole=False))
    order = desk.issued()
    assert await office.urgent.send([broken])
    assert [said.id for said in (await office.at_broker(broken)).orders] == [order.id]
    assert office.troubles() == {topics.now(broken): "1 left out"}
    assert not desk.shown(order.id).delivered
    desk.stopped(broken)
    assert await office.urgent.send([broken])
    assert (await office.at_broker(broken)).stop_us == to_us(desk.clock.now())


class Odd(Bus):
    """It fails on one topic as nobody thought of."""

    odd = ""

    async def publish(self, topic: str, payload: bytes, *, retain: bool, qos: int = 1) -> None:
        if topic == self.odd:
            raise RuntimeError("a mistake in Loa")
        await super().publish(topic, payload, retain=retain, qos=qos)


async def test_one_document_that_cannot_be_sent_keeps_no_other_and_fails_nobody(
    desk: Any, threads: ThreadPoolExecutor, lab: LabBroker
) -> None:
    odd = Odd("127.0.0.1", lab.port, lab.root.client_context, SystemClock())
    async for main in connected(odd):
        office = Office(desk, threads, no_bus(desk.clock), main)
        order = desk.issued(desk.draft(zones=[desk.places.leng, desk.places.van]))
        odd.odd = topics.now(desk.places.leng)
        assert not await office.urgent.send([desk.places.leng, desk.places.van])
        assert [said.id for said in (await office.at_broker(desk.places.van)).orders] == [order.id]
        odd.odd = ""
        await office.publishes()
        assert [said.id for said in (await office.at_broker(desk.places.leng)).orders] == [order.id]
