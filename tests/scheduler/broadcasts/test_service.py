import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session, col, select

from broadcast.clock import from_us, to_us
from broadcast.wire import topics
from scheduler.announcements import repository as announcement_sql
from scheduler.announcements import service as announcements
from scheduler.announcements.models import RecordingState
from scheduler.announcements.schemas import CopyOf, NewAnnouncement, TextRecording
from scheduler.approval import inbox
from scheduler.broadcasts import onair, planning, recorded, service
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.schemas import CancelIn
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Stale
from scheduler.fleet.models import Receiver
from scheduler.people.models import AuditEntry
from scheduler.rights import Action, Role
from scheduler.workflow import Event, NotPossible, State
from scheduler.zones.models import Group, GroupMember, Zone

if TYPE_CHECKING:
    from collections.abc import Callable

WEEKLY = {
    "kind": "repeat",
    "starts_local": "2026-11-23T17:00",
    "rrule": "FREQ=WEEKLY;BYDAY=MO,TH",
    "until": "2026-12-31",
}


def test_the_way_from_draft_to_done(commune: Any) -> None:
    made = commune.saved()
    assert (made.state, made.possible) == (State.DRAFT, [Event.EDIT, Event.SUBMIT, Event.CANCEL])
    commune.dirty()
    approved = commune.approved()
    assert approved.state is State.APPROVED
    assert approved.approver_name == "Leader"
    assert commune.dirty() == {topics.programme(z) for z in (commune.places.leng_1, commune.places.leng_2)}
    for moment, state in [
        (datetime(2026, 11, 23, 9, 59, 59, tzinfo=UTC), State.APPROVED),
        (datetime(2026, 11, 23, 10, 0, tzinfo=UTC), State.ON_AIR),
        (datetime(2026, 11, 23, 10, 0, 59, tzinfo=UTC), State.ON_AIR),
        (datetime(2026, 11, 23, 10, 1, tzinfo=UTC), State.DONE),
    ]:
        with commune.store.writing() as db:
            onair.tick(db, moment)
            assert onair.tick(db, moment) == ()
            assert service.view(db, commune.official, moment, approved.id).state is state
    assert commune.dirty() == set()


def test_author_and_editors_never_approve(commune: Any, add_person: Any) -> None:
    both = add_person("both", commune.places.leng, Role.EDITOR, Role.APPROVER)
    made = commune.saved(by=both)
    with commune.store.writing() as db:
        waiting = service.submit(db, both, commune.now, made.id, version=made.version)
    assert Event.APPROVE not in waiting.possible
    with pytest.raises(NotPossible, match="does not approve"), commune.store.writing() as db:
        service.approve(db, both, commune.now, made.id, version=waiting.version)
    other = commune.saved()
    with commune.store.writing() as db:
        edited = service.edit(db, both, commune.now, other.id, commune.draft(), version=other.version)
        waiting = service.submit(db, commune.official, commune.now, other.id, version=edited.version)
    with pytest.raises(NotPossible, match="does not approve"), commune.store.writing() as db:
        service.approve(db, both, commune.now, other.id, version=waiting.version)


def test_who_wrote_or_changed_what_it_says_never_approves_it(commune: Any, add_person: Any) -> None:
    both = add_person("both", commune.places.leng, Role.EDITOR, Role.APPROVER)
    new = NewAnnouncement(zone_id=commune.places.leng, title="Của tôi", recordings=[TextRecording(text="Của tôi.")])
    changed = TextRecording(text="Đã sửa.")
    with commune.store.writing() as db:
        own = announcements.create(db, both, commune.now, new)
        copied = announcements.copy(db, commune.official, commune.now, own.id, CopyOf())
        theirs = announcements.create(db, commune.official, commune.now, new)
        recording_id = theirs.recordings[0].id
        announcements.edit_text(db, both, commune.now, recording_id, changed, version=theirs.version)
        named = announcements.create(db, commune.official, commune.now, new)
        announcements.rename(db, both, commune.now, named.id, "Tên khác", version=named.version)
    for announcement_id in (own.id, copied.id, theirs.id, named.id):
        waiting = commune.submitted(commune.draft(announcement_id))
        with commune.store.reading() as db:
            assert Event.APPROVE not in service.view(db, both, commune.now, waiting.id).possible
        with pytest.raises(NotPossible, match="does not approve"), commune.store.writing() as db:
            service.approve(db, both, commune.now, waiting.id, version=waiting.version)
        with commune.store.writing() as db:
            service.approve(db, commune.leader, commune.now, waiting.id, version=waiting.version)


