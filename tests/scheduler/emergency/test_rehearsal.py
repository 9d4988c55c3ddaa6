"""The weekly test in virtual time, on both databases: when it begins, what it asks for, what it reports."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from broadcast.clock import ManualClock, to_us
from broadcast.wire import topics
from broadcast.wire.documents import Fault, Heard, Hearing, ReceiverState, SelfTestResult
from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.bank import entries
from scheduler.bank.models import BankMedia
from scheduler.emergency.life import State
from scheduler.emergency.models import EmergencyOrder, OrderProgressRow
from scheduler.emergency.rehearsal import repository, service
from scheduler.emergency.rehearsal.models import Rehearsal
from scheduler.emergency.rehearsal.schemas import RehearsalIn, RehearsalOut, RunDetail, RunIn, RunState, Verdict
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.fleet import intake
from scheduler.fleet.models import DirtyTopic, Receiver
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone

WEEK = timedelta(days=7)
WORD = "THỬ LOA"
WRONG_WORDS = ("", "KHẨN CẤP", "DIỄN TẬP", "THỬ", "THỬ LOA THỬ LOA")


@dataclass
class Office:
    """A district's operator, and three receivers: two in the commune Trà Leng, one elsewhere."""

    store: Store
    clock: ManualClock
    places: Any
    operator: Actor
    official: Actor

    def weekly(self, *, version: int = 0, by: Actor | None = None, **asked: Any) -> RehearsalOut:
        values = RehearsalIn.model_validate({"weekday": 0, "at": "16:30", "word": WORD} | asked)
        with self.store.writing() as db:
            return service.change(db, by or self.operator, self.clock.now(), self.places.leng, values, version=version)

    def run_now(self, *, silent: bool = True, word: str = WORD) -> RunDetail:
        asked = RunIn(silent=silent, word=word)
        with self.store.writing() as db:
            return service.run_now(db, self.operator, self.clock.now(), self.places.leng, asked)

    def tick(self) -> int:
        """How many tests have begun, ended or been missed."""
        with self.store.reading() as db:
            over = service.outcomes(db, self.clock.now())
        with self.store.writing() as db:
            return len(service.tick(db, self.clock.now(), over))

    def report(self) -> RunDetail:
        with self.store.reading() as db:
            newest = service.runs(db, self.official, self.clock.now(), self.places.leng).items[0]
            return service.run_report(db, self.official, self.clock.now(), newest.id)

    def runs(self) -> int:
        with self.store.reading() as db:
            return len(service.runs(db, self.official, self.clock.now(), self.places.leng).items)

    def says(self, receiver_id: str, **said: Any) -> None:
        state = ReceiverState(online=True, at_us=self.clock.now_us(), **said)
        with self.store.writing() as db:
            intake.write_states(db, {receiver_id: state})

    def tested(self, receiver_id: str, heard: Hearing | None, **said: Any) -> None:
        verdict = Heard(verdict=heard, correlation=0.5, level_dbfs=-50.0) if heard is not None else None
        self.says(receiver_id, self_test=SelfTestResult(at_us=self.clock.now_us(), heard=verdict), **said)

    def dirty(self) -> set[str]:
        with self.store.writing() as db:
            rows = db.exec(select(DirtyTopic)).all()
            for row in rows:
                db.delete(row)
            return {row.topic for row in rows}


@pytest.fixture
def office(store: Store, clock: ManualClock, places: Any, add_person: Callable[..., Actor]) -> Office:
    people = add_person("operator", places.province, Role.OPERATOR), add_person("official", places.leng, Role.EDITOR)
    with store.writing() as db:
        for receiver_id, zone_id, online in (
            ("R1", places.leng_1, True),
            ("R2", places.leng_2, False),
            ("R3", places.van_1, True),
        ):
            row = Receiver(id=receiver_id, zone_id=zone_id, name=f"Loa {receiver_id}", online=online)
            row.enrolled_at = clock.now()
            db.add(row)
        db.add(Receiver(id="R4", zone_id=places.leng_1, name="Not enrolled"))
    office = Office(store, clock, places, *people)
    office.dirty()
    return office


def with_test_announcement(office: Office) -> None:
    with office.store.writing() as db:
        draft = entries.Draft("test-announcement", {"vi": "Thử loa"}, entries.texts({"vi": "Thử loa."}))
        entries.add(db, draft, office.clock.now(), None)
        for media in db.exec(select(BankMedia)):
            media.state, media.sha256 = RecordingState.READY, "a" * 64
            media.size_bytes, media.duration_us = 1000, 8_000_000


