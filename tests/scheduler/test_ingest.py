import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

import aiomqtt
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from broadcast.broker.lab import LabBroker, running
from broadcast.bus import Bus, Message
from broadcast.clock import ManualClock, SystemClock, to_us
from broadcast.wire import topics
from broadcast.wire.documents import Ack, Outcome, PlayReport, ReceiverState
from scheduler import ingest as module
from scheduler.changes import Changes
from scheduler.fleet.inbox import MAX_REPORT_BYTES, MAX_STATE_BYTES
from scheduler.fleet.intake import store_reports
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.ingest import SILENT_US, Ingest
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind

LIMIT_S = 60


def add_receivers(store: Store, *receiver_ids: str) -> None:
    with store.writing() as db:
        db.add(Zone(id="z1", path="/z1/", kind=ZoneKind.VILLAGE, name="Tak Pổ"))
        db.flush()
        db.add_all(Receiver(id=receiver_id, zone_id="z1", name=receiver_id) for receiver_id in receiver_ids)


def receiver(store: Store, receiver_id: str = "r1") -> Receiver:
    with store.reading() as db:
        return db.exec(select(Receiver).where(Receiver.id == receiver_id)).one()


def stored(store: Store) -> list[tuple[str, int]]:
    with store.reading() as db:
        rows = db.exec(select(StoredReport.receiver_id, StoredReport.number)).all()
        return sorted((receiver_id, number) for receiver_id, number in rows)


def report(number: int, airing_id: str = "a1", **more: object) -> PlayReport:
    start_us = to_us(datetime.fromisoformat("2026-11-23T00:30:00+00:00")) + number * 60_000_000
    said = {"end_us": start_us + 30_000_000, "rms_dbfs": -20.0 - number} | more
    return msgspec.convert(
        {
            "number": number,
            "airing_id": airing_id,
            "broadcast_id": "b1",
            "outcome": Outcome.HEARD,
            "planned_start_us": start_us,
            "planned_duration_us": 30_000_000,
            **said,
        },
        PlayReport,
    )


def said(content: PlayReport | ReceiverState, receiver_id: str = "r1", *, retained: bool = False) -> Message:
    topic = topics.state(receiver_id) if isinstance(content, ReceiverState) else topics.reports(receiver_id)
    return Message(topic, msgspec.json.encode(content), retained)


@pytest.fixture
def ingest(store: Store, clock: ManualClock) -> Ingest:
    """Without a broker: what cannot be acknowledged is left to the next repetition."""
    add_receivers(store, "r1", "r2")
    return Ingest(store, Bus("127.0.0.1", 1, ssl.create_default_context, clock), clock, Changes())


async def test_a_state_is_kept(ingest: Ingest, store: Store, clock: ManualClock) -> None:
    ingest.take(said(ReceiverState(online=True, at_us=1, player="playing", volume_percent=70)))
    await ingest.write()
    row = receiver(store)
    assert row.online
    assert row.seen_at == clock.now()
    assert row.state is not None
    assert (row.state["player"], row.state["volume_percent"]) == ("playing", 70)


async def test_only_the_last_of_many_states_is_written(ingest: Ingest, store: Store) -> None:
    for volume in range(100):
        ingest.take(said(ReceiverState(online=True, at_us=volume, volume_percent=volume)))
    await ingest.write()
    row = receiver(store)
    assert row.state is not None
    assert row.state["volume_percent"] == 99


async def test_the_last_will_says_off_line_and_is_no_sign_of_life(
    ingest: Ingest, store: Store, clock: ManualClock
) -> None:
    ingest.take(said(ReceiverState(online=True, at_us=1, volume_percent=70)))
    await ingest.write()
    seen_at = clock.now()
    await clock.advance(timedelta(minutes=1))
    ingest.take(said(ReceiverState(online=False, at_us=1)))
    await ingest.write()
    row = receiver(store)
    assert not row.online
    assert row.seen_at == seen_at
    assert row.state is not None
    assert row.state["volume_percent"] == 70


