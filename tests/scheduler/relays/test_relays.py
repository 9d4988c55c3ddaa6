from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from scheduler.errors import Forbidden, Invalid, NotFound
from scheduler.live import licence
from scheduler.live.asking import Terms
from scheduler.live.models import LiveEnd, LiveState, LiveTalk
from scheduler.live.repository import zones_of
from scheduler.people.actor import Actor
from scheduler.relays import passing, service
from scheduler.relays.schemas import RelayDetail, RelayIn
from scheduler.workflow import NotPossible, State
from scheduler.zones.models import Zone

TERMS = Terms(frozenset({"stream.example"}))
NIGHT = [{"start_minute": 1260, "end_minute": 300}]


def asked(commune: Any, clock: str = "17:00", **other: Any) -> RelayIn:
    when = {"starts_local": f"2026-11-23T{clock}", "rrule": "FREQ=DAILY", "until": "2026-11-24"}
    values = {
        "zone_id": commune.places.leng, "title": "Thời sự VOV1", "source_url": "https://stream.example/vov1.mp3",
        "limit_min": 15, "when": when, "zone_ids": [commune.places.leng],
    }  # fmt: skip
    return RelayIn.model_validate(values | other)


def planned(commune: Any, draft: RelayIn | None = None, *, by: Actor | None = None) -> RelayDetail:
    """Approved by the leader."""
    with commune.store.writing() as db:
        made = service.create(db, commune.official, commune.now, draft or asked(commune), TERMS)
        made = service.submit(db, commune.official, commune.now, made.id, terms=TERMS, version=made.version)
        who = by or commune.leader
        return service.approve(db, who, commune.now, made.id, terms=TERMS, version=made.version)


def test_each_occurrence_becomes_a_talk_by_the_approval_alone(commune: Any) -> None:
    made = planned(commune)
    assert (made.state, len(made.coming), made.conflicts) == (State.APPROVED, 2, [])
    with commune.store.writing() as db:
        assert passing.tick(db, commune.later(hours=8, minutes=59), TERMS) == ()
        words = passing.tick(db, commune.later(hours=9, seconds=1), TERMS)
        assert f"relay:{made.id}" in words
        [talk] = db.exec(select(LiveTalk)).all()
        assert (talk.state, talk.limit_s, talk.relay_id) == (LiveState.WAITING, 900, made.id)
        assert [zone.id for zone in zones_of(db, [talk.id])[talk.id]] == [commune.places.leng]
        assert licence.lost(db, commune.later(hours=9), talk) is None
        assert passing.tick(db, commune.later(hours=9, seconds=2), TERMS) == ()
        passing.tick(db, commune.later(hours=33, seconds=1), TERMS)
        last = service.view(db, commune.leader, commune.later(hours=34), made.id, TERMS)
        assert (last.state, len(last.runs)) == (State.DONE, 2)
        assert licence.lost(db, commune.later(hours=33), talk) is None


def test_whoever_planned_it_does_not_approve_it_and_what_is_cancelled_ends(commune: Any) -> None:
    with pytest.raises(Forbidden):
        planned(commune, by=commune.official)
    made = planned(commune)
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9, seconds=1), TERMS)
        [talk] = db.exec(select(LiveTalk)).all()
        service.cancel(db, commune.leader, commune.later(hours=9), made.id, TERMS)
        assert licence.lost(db, commune.later(hours=9), talk) is LiveEnd.STOPPED
        with pytest.raises(NotPossible):
            service.approve(db, commune.leader, commune.now, made.id, terms=TERMS, version=made.version + 1)


def test_quiet_hours_are_refused_when_sent_and_kept_at_the_moment(commune: Any) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).quiet_hours = NIGHT
    with pytest.raises(Invalid, match="quiet hours"):
        planned(commune, asked(commune, "20:50"))
    made = planned(commune)
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).quiet_hours = [{"start_minute": 1030, "end_minute": 300}]
    with commune.store.writing() as db:
        shown = service.view(db, commune.official, commune.now, made.id, TERMS)
        assert {tuple(one.zone_names) for one in shown.conflicts} == {("Thôn 1",)}
        passing.tick(db, commune.later(hours=9, seconds=1), TERMS)
        [talk] = db.exec(select(LiveTalk)).all()
        assert [zone.id for zone in zones_of(db, [talk.id])[talk.id]] == [commune.places.leng_2]
        assert service.view(db, commune.official, commune.now, made.id, TERMS).runs[0].left_out == ["Thôn 1"]


def test_what_was_slept_through_is_noted(commune: Any) -> None:
    made = planned(commune)
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9) + timedelta(minutes=16), TERMS)
        passing.tick(db, commune.later(hours=33), Terms())
        runs = service.view(db, commune.official, commune.now, made.id, TERMS).runs
        assert [run.trouble for run in runs] == ["host_not_allowed", "centre_was_away"]
        assert not db.exec(select(LiveTalk)).all()


def test_what_is_refused(commune: Any) -> None:
    other = asked(commune, source_url="https://other.example/a.mp3")
    with commune.store.writing() as db:
        with pytest.raises(Invalid, match=r"other\.example"):
            service.create(db, commune.official, commune.now, other, TERMS)
        with pytest.raises(Forbidden):
            service.create(db, commune.official, commune.now, asked(commune, zone_ids=[commune.places.van]), TERMS)
        made = service.create(db, commune.official, commune.now, asked(commune), TERMS)
        assert service.index(db, commune.stranger, commune.now, TERMS) == []
        with pytest.raises(NotFound):
            service.view(db, commune.stranger, commune.now, made.id, TERMS)