def test_an_editor_cannot_approve_and_an_approver_cannot_write(commune: Any) -> None:
    waiting = commune.submitted()
    with pytest.raises(Forbidden), commune.store.writing() as db:
        service.approve(db, commune.official, commune.now, waiting.id, version=waiting.version)
    with pytest.raises(Forbidden):
        commune.saved(by=commune.leader)


def test_a_zone_without_approval_for_the_class_approves_at_once(commune: Any) -> None:
    with commune.store.writing() as db:
        for zone_id in (commune.places.leng_1, commune.places.leng_2):
            db.get_one(Zone, zone_id).approval_classes = ["emergency", "priority"]
    assert commune.submitted().state is State.APPROVED
    assert commune.submitted(commune.draft(cls="priority")).state is State.SUBMITTED


def test_any_target_that_wants_approval_gets_it(commune: Any) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).approval_classes = []
    assert commune.submitted().state is State.SUBMITTED
    assert commune.submitted(commune.draft(zone_ids=[commune.places.leng_1])).state is State.APPROVED


def test_every_target_needs_the_right_those_of_a_group_too(commune: Any) -> None:
    with commune.store.writing() as db:
        db.add(Group(id="G1", zone_id=commune.places.province, name="Lưu vực sông Tranh"))
        db.flush()
        for zone_id in (commune.places.leng_1, commune.places.van_1):
            db.add(GroupMember(group_id="G1", zone_id=zone_id))
    with pytest.raises(Problem) as refused:
        commune.saved(commune.draft(group_ids=["G1"]))
    assert isinstance(refused.value, Forbidden | NotFound)
    with pytest.raises(Forbidden):
        commune.saved(commune.draft(zone_ids=[commune.places.leng_1, commune.places.van_1]))
    made = commune.saved(commune.draft(group_ids=["G1"]), by=commune.operator)
    assert sorted(made.targets[0].zone_ids) == sorted([commune.places.leng_1, commune.places.van_1])
    with commune.store.writing() as db:
        waiting = service.submit(db, commune.operator, commune.now, made.id, version=made.version)
    with pytest.raises(Forbidden), commune.store.writing() as db:
        service.approve(db, commune.leader, commune.now, made.id, version=waiting.version)


def test_a_group_needs_the_right_where_it_belongs_whoever_is_in_it_now(commune: Any) -> None:
    """Its members may be others tomorrow: then a commune would speak in another one."""
    with commune.store.writing() as db:
        db.add(Group(id="G1", zone_id=commune.places.province, name="Lưu vực sông Tranh"))
        db.flush()
        db.add(GroupMember(group_id="G1", zone_id=commune.places.leng_1))
        db.add(Group(id="G2", zone_id=commune.places.province, name="Chưa có thôn nào"))
    for draft in (commune.draft(group_ids=["G1"]), commune.draft(group_ids=["G2"], zone_ids=[commune.places.leng_1])):
        with pytest.raises(Forbidden):
            commune.saved(draft)
    draft = commune.draft(zone_ids=[], group_ids=["G1"])
    made = commune.saved(draft, by=commune.operator)
    with commune.store.writing() as db:
        db.delete(db.get_one(GroupMember, ("G1", commune.places.leng_1)))
    acts: tuple[Callable[[Session], Any], ...] = (
        lambda db: service.edit(db, commune.official, commune.now, made.id, commune.draft(), version=made.version),
        lambda db: service.submit(db, commune.official, commune.now, made.id, version=made.version),
        lambda db: service.cancel(db, commune.official, commune.now, made.id),
        lambda db: service.stop(db, commune.official, commune.now, made.id),
    )
    for act in acts:
        with pytest.raises(Forbidden), commune.store.writing() as db:
            act(db)
    with commune.store.writing() as db:
        assert service.view(db, commune.official, commune.now, made.id).possible == []
        assert service.cancel(db, commune.operator, commune.now, made.id).state is State.CANCELLED


