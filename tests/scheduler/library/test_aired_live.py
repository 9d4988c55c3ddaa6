"""What is kept of talks and relays tells when, where and how widely it was heard, on both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from broadcast.clock import to_us
from scheduler.announcements.models import Announcement, Recording, RecordingPart, Source
from scheduler.broadcasts.models import PlannedAiring
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.library import service
from scheduler.library.schemas import Search, UseOut
from scheduler.live import keeping
from scheduler.live.models import LiveEnd, LiveKind, LiveTalk
from scheduler.live.repository import AIRING_PREFIX
from scheduler.people.actor import Actor
from scheduler.relays import passing
from scheduler.relays import service as relays
from scheduler.relays.schemas import RelayIn
from scheduler.reports import book
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from tests.scheduler.live.conftest import TERMS, Microphones

RELAY = {
    "title": "Thời sự VOV1", "source_url": "https://stream.example/vov1.mp3", "limit_min": 15,
    "when": {"starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-24"},
}  # fmt: skip
LENGTH = timedelta(minutes=1)


@pytest.fixture
def air(commune: Any, store: Store) -> Microphones:
    return Microphones(commune, store)


@pytest.fixture(autouse=True)
def standing(commune: Any) -> None:
    with commune.store.writing() as db:
        for row in db.exec(select(Receiver)):
            row.enrolled_at = commune.now - timedelta(days=30)


def spoken(air: Microphones, talk_id: str, at: datetime) -> str:
    """The talk has its minute on the air; the announcement that is kept of it."""
    air.begin(talk_id, at=at)
    air.end(talk_id, LiveEnd.FINISHED, at=at + LENGTH, frames=48_000 * 60)
    with air.store.writing() as db:
        made = keeping.OffAir(f"{talk_id[-8:].encode().hex():0>64}", 1000, to_us(at + LENGTH) - to_us(at))
        kept = keeping.keep(db, at + LENGTH, talk_id, made, 30)
        return kept.id if kept else db.get_one(LiveTalk, talk_id).announcement_id or ""


def relayed(air: Microphones) -> tuple[str, datetime]:
    """The talk of a relay that comes again, at its first time, and that time."""
    commune = air.commune
    draft = RelayIn.model_validate(RELAY | {"zone_id": commune.places.leng, "zone_ids": [commune.places.leng]})
    at = air.later(9 * 3600)
    with air.store.writing() as db:
        made = relays.create(db, commune.official, commune.now, draft, TERMS)
        sent = relays.submit(db, commune.official, commune.now, made.id, terms=TERMS, version=made.version)
        relays.approve(db, commune.leader, commune.now, made.id, terms=TERMS, version=sent.version)
    with air.store.writing() as db:
        passing.tick(db, at, TERMS)
        return db.exec(select(LiveTalk)).one().id, at


def reported(air: Microphones, talk_id: str, at: datetime) -> None:
    """One of the two loudspeakers there tells that it played all of it; the book is kept."""
    with air.store.writing() as db:
        receiver = db.exec(select(Receiver).where(Receiver.zone_id == air.commune.places.leng_1)).one()
        db.add(
            StoredReport(
                receiver_id=receiver.id, number=1, airing_id=AIRING_PREFIX + talk_id, broadcast_id=talk_id,
                outcome="heard", planned_start_at=at, planned_duration_us=60_000_000, played_us=60_000_000, gap_us=0,
                underruns=0, start_at=at, received_at=at + LENGTH,
            )
        )  # fmt: skip
    book.keep_all(air.store, at + timedelta(hours=1))


def history(air: Microphones, by: Actor, announcement_id: str, at: datetime) -> list[UseOut]:
    with air.store.reading() as db:
        return service.history(db, by, at, announcement_id).items


@pytest.mark.parametrize("kind", [LiveKind.MICROPHONE, LiveKind.RECORDED, LiveKind.RELAY])
def test_what_was_kept_tells_when_and_where_it_was_live_and_how_many_heard_it(air: Microphones, kind: LiveKind) -> None:
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    if kind is LiveKind.RELAY:
        talk_id, at = relayed(air)
    else:
        asked: dict[str, Any] = {"kind": kind} | ({"recording_id": recording.id} if kind is LiveKind.RECORDED else {})
        talk_id, at = air.ask(**asked).id, air.now
    announcement_id = spoken(air, talk_id, at)
    assert (announcement_id == recording.announcement_id) is (kind is LiveKind.RECORDED)
    [use] = history(air, air.commune.official, announcement_id, at + LENGTH)
    assert (use.live, use.talk_id, use.broadcast_id, use.within) == (kind, talk_id, None, None)
    assert (use.start, use.zone_names, use.other_zones) == (at, ["Trà Leng"], 0)
    assert (use.heard, use.receivers) == (None, None)  # nothing is known yet
    reported(air, talk_id, at)
    [use] = history(air, air.commune.official, announcement_id, at + timedelta(hours=1))
    assert (use.heard, use.receivers) == (1, 2)
    with air.store.reading() as db:
        items = service.search(db, air.commune.official, at + timedelta(hours=1), Search()).items
    [found] = [item for item in items if item.id == announcement_id]
    assert (found.times, found.heard, found.last_at) == (1, 1, at)


def test_what_only_waited_for_its_turn_was_not_broadcast(air: Microphones) -> None:
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    air.ask(kind="recorded", recording_id=recording.id)
    assert history(air, air.commune.official, recording.announcement_id, air.later(60)) == []


def test_who_sees_none_of_its_places_is_told_no_talk(air: Microphones) -> None:
    """A talk in the name of one commune to the village of another: its own people read what was kept."""
    places = air.commune.places
    talk_id = air.ask(zone_ids=[places.van_1]).id
    announcement_id = spoken(air, talk_id, air.now)
    [own] = history(air, air.commune.official, announcement_id, air.later(60))
    assert (own.talk_id, own.zone_names, own.other_zones, own.start) == (None, [], 1, air.now)
    assert talk_id not in own.model_dump_json()
    [all_of_it] = history(air, air.commune.operator, announcement_id, air.later(60))
    assert (all_of_it.talk_id, all_of_it.other_zones) == (talk_id, 0)


def test_a_whole_of_another_place_is_called_as_it_was_heard_here_or_not_at_all(air: Microphones) -> None:
    places, commune, made_at = air.commune.places, air.commune, air.commune.now
    with air.store.writing() as db:
        part = db.exec(select(Recording)).one()
        whole = Announcement(
            id=new_id(made_at), zone_id=places.van, title="Bản tin kín Trà Vân", author_id=commune.stranger.user_id,
            created_at=made_at,
        )  # fmt: skip
        db.add(whole)
        db.flush()
        of_it = Recording(
            id=new_id(made_at), announcement_id=whole.id, language="vi", source=Source.PARTS, created_at=made_at
        )
        db.add(of_it)
        db.flush()
        db.add(RecordingPart(recording_id=of_it.id, place=0, part_id=part.id))
    made = commune.saved(commune.draft())
    with air.store.writing() as db:
        db.add(
            PlannedAiring(
                id="P", broadcast_id=made.id, announcement_id=whole.id, start_at=made_at, end_at=made_at,
                zone_ids=[places.van_1],
            )
        )  # fmt: skip

    def within(by: Actor) -> str | None:
        [use] = history(air, by, part.announcement_id, air.later(60))
        return use.within

    assert (within(commune.official), within(commune.operator)) == ("", "Bản tin kín Trà Vân")
    with air.store.writing() as db:
        db.get_one(PlannedAiring, "P").zone_ids = [places.leng_1]
    assert within(commune.official) == "Bản tin kín Trà Vân"
    with air.store.writing() as db:
        db.get_one(Announcement, whole.id).changed_at = air.later(30)
    assert (within(commune.official), within(commune.operator)) == ("", "Bản tin kín Trà Vân")


def test_the_number_of_queries_does_not_depend_on_how_often_it_was_live(air: Microphones, add_person: Any) -> None:
    other = add_person("other", air.commune.places.province, Role.OPERATOR)
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    asked: dict[str, Any] = {"kind": "recorded", "recording_id": recording.id}
    spoken(air, air.ask(**asked).id, air.now)
    few = queries(air, recording.announcement_id)
    for n in range(1, 9):
        at = air.later(600 * n)
        spoken(air, air.ask(by=other, at=at, **asked).id, at)
    assert len(history(air, air.commune.official, recording.announcement_id, air.later(86_400))) == 9
    assert queries(air, recording.announcement_id) == few


def queries(air: Microphones, announcement_id: str) -> int:
    said: list[str] = []
    with air.store.reading() as db:
        engine = db.get_bind()
        event.listen(engine, "before_cursor_execute", listener := lambda *of: said.append(of[2]))
        service.history(db, air.commune.official, air.later(86_400), announcement_id)
        event.remove(engine, "before_cursor_execute", listener)
    return len(said)