def test_it_is_silent_until_its_minute_and_then_asks_every_receiver_of_the_zone_once(office: Office) -> None:
    made = office.weekly()  # Monday 16:30, and it is Monday 8:00
    assert made.next_at == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    office.clock.step_wall(timedelta(hours=8, minutes=29, seconds=59))
    assert office.tick() == 0
    office.clock.step_wall(timedelta(seconds=1))
    assert office.tick() == 1
    assert office.tick() == 0
    assert office.dirty() == {topics.settings("R1"), topics.settings("R2")}
    with office.store.reading() as db:
        asked = {row.id: row.self_test_asked_at for row in db.exec(select(Receiver))}
    assert asked == {"R1": office.clock.now(), "R2": office.clock.now(), "R3": None, "R4": None}


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)  # SQLite has one writer
def test_of_two_processes_of_the_centre_one_begins_it(office: Office) -> None:
    office.weekly()
    office.clock.step_wall(timedelta(hours=8, minutes=30))
    with office.store.writing() as one, office.store.writing() as other:
        assert [row.zone_id for row, _zone in repository.due(one, office.clock.now())] == [office.places.leng]
        assert list(repository.due(other, office.clock.now())) == []
    assert office.tick() == 1


def test_it_comes_again_each_week_and_never_twice(office: Office) -> None:
    office.weekly()
    office.clock.step_wall(timedelta(hours=8, minutes=30))
    for _week in range(3):
        assert office.tick() == 1
        office.clock.step_wall(service.SILENT_TAKES)
        assert office.tick() == 1  # it is closed
        office.clock.step_wall(WEEK - service.SILENT_TAKES)
    assert office.runs() == 3


def test_it_comes_on_the_first_day_of_a_place_and_not_on_the_one_before(office: Office) -> None:
    office.weekly(at="03:00", weekday=1)
    with office.store.writing() as db:
        db.get_one(Zone, office.places.leng).valid_from = date(2026, 11, 24)
    office.clock.step_wall(timedelta(hours=19))  # the 24th there, the 23rd in UTC
    assert office.tick() == 1
    with office.store.writing() as db:
        db.get_one(Zone, office.places.leng).valid_from = date(2026, 12, 2)
    office.clock.step_wall(WEEK)
    office.tick()  # the first is closed
    assert office.runs() == 1


def test_a_moment_that_the_centre_slept_through_is_noted_and_not_made_up(office: Office) -> None:
    office.weekly()
    office.clock.step_wall(timedelta(hours=8, minutes=30) + service.LATE + timedelta(seconds=1))
    assert office.tick() == 1
    assert (office.report().state, office.report().trouble) == (RunState.MISSED, "centre_was_away")
    assert office.dirty() == set()
    assert office.tick() == 0


def test_the_report_counts_who_heard_and_says_what_is_wrong_with_the_rest(office: Office) -> None:
    office.tested("R1", Hearing.HEARD)  # an answer of the week before
    office.clock.step_wall(timedelta(minutes=1))
    began = office.run_now()
    assert (began.state, began.heard, began.total) == (RunState.RUNNING, 0, 2)
    assert {one.receiver_id: one.verdict for one in began.receivers} == {
        "R1": Verdict.WAITING,
        "R2": Verdict.UNREACHABLE,
    }
    office.clock.step_wall(timedelta(minutes=1))
    office.tested("R1", Hearing.FAINT, faults=(Fault(code="clock_untrusted"),), numbers={})
    assert office.report().heard == 1
    office.clock.step_wall(service.SILENT_TAKES)
    assert office.tick() == 1
    office.tested("R2", Hearing.HEARD)  # too late: what was reported stays
    report = office.report()
    assert (report.state, report.heard, report.total) == (RunState.CLOSED, 1, 2)
    assert [(one.receiver_id, one.verdict) for one in report.receivers] == [
        ("R2", Verdict.UNREACHABLE),
        ("R1", Verdict.FAINT),
    ]
    assert report.receivers[1].troubles == ["clock_untrusted"]


@pytest.mark.parametrize(
    ("heard", "verdict", "counted"),
    [(None, Verdict.PLAYED, 0), (Hearing.NOT_HEARD, Verdict.NOT_HEARD, 0), (Hearing.HEARD, Verdict.HEARD, 1)],
)
def test_a_silent_test_that_no_microphone_heard_is_not_heard(
    office: Office, heard: Hearing | None, verdict: Verdict, counted: int
) -> None:
    office.run_now()
    office.tested("R1", heard)
    report = office.report()
    assert (report.heard, report.played) == (counted, int(verdict is Verdict.PLAYED))
    assert {one.receiver_id: one.verdict for one in report.receivers}["R1"] is verdict