def test_an_emergency_is_for_those_who_may_issue_one(commune: Any) -> None:
    with pytest.raises(Forbidden):
        commune.saved(commune.draft(cls="emergency"))
    made = commune.saved(
        commune.draft(commune.announce(state=RecordingState.QUEUED), cls="emergency"), by=commune.operator
    )
    with commune.store.writing() as db:
        waiting = service.submit(db, commune.operator, commune.now, made.id, version=made.version)
        assert announcements.view(db, commune.operator, commune.now, made.announcement_id).recordings[0].urgent
        approved = service.approve(db, commune.leader, commune.now, made.id, version=waiting.version)
    assert approved.state is State.APPROVED


def test_an_official_of_another_commune_finds_nothing(commune: Any) -> None:
    made = commune.saved()
    acts: tuple[Callable[[Session], Any], ...] = (
        lambda db: service.view(db, commune.stranger, commune.now, made.id),
        lambda db: service.edit(db, commune.stranger, commune.now, made.id, commune.draft(), version=made.version),
        lambda db: service.submit(db, commune.stranger, commune.now, made.id, version=made.version),
        lambda db: service.cancel(db, commune.stranger, commune.now, made.id),
        lambda db: service.stop(db, commune.stranger, commune.now, made.id),
    )
    for act in acts:
        with pytest.raises(NotFound), commune.store.writing() as db:
            act(db)
    with commune.store.reading() as db:
        assert service.index(db, commune.stranger, commune.now).items == []


def test_what_comes_from_above_is_seen_once_it_is_approved(commune: Any) -> None:
    draft = commune.draft(zone_id=commune.places.province, zone_ids=[commune.places.province])
    made = commune.saved(draft, by=commune.operator)
    with pytest.raises(NotFound), commune.store.reading() as db:
        service.view(db, commune.official, commune.now, made.id)
    with commune.store.writing() as db:
        service.submit(db, commune.operator, commune.now, made.id, version=made.version)
        db.get_one(Broadcast, made.id).state = State.APPROVED
    with commune.store.reading() as db:
        seen = service.view(db, commune.official, commune.now, made.id)
        assert (seen.origin, seen.possible) == ("province", [])
        assert [item.id for item in service.index(db, commune.official, commune.now).items] == [made.id]
        announcements.view(db, commune.stranger, commune.now, made.announcement_id)


@pytest.mark.parametrize(
    ("aimed", "state", "seen"),
    [
        (["leng_1", "leng_2"], State.SUBMITTED, True),
        (["group_of_leng"], State.SUBMITTED, True),
        (["leng_1", "van_1"], State.SUBMITTED, False),
        (["group_of_province"], State.SUBMITTED, False),
        (["group_of_both"], State.SUBMITTED, False),
        (["leng_1"], State.DRAFT, False),
        (["leng_1"], State.RETURNED, False),
    ],
)
def test_what_another_sends_is_seen_while_it_waits_by_whoever_may_approve_it_in_all_its_places(
    commune: Any, aimed: list[str], state: State, *, seen: bool
) -> None:
    """The commune's leader; its official, and those who may approve in a part of it, see nothing."""
    places = commune.places
    groups = {
        "group_of_leng": (places.leng, [places.leng_1]),
        "group_of_province": (places.province, [places.leng_1]),
        "group_of_both": (places.leng, [places.leng_1, places.van_1]),
    }
    with commune.store.writing() as db:
        for group_id, (home, members) in groups.items():
            db.add(Group(id=group_id, zone_id=home, name=group_id))
            db.flush()
            db.add_all(GroupMember(group_id=group_id, zone_id=member) for member in members)
    text = NewAnnouncement(zone_id=places.province, title="Của tỉnh", recordings=[TextRecording(text="Của tỉnh.")])
    with commune.store.writing() as db:
        announcement_id = announcements.create(db, commune.operator, commune.now, text).id
    zone_ids = [getattr(places, name) for name in aimed if name not in groups]
    group_ids = [name for name in aimed if name in groups]
    draft = commune.draft(announcement_id, zone_id=places.province, zone_ids=zone_ids, group_ids=group_ids)
    made = commune.saved(draft, by=commune.operator)
    with commune.store.writing() as db:
        db.get_one(Broadcast, made.id).state = state

    def found(db: Session, actor: Any) -> set[str]:
        looked_at: dict[str, Callable[[], Any]] = {
            "alone": lambda: service.view(db, actor, commune.now, made.id),
            "listed": lambda: service.index(db, actor, commune.now).items[0],
            "waiting": lambda: inbox.look(db, actor, commune.now).items[0],
            "heard": lambda: announcements.view(db, actor, commune.now, announcement_id),
        }
        reached = set()
        for name, look in looked_at.items():
            with suppress(NotFound, IndexError):
                look()
                reached.add(name)
        return reached

    with commune.store.reading() as db:
        assert found(db, commune.leader) == ({"alone", "listed", "waiting", "heard"} if seen else set())
        for actor in (commune.official, commune.stranger):
            assert found(db, actor) == set()
        blind = replace(commune.leader, scope=frozenset({Action.BROADCAST_APPROVE}))
        with pytest.raises(NotFound):
            service.view(db, blind, commune.now, made.id)
        assert service.index(db, blind, commune.now).items == []
    if seen:
        with commune.store.writing() as db:
            service.approve(db, commune.leader, commune.now, made.id, version=made.version)


