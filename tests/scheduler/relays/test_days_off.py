"""Days off of relays that leave them out: declared late, taken away, kept by one village only."""

from datetime import date
from typing import Any

import pytest
from sqlmodel import Session, select

from scheduler.broadcasts import board
from scheduler.live.asking import Terms
from scheduler.live.models import LiveTalk
from scheduler.live.repository import zones_of
from scheduler.people import signin
from scheduler.relays import passing, rehearsing, service
from scheduler.relays.models import Relay, RelayRun
from scheduler.relays.schemas import RelayDetail
from scheduler.workflow import State
from scheduler.zones import calendar
from scheduler.zones import service as zones
from scheduler.zones.models import Zone
from scheduler.zones.schemas import HolidayNew
from tests.scheduler.relays.conftest import Asked, Planned

TODAY, TOMORROW = date(2026, 11, 23), date(2026, 11, 24)
SKIPPING = {"starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-24", "skip_holidays": True}


def keep(commune: Any, zone_id: str, day: date = TODAY, hours: float = 0) -> None:
    with commune.store.writing() as db:
        new = HolidayNew(zone_id=zone_id, day=day, name="Quốc tang")
        calendar.add_holiday(db, signin.machine(db), commune.later(hours=hours), new)


def take_away(commune: Any, zone_id: str, day: date = TODAY, hours: float = 0) -> None:
    with commune.store.writing() as db:
        calendar.remove_holiday(db, signin.machine(db), commune.later(hours=hours), zone_id, day)


def ticked(commune: Any, terms: Terms, hours: float = 9.001) -> tuple[list[list[str]], list[RelayRun]]:
    """Where each talk is heard that there is then, and what came."""
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=hours), terms)
        return _heard(db), list(db.exec(select(RelayRun)).all())


def _heard(db: Session) -> list[list[str]]:
    ids = [talk.id for talk in db.exec(select(LiveTalk)).all()]
    return [[zone.id for zone in zones_of(db, ids)[talk_id]] for talk_id in ids]


def shown(commune: Any, made: RelayDetail, terms: Terms, hours: float = 0) -> RelayDetail:
    with commune.store.reading() as db:
        return service.view(db, commune.official, commune.later(hours=hours), made.id, terms)


def on_board(commune: Any, day: date = TODAY, hours: float = 0) -> list[tuple[list[str], int]]:
    """By village, the states of what is planned there and how much waits."""
    with commune.store.reading() as db:
        villages = board.board(db, commune.leader, commune.later(hours=hours), day).villages
    return [([one.state for one in village.airings], len(village.waiting)) for village in villages]


@pytest.fixture
def skipping(planned: Planned, asked: Asked) -> RelayDetail:
    return planned(asked(when=SKIPPING))


def test_a_day_off_declared_when_it_was_planned_is_kept(commune: Any, skipping: RelayDetail, terms: Terms) -> None:
    keep(commune, commune.places.leng)
    assert [one.day for one in shown(commune, skipping, terms).coming] == [24]
    assert ticked(commune, terms) == ([], [])
    assert ticked(commune, terms, 33.001)[0] == [[commune.places.leng]]


def test_what_begins_a_moment_after_a_day_off_was_declared_is_left_out_too(
    commune: Any, skipping: RelayDetail, terms: Terms
) -> None:
    """Also where it was due already and nobody had looked yet."""
    keep(commune, commune.places.leng, hours=9)
    assert ticked(commune, terms) == ([], [])
    assert shown(commune, skipping, terms, 9.01).state is State.APPROVED


def test_a_day_off_that_is_taken_away_is_heard_again(
    commune: Any, planned: Planned, asked: Asked, terms: Terms
) -> None:
    keep(commune, commune.places.leng)
    made = planned(asked(when=SKIPPING))
    take_away(commune, commune.places.leng)
    assert on_board(commune) == [(["planned"], 0)] * 2
    assert shown(commune, made, terms).coming[0].day == 23
    assert ticked(commune, terms)[0] == [[commune.places.leng]]


def test_a_village_that_is_moved_keeps_the_days_of_its_new_place(
    commune: Any, planned: Planned, asked: Asked, terms: Terms
) -> None:
    keep(commune, commune.places.leng)
    planned(asked(when=SKIPPING, zone_ids=[commune.places.leng_1]))
    with commune.store.writing() as db:
        moved, place = db.get_one(Zone, commune.places.leng_1), commune.places.van
        who = signin.machine(db)
        zones.move_zone(db, who, commune.now, moved.id, version=moved.version, parent_id=place)
    assert ticked(commune, terms)[0] == [[commune.places.leng_1]]