def test_an_audible_test_is_an_order_for_tests_only(office: Office) -> None:
    with_test_announcement(office)
    office.weekly(silent=False)
    office.clock.step_wall(timedelta(hours=8, minutes=30))
    assert office.tick() == 1
    with office.store.reading() as db:
        order = db.exec(select(EmergencyOrder)).one()
    assert (order.purpose, order.state, order.parts) == (
        Purpose.TEST,
        State.ISSUED,
        [{"kind": "bank", "id": "test-announcement.1"}],
    )
    assert topics.now(office.places.leng) in office.dirty()
    now = office.clock.now()
    with office.store.writing() as db:
        row = OrderProgressRow(order_id=order.id, receiver_id="R1", received_at=now, sounding_at=now, told_at=now)
        row.level_dbfs = -18.0
        db.add(row)
        db.add(
            OrderProgressRow(
                order_id=order.id, receiver_id="R2", received_at=now, reason="unknown_message", told_at=now
            )
        )
    report = office.report()
    assert (report.heard, report.total, report.order_id) == (1, 2, order.id)
    assert [(one.receiver_id, one.verdict, one.troubles) for one in report.receivers] == [
        ("R2", Verdict.FAILED, ["unknown_message"]),
        ("R1", Verdict.HEARD, []),
    ]


@pytest.mark.parametrize("word", WRONG_WORDS)
def test_an_audible_test_takes_the_word_of_tests_and_no_other(office: Office, word: str) -> None:
    with_test_announcement(office)
    office.dirty()
    for ask in (office.run_now, office.weekly):
        with pytest.raises(Invalid, match=WORD) as refused:
            ask(silent=False, word=word)
        assert (refused.value.code, refused.value.field) == ("wrong_word", "word")
    with office.store.reading() as db:
        assert db.exec(select(EmergencyOrder)).all() == []
        assert db.exec(select(Rehearsal)).all() == []
    assert (office.runs(), office.dirty()) == (0, set())
    assert office.weekly(silent=True, word=word).version == 1
    assert office.run_now(silent=True, word=word).state is RunState.RUNNING


@pytest.mark.parametrize("word", [WORD, "  thử   loa "])
def test_the_word_is_the_same_in_small_letters_and_with_more_spaces(office: Office, word: str) -> None:
    with_test_announcement(office)
    assert office.run_now(silent=False, word=word).order_id is not None


def test_the_word_of_a_weekly_test_is_kept_nowhere(office: Office) -> None:
    office.weekly(silent=False)
    with office.store.reading() as db:
        (said,) = db.exec(select(AuditEntry.detail).where(AuditEntry.action == "rehearsal.set"))
    assert said == {"weekday": 0, "at": "16:30", "silent": False}


def test_the_microphone_has_the_last_word_on_an_audible_test(office: Office) -> None:
    with_test_announcement(office)
    run = office.run_now(silent=False)
    now = office.clock.now()
    assert run.order_id is not None
    with office.store.writing() as db:
        db.add(
            OrderProgressRow(
                order_id=run.order_id, receiver_id="R1", received_at=now, sounding_at=now, told_at=now,
                microphone="not_heard",
            )
        )  # fmt: skip
    assert office.report().heard == 0


def test_without_a_test_announcement_nothing_else_sounds_in_its_place(office: Office) -> None:
    run = office.run_now(silent=False)
    assert (run.state, run.trouble) == (RunState.MISSED, "no_test_message")
    with office.store.reading() as db:
        assert db.exec(select(EmergencyOrder)).all() == []


def test_quiet_hours_are_kept(office: Office) -> None:
    with_test_announcement(office)
    with office.store.writing() as db:
        hours = {"start_minute": 16 * 60, "end_minute": 17 * 60, "weekdays": [0]}
        db.get_one(Zone, office.places.leng).quiet_hours = [hours]
    with pytest.raises(Invalid):
        office.weekly(at="16:30")
    office.weekly(at="16:30", weekday=1)
    office.clock.step_wall(timedelta(hours=8, minutes=30))
    with pytest.raises(Conflict):
        office.run_now(silent=False)


def quiet_all_day(office: Office, zone_id: str) -> None:
    with office.store.writing() as db:
        hours = {"start_minute": 0, "end_minute": 24 * 60, "weekdays": list(range(7))}
        db.get_one(Zone, zone_id).quiet_hours = [hours]


def test_where_no_loudspeaker_may_chirp_there_is_no_silent_test_either(office: Office) -> None:
    office.weekly()
    quiet_all_day(office, office.places.leng)
    with pytest.raises(Conflict) as refused:
        office.run_now()
    assert (refused.value.code, office.runs(), office.dirty()) == ("quiet_hours", 0, set())
    office.clock.step_wall(timedelta(hours=8, minutes=30))
    assert office.tick() == 1
    assert (office.report().state, office.report().trouble) == (RunState.MISSED, "quiet_hours")
    with office.store.reading() as db:
        assert db.get_one(Receiver, "R1").self_test_asked_at is None