def test_two_officials_edit_one_broadcast(commune: Any, add_person: Any) -> None:
    other = add_person("other", commune.places.leng, Role.EDITOR)
    made, draft = commune.saved(), commune.draft(when="2026-11-24T17:00")
    barrier = threading.Barrier(2)
    outcomes: list[object] = []

    def edit(actor: Any) -> None:
        barrier.wait()
        try:
            with commune.store.writing() as db:
                outcomes.append(service.edit(db, actor, commune.now, made.id, draft, version=made.version).version)
        except Stale as stale:
            outcomes.append(stale.code)

    threads = [threading.Thread(target=edit, args=(actor,)) for actor in (commune.official, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [made.version + 1, "stale"]


def test_a_time_in_the_past_is_refused_with_the_time_there(commune: Any) -> None:
    with pytest.raises(Invalid, match="it is 2026-11-23 08:00 there now") as refused:
        commune.saved(commune.draft(when="2026-11-23T07:59"))
    assert refused.value.field == "starts_local"
    assert commune.saved(commune.draft(when="2026-11-23T08:00")).state is State.DRAFT


def test_a_time_that_passed_while_it_waited_is_refused_at_approval(commune: Any) -> None:
    waiting = commune.submitted()
    late = datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC)
    with pytest.raises(Invalid, match="it is 2026-11-23 17:00 there now"), commune.store.writing() as db:
        service.approve(db, commune.leader, late, waiting.id, version=waiting.version)


def test_times_and_places_that_are_refused(commune: Any) -> None:
    nowhere = [[], ["nowhere"], [commune.places.leng_1, commune.places.leng_1]]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"when": WEEKLY | {"until": None}}, "never_ends"),
        ({"when": WEEKLY | {"rrule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}}, "never_occurs"),
        ({"when": WEEKLY | {"rrule": "FREQ=DAILY", "until": "2026-11-22"}}, "never_occurs"),
        ({"when": WEEKLY | {"rrule": "FREQ=SECONDLY"}}, "too_frequent"),
        ({"when": WEEKLY | {"rrule": "rm -rf /"}}, "malformed"),
        ({"when": WEEKLY | {"until": "2029-01-01"}}, "ends_too_late"),
        ({"when": {"kind": "at", "starts_local": "2026-02-30T10:00"}}, "bad_time"),
        ({"when": {"kind": "at", "starts_local": "2028-11-23T10:00"}}, "too_far"),
        ({"when": {"kind": "at", "starts_local": "9999-12-31T23:59"}}, "day_out_of_range"),
        ({"when": WEEKLY | {"starts_local": "0001-01-01T00:00"}}, "day_out_of_range"),
        ({"zone_ids": nowhere[0]}, "no_targets"),
        ({"zone_ids": nowhere[1]}, "unknown_zone"),
        ({"zone_ids": nowhere[2]}, "unknown_zone"),
    ]
    for values, code in cases:
        with pytest.raises(Invalid) as refused:
            commune.saved(commune.draft(**values))
        assert refused.value.code == code
        assert refused.value.field is not None


def test_a_zone_without_receivers_is_allowed_and_said(commune: Any) -> None:
    with commune.store.writing() as db:
        db.delete(db.get_one(Receiver, f"R{commune.places.leng_2[1:]}"))
    made = commune.saved()
    assert [(notice.code, notice.params) for notice in made.notices] == [("no_receivers", {"zones": "Thôn 2"})]
    assert commune.saved(commune.draft(zone_ids=[commune.places.leng])).notices == []


def test_a_preview_says_which_village_has_no_receiver_where_two_have_one_name(commune: Any) -> None:
    with commune.store.writing() as db:
        db.delete(db.get_one(Receiver, f"R{commune.places.leng_1[1:]}"))
    draft = commune.draft(zone_ids=[commune.places.leng_1, commune.places.van_1])
    with commune.store.reading() as db:
        shown = service.preview(db, commune.operator, commune.now, draft)
    assert [(notice.code, notice.params) for notice in shown.notices] == [("no_receivers", {"zones": "Thôn 1"})]


def test_an_ended_zone_in_a_saved_broadcast_is_shown_left_out_and_said(commune: Any) -> None:
    made = commune.saved()
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_2).valid_until = commune.now.date()
    with commune.store.writing() as db:
        seen = service.view(db, commune.official, commune.now, made.id)
        assert [(target.name, target.ended) for target in seen.targets] == [("Thôn 1", False), ("Thôn 2", True)]
        assert [notice.code for notice in seen.notices] == ["zone_ended"]
        waiting = service.submit(db, commune.official, commune.now, made.id, version=made.version)
        service.approve(db, commune.leader, commune.now, made.id, version=waiting.version)
        assert len(planning.programme_for(db, commune.places.leng_1, commune.now)) == 1
        assert planning.programme_for(db, commune.places.leng_2, commune.now) == ()
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).valid_until = commune.now.date()
    with pytest.raises(Invalid, match="at least one place that there still is"):
        commune.saved()