async def test_what_the_broker_remembers_is_no_sign_of_life(ingest: Ingest, store: Store) -> None:
    ingest.take(said(ReceiverState(online=True, at_us=1), retained=True))
    await ingest.write()
    row = receiver(store)
    assert row.online
    assert row.seen_at is None


async def test_who_says_nothing_for_minutes_is_off_line_until_the_next_word(
    ingest: Ingest, store: Store, clock: ManualClock
) -> None:
    state = ReceiverState(online=True, at_us=1)
    ingest.take(said(state))
    ingest.take(said(state, "r2"))
    await ingest.write()
    await clock.advance(timedelta(microseconds=SILENT_US - 1))
    ingest.take(said(state, "r2"))
    await ingest.write()
    assert receiver(store).online
    await clock.advance(timedelta(minutes=1))
    await ingest.write()
    assert not receiver(store).online
    assert receiver(store, "r2").online
    ingest.take(said(state))
    await ingest.write()
    assert receiver(store).online


async def test_a_report_sent_twice_counts_once(ingest: Ingest, store: Store) -> None:
    for _time in range(2):
        ingest.take(said(report(1)))
        ingest.take(said(report(1)))
        await ingest.write()
    assert stored(store) == [("r1", 1)]
    assert receiver(store).ack_number == 1


async def test_a_number_used_again_changes_nothing(ingest: Ingest, store: Store) -> None:
    """As a receiver does that lost its disk: it learns of the number by the Ack and numbers on after it."""
    ingest.take(said(report(1, "first")))
    await ingest.write()
    ingest.take(said(report(1, "second")))
    await ingest.write()
    with store.reading() as db:
        assert [row.airing_id for row in db.exec(select(StoredReport))] == ["first"]


async def test_nothing_missing_below_is_acknowledged(ingest: Ingest, store: Store) -> None:
    for number, acknowledged in ((2, 0), (4, 0), (1, 2), (3, 4)):
        ingest.take(said(report(number)))
        await ingest.write()
        assert receiver(store).ack_number == acknowledged


async def test_a_database_put_back_does_not_wait_for_reports_that_it_lost(ingest: Ingest, store: Store) -> None:
    for number in (1, 2):
        ingest.take(said(report(number)))
    ingest.take(said(ReceiverState(online=True, at_us=1, acknowledged=8)))
    ingest.take(said(report(9)))
    await ingest.write()
    assert receiver(store).ack_number == 9
    ingest.take(said(ReceiverState(online=False, at_us=1)))
    await ingest.write()
    assert receiver(store).ack_number == 9


async def test_what_was_heard_last_is_shown(ingest: Ingest, store: Store) -> None:
    ingest.take(said(report(2)))
    ingest.take(said(report(1)))
    ingest.take(said(report(3, outcome="silent")))
    ingest.take(said(report(4, outcome="failed", rms_dbfs=None, end_us=None)))
    await ingest.write()
    row = receiver(store)
    assert row.heard_dbfs == -22.0
    assert row.heard_at == datetime.fromisoformat("2026-11-23T00:32:30+00:00")


async def test_what_the_microphone_says_is_kept_and_goes_before_the_device(ingest: Ingest, store: Store) -> None:
    heard = {"verdict": "heard", "correlation": 0.9, "delay_us": 12_000, "level_dbfs": -31.0}
    ingest.take(said(report(1, clipped_frames=7, heard=heard)))
    ingest.take(said(report(2, heard={"verdict": "not_heard", "correlation": 0.02})))
    await ingest.write()
    with store.reading() as db:
        first, second = db.exec(select(StoredReport).order_by(col(StoredReport.number)))
    assert (first.clipped_frames, first.microphone, first.microphone_correlation) == (7, "heard", 0.9)
    assert (first.microphone_delay_us, first.microphone_dbfs) == (12_000, -31.0)
    assert (second.microphone, second.microphone_delay_us, second.microphone_dbfs) == ("not_heard", None, None)
    assert receiver(store).heard_dbfs == -21.0


