from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from scheduler.announcements import service as announcements
from scheduler.announcements.models import Announcement, Recording
from scheduler.deputies import service as deputies
from scheduler.deputies.schemas import DeputyIn
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound
from scheduler.live import licence
from scheduler.live.asking import Terms
from scheduler.live.models import LiveEnd, LiveState, LiveTalk
from scheduler.live.repository import zones_of
from scheduler.people import signin
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry, User
from scheduler.relays import passing, service
from scheduler.relays.schemas import RelayApproveIn
from scheduler.rights import Grant, Role
from scheduler.workflow import NotPossible, State
from scheduler.zones.models import Zone
from tests.scheduler.relays.conftest import Asked, Planned

NIGHT = [{"start_minute": 1260, "end_minute": 300}]


def test_each_occurrence_becomes_a_talk_by_the_approval_alone(commune: Any, planned: Planned, terms: Terms) -> None:
    made = planned()
    assert (made.state, len(made.coming), made.conflicts) == (State.APPROVED, 2, [])
    with commune.store.writing() as db:
        assert passing.tick(db, commune.later(hours=8, minutes=59), terms) == ()
        words = passing.tick(db, commune.later(hours=9, seconds=1), terms)
        assert f"relay:{made.id}" in words
        [talk] = db.exec(select(LiveTalk)).all()
        assert (talk.state, talk.limit_s, talk.relay_id) == (LiveState.WAITING, 900, made.id)
        assert [zone.id for zone in zones_of(db, [talk.id])[talk.id]] == [commune.places.leng]
        assert licence.lost(db, commune.later(hours=9), talk) is None
        assert passing.tick(db, commune.later(hours=9, seconds=2), terms) == ()
        passing.tick(db, commune.later(hours=33, seconds=1), terms)
        last = service.view(db, commune.leader, commune.later(hours=34), made.id, terms)
        assert (last.state, len(last.runs)) == (State.DONE, 2)
        assert licence.lost(db, commune.later(hours=33), talk) is None


def test_whoever_planned_it_does_not_approve_it_and_what_is_cancelled_ends(
    commune: Any, planned: Planned, terms: Terms
) -> None:
    with pytest.raises(Forbidden):
        planned(by=commune.official)
    made = planned()
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9, seconds=1), terms)
        [talk] = db.exec(select(LiveTalk)).all()
        service.cancel(db, commune.leader, commune.later(hours=9), made.id, terms)
        assert licence.lost(db, commune.later(hours=9), talk) is LiveEnd.STOPPED
        with pytest.raises(NotPossible):
            service.approve(db, commune.leader, commune.now, made.id, terms=terms, version=made.version + 1)


def test_quiet_hours_are_refused_when_sent_and_kept_at_the_moment(
    commune: Any, planned: Planned, asked: Asked, terms: Terms
) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).quiet_hours = NIGHT
    with pytest.raises(Invalid, match="quiet hours"):
        planned(asked("20:50"))
    made = planned()
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).quiet_hours = [{"start_minute": 1030, "end_minute": 300}]
    with commune.store.writing() as db:
        shown = service.view(db, commune.official, commune.now, made.id, terms)
        assert {tuple(one.zone_names) for one in shown.conflicts} == {("Thôn 1",)}
        passing.tick(db, commune.later(hours=9, seconds=1), terms)
        [talk] = db.exec(select(LiveTalk)).all()
        assert [zone.id for zone in zones_of(db, [talk.id])[talk.id]] == [commune.places.leng_2]
        assert service.view(db, commune.official, commune.now, made.id, terms).runs[0].left_out == ["Thôn 1"]


def test_what_was_slept_through_is_noted(commune: Any, planned: Planned, terms: Terms) -> None:
    made = planned()
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9) + timedelta(minutes=16), terms)
        passing.tick(db, commune.later(hours=33), Terms())
        runs = service.view(db, commune.official, commune.now, made.id, terms).runs
        assert [run.trouble for run in runs] == ["host_not_allowed", "centre_was_away"]
        assert not db.exec(select(LiveTalk)).all()


def test_what_is_refused(commune: Any, asked: Asked, terms: Terms) -> None:
    other = asked(source_url="https://other.example/a.mp3")
    with commune.store.writing() as db:
        with pytest.raises(Invalid, match=r"other\.example"):
            service.create(db, commune.official, commune.now, other, terms)
        with pytest.raises(Forbidden):
            service.create(db, commune.official, commune.now, asked(zone_ids=[commune.places.van]), terms)
        made = service.create(db, commune.official, commune.now, asked(), terms)
        assert service.index(db, commune.stranger, commune.now, terms).items == []
        with pytest.raises(NotFound):
            service.view(db, commune.stranger, commune.now, made.id, terms)


def test_paused_it_keeps_its_approval_and_does_not_come(commune: Any, planned: Planned, terms: Terms) -> None:
    made = planned()
    with commune.store.writing() as db:
        paused = service.pause(db, commune.official, commune.now, made.id, terms=terms, version=made.version)
        assert (paused.state, paused.coming, "resume" in paused.possible) == (State.APPROVED, [], True)
        assert passing.tick(db, commune.later(hours=9, seconds=1), terms) == ()
        with pytest.raises(Conflict):
            service.pause(db, commune.official, commune.now, made.id, terms=terms, version=paused.version)
        again = service.resume(
            db, commune.leader, commune.later(hours=10), made.id, terms=terms, version=paused.version
        )
        assert (again.state, len(again.coming)) == (State.APPROVED, 1)
        paused = service.pause(db, commune.leader, commune.now, made.id, terms=terms, version=again.version)
        over = service.resume(db, commune.leader, commune.later(days=3), made.id, terms=terms, version=paused.version)
        assert over.state is State.DONE