def test_a_place_has_ended_from_midnight_there(commune: Any) -> None:
    alone = commune.draft(when="2026-12-01T17:00", zone_ids=[commune.places.leng_1])
    made = commune.saved(alone)
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).valid_until = date(2026, 12, 1)
        waiting = service.submit(db, commune.official, commune.now, made.id, version=made.version)
        assert waiting.notices == []
    commune.now = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)  # 5:30 of 1 December there
    with commune.store.reading() as db:
        seen = service.view(db, commune.leader, commune.now, made.id)
    assert ([target.ended for target in seen.targets], [one.code for one in seen.notices]) == ([True], ["zone_ended"])
    with pytest.raises(Conflict, match="None of its places"), commune.store.writing() as db:
        service.approve(db, commune.leader, commune.now, made.id, version=waiting.version)
    with pytest.raises(Invalid, match="at least one place that there still is"):
        commune.saved(alone)


def test_editing_what_is_approved_takes_the_approval_away(commune: Any) -> None:
    approved = commune.approved()
    commune.dirty()
    draft = commune.draft(zone_ids=[commune.places.leng_1])
    with commune.store.writing() as db:
        edited = service.edit(db, commune.official, commune.now, approved.id, draft, version=approved.version)
        assert planning.programme_for(db, commune.places.leng_2, commune.now) == ()
    assert (edited.state, edited.approver_name) == (State.DRAFT, None)
    assert commune.dirty() == {topics.programme(z) for z in (commune.places.leng_1, commune.places.leng_2)}


