"""A relay that was due and did not come is missed in the book, with why, and all figures agree on it."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import select

from scheduler.fleet.models import Receiver
from scheduler.live.asking import Terms
from scheduler.live.models import LiveEnd, LiveState, LiveTalk
from scheduler.relays import passing
from scheduler.relays.models import RelayRun
from scheduler.reports import book, service
from scheduler.reports.schemas import LineOut
from scheduler.reports.spans import Length, span_of
from scheduler.zones.models import Zone
from tests.scheduler.relays.conftest import Asked, Planned

DAY = date(2026, 11, 23)
QUARTER_US = 900_000_000


@pytest.fixture(autouse=True)
def standing(commune: Any) -> None:
    with commune.store.writing() as db:
        for row in db.exec(select(Receiver)):
            row.enrolled_at = commune.now - timedelta(days=30)


def kept(commune: Any, hours: float, day: date = DAY) -> dict[str, LineOut]:
    """The lines of that day by village; page, sums and mail are asked to agree with them."""
    now = commune.later(hours=hours)
    book.keep_all(commune.store, now)
    span = span_of(Length.DAY, day)
    with commune.store.reading() as db:
        lines = service.lines(db, commune.official, now, commune.places.leng, span).items
        total = service.summary(db, commune.official, now, commune.places.leng, span_of(Length.MONTH, day)).total
        villages = [service.village_day(db, commune.official, now, line.zone_id, day) for line in lines]
        mail = service.digest_of(db, db.get_one(Zone, commune.places.leng), day)
    told = mail.counts
    assert (total.airings, total.heard) == (told.airings, told.heard) == (len(lines), sum(x.heard > 0 for x in lines))
    assert total.plays == total.plays_heard + total.plays_missed == sum(line.receivers for line in lines)
    assert total.plays_missed == sum(one.missed for one in mail.missed) == sum(line.missed for line in lines)
    assert total.requested_us == sum(line.requested_us for line in lines)
    assert sum(village.figures.plays_missed for village in villages) == total.plays_missed
    reasons = {result.reason for village in villages for airing in village.airings for result in airing.results}
    assert reasons >= {reason for line in lines for reason in line.missed_by if reason != "no_report"}
    return {line.zone_name: line for line in lines}


def missed(lines: dict[str, LineOut]) -> dict[str, dict[str, int]]:
    return {name: line.missed_by for name, line in lines.items()}


def test_what_the_settings_do_not_allow_any_more_is_missed_everywhere(commune: Any, planned: Planned) -> None:
    made = planned()
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9, seconds=1), Terms())
    found = kept(commune, 9.01)
    assert missed(found) == {"Thôn 1": {"host_not_allowed": 1}, "Thôn 2": {"host_not_allowed": 1}}
    assert {(line.title, line.start, line.requested_us, line.waiting) for line in found.values()} == {
        (made.title, commune.later(hours=9), QUARTER_US, 0)
    }
    assert kept(commune, 10) == found


def test_each_time_that_the_centre_slept_through_is_missed_on_its_day(
    commune: Any, planned: Planned, terms: Terms
) -> None:
    planned()
    with commune.store.writing() as db:
        passing.tick(db, commune.later(days=3), terms)
        assert [run.trouble for run in db.exec(select(RelayRun)).all()] == ["centre_was_away"] * 2
    book.keep_all(commune.store, commune.later(days=3))
    with commune.store.reading() as db:
        for day in (DAY, DAY + timedelta(days=1)):
            lines = service.lines(db, commune.official, commune.now, None, span_of(Length.DAY, day)).items
            assert [line.missed_by for line in lines] == [{"centre_was_away": 1}] * 2


@pytest.mark.parametrize(
    "case", [(LiveEnd.TURN_MISSED, 9.26, 900), (LiveEnd.FAILED, 9.1, 900), (LiveEnd.STOPPED, 9.1, 360)]
)
def test_one_whose_talk_never_began_is_missed(
    commune: Any, planned: Planned, terms: Terms, case: tuple[LiveEnd, float, int]
) -> None:
    (reason, ended, seconds), _made = case, planned()
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9, seconds=1), terms)
    assert kept(commune, 9.05) == {}
    with commune.store.writing() as db:
        [talk] = db.exec(select(LiveTalk)).all()
        talk.state, talk.ended_at, talk.end_reason = LiveState.ENDED, commune.later(hours=ended), reason
    found = kept(commune, 9.3)
    assert missed(found) == {"Thôn 1": {f"ended_{reason}": 1}, "Thôn 2": {f"ended_{reason}": 1}}
    assert {line.requested_us for line in found.values()} == {seconds * 1_000_000}


def test_a_village_that_is_left_out_by_its_rules_misses_what_others_hear(
    commune: Any, planned: Planned, terms: Terms, asked: Asked
) -> None:
    planned(asked())
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).quiet_hours = [{"start_minute": 1030, "end_minute": 300}]
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9, seconds=1), terms)
        [talk] = db.exec(select(LiveTalk)).all()
        talk.state, talk.began_at, talk.ended_at = LiveState.ENDED, commune.later(hours=9), commune.later(hours=9.25)
    assert missed(kept(commune, 10)) == {"Thôn 1": {"quiet_hours": 1}, "Thôn 2": {"no_report": 1}}