def test_while_only_days_off_are_left_it_is_not_over(commune: Any, skipping: RelayDetail, terms: Terms) -> None:
    keep(commune, commune.places.leng, TOMORROW)
    ticked(commune, terms)
    assert shown(commune, skipping, terms, 10).state is State.APPROVED
    with commune.store.writing() as db:
        paused = service.pause(
            db, commune.leader, commune.later(hours=10), skipping.id, terms=terms, version=skipping.version
        )
        back = service.resume(
            db, commune.leader, commune.later(hours=10), skipping.id, terms=terms, version=paused.version
        )
    assert (back.state, back.coming) == (State.APPROVED, [])
    take_away(commune, commune.places.leng, TOMORROW, hours=11)
    assert len(ticked(commune, terms, 33.001)[0]) == 2
    assert shown(commune, skipping, terms, 34).state is State.DONE


def test_a_clock_that_is_put_back_lets_nothing_come_twice(commune: Any, skipping: RelayDetail, terms: Terms) -> None:
    assert len(ticked(commune, terms)[0]) == 1
    keep(commune, commune.places.leng, TOMORROW, hours=8)
    assert len(ticked(commune, terms)[0]) == 1


def test_only_the_village_that_keeps_the_day_does_without(commune: Any, skipping: RelayDetail, terms: Terms) -> None:
    """It misses nothing: on the board and in what came it is not among those that were to hear it."""
    keep(commune, commune.places.leng_1)
    assert on_board(commune) == [([], 0), (["planned"], 0)]
    assert on_board(commune, TOMORROW) == [(["planned"], 0)] * 2
    heard, [run] = ticked(commune, terms)
    assert heard == [[commune.places.leng_2]]
    assert (run.zone_ids, run.left_out, run.trouble) == ([commune.places.leng_2], [], None)
    assert next(states for states, _waiting in on_board(commune, hours=10)) == []


def test_what_could_not_come_is_not_missed_where_the_day_is_off(commune: Any, skipping: RelayDetail) -> None:
    keep(commune, commune.places.leng_1)
    ticked(commune, Terms())
    assert on_board(commune, hours=10) == [([], 0), (["not_played"], 0)]


def test_where_every_village_keeps_the_day_nothing_was_due(commune: Any, skipping: RelayDetail, terms: Terms) -> None:
    for zone_id in (commune.places.leng_1, commune.places.leng_2):
        keep(commune, zone_id)
    assert ticked(commune, terms) == ([], [])


def test_the_days_count_of_the_places_that_hear_it(commune: Any, planned: Planned, asked: Asked, terms: Terms) -> None:
    keep(commune, commune.places.leng_1)
    one = planned(asked(when=SKIPPING, zone_ids=[commune.places.leng_1]))
    both = planned(asked(when=SKIPPING, zone_ids=[commune.places.leng_1, commune.places.leng_2]))
    assert [[start.day for start in shown(commune, made, terms).coming] for made in (one, both)] == [[24], [23, 24]]
    assert ticked(commune, terms)[0] == [[commune.places.leng_2]]


def test_a_village_with_a_day_off_meets_nothing_and_is_not_tried(
    commune: Any, planned: Planned, submitted: Planned, asked: Asked, terms: Terms
) -> None:
    keep(commune, commune.places.leng_1)
    keep(commune, commune.places.leng_1, TOMORROW)
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).quiet_hours = [{"start_minute": 1030, "end_minute": 300}]
    planned(asked(when=SKIPPING | {"skip_holidays": False}, zone_ids=[commune.places.leng_2], cls="priority"))
    waits = submitted(asked(when=SKIPPING))
    assert waits.conflicts == []
    assert [waiting for _states, waiting in on_board(commune)] == [0, 1]
    with commune.store.reading() as db:
        found = rehearsing.waiting(db, commune.leader, commune.now, [waits.id])[waits.id]
    assert {place for one in found.places for place in one.zone_names} == {"Thôn 2"}


def test_what_does_not_leave_days_off_out_is_not_touched(commune: Any, planned: Planned, terms: Terms) -> None:
    made = planned()
    keep(commune, commune.places.leng)
    with commune.store.reading() as db:
        assert db.get_one(Relay, made.id).next_at == commune.later(hours=9)
    assert ticked(commune, terms)[0] == [[commune.places.leng]]
