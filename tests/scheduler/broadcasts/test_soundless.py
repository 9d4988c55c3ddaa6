"""What is approved before its sound is there: it is planned, it is seen, and it is missed if the sound never comes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from broadcast.wire import topics
from scheduler.announcements import repository as announcement_sql
from scheduler.announcements.models import Recording, RecordingState
from scheduler.broadcasts import board, onair, planning, recorded, service
from scheduler.broadcasts.schemas import BoardAiring
from scheduler.reports import sources
from scheduler.workflow import State
from scheduler.zones.models import Zone

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def on_the_board(commune: Any, now: datetime) -> list[BoardAiring]:
    with commune.store.reading() as db:
        first, *_others = board.board(db, commune.official, now, zone_id=commune.places.leng).villages
    return first.airings


def settled(db: Session, announcement_id: str, state: RecordingState, now: datetime) -> None:
    [recording] = announcement_sql.recordings_of(db, [announcement_id])[announcement_id]
    recording.state = state
    if state is RecordingState.READY:
        recording.sha256, recording.size_bytes, recording.duration_us = "c" * 64, 8_000, 60_000_000
    db.flush()
    onair.sound_settled(db, announcement_id, now)


@pytest.fixture
def announcement_id(commune: Any) -> str:
    return str(commune.announce(state=RecordingState.PRODUCING))


def test_what_waits_for_its_sound_is_planned_and_no_receiver_is_told(commune: Any, announcement_id: str) -> None:
    approved = commune.approved(commune.draft(announcement_id))
    assert [(one.broadcast_id, one.state) for one in on_the_board(commune, commune.now)] == [(approved.id, "no_sound")]
    assert [one.state for one in on_the_board(commune, START + timedelta(seconds=1))] == ["no_sound"]
    with commune.store.writing() as db:
        assert planning.programme_for(db, commune.places.leng_1, commune.now) == ()
        onair.tick(db, START + timedelta(seconds=1))
        assert service.view(db, commune.official, START, approved.id).state is State.APPROVED
        settled(db, announcement_id, RecordingState.READY, commune.now)
        [airing] = planning.programme_for(db, commune.places.leng_1, commune.now)
        [row] = recorded.planned_of(db, approved.id, commune.now)
    assert airing.media[0].sha256 == "c" * 64
    assert row.end_at - row.start_at == timedelta(minutes=1)
    assert [one.state for one in on_the_board(commune, commune.now)] == ["fetching"]


def test_another_in_its_time_is_told_of_it(commune: Any, announcement_id: str) -> None:
    commune.approved(commune.draft(announcement_id))
    other = commune.saved(commune.draft())
    with commune.store.reading() as db:
        shown = service.preview(db, commune.official, commune.now, commune.draft(), broadcast_id=other.id)
    assert shown.places


def test_what_never_gets_sound_is_seen_and_missed(commune: Any, announcement_id: str) -> None:
    approved = commune.approved(commune.draft(announcement_id))
    with commune.store.writing() as db:
        settled(db, announcement_id, RecordingState.FAILED, commune.now)
    assert [(one.broadcast_id, one.state) for one in on_the_board(commune, commune.now)] == [(approved.id, "no_sound")]
    with commune.store.reading() as db:
        found = sources.begun(db, START - timedelta(hours=1), START)
        [row] = recorded.planned_of(db, approved.id, commune.now)
    assert [(one.broadcast_id, one.start_at, one.reason) for one in found] == [(approved.id, START, sources.NO_SOUND)]
    assert row.publication_id is None
    after = row.end_at + timedelta(minutes=5)
    assert [one.state for one in on_the_board(commune, after)] == ["not_heard"]


def test_what_has_failed_takes_no_place_from_others(commune: Any, announcement_id: str) -> None:
    commune.approved(commune.draft(announcement_id))
    with commune.store.writing() as db:
        settled(db, announcement_id, RecordingState.FAILED, commune.now)
    other = commune.approved(commune.draft())
    states = {one.broadcast_id: one.state for one in on_the_board(commune, commune.now)}
    assert states.pop(other.id) == "fetching"
    assert list(states.values()) == ["no_sound"]


def test_what_never_sounded_takes_nothing_of_the_days_quota(commune: Any, announcement_id: str) -> None:
    with commune.store.writing() as db:
        quota = {"sessions_per_day": 1, "session_us": 3_600_000_000, "gap_us": 60_000_000}
        db.get_one(Zone, commune.places.leng).quota = quota
    failed = commune.approved(commune.draft(announcement_id))
    later = commune.approved(commune.draft(when="2026-11-23T18:00"))
    with commune.store.writing() as db:
        settled(db, announcement_id, RecordingState.READY, START + timedelta(minutes=30))  # too late
    now = START + timedelta(minutes=40)
    with commune.store.reading() as db:
        [airing] = planning.programme_for(db, commune.places.leng_1, now)
    assert airing.broadcast_id == later.id
    assert {one.broadcast_id: one.state for one in on_the_board(commune, now)} == {
        failed.id: "not_heard",
        later.id: "fetching",
    }


def test_what_is_for_now_is_heard_in_what_there_is_of_it_after_a_while(commune: Any) -> None:
    announcement_id = commune.announce(state=RecordingState.PRODUCING)
    approved = commune.approved(commune.draft(announcement_id, when={"kind": "now"}))
    with commune.store.writing() as db:
        [stuck] = announcement_sql.recordings_of(db, [announcement_id])[announcement_id]
        there = {"state": RecordingState.READY, "sha256": "c" * 64, "size_bytes": 8_000, "duration_us": 60_000_000}
        db.add(
            Recording(
                **stuck.model_dump(exclude={"id", "language", *there}) | {"id": "there", "language": "en"} | there
            )
        )
        db.flush()
        onair.sound_settled(db, announcement_id, commune.later(minutes=5))
        onair.tick(db, commune.later(minutes=10))
        assert service.view(db, commune.official, commune.now, approved.id).starts_local is None
        onair.tick(db, commune.later(minutes=10, seconds=1))
        assert service.view(db, commune.official, commune.now, approved.id).starts_local == "2026-11-23T08:10:31"
    assert topics.programme(commune.places.leng_1) in commune.dirty()