def test_returned_with_a_reason_and_sent_again(commune: Any) -> None:
    waiting = commune.submitted()
    with commune.store.writing() as db:
        returned = service.give_back(
            db, commune.leader, commune.now, waiting.id, " Sai  ngày ", version=waiting.version
        )
        assert (returned.state, returned.return_reason) == (State.RETURNED, "Sai ngày")
        again = service.submit(db, commune.official, commune.now, waiting.id, version=returned.version)
        assert (again.state, again.return_reason) == (State.SUBMITTED, None)
        asked = select(AuditEntry).where(AuditEntry.subject == f"broadcast:{waiting.id}")
        notes = db.exec(asked.order_by(col(AuditEntry.id))).all()
    assert [note.action for note in notes] == [f"broadcast.{w}" for w in ("create", "submit", "return", "submit")]


def test_approving_what_has_changed_meanwhile_is_stale(commune: Any) -> None:
    waiting = commune.submitted()
    with commune.store.writing() as db:
        edited = service.edit(db, commune.official, commune.now, waiting.id, commune.draft(), version=waiting.version)
        service.submit(db, commune.official, commune.now, waiting.id, version=edited.version)
    with pytest.raises(Stale), commune.store.writing() as db:
        service.approve(db, commune.leader, commune.now, waiting.id, version=waiting.version)


def test_now_means_after_the_lead(commune: Any) -> None:
    approved = commune.approved(commune.draft(when={"kind": "now"}))
    assert approved.starts_local == "2026-11-23T08:00:30"
    assert approved.next_start == commune.later(seconds=30)


def test_now_waits_for_the_sound(commune: Any) -> None:
    announcement_id = commune.announce(state=RecordingState.PRODUCING)
    approved = commune.approved(commune.draft(announcement_id, when={"kind": "now"}))
    assert approved.starts_local is None
    assert {notice.code for notice in approved.notices} == {"sound_not_ready", "starts_after"}
    commune.dirty()
    later = commune.later(minutes=3)
    with commune.store.writing() as db:
        [recording] = announcement_sql.recordings_of(db, [announcement_id])[announcement_id]
        recording.state, recording.sha256, recording.duration_us = RecordingState.READY, "c" * 64, 1_000_000
        db.flush()
        assert onair.sound_settled(db, announcement_id, later) == (f"broadcast:{approved.id}",)
        [airing] = planning.programme_for(db, commune.places.leng_1, later)
    assert airing.start_us == to_us(later + timedelta(seconds=30))
    assert topics.programme(commune.places.leng_1) in commune.dirty()


def test_now_whose_sound_fails_is_refused_or_ends(commune: Any) -> None:
    with pytest.raises(Conflict, match="could not be produced"):
        commune.submitted(commune.draft(commune.announce(state=RecordingState.FAILED)))
    waiting = commune.approved(commune.draft(commune.announce(state=RecordingState.QUEUED), when={"kind": "now"}))
    with commune.store.writing() as db:
        onair.tick(db, commune.later(hours=1))
        assert service.view(db, commune.official, commune.now, waiting.id).state is State.APPROVED
        given_up = commune.later(hours=1, seconds=1)
        onair.tick(db, given_up)
        [missed] = recorded.planned_of(db, waiting.id, commune.now)
        assert (missed.start_at, len(missed.zone_ids), missed.withdrawn_at) == (given_up, 2, None)
        onair.tick(db, missed.start_at + timedelta(seconds=1))
        assert service.view(db, commune.official, commune.now, waiting.id).state is State.DONE


def test_one_occurrence_is_cancelled_or_all(commune: Any) -> None:
    weekly = commune.approved(commune.draft(when=WEEKLY))
    thursday = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
    commune.dirty()
    with commune.store.writing() as db:
        service.cancel(db, commune.official, commune.now, weekly.id, CancelIn(occurrence=thursday))
        days = [a.start_us for a in planning.programme_for(db, commune.places.leng_1, commune.now)]
    assert days == [to_us(datetime(2026, 11, 23, 10, 0, tzinfo=UTC))]
    assert commune.dirty() == {topics.programme(z) for z in (commune.places.leng_1, commune.places.leng_2)}
    with pytest.raises(Invalid, match="does not come at that time"), commune.store.writing() as db:
        service.cancel(db, commune.official, commune.now, weekly.id, CancelIn(occurrence=thursday))
    with commune.store.writing() as db:
        assert service.cancel(db, commune.leader, commune.now, weekly.id).state is State.CANCELLED
        assert planning.programme_for(db, commune.places.leng_1, commune.now) == ()
        planned = recorded.planned_of(db, weekly.id, commune.now)
        assert {row.withdrawn_at for row in planned} == {commune.now}


