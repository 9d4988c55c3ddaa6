"""A day off is told before approval, what would be heard nowhere is refused, and what never came was not played."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from scheduler.approval import inbox
from scheduler.broadcasts import moving, onair, service
from scheduler.broadcasts.schemas import ApproveIn, BroadcastOut, DayOff, PreviewOut
from scheduler.errors import Invalid
from scheduler.people import signin
from scheduler.workflow import State
from scheduler.zones import calendar
from scheduler.zones.schemas import HolidayNew

TOMORROW = date(2026, 11, 24)
AT = {"kind": "at", "starts_local": "2026-11-24T17:00", "skip_holidays": True}
DAILY = AT | {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-26"}


def keep(commune: Any, *zone_ids: str, day: date = TOMORROW) -> None:
    with commune.store.writing() as db:
        for zone_id in zone_ids:
            calendar.add_holiday(
                db, signin.machine(db), commune.now, HolidayNew(zone_id=zone_id, day=day, name="Quốc tang")
            )


def previewed(commune: Any, made: BroadcastOut) -> PreviewOut:
    with commune.store.reading() as db:
        return service.preview_saved(db, commune.leader, commune.now, made.id)


def told(found: list[DayOff]) -> list[tuple[str, list[str]]]:
    return [(one.local, sorted(one.zone_names)) for one in found]


@pytest.mark.parametrize("aimed", ["leng", "leng_1 leng_2"])
def test_where_everybody_has_a_day_off_nothing_comes(commune: Any, aimed: str) -> None:
    made = commune.submitted(commune.draft(when=AT, zone_ids=[getattr(commune.places, name) for name in aimed.split()]))
    keep(commune, commune.places.leng)
    found = previewed(commune, made)
    assert (found.occurrences, told(found.days_off)) == ([], [("2026-11-24T17:00:00", ["Thôn 1", "Thôn 2"])])
    with commune.store.reading() as db:
        [waiting] = inbox.look(db, commune.leader, commune.now).items
    assert (waiting.times, waiting.effects, waiting.days_off) == (0, [], found.days_off)
    with pytest.raises(Invalid) as refused, commune.store.writing() as db:
        service.approve(db, commune.leader, commune.now, made.id, version=made.version)
    assert (refused.value.code, refused.value.field) == ("day_off", "starts_local")


@pytest.mark.parametrize("aimed", ["leng", "leng_1 leng_2"])
def test_a_village_that_keeps_a_day_is_named_and_meets_nothing_then(commune: Any, aimed: str) -> None:
    """Something else of the same time stands there, and in the other village on the day after."""
    places = commune.places
    when = {"kind": "at", "starts_local": "2026-11-24T17:00"}
    commune.approved(commune.draft(commune.announce("Khác"), when=when, zone_ids=[places.leng_1]))
    when = when | {"starts_local": "2026-11-25T17:00"}
    commune.approved(commune.draft(commune.announce("Sau"), when=when, zone_ids=[places.leng_2]))
    made = commune.submitted(commune.draft(when=DAILY, zone_ids=[getattr(places, name) for name in aimed.split()]))
    keep(commune, places.leng_1)
    found = previewed(commune, made)
    assert [start.day for start in found.occurrences] == [23, 24, 25, 26]
    assert told(found.days_off) == [("2026-11-24T17:00:00", ["Thôn 1"])]
    with commune.store.reading() as db:
        [waiting] = inbox.look(db, commune.leader, commune.now).items
    assert waiting.days_off == found.days_off
    for met in (found.places, waiting.effects or []):
        assert {(place.zone_names[0], effect.at.day) for place in met for effect in place.effects} == {("Thôn 2", 25)}


def test_what_is_for_every_day_has_no_days_off(commune: Any) -> None:
    keep(commune, commune.places.leng)
    made = commune.submitted(commune.draft(when="2026-11-24T17:00"))
    found = previewed(commune, made)
    assert (len(found.occurrences), found.days_off) == (1, [])
    with commune.store.reading() as db:
        [waiting] = inbox.look(db, commune.leader, commune.now).items
    assert (waiting.times, waiting.days_off) == (1, [])


def test_no_time_is_offered_on_a_day_off(commune: Any) -> None:
    """What is in the way ends after midnight."""
    commune.approved(commune.draft(commune.announce("Dài", seconds=7200), when="2026-11-23T22:30"))
    made = commune.submitted(commune.draft(when=AT | {"starts_local": "2026-11-23T23:00"}))
    before = previewed(commune, made)
    keep(commune, commune.places.leng_1)
    days = [
        {choice.starts_local[:10] for choice in found.choices if choice.starts_local}
        for found in (before, previewed(commune, made))
    ]
    assert days == [{"2026-11-24"}, set()]


def test_nobody_chooses_a_day_off_for_it(commune: Any) -> None:
    keep(commune, commune.places.leng)
    made = commune.submitted(commune.draft(when=AT | {"starts_local": "2026-11-25T17:00"}))
    asked = ApproveIn(starts_local="2026-11-24T17:00")
    with pytest.raises(Invalid, match="is a day off"), commune.store.writing() as db:
        service.approve(db, commune.leader, commune.now, made.id, version=made.version, asked=asked)
    with pytest.raises(Invalid, match="is a day off"), commune.store.writing() as db:
        moving.move(db, commune.official, commune.now, made.id, "2026-11-24T17:00", version=made.version)
    with commune.store.writing() as db:
        asked = ApproveIn(starts_local="2026-11-26T17:00")
        service.approve(db, commune.leader, commune.now, made.id, version=made.version, asked=asked)


def test_what_ends_without_having_come_is_not_called_played(commune: Any) -> None:
    heard, off = commune.approved(commune.draft(when="2026-11-24T17:00")), commune.approved(commune.draft(when=AT))
    keep(commune, commune.places.leng)
    after = datetime(2026, 11, 24, 12, tzinfo=UTC)
    with commune.store.writing() as db:
        for _ in range(2):
            onair.tick(db, after)
    with commune.store.reading() as db:
        found = [service.view(db, commune.official, after, one.id) for one in (heard, off)]
    assert [(one.state, one.unaired) for one in found] == [(State.DONE, False), (State.DONE, True)]