def test_what_stands_in_for_a_silent_source_goes_with_the_talk_and_is_held(
    commune: Any, planned: Planned, asked: Asked, terms: Terms
) -> None:
    made = planned(asked(fallback_id=commune.announcement_id))
    assert made.fallback_title == "Lịch cúp điện"
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9, seconds=1), terms)
        [talk] = db.exec(select(LiveTalk)).all()
        recording = db.get_one(Recording, talk.recording_id)
        assert (recording.announcement_id, talk.sha256) == (commune.announcement_id, recording.sha256)
        assert announcements.view(db, commune.official, commune.now, commune.announcement_id).in_use
        with pytest.raises(Conflict, match="source is silent"):
            announcements.delete(db, commune.official, commune.now, commune.announcement_id, version=1)


def test_whoever_wrote_the_stand_in_does_not_approve_the_relay(
    commune: Any, planned: Planned, asked: Asked, terms: Terms
) -> None:
    with commune.store.writing() as db:
        db.get_one(Announcement, commune.announcement_id).editor_ids = [commune.leader.user_id]
    with pytest.raises(NotPossible):
        planned(asked(fallback_id=commune.announcement_id))


def test_the_list_goes_on_where_a_page_ended(commune: Any, planned: Planned, asked: Asked, terms: Terms) -> None:
    made = [planned(asked(clock)).id for clock in ("17:00", "18:00", "19:00")]
    with commune.store.reading() as db:
        first = service.index(db, commune.leader, commune.now, terms, limit=2)
        last = service.index(db, commune.leader, commune.now, terms, limit=2, before=first.next)
    assert [one.id for one in (*first.items, *last.items)] == sorted(made, reverse=True)
    assert last.next is None


def test_who_sees_a_place_that_hears_it_sees_it_once_it_is_approved(
    commune: Any, submitted: Planned, planned: Planned, terms: Terms
) -> None:
    grant = Grant(Role.VIEWER, commune.places.leng_1)
    helper = Actor(user_id="h", login="h", name="H", language="vi", grants=(grant,))
    waiting, coming = submitted(), planned()
    with commune.store.reading() as db:
        assert service.view(db, helper, commune.now, coming.id, terms).possible == []
        for actor, relay_id in ((helper, waiting.id), (commune.stranger, coming.id)):
            with pytest.raises(NotFound):
                service.view(db, actor, commune.now, relay_id, terms)


def test_what_a_deputy_approved_says_for_whom_and_by_which_paper(
    commune: Any, submitted: Planned, terms: Terms, add_person: Any
) -> None:
    helper = add_person("helper", commune.places.leng, Role.VIEWER)
    named = {"deputy_id": helper.user_id, "zone_id": commune.places.leng, "until": commune.later(days=7)}
    made, paper = submitted(), RelayApproveIn(document_no=" 45/TB-UBND  xã ")
    with commune.store.writing() as db:
        deputies.name(db, commune.leader, commune.now, DeputyIn.model_validate(named))
        deputy = signin.actor_of(db, db.get_one(User, helper.user_id))
        [waits] = service.waiting(db, deputy, commune.now, terms)
        [own] = service.waiting(db, commune.leader, commune.now, terms)
        done = service.approve(db, deputy, commune.now, made.id, paper, terms=terms, version=made.version)
        noted = db.exec(select(AuditEntry).where(AuditEntry.action == "relay.approve")).one()
        back = service.give_back(db, deputy, commune.now, made.id, "Sai giờ", terms=terms, version=done.version)
    assert (waits.acts_for, own.acts_for) == (["Leader"], [])
    assert (done.approver_name, done.on_behalf_of, done.document_no) == ("Helper", ["Leader"], "45/TB-UBND xã")
    assert noted.detail["on_behalf_of"] == [commune.leader.user_id]
    assert noted.detail["document_no"] == "45/TB-UBND xã"
    assert (back.approver_name, back.on_behalf_of, back.document_no) == (None, [], None)


def test_a_relay_that_comes_no_more_waits_for_nobody_but_can_be_returned(
    commune: Any, submitted: Planned, asked: Asked, terms: Terms
) -> None:
    far = {"starts_local": "2027-01-10T17:00", "rrule": "FREQ=DAILY", "until": "2027-01-11"}
    passed = submitted(asked("17:00"))
    late, soon = (submitted(asked(when=far)), submitted(asked(when=far | {"starts_local": "2026-12-01T17:00"})))
    with commune.store.writing() as db:
        now, leader = commune.later(days=3), commune.leader
        assert [one.id for one in service.waiting(db, leader, now, terms)] == [soon.id, late.id]
        assert [one.id for one in service.passed(db, leader, now, terms)] == [passed.id]
        assert service.waiting_count(db, leader, now) == 2
        service.give_back(db, leader, now, passed.id, "Đã qua", terms=terms, version=passed.version)
        assert service.passed(db, leader, now, terms) == []
