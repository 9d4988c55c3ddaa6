"""Who is told of what, once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from broadcast.wire.documents import Fault, ReceiverState
from scheduler.announcements import repository as announcements
from scheduler.announcements.models import RecordingState
from scheduler.broadcasts import onair
from scheduler.broadcasts import service as broadcasts
from scheduler.fleet import service as fleet
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep import intake
from scheduler.fleet.upkeep import service as upkeep
from scheduler.fleet.upkeep.schemas import Act
from scheduler.live.asking import Terms
from scheduler.notices import patience, rounds, service, spreading
from scheduler.notices.models import Channel, Kind, Notice, NoticeChoice, NoticeEvent, Webhook
from scheduler.notices.schemas import ChoiceIn
from scheduler.people import signin
from scheduler.relays import service as relays
from scheduler.relays.schemas import RelayIn
from scheduler.reports import service as reports
from scheduler.reports.models import ReportBook, ReportSubscription

BOTH = (Channel.MAIL, Channel.HOOK)
LASTING = timedelta(minutes=30)
HOUR = timedelta(hours=1)


@pytest.fixture
def listening(commune: Any) -> Any:
    """Everybody of the commune, and a stranger, want to know everything."""
    with commune.store.writing() as db:
        for who in (commune.official, commune.leader, commune.operator, commune.stranger):
            service.choose(db, who, commune.now, ChoiceIn(address=f"{who.login}@x.example", kinds=list(Kind)))
    return commune


def spread(commune: Any, channels: Any = BOTH) -> set[tuple[Kind, str]]:
    """What came of the events since this was asked last."""
    names = {one.user_id: one for one in (commune.official, commune.leader, commune.operator)}
    with commune.store.writing() as db:
        while spreading.spread(db, commune.now, channels):
            pass
        rows = db.exec(select(Notice).order_by(col(Notice.id))).all()
        found = {(row.kind, names[row.user_id].login if row.user_id in names else "?") for row in rows}
        for row in rows:
            db.delete(row)
        return found


def test_what_waits_is_told_to_who_may_approve_and_its_end_to_its_author(listening: Any) -> None:
    waiting = listening.submitted()
    assert spread(listening) == {(Kind.WAITING, "leader")}
    with listening.store.writing() as db:
        broadcasts.give_back(db, listening.leader, listening.now, waiting.id, "Sai", version=waiting.version)
    assert spread(listening) == {(Kind.RETURNED, "official")}


def test_what_was_decided_before_it_was_told_is_not_told_as_waiting(listening: Any) -> None:
    listening.approved()
    assert spread(listening) == {(Kind.APPROVED, "official")}


def test_that_there_is_no_sound_is_told_to_its_author_and_to_who_approved_it(listening: Any) -> None:
    announcement_id = listening.announce(state=RecordingState.PRODUCING)
    listening.approved(listening.draft(announcement_id))
    with listening.store.writing() as db:
        service.choose(db, listening.leader, listening.now, ChoiceIn(address="leader@x.example", kinds=[Kind.APPROVED]))
        [recording] = announcements.recordings_of(db, [announcement_id])[announcement_id]
        recording.state = RecordingState.FAILED
        db.flush()
        onair.sound_settled(db, announcement_id, listening.now)
    assert spread(listening) == {(Kind.APPROVED, "official"), (Kind.NO_SOUND, "official"), (Kind.NO_SOUND, "leader")}


def test_a_centre_without_mail_keeps_nothing_for_later(listening: Any) -> None:
    listening.submitted()
    assert spread(listening, (Channel.HOOK,)) == set()
    with listening.store.reading() as db:
        assert db.exec(select(NoticeEvent)).all() == []


class Horn:
    """A loudspeaker of the commune: what it says is wrong, and how many faults are told at a look."""

    def __init__(self, commune: Any) -> None:
        self._commune = commune
        self._receiver_id = f"R{commune.places.leng_1[1:]}"

    def says(self, minutes: float, *codes: str) -> None:
        state = ReceiverState(online=True, at_us=1, faults=tuple(Fault(code=code) for code in codes))
        with self._commune.store.writing() as db:
            intake.write_said(db, {self._receiver_id: state}, self._commune.later(minutes=minutes))

    def look(self, minutes: float) -> int:
        return rounds.lasting_faults(self._commune.store, self._commune.later(minutes=minutes), BOTH, LASTING)

    def look_for_ends(self, minutes: float) -> int:
        return rounds.ended_faults(self._commune.store, self._commune.later(minutes=minutes), BOTH)

    def silence(self) -> None:
        commune = self._commune
        with commune.store.writing() as db:
            [held] = upkeep.faults(db, commune.operator, commune.now).items
            upkeep.act(db, commune.operator, commune.now, [held.id], Act.SILENCE)

    def reset(self, minutes: float) -> None:
        with self._commune.store.writing() as db:
            upkeep.reset_over(db, self._commune.operator, self._commune.later(minutes=minutes))

    def revoke(self, minutes: float) -> None:
        with self._commune.store.writing() as db:
            fleet.revoke(db, signin.machine(db), self._commune.later(minutes=minutes), self._receiver_id)

    def readmit(self) -> None:
        with self._commune.store.writing() as db:
            db.get_one(Receiver, self._receiver_id).revoked_at = None


@pytest.fixture
def horn(listening: Any) -> Horn:
    return Horn(listening)


def test_a_fault_is_told_once_when_it_has_lasted(listening: Any, horn: Horn) -> None:
    horn.says(1, "gpio")
    assert [horn.look(minutes) for minutes in (20, 30, 32, 33, 3000)] == [0, 0, 1, 0, 0]
    assert spread(listening) == {(Kind.FAULT, "official"), (Kind.FAULT, "leader"), (Kind.FAULT, "operator")}


def test_a_fault_that_was_over_before_it_was_told_is_told_when_it_is_back_and_lasts(listening: Any, horn: Horn) -> None:
    horn.says(0, "gpio")
    horn.says(5)
    assert horn.look(35) == 0
    horn.says(60, "gpio")
    assert [horn.look(minutes) for minutes in (89, 91, 92)] == [0, 1, 0]
    assert spread(listening) == {(Kind.FAULT, "official"), (Kind.FAULT, "leader"), (Kind.FAULT, "operator")}


def test_a_fault_that_fails_every_hour_is_told_once_a_day(horn: Horn) -> None:
    told = []
    for hour in range(50):
        horn.says(60 * hour, "gpio")
        told += [hour] * horn.look(60 * hour + 35)
        horn.says(60 * hour + 40)
    assert told == [0, 24, 48]


def test_a_fault_that_is_back_within_the_day_is_told_when_the_day_is_over(horn: Horn) -> None:
    horn.says(0, "gpio")
    assert horn.look(30) == 1
    horn.says(60)
    horn.says(120, "gpio")
    assert [horn.look(30 + 60 * hours) for hours in (2, 23, 24, 25, 48)] == [0, 0, 1, 0, 0]


def test_a_fault_that_comes_and_goes_lasts_and_is_told_once(horn: Horn) -> None:
    told = []
    for minute in range(0, 60, 2):
        horn.says(minute, "gpio")
        told += [minute] * horn.look(minute)
        horn.says(minute + 1)
    assert told == [30]


def test_a_fault_that_is_silenced_is_not_told(horn: Horn) -> None:
    horn.says(0, "gpio")
    horn.silence()
    assert horn.look(31) == 0


def test_who_was_told_of_a_fault_is_told_once_that_it_is_over(listening: Any, horn: Horn) -> None:
    horn.says(0, "gpio")
    assert horn.look(30) == 1
    assert spread(listening) == {(Kind.FAULT, "official"), (Kind.FAULT, "leader"), (Kind.FAULT, "operator")}
    assert horn.look_for_ends(59) == 0
    horn.says(60)
    assert [horn.look_for_ends(minutes) for minutes in (60, 69, 70, 71)] == [0, 0, 1, 0]
    with listening.store.reading() as db:
        [fault] = db.exec(select(Notice)).first().data["faults"]
    assert (fault["code"], fault["until"]) == ("gpio", listening.later(minutes=60).isoformat())
    over = {(Kind.FAULT_OVER, "official"), (Kind.FAULT_OVER, "leader"), (Kind.FAULT_OVER, "operator")}
    assert spread(listening) == over
    horn.says(24 * 60, "gpio")
    assert horn.look(25 * 60) == 1
    horn.says(26 * 60)
    assert horn.look_for_ends(27 * 60) == 1


def test_of_what_was_not_told_or_is_back_at_once_nobody_is_told_that_it_is_over(horn: Horn) -> None:
    horn.says(0, "gpio")
    horn.says(5)
    assert horn.look_for_ends(60) == 0
    horn.says(100, "gpio")
    assert horn.look(130) == 1
    horn.says(140)
    horn.says(145, "gpio")
    assert horn.look_for_ends(300) == 0


def test_of_what_is_back_after_a_reset_nobody_is_told_that_it_is_over_while_it_holds(horn: Horn) -> None:
    horn.says(0, "gpio")
    assert horn.look(30) == 1
    horn.says(201)
    horn.reset(202)
    horn.says(203, "gpio")
    assert [horn.look_for_ends(minutes) for minutes in (212, 219)] == [0, 0]
    horn.says(220)
    horn.reset(220)
    assert [horn.look_for_ends(minutes) for minutes in (221, 229, 230, 231)] == [0, 0, 1, 0]


def test_another_fault_of_the_loudspeaker_keeps_none_from_being_told_to_be_over(horn: Horn) -> None:
    horn.says(0, "gpio")
    assert horn.look(30) == 1
    horn.says(60, "tamper")
    assert horn.look_for_ends(70) == 1


def test_what_was_told_again_after_a_reset_is_told_to_be_over_once(listening: Any, horn: Horn) -> None:
    horn.says(0, "gpio")
    assert horn.look(30) == 1
    horn.says(60)
    horn.reset(61)
    horn.says(62, "gpio")
    assert horn.look(100) == 1
    horn.says(120)
    spread(listening)
    assert [horn.look_for_ends(minutes) for minutes in (129, 130, 131)] == [0, 1, 0]
    with listening.store.reading() as db:
        [fault] = db.exec(select(Notice)).first().data["faults"]
    assert fault["until"] == listening.later(minutes=120).isoformat()


def test_of_a_loudspeaker_that_was_shut_out_nobody_is_told_that_its_fault_is_over(listening: Any, horn: Horn) -> None:
    horn.says(0, "gpio")
    assert horn.look(30) == 1
    spread(listening)
    horn.revoke(60)
    assert [horn.look_for_ends(minutes) for minutes in (69, 70)] == [0, 0]
    horn.readmit()
    assert horn.look_for_ends(90) == 0
    assert spread(listening) == set()
    horn.says(24 * 60, "gpio")
    assert horn.look(25 * 60) == 1
    horn.says(26 * 60)
    assert horn.look_for_ends(27 * 60) == 1


def test_a_program_that_is_told_of_faults_is_told_that_they_are_over(listening: Any, horn: Horn) -> None:
    with listening.store.writing() as db:
        db.add(
            Webhook(
                id="H", zone_id=listening.places.leng, name="IOC", url="https://ioc.example", secret="s",
                kinds=[Kind.FAULT], created_by=listening.leader.user_id, created_at=listening.now,
            )
        )  # fmt: skip
    horn.says(0, "gpio")
    horn.look(30)
    horn.says(60)
    horn.look_for_ends(70)
    with listening.store.reading() as db:
        rows = db.exec(select(Notice).where(Notice.hook_id == "H").order_by(col(Notice.at))).all()
    assert [(row.kind, len(row.data["faults"])) for row in rows] == [(Kind.FAULT, 1), (Kind.FAULT_OVER, 1)]


class Mornings:
    """The official wants to know of the commune each morning since Friday the 20th; the book is kept by hand."""

    def __init__(self, commune: Any) -> None:
        self.commune = commune
        self.since = datetime(2026, 11, 20, 3, tzinfo=UTC)
        with commune.store.writing() as db:
            db.add(
                ReportSubscription(
                    user_id=commune.official.user_id, zone_id=commune.places.leng, since=self.since,
                    sent_day=date(2026, 11, 19),
                )
            )  # fmt: skip
            db.add(ReportBook(id=1, opened_until=self.since, reported_until=self.since, claimed_until=self.since))

    def book(self, until: datetime) -> None:
        with self.commune.store.writing() as db:
            row = db.get_one(ReportBook, 1)
            row.opened_until = row.reported_until = until

    def look(self, now: datetime, hears_since: datetime | None = None, channels: Any = BOTH) -> list[int]:
        """The days of November that are told, as the courier looks three times."""
        for _look in range(3):
            rounds.digests(self.commune.store, now, channels, hears_since or self.since)
        with self.commune.store.writing() as db:
            return self._days(db)

    def _days(self, db: Session) -> list[int]:
        found = db.exec(select(Notice).order_by(col(Notice.id), col(Notice.subject))).all()
        for row in found:
            db.delete(row)
        return sorted(int(row.subject[-2:]) for row in found)


@pytest.fixture
def mornings(listening: Any) -> Mornings:
    return Mornings(listening)


MORNING = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
"""Saturday the 21st, 06:30 in Vietnam."""


def test_yesterday_is_told_in_the_morning_once(mornings: Mornings) -> None:
    mornings.book(MORNING)
    assert mornings.look(MORNING - HOUR) == []
    assert (mornings.look(MORNING), mornings.look(MORNING + HOUR)) == ([20], [])


def test_a_day_is_told_when_the_book_is_past_it(mornings: Mornings) -> None:
    midnight = datetime(2026, 11, 20, 17, tzinfo=UTC)
    mornings.book(midnight - timedelta(seconds=1))
    assert mornings.look(MORNING) == []
    mornings.book(midnight)
    assert mornings.look(MORNING) == [20]


def test_after_an_outage_receivers_have_time_to_bring_what_they_kept(mornings: Mornings) -> None:
    until = MORNING + reports.BRING_WITHIN
    mornings.book(until - timedelta(seconds=1))
    assert mornings.look(until, MORNING) == []
    mornings.book(until)
    assert mornings.look(until, MORNING) == [20]


@pytest.mark.parametrize(("days_away", "told"), [(2, [20, 21, 22]), (9, [23, 24, 25])])
def test_days_that_no_morning_told_are_told_later_seven_at_most(
    mornings: Mornings, days_away: int, told: list[int]
) -> None:
    now = MORNING + timedelta(days=days_away)
    mornings.book(now)
    assert mornings.look(now) == told
    assert mornings.look(now + HOUR) == list(range(told[-1] + 1, 20 + days_away + 1))[:3]


def test_who_gets_no_mail_gets_no_old_days_when_there_is_mail(mornings: Mornings) -> None:
    mornings.book(MORNING)
    assert mornings.look(MORNING, channels=(Channel.HOOK,)) == []
    with mornings.commune.store.writing() as db:
        choice = db.get_one(NoticeChoice, mornings.commune.official.user_id)
        kept = choice.model_dump()
        db.delete(choice)
    mornings.book(MORNING + timedelta(days=1))
    assert mornings.look(MORNING + timedelta(days=1)) == []
    with mornings.commune.store.writing() as db:
        db.add(NoticeChoice(**kept))
    mornings.book(MORNING + timedelta(days=2))
    assert mornings.look(MORNING + timedelta(days=2)) == [22]


def test_tries_come_apart_and_end(commune: Any) -> None:
    waits = [patience.next_try(commune.now, tries, commune.now) for tries in (1, 2, 3, 20)]
    assert waits == [commune.later(minutes=minutes) for minutes in (1, 2, 4, 60)]
    assert patience.next_try(commune.now, 80, commune.later(days=3)) is None


def test_a_relay_is_told_of_as_a_broadcast_is(listening: Any) -> None:
    terms = Terms(frozenset({"stream.example"}))
    asked = {
        "zone_id": listening.places.leng, "title": "VOV1", "source_url": "https://stream.example/a", "limit_min": 15,
        "when": {"starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-24"},
        "zone_ids": [listening.places.leng],
    }  # fmt: skip
    with listening.store.writing() as db:
        made = relays.create(db, listening.official, listening.now, RelayIn.model_validate(asked), terms)
        made = relays.submit(db, listening.official, listening.now, made.id, terms=terms, version=made.version)
    assert spread(listening) == {(Kind.WAITING, "leader")}
    with listening.store.writing() as db:
        made = relays.approve(db, listening.leader, listening.now, made.id, terms=terms, version=made.version)
        relays.give_back(db, listening.leader, listening.now, made.id, "Sai", terms=terms, version=made.version)
    assert spread(listening) == {(Kind.APPROVED, "official"), (Kind.RETURNED, "official")}