def test_stop_silences_what_is_on_the_air_and_a_repetition_goes_on(commune: Any) -> None:
    weekly = commune.approved(commune.draft(when=WEEKLY))
    with pytest.raises(Conflict, match="not on the air"), commune.store.writing() as db:
        service.stop(db, commune.leader, commune.now, weekly.id)
    playing = datetime(2026, 11, 23, 10, 0, 20, tzinfo=UTC)
    with commune.store.writing() as db:
        stopped = service.stop(db, commune.leader, playing, weekly.id)
        assert stopped.state is State.APPROVED
        assert stopped.next_start == datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
        planned = planning.programme_for(db, commune.places.leng_1, playing)
        assert [from_us(airing.start_us).day for airing in planned] == [26, 30]
        rows = recorded.planned_of(db, weekly.id, commune.now)
        assert [row.start_at.day for row in rows if row.withdrawn_at == playing] == [23]
    once = commune.approved()
    with commune.store.writing() as db:
        onair.tick(db, playing)
        assert "stop" in service.view(db, commune.leader, playing, once.id).possible
        with pytest.raises(NotPossible):
            service.edit(db, commune.official, playing, once.id, commune.draft(), version=once.version)
        assert service.stop(db, commune.leader, playing, once.id).state is State.CANCELLED


def test_a_repetition_rests_between_two_occurrences(commune: Any) -> None:
    weekly = commune.approved(commune.draft(when=WEEKLY | {"until": "2026-11-26"}))
    states = []
    for moment in (
        datetime(2026, 11, 23, 10, 0, 30, tzinfo=UTC),
        datetime(2026, 11, 23, 10, 1, tzinfo=UTC),
        datetime(2026, 11, 26, 10, 0, tzinfo=UTC),
        datetime(2026, 11, 26, 10, 1, tzinfo=UTC),
    ):
        with commune.store.writing() as db:
            onair.tick(db, moment)
            states.append(service.view(db, commune.official, moment, weekly.id).state)
    assert states == [State.ON_AIR, State.APPROVED, State.ON_AIR, State.DONE]


def test_a_centre_that_was_dead_over_an_occurrence_goes_on(commune: Any) -> None:
    once, weekly = commune.approved(), commune.approved(commune.draft(when=WEEKLY))
    back = commune.later(days=2)
    with commune.store.writing() as db:
        onair.tick(db, back)
        assert service.view(db, commune.official, back, once.id).state is State.DONE
        assert service.view(db, commune.official, back, weekly.id).state is State.APPROVED
        assert [row.start_at.day for row in recorded.planned_of(db, weekly.id, back)] == [26, 30]


def test_a_list_in_pages(commune: Any) -> None:
    announcement_id = commune.announce()
    ids = [commune.saved(commune.draft(announcement_id)).id for _ in range(5)]
    with commune.store.reading() as db:
        first = service.index(db, commune.official, commune.now, limit=2)
        second = service.index(db, commune.official, commune.now, limit=2, before=first.next)
        last = service.index(db, commune.official, commune.now, limit=2, before=second.next)
        none = service.index(db, commune.official, commune.now, states=[State.DONE])
    assert [item.id for page in (first, second, last) for item in page.items] == sorted(ids, reverse=True)
    assert (last.next, none.items) == (None, [])


def test_a_broadcast_that_cannot_be_planned_keeps_no_other_waiting(commune: Any) -> None:
    broken, well = commune.approved(), commune.approved()
    later = commune.later(hours=2)
    with commune.store.writing() as db:
        db.get_one(Broadcast, broken.id).timezone = "No/Where"
    with commune.store.writing() as db:
        onair.tick(db, later)
        onair.tick(db, later)
    with commune.store.reading() as db:
        assert {db.get_one(Broadcast, one.id).planned_until for one in (broken, well)} == {later + onair.AHEAD}
