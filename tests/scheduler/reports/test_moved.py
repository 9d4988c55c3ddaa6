"""What a place reports of its past when villages have moved, and who sees them by themselves."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler.people import signin
from scheduler.people.actor import Actor
from scheduler.reports import service as reports
from scheduler.reports.service import By
from scheduler.reports.spans import Length, Span, span_of
from scheduler.rights import Role
from scheduler.zones import ending, service
from scheduler.zones.models import Zone, ZoneKind
from scheduler.zones.schemas import ZoneNew


class Past:
    """Three bulletins to both villages of Trà Leng, forty days ago; and what becomes of the places since."""

    def __init__(self, ledger: Any) -> None:
        self.ledger, self.commune, self.places = ledger, ledger.commune, ledger.commune.places
        start = self.commune.now - timedelta(days=40)
        for day in range(3):
            airing_id = ledger.plan(start + timedelta(days=day))
            for receiver_id in ledger.receivers.values():
                ledger.report(airing_id, receiver_id, at=start + timedelta(days=day, minutes=2))
        ledger.keep(self.commune.now)
        self.span = span_of(Length.MONTH, start.date())

    def move(self, zone_id: str, parent_id: str, at: datetime | None = None) -> None:
        with self.commune.store.writing() as db:
            version, loa = db.get_one(Zone, zone_id).version, signin.machine(db)
            service.move_zone(db, loa, at or self.commune.now, zone_id, version=version, parent_id=parent_id)

    def merge(self, zone_id: str, into_id: str) -> None:
        with self.commune.store.writing() as db:
            version, loa = db.get_one(Zone, zone_id).version, signin.machine(db)
            ending.end_zone(db, loa, self.commune.now, zone_id, version=version, into_id=into_id)

    def rows(self, zone_id: str, who: Actor | None = None, **other: Any) -> dict[str, int]:
        """The airings in each row; their sum is the total."""
        commune = self.commune
        with commune.store.reading() as db:
            found = reports.summary(db, who or commune.operator, commune.now, zone_id, self.span, **other)
        assert found.total.airings == sum(row.airings for row in found.stations)
        assert found.total.requested_us == found.total.airings * 60_000_000
        return {row.name: row.airings for row in found.stations if row.airings}

    def lines(self, zone_id: str, who: Actor | None = None, span: Span | None = None) -> list[str]:
        commune = self.commune
        with commune.store.reading() as db:
            items = reports.lines(db, who or commune.operator, commune.now, zone_id, span or self.span).items
        return sorted(one.zone_name for one in items)


@pytest.fixture
def past(ledger: Any) -> Past:
    return Past(ledger)


def test_a_commune_keeps_its_past_when_a_village_moves_and_the_new_one_gets_none(past: Past) -> None:
    places = past.places
    past.move(places.leng_1, places.van)
    assert past.rows(places.leng) == past.rows(places.province) == {"Trà Leng": 6}
    assert past.rows(places.leng, by="village") == {"Thôn 1": 3, "Thôn 2": 3}
    assert past.lines(places.leng) == ["Thôn 1"] * 3 + ["Thôn 2"] * 3
    assert past.rows(places.van) == {}
    assert past.lines(places.van) == []
    assert past.rows(places.leng_1) == {"Trà Leng": 3}  # a village takes its past along


def test_a_commune_that_was_merged_keeps_its_past(past: Past) -> None:
    places = past.places
    past.merge(places.leng, places.van)
    assert past.rows(places.leng) == past.rows(places.province) == {"Trà Leng": 6}
    assert past.rows(places.van) == {}
    assert len(past.lines(places.leng)) == 6


def test_by_the_boundaries_of_today_the_past_is_the_new_communes(past: Past) -> None:
    places, today = past.places, past.commune.now.date()
    past.merge(places.leng, places.van)
    assert past.rows(places.van, boundaries=today) == past.rows(places.province, boundaries=today) == {"Trà Vân": 6}
    assert past.rows(places.leng, boundaries=today) == {}
    assert past.rows(places.leng, boundaries=today - timedelta(days=1)) == {"Trà Leng": 6}


@pytest.mark.parametrize("by", ["station", "commune", "village"])
def test_what_stands_elsewhere_is_a_part_of_the_whole_for_who_may_not_see_it_there(past: Past, by: By) -> None:
    places, official = past.places, past.commune.official
    past.move(places.leng_1, places.van)
    rows = {"Trà Leng": 3, "Thôn 2": 3} if by == "village" else {"Trà Leng": 6}
    assert past.rows(places.leng, official, by=by) == rows
    assert past.lines(places.leng, official) == ["Thôn 2"] * 3
    with past.commune.store.reading() as db:
        found = reports.summary(db, official, past.commune.now, places.leng, past.span, by=by)
    assert "Thôn 1" not in {name for row in found.stations for name in (row.name, *row.area)}
    assert (found.total.bulletins, found.total.clusters) == (3, 1)
    assert {row.bulletins for row in found.stations} == {3}


def test_a_district_keeps_the_past_of_a_commune_that_left_it(past: Past, add_person: Callable[..., Actor]) -> None:
    places, commune = past.places, past.commune
    with commune.store.writing() as db:
        loa = signin.machine(db)
        old, new = (
            service.create_zone(
                db, loa, commune.now, ZoneNew(parent_id=places.province, kind=ZoneKind.DISTRICT, name=name)
            ).id
            for name in ("Huyện cũ", "Huyện mới")
        )
    past.move(places.leng, old, commune.now - timedelta(days=300))
    past.move(places.leng, new)
    assert past.rows(old) == {"Trà Leng": 6}
    assert past.rows(new) == {}
    keeper = add_person("keeper", old, Role.VIEWER)
    assert past.rows(old, keeper) == {"Huyện cũ": 6}
    assert past.lines(old, keeper) == []


def test_a_place_between_a_commune_and_its_villages_has_their_reports(past: Past) -> None:
    places, commune = past.places, past.commune
    with commune.store.writing() as db:
        new = ZoneNew(parent_id=places.leng, kind=ZoneKind.OTHER, name="Cụm bắc")
        north = service.create_zone(db, signin.machine(db), commune.now, new).id
    past.move(places.leng_1, north, commune.now - timedelta(days=300))
    assert past.rows(north) == past.rows(north, by="commune") == {"Trà Leng": 3}
    assert past.rows(north, by="village") == {"Thôn 1": 3}
    assert past.lines(north) == ["Thôn 1"] * 3
    assert past.rows(places.leng) == {"Trà Leng": 6}
