"""A centre that was off for longer than it plans ahead: what came meanwhile is recorded before anything ends."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from broadcast.wire.documents import Outcome
from scheduler.broadcasts import onair, service
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.broadcasts.schemas import BroadcastOut
from scheduler.people import signin
from scheduler.reports import book
from scheduler.reports import service as reports
from scheduler.reports.schemas import LineOut
from scheduler.reports.spans import Length, span_of
from scheduler.workflow import State
from scheduler.zones import calendar
from scheduler.zones.schemas import HolidayNew
from tests.scheduler.reports.conftest import Ledger

DAILY = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2027-12-01"}
BACK = datetime(2026, 12, 5, 3, tzinfo=UTC)  # ten in the morning there


@pytest.fixture
def single(commune: Any) -> BroadcastOut:
    """Of one moment, two days before the centre is back."""
    made: BroadcastOut = commune.approved(commune.draft(when="2026-12-03T18:00"))
    return made


@pytest.fixture
def daily(commune: Any) -> BroadcastOut:
    made: BroadcastOut = commune.approved(commune.draft(when=DAILY))
    return made


def ticked(commune: Any, now: datetime) -> None:
    with commune.store.writing() as db:
        onair.tick(db, now)


def days(commune: Any, made: BroadcastOut, *, withdrawn: bool = False) -> list[date]:
    """On which its airings are recorded."""
    with commune.store.reading() as db:
        rows = db.scalars(select(PlannedAiring).where(PlannedAiring.broadcast_id == made.id)).all()
        return sorted(row.start_at.date() for row in rows if (row.withdrawn_at is not None) is withdrawn)


def from_to(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def state(commune: Any, made: BroadcastOut) -> State:
    with commune.store.reading() as db:
        return State(db.get_one(Broadcast, made.id).state)


def lines(commune: Any, day: date) -> list[LineOut]:
    with commune.store.reading() as db:
        return reports.lines(db, commune.official, BACK, commune.places.leng, span_of(Length.DAY, day)).items


def test_what_came_meanwhile_is_recorded(commune: Any, single: BroadcastOut, daily: BroadcastOut) -> None:
    ticked(commune, BACK)
    assert (days(commune, single), state(commune, single)) == ([date(2026, 12, 3)], State.DONE)
    assert (days(commune, daily), state(commune, daily)) == (
        from_to(date(2026, 11, 23), date(2026, 12, 8)),
        State.APPROVED,
    )
    ticked(commune, BACK)
    assert days(commune, daily) == from_to(date(2026, 11, 23), date(2026, 12, 12))


@pytest.mark.parametrize("on_air", [False, True])
def test_nothing_is_over_before_all_that_came_is_recorded(commune: Any, *, on_air: bool) -> None:
    """The last of three comes in the third step; it may have been on the air when the centre went off."""
    made = commune.approved(
        commune.draft(when=DAILY | {"rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "until": "2026-12-21"})
    )
    if on_air:
        ticked(commune, commune.later(hours=9, seconds=10))
    states = []
    for _ in range(4):
        ticked(commune, commune.later(days=40))
        states.append((len(days(commune, made)), state(commune, made)))
    before = State.ON_AIR if on_air else State.APPROVED
    assert states == [(2, before), (2, before), (3, before), (3, State.DONE)]


def test_it_is_missed_in_the_book_however_soon_that_is_kept(
    commune: Any, single: BroadcastOut, daily: BroadcastOut
) -> None:
    book.keep_all(commune.store, BACK)
    assert lines(commune, date(2026, 12, 3)) == []
    ticked(commune, BACK)
    book.keep_all(commune.store, BACK)
    ticked(commune, BACK)
    book.keep_all(commune.store, BACK)
    found = lines(commune, date(2026, 12, 3))
    assert sorted((line.title, line.zone_name, line.missed) for line in found) == [
        ("Lịch cúp điện", "Thôn 1", 1), ("Lịch cúp điện", "Thôn 1", 1),
        ("Lịch cúp điện", "Thôn 2", 1), ("Lịch cúp điện", "Thôn 2", 1),
    ]  # fmt: skip
    assert [len(lines(commune, day)) for day in from_to(date(2026, 11, 23), date(2026, 12, 4))] == [2] * 10 + [4, 2]


def test_a_report_that_comes_after_it_was_missed_counts(commune: Any, daily: BroadcastOut) -> None:
    """A receiver held the programme for seven days, and played by it."""
    for _ in range(2):
        ticked(commune, BACK)
    book.keep_all(commune.store, BACK)
    ledger = Ledger(commune, daily.id)
    start = datetime(2026, 12, 2, 10, tzinfo=UTC)
    airing_id = f"{daily.id}.{int(start.timestamp()) * 1_000_000}"
    ledger.report(airing_id, ledger.receivers[commune.places.leng_1], Outcome.HEARD, at=BACK + timedelta(minutes=1))
    book.keep_all(commune.store, BACK + timedelta(minutes=2))
    found = {line.zone_name: (line.heard, line.missed) for line in lines(commune, date(2026, 12, 2))}
    assert found == {"Thôn 1": (1, 0), "Thôn 2": (0, 1)}


def test_after_a_year_no_more_is_done_at_once_than_ever(commune: Any, daily: BroadcastOut) -> None:
    back, before = commune.later(days=365), len(days(commune, daily))
    for _ in range(60):
        ticked(commune, back)
        after = len(days(commune, daily))
        assert after - before <= onair.AHEAD.days
        before = after
    assert days(commune, daily) == from_to(date(2026, 11, 23), date(2026, 11, 23) + timedelta(days=365 + 7))


def test_who_cancels_it_first_changes_nothing_of_what_came(commune: Any, daily: BroadcastOut) -> None:
    with commune.store.writing() as db:
        service.cancel(db, commune.leader, BACK, daily.id)
    ticked(commune, BACK)
    assert days(commune, daily) == from_to(date(2026, 11, 23), date(2026, 12, 4))


def test_a_day_declared_off_in_its_last_second_was_never_due(commune: Any) -> None:
    made = commune.approved(commune.draft(when=DAILY | {"skip_holidays": True}))
    declared, off = commune.later(hours=1), date(2026, 11, 25)
    with commune.store.writing() as db:
        new = HolidayNew(zone_id=commune.places.leng, day=off, name="Quốc tang")
        calendar.add_holiday(db, signin.machine(db), declared, new)
    for _ in range(2):
        ticked(commune, BACK)
    assert days(commune, made, withdrawn=True) == [off]
    assert off not in days(commune, made)
    with commune.store.reading() as db:
        rows = db.scalars(select(PlannedAiring).where(PlannedAiring.broadcast_id == made.id)).all()
        assert {row.withdrawn_at for row in rows} == {declared, None}
