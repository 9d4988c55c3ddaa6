"""Texts of orders, spoken by the real voice and made by the real producer."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from broadcast.bus import Bus
from broadcast.clock import to_us
from broadcast.live.desk import LiveDesk
from broadcast.live.feed import LiveFeed
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.produce.request import Produced
from broadcast.speech.say import all_voices
from broadcast.speech.voice import Voice
from broadcast.trustroot.authority import URGENT
from broadcast.wire.now import Made, Purpose
from scheduler.announcements.models import RecordingState
from scheduler.changes import Changes
from scheduler.emergency import repository, service
from scheduler.emergency.document import now_document
from scheduler.emergency.models import EmergencyOrder, OrderSound
from scheduler.emergency.sender import Urgent
from scheduler.emergency.speaker import TRIES, Speaker
from scheduler.store.engine import Store
from tests.scheduler.emergency.conftest import FLOOD_DRILL

LIMIT_S = 120
TEXT = {"kind": "text", "text": "Nước sông lên nhanh."}
URL = "http://127.0.0.1:8001"


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    """What is said to a database is tried on both elsewhere."""
    return sqlite_store


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.fixture
def live() -> LiveDesk:
    return LiveDesk(URL)


@pytest.fixture
def voices() -> tuple[Voice, ...]:
    return all_voices()


@pytest.fixture
def speaker(
    desk: Any, live: LiveDesk, threads: ThreadPoolExecutor, tmp_path: Path, voices: tuple[Voice, ...]
) -> Speaker:
    away = Bus("127.0.0.1", 1, ssl.create_default_context, desk.clock, name=URGENT)
    urgent = Urgent(
        desk.store, (away,), key=Ed25519PrivateKey.generate(), build=now_document, clock=desk.clock, threads=threads
    )
    producer = Producer(MediaStore(tmp_path / "media"), MediaStore(tmp_path / "originals"), voices)
    return Speaker(desk.store, producer, urgent, desk=live, clock=desk.clock, changes=Changes())


def sound(desk: Any, order_id: str, place: int = 0) -> OrderSound:
    with desk.store.reading() as db:
        found = repository.sounds(db, [order_id])[order_id][place]
        db.expunge(found)
        return found


async def test_a_text_is_spoken_while_the_order_waits_for_the_second_person(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor, live: LiveDesk
) -> None:
    asked = desk.asked(desk.draft("siren-rise-fall.1", TEXT))
    assert [part.state for part in asked.parts] == ["ready", "making"]
    assert await speaker.once(threads)
    assert not await speaker.once(threads)
    shown = desk.shown(asked.id)
    assert [part.state for part in shown.parts] == ["ready", "ready"]
    assert shown.version == asked.version
    desk.confirmed(asked)
    siren, made = desk.says(desk.places.leng).orders[0].parts
    assert siren == "siren-rise-fall.1"
    assert isinstance(made, Made)
    assert made.media[0].duration_us == shown.parts[1].duration_us
    assert made.feed is not None
    feed = live.get(made.feed.id)
    assert feed is not None
    assert (made.feed.key, made.feed.urls) == (feed.public_key, (f"{URL}/live/{asked.id}-1",))


async def test_the_siren_goes_out_at_once_and_the_text_joins_the_same_order(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor
) -> None:
    order = desk.issued(desk.draft("siren-rise-fall.1", TEXT))
    (before,) = desk.says(desk.places.leng).orders
    assert before.parts == ("siren-rise-fall.1",)
    desk.later(seconds=4)
    assert await speaker.once(threads, issued_only=True)
    (after,) = desk.says(desk.places.leng).orders
    assert (after.id, after.start_us, len(after.parts)) == (order.id, before.start_us, 2)


async def test_a_siren_behind_a_text_keeps_its_number_when_the_text_is_there(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor
) -> None:
    desk.issued(desk.draft(TEXT, "siren-rise-fall.1", TEXT))
    (siren,) = desk.says(desk.places.leng).orders
    assert (siren.parts, siren.places) == (("siren-rise-fall.1",), (1,))
    for count in (2, 3):
        assert await speaker.once(threads, issued_only=True)
        (order,) = desk.says(desk.places.leng).orders
        assert (len(order.parts), order.parts[1], order.places) == (count, "siren-rise-fall.1", ())


@pytest.mark.parametrize(("every_s", "moved"), [(0, True), (60, False)])
async def test_a_text_that_comes_after_the_siren_is_heard_from_its_first_word(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor, every_s: int, moved: bool
) -> None:
    desk.issued(desk.draft("siren-rise-fall.1", TEXT, every_s=every_s))
    (before,) = desk.says(desk.places.leng).orders
    desk.later(seconds=40)
    assert await speaker.once(threads, issued_only=True)
    (after,) = desk.says(desk.places.leng).orders
    text_us = after.start_us + 5_000_000
    assert text_us == (to_us(desk.clock.now()) + 700_000 if moved else before.start_us + 5_000_000)


async def test_an_order_of_one_text_begins_when_it_is_there(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor
) -> None:
    desk.issued(desk.draft(TEXT))
    assert desk.sounding(desk.places.leng) == []
    desk.later(seconds=4)
    assert await speaker.once(threads)
    assert desk.says(desk.places.leng).orders[0].start_us == to_us(desk.clock.now()) + 700_000


@pytest.mark.parametrize("parts", [(TEXT,), ("siren-rise-fall.1", TEXT)])
@pytest.mark.parametrize("place", ["province", "leng", "leng_1"])
async def test_a_text_that_comes_late_takes_the_air_from_no_later_emergency(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor, place: str, parts: Any
) -> None:
    first = desk.issued(desk.draft(*parts))
    desk.later(seconds=4)
    second = desk.issued(desk.draft(zones=[getattr(desk.places, place)]))
    desk.later(seconds=36)
    assert await speaker.once(threads)
    (order,) = [one for one in desk.says(desk.places.leng).orders if one.id == first.id]
    assert len(order.parts) == len(parts)
    later = desk.says(getattr(desk.places, place)).orders[0]
    assert (later.id, later.start_us - order.start_us) == (second.id, 4_000_000)


@pytest.mark.parametrize("over", ["cancelled", "drill", "elsewhere", "earlier"])
async def test_what_is_no_later_emergency_there_lets_a_late_text_begin(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor, over: str
) -> None:
    if over == "earlier":
        desk.issued()
        desk.later(seconds=1)
    first = desk.issued(desk.draft(TEXT))
    desk.later(seconds=1)
    if over == "cancelled":
        desk.cancelled(desk.issued())
    if over == "elsewhere":
        desk.issued(desk.draft(zones=[desk.places.van]))
    if over == "drill":
        desk.confirmed(desk.asked(desk.draft(FLOOD_DRILL), purpose=Purpose.DRILL))
    desk.later(seconds=4)
    assert await speaker.once(threads)
    found = {order.id: order.start_us for order in desk.says(desk.places.leng).orders}
    assert found[first.id] == to_us(desk.clock.now()) + 700_000


async def test_what_is_issued_goes_before_what_is_asked_for(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor
) -> None:
    asked, issued = desk.asked(desk.draft(TEXT)), desk.issued(desk.draft(TEXT))
    assert await speaker.once(threads, issued_only=True)
    assert not await speaker.once(threads, issued_only=True)
    assert sound(desk, issued.id).state is RecordingState.READY
    assert sound(desk, asked.id).state is RecordingState.QUEUED


@pytest.mark.parametrize("voices", [()])
async def test_a_text_that_no_voice_speaks_is_tried_again_and_then_said_to_be_lost(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor
) -> None:
    order = desk.issued(desk.draft("siren-rise-fall.1", TEXT))
    for _time in range(TRIES):
        assert await speaker.once(threads)
    part = desk.shown(order.id).parts[1]
    assert (part.state, part.error) == ("failed", "unknown_voice")
    assert desk.says(desk.places.leng).orders[0].parts == ("siren-rise-fall.1",)
    assert not await speaker.once(threads)


async def test_nothing_is_spoken_for_what_was_withdrawn(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor
) -> None:
    order = desk.issued(desk.draft(TEXT))
    desk.cancelled(order)
    assert not await speaker.once(threads)


@pytest.fixture
async def busy() -> AsyncIterator[None]:
    """Every thread that jobs share is taken."""
    let_go = threading.Event()
    loop = asyncio.get_running_loop()
    jobs = [loop.run_in_executor(None, let_go.wait, LIMIT_S) for _one in range(64)]
    yield
    let_go.set()
    await asyncio.gather(*jobs)


async def test_a_text_waits_behind_no_other_job_and_feeds_end_with_their_order(
    desk: Any, speaker: Speaker, live: LiveDesk, busy: None
) -> None:
    order = desk.issued(desk.draft(TEXT))
    running = asyncio.create_task(speaker.run())
    async with asyncio.timeout(LIMIT_S):
        while sound(desk, order.id).feed is None:  # noqa: ASYNC110 - it tells the database alone
            await asyncio.sleep(0.05)
        assert live.get(f"{order.id}-0") is not None
        desk.cancelled(order)
        while live.get(f"{order.id}-0") is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait({running})


@dataclass(frozen=True)
class Slow(Producer):
    """It waits to be let go, and what it makes may be of no use."""

    duration_us: int | None = None
    go: threading.Event = field(default_factory=threading.Event)

    def produce(self, *args: Any) -> Produced:
        made = super().produce(*args)
        self.go.wait(LIMIT_S)
        return made if self.duration_us is None else replace(made, duration_us=self.duration_us)


@pytest.fixture
def duration_us() -> int | None:
    return None


@pytest.fixture
def slow(tmp_path: Path, voices: tuple[Voice, ...], duration_us: int | None) -> Slow:
    return Slow(MediaStore(tmp_path / "media"), MediaStore(tmp_path / "originals"), voices, duration_us)


@pytest.fixture
def other(desk: Any, speaker: Speaker, slow: Slow, live: LiveDesk) -> Speaker:
    """The speaker of another centre process on the same database."""
    return Speaker(desk.store, slow, speaker._urgent, desk=live, clock=desk.clock, changes=Changes())


async def test_what_a_process_was_speaking_when_it_ended_is_spoken_by_the_next_one(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor
) -> None:
    order = desk.issued(desk.draft(TEXT))
    with desk.store.writing() as db:
        assert repository.claim_speech(db, "killed", desk.clock.now(), issued_only=False) is not None
    assert not await speaker.once(threads)
    desk.later(seconds=5)
    assert await speaker.once(threads)
    assert sound(desk, order.id).state is RecordingState.READY


async def test_what_one_process_speaks_no_other_takes_however_long_it_takes(
    desk: Any, speaker: Speaker, other: Speaker, slow: Slow, threads: ThreadPoolExecutor
) -> None:
    order = desk.issued(desk.draft(TEXT))
    speaking = asyncio.create_task(other.once(threads))
    await until(lambda: sound(desk, order.id).state is RecordingState.PRODUCING)
    desk.later(seconds=4)
    await until(lambda: sound(desk, order.id).alive_at == desk.clock.now())
    desk.later(seconds=4)
    beginning = asyncio.create_task(speaker.run())  # as a process that starts now
    assert not await speaker.once(threads)
    slow.go.set()
    assert await speaking
    assert (sound(desk, order.id).state, sound(desk, order.id).attempts) == (RecordingState.READY, 1)
    beginning.cancel()
    await asyncio.wait({beginning})


async def test_who_stops_gives_back_what_it_was_speaking(
    desk: Any, other: Speaker, slow: Slow, threads: ThreadPoolExecutor
) -> None:
    order = desk.issued(desk.draft(TEXT))
    speaking = asyncio.create_task(other.once(threads))
    await until(lambda: sound(desk, order.id).state is RecordingState.PRODUCING)
    speaking.cancel()
    slow.go.set()
    await asyncio.wait({speaking})
    assert (sound(desk, order.id).state, sound(desk, order.id).attempts) == (RecordingState.QUEUED, 0)


async def test_a_process_that_begins_forgets_its_own_feeds_alone(desk: Any, speaker: Speaker) -> None:
    feeds = {}
    with desk.store.writing() as db:
        for host in (URL, f"{URL}0"):
            order = desk_order(db, desk)
            row = repository.sound(db, order, 0)
            assert row is not None
            row.state, row.feed = RecordingState.READY, {"id": order, "key": "k", "urls": [f"{host}/live/{order}"]}
            feeds[host] = order
    speaker._forget_feeds()
    assert sound(desk, feeds[URL]).feed is None
    assert sound(desk, feeds[f"{URL}0"]).feed is not None


def desk_order(db: Session, desk: Any) -> str:
    order = service.ask(db, desk.operator, desk.clock.now(), Purpose.REAL, desk.draft(TEXT))
    return order.id


async def test_one_text_that_nobody_can_speak_keeps_no_other_waiting(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor
) -> None:
    broken = desk.issued(desk.draft(TEXT))
    desk.later(seconds=1)  # the older one is spoken first
    well = desk.issued(desk.draft(TEXT))
    with desk.store.writing() as db:
        db.get_one(EmergencyOrder, broken.id).parts = [{"kind": "text"}]
    assert await speaker.once(threads)
    assert sound(desk, well.id).state is RecordingState.READY
    assert (sound(desk, broken.id).state, sound(desk, broken.id).error_code) == ("failed", "produce_failed")
    assert not await speaker.once(threads)


@pytest.mark.parametrize("duration_us", [2**70])
async def test_a_sound_that_cannot_be_kept_is_tried_again_and_then_said_to_be_lost(
    desk: Any, other: Speaker, slow: Slow, threads: ThreadPoolExecutor
) -> None:
    slow.go.set()
    order = desk.issued(desk.draft("siren-rise-fall.1", TEXT))
    for _time in range(TRIES):
        assert await other.once(threads)
    assert desk.shown(order.id).parts[1].error == "produce_failed"
    assert not await other.once(threads)


class NoFeeds(LiveDesk):
    def from_recording(self, feed_id: str, ogg: Path) -> LiveFeed:
        raise RuntimeError(f"a mistake in Loa: {feed_id} {ogg}")


@pytest.mark.parametrize("live", [NoFeeds(URL)])
async def test_a_text_without_a_feed_sounds_from_its_file(
    desk: Any, speaker: Speaker, threads: ThreadPoolExecutor
) -> None:
    order = desk.issued(desk.draft(TEXT))
    assert await speaker.once(threads)
    assert (sound(desk, order.id).state, sound(desk, order.id).feed) == (RecordingState.READY, None)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not true():  # noqa: ASYNC110 - it tells the database alone
            await asyncio.sleep(0.05)