async def test_reports_of_no_broadcast_are_stored_too(ingest: Ingest, store: Store) -> None:
    """Of a message that somebody started at the node, and of one whose record was lost."""
    ingest.take(said(report(1, "local-fire-1", broadcast_id="local")))
    ingest.take(said(report(2, "lost-2", broadcast_id="lost", outcome="failed", reason="record_lost")))
    await ingest.write()
    assert receiver(store).ack_number == 2


async def test_a_node_whose_clock_is_ahead_was_not_heard_in_the_future(
    ingest: Ingest, store: Store, clock: ManualClock
) -> None:
    ingest.take(said(report(1, end_us=to_us(clock.now()) + 10**15)))
    await ingest.write()
    assert receiver(store).heard_at == clock.now()


async def test_bad_messages_are_counted_and_said_once_and_the_rest_is_stored(
    ingest: Ingest, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for _time in range(3):
        ingest.take(Message(topics.reports("r2"), b"{", retained=False))
        ingest.take(said(report(1), "nobody"))
        ingest.take(said(report(1)))
        await ingest.write()
    assert ingest.refused == {"malformed": 3, "unknown_receiver": 3}
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 2
    assert stored(store) == [("r1", 1)]


async def test_a_flood_of_reports_is_bounded(ingest: Ingest, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_REPORTS", 3)
    for number in range(1, 6):
        ingest.take(said(report(number)))
    await ingest.write()
    assert receiver(store).ack_number == 3
    assert ingest.refused == {"too_many": 2}


async def test_a_mistake_of_ours_ends_nothing(
    ingest: Ingest, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.delattr(module, "hearing")
        ingest.take(said(report(1)))
        await ingest.write()
    assert "could not be stored" in caplog.text
    ingest.take(said(report(1)))
    await ingest.write()
    assert stored(store) == [("r1", 1)]


async def test_what_is_far_too_large_is_not_even_kept(ingest: Ingest, store: Store) -> None:
    ingest.take(Message(topics.reports("r1"), b"{" * (MAX_REPORT_BYTES + 1), retained=False))
    ingest.take(Message(topics.state("r1"), b"{" * (MAX_STATE_BYTES + 1), retained=False))
    assert ingest.refused == {"malformed": 2}
    await ingest.write()
    assert receiver(store).state is None


async def test_a_last_will_outlives_a_busy_database(
    impatient_store: Store, clock: ManualClock, away: Callable[[], AbstractContextManager[None]]
) -> None:
    add_receivers(impatient_store, "r1", "r2")
    ingest = Ingest(impatient_store, Bus("127.0.0.1", 1, ssl.create_default_context, clock), clock, Changes())
    for receiver_id in ("r1", "r2"):
        ingest.take(said(ReceiverState(online=True, at_us=1), receiver_id))
    await ingest.write()
    for receiver_id in ("r1", "r2"):
        ingest.take(said(ReceiverState(online=False, at_us=1), receiver_id))
    with away():
        await ingest.write()
    ingest.take(said(ReceiverState(online=True, at_us=2), "r2"))
    await ingest.write()
    assert (receiver(impatient_store).online, receiver(impatient_store, "r2").online) == (False, True)


async def test_watchers_are_told_what_changed_and_only_that(store: Store, clock: ManualClock) -> None:
    add_receivers(store, "r1")
    changes = Changes()
    changes.attach(asyncio.get_running_loop())
    ingest = Ingest(store, Bus("127.0.0.1", 1, ssl.create_default_context, clock), clock, changes)
    watching = changes.watch()
    told = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    ingest.take(said(report(1, "a7")))
    await ingest.write()
    assert await told == {"receiver:r1", "airing:a7", "broadcast:b1"}
    told = asyncio.ensure_future(anext(watching))
    ingest.take(said(ReceiverState(online=True, at_us=1)))
    await ingest.write()
    assert await told == {"receiver:r1"}
    told = asyncio.ensure_future(anext(watching))
    ingest.take(said(ReceiverState(online=True, at_us=2)))
    await ingest.write()
    changes.tell(["nothing else"])
    assert await told == {"nothing else"}


@pytest.fixture
def counted(sqlite_store: Store) -> Callable[[list[int]], int]:
    """A function that stores report numbers for a new receiver, a batch each, and returns what is acknowledged."""
    with sqlite_store.writing() as db:
        db.add(Zone(id="z1", path="/z1/", kind=ZoneKind.VILLAGE, name="Tak Pổ"))
    serial = itertools.count()
    now = SystemClock().now()

    def count(numbers: list[int]) -> int:
        receiver_id = f"r{next(serial)}"
        with sqlite_store.writing() as db:
            db.add(Receiver(id=receiver_id, zone_id="z1", name="x"))
            db.flush()
            return [store_reports(db, {receiver_id: [report(number)]}, now)[1][receiver_id] for number in numbers][-1]

    return count


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_the_ack_is_the_highest_with_none_missing(counted: Callable[[list[int]], int], numbers: list[int]) -> None:
    missing = next(number for number in itertools.count(1) if number not in numbers)
    assert counted(numbers) == missing - 1


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[LabBroker]:
    async with running(tmp_path, SystemClock()) as lab:
        yield lab


@pytest.fixture
async def live(lab: LabBroker, sqlite_store: Store) -> AsyncIterator[Ingest]:
    """Taking in from a real broker."""
    add_receivers(sqlite_store, "r1")
    bus = lab.bus()
    ingest = Ingest(sqlite_store, bus, SystemClock(), Changes())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bus.run(ingest.take)), group.create_task(ingest.run())]
        await bus.next_session(0)
        yield ingest
        for task in tasks:
            task.cancel()


async def next_ack(messages: AsyncIterator[aiomqtt.Message]) -> int:
    async with asyncio.timeout(LIMIT_S):
        payload = (await anext(messages)).payload
    assert isinstance(payload, bytes)
    return msgspec.json.decode(payload, type=Ack).number


async def test_reports_are_acknowledged_to_their_sender(live: Ingest, lab: LabBroker, sqlite_store: Store) -> None:
    async with lab.client("r1") as node:
        await node.subscribe(topics.ack("r1"), qos=1)
        messages = aiter(node.messages)
        for numbers, expected in (((1, 2), 2), ((4,), 2), ((1,), 2), ((3,), 4)):
            for number in numbers:
                await node.publish(topics.reports("r1"), msgspec.json.encode(report(number)), qos=1)
            while await next_ack(messages) != expected:
                pass
    assert stored(sqlite_store) == [("r1", number) for number in (1, 2, 3, 4)]


async def test_who_connects_is_told_how_far_the_centre_is(live: Ingest, lab: LabBroker, sqlite_store: Store) -> None:
    """So a node that lost its disk learns which numbers are taken."""
    with sqlite_store.writing() as db:
        db.exec(select(Receiver)).one().ack_number = 17
    async with lab.client("r1") as node:
        await node.subscribe(topics.ack("r1"), qos=1)
        await node.publish(topics.state("r1"), msgspec.json.encode(ReceiverState(online=True, at_us=1)), qos=1)
        assert await next_ack(aiter(node.messages)) == 17


async def test_a_connection_that_breaks_is_seen(live: Ingest, lab: LabBroker, sqlite_store: Store) -> None:
    gone = msgspec.json.encode(ReceiverState(online=False, at_us=1))
    will = aiomqtt.Will(topics.state("r1"), gone, qos=1, retain=True)
    async with asyncio.timeout(LIMIT_S):
        async with lab.client("r1", will=will) as node:
            await node.publish(topics.state("r1"), msgspec.json.encode(ReceiverState(online=True, at_us=1)), qos=1)
            while not receiver(sqlite_store).online:  # noqa: ASYNC110 - what is asked is what the database shows
                await asyncio.sleep(0.01)
            async with lab.client("r1"):  # ends the first one's connection without a farewell
                pass
        while receiver(sqlite_store).online:  # noqa: ASYNC110 - what is asked is what the database shows
            await asyncio.sleep(0.01)