def test_a_village_with_quiet_hours_of_its_own_is_not_said_to_give_no_answer_without_reason(office: Office) -> None:
    quiet_all_day(office, office.places.leng_1)
    with office.store.writing() as db:
        db.get_one(Receiver, "R2").online = True
    office.run_now()
    office.clock.step_wall(service.SILENT_TAKES)
    office.tick()
    found = {one.receiver_id: (one.verdict, one.troubles) for one in office.report().receivers}
    assert found == {"R1": (Verdict.NO_ANSWER, ["quiet_hours"]), "R2": (Verdict.NO_ANSWER, [])}


def test_only_who_may_issue_drills_sets_a_test_and_nobody_overwrites_another(office: Office) -> None:
    with pytest.raises(Forbidden):
        office.weekly(by=office.official)
    assert office.weekly().version == 1
    with pytest.raises(Stale):
        office.weekly(at="05:00")
    assert office.weekly(version=1, at="06:00").at == "06:00"
    with office.store.writing() as db:
        service.remove(db, office.operator, office.clock.now(), office.places.leng, version=2)
    with pytest.raises(NotFound), office.store.writing() as db:
        service.remove(db, office.operator, office.clock.now(), office.places.leng, version=0)


def test_one_test_of_a_zone_at_a_time(office: Office) -> None:
    office.run_now()
    with pytest.raises(Conflict):
        office.run_now()


def test_a_silent_test_ends_once_all_have_answered(office: Office) -> None:
    with office.store.writing() as db:
        db.get_one(Receiver, "R2").online = True
    office.run_now()
    office.clock.step_wall(timedelta(minutes=1))
    office.tested("R1", Hearing.HEARD)
    while office.clock.now().second % service.LOOKED_AT_EACH_S:
        office.clock.step_wall(timedelta(seconds=1))
    assert office.tick() == 0
    office.tested("R2", None)
    assert office.tick() == 1
    assert (office.report().state, office.report().heard) == (RunState.CLOSED, 1)
    assert office.run_now().state is RunState.RUNNING


def test_of_thousands_only_what_they_answered_is_read_while_they_are_waited_for(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.run_now()
    office.tested("R1", Hearing.HEARD, faults=(Fault(code="clock_untrusted"),))
    read: list[str] = []
    monkeypatch.setattr(service, "said", lambda receiver: read.append(receiver.id))
    office.clock.step_wall(timedelta(seconds=service.LOOKED_AT_EACH_S))
    assert (office.tick(), read) == (0, [])
    office.clock.step_wall(service.LOST_FOR)
    assert (office.tick(), read) == (1, ["R1", "R2"])


def test_what_was_closed_meanwhile_is_not_closed_again(office: Office) -> None:
    run = office.run_now()
    office.clock.step_wall(service.SILENT_TAKES)
    with office.store.reading() as db:
        over = service.outcomes(db, office.clock.now())
    assert list(over) == [run.id]
    with office.store.writing() as db:
        assert service.tick(db, office.clock.now(), over) == (f"rehearsal:{run.id}",)
        assert service.tick(db, office.clock.now(), over) == ()


def test_who_cannot_be_reached_holds_a_silent_test_open_for_minutes_and_not_for_the_hour(office: Office) -> None:
    office.run_now()
    office.tested("R1", Hearing.HEARD)
    office.clock.step_wall(service.LOST_FOR - timedelta(seconds=10))
    assert office.tick() == 0
    office.clock.step_wall(timedelta(seconds=10))
    assert office.tick() == 1
    assert [one.verdict for one in office.report().receivers] == [Verdict.UNREACHABLE, Verdict.HEARD]


def test_who_has_not_answered_in_time_has_not_answered(office: Office) -> None:
    office.run_now()
    office.clock.step_wall(service.SILENT_TAKES)
    office.tick()
    assert [one.verdict for one in office.report().receivers] == [Verdict.NO_ANSWER, Verdict.UNREACHABLE]


@pytest.mark.parametrize("at", ["24:00", "7", "aa:bb", "12:60"])
def test_a_time_that_is_none_is_refused(at: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        RehearsalIn(weekday=0, at=at)


def test_a_week_with_a_clock_change_has_its_test_at_the_same_wall_time() -> None:
    before = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)
    first = service.next_due(1, 16 * 60, "Europe/Berlin", before)
    second = service.next_due(1, 16 * 60, "Europe/Berlin", first)
    assert second - first == WEEK + timedelta(hours=1)
    assert to_us(first) < to_us(second)
