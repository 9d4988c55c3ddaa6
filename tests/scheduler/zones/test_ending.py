"""A place that is merged into another goes on there, and its past stays."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from scheduler.errors import Forbidden, Problem
from scheduler.fleet.models import Receiver
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.reports import repository as reports
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones import ending, rules
from scheduler.zones.models import Zone


@pytest.fixture
def admin(add_person: Callable[..., Actor], places: Any) -> Actor:
    return add_person("admin", places.province, Role.ADMINISTRATOR)


@pytest.fixture
def standing(store: Store, places: Any, now: Any) -> None:
    with store.writing() as db:
        for name, zone_id in (("R1", places.leng_1), ("R2", places.leng)):
            db.add(Receiver(id=name, zone_id=zone_id, name=name, enrolled_at=now))


def refused(store: Store, work: Callable[[Session], object]) -> str:
    with pytest.raises(Problem) as caught, store.writing() as db:
        work(db)
    return caught.value.code


@pytest.mark.usefixtures("standing")
def test_what_is_merged_goes_on_in_the_other_place(store: Store, admin: Actor, places: Any, now: Any) -> None:
    with store.writing() as db:
        seen = ending.outlook(db, admin, now, places.leng)
        assert (seen.here, seen.below, [one.id for one in seen.into]) == (1, 1, [places.van])
        ended = ending.end_zone(db, admin, now, places.leng, version=1, into_id=places.van)
        today = now.date()
        assert rules.valid_on(ended, today - timedelta(days=1))
        assert not rules.valid_on(ended, today)
        village = db.get_one(Zone, places.leng_1)
        db.refresh(village)
        assert village.path == f"/{places.province}/{places.van}/{places.leng_1}/"
        assert db.get_one(Receiver, "R2").zone_id == places.van
        actions = db.exec(select(AuditEntry.action).where(col(AuditEntry.user_id) == admin.user_id)).all()
        assert {"zone.end", "zone.move", "receiver.move"} <= set(actions)
    with store.reading() as db:
        atlas = reports.atlas(db)
        stood = [
            atlas.stations([places.leng_1], day, merged=True)[places.leng_1].id
            for day in (today - timedelta(days=1), today)
        ]
    assert stood == [places.leng, places.van]


@pytest.mark.usefixtures("standing")
def test_a_place_that_begins_later_goes_along(store: Store, admin: Actor, places: Any, now: Any) -> None:
    with store.writing() as db:
        db.get_one(Zone, places.leng_1).valid_from = now.date() + timedelta(days=9)
        db.flush()
        ending.end_zone(db, admin, now, places.leng, version=1, into_id=places.van)
        db.expire_all()
        assert db.get_one(Zone, places.leng_1).path == f"/{places.province}/{places.van}/{places.leng_1}/"


@pytest.mark.usefixtures("standing")
def test_what_is_refused(store: Store, admin: Actor, add_person: Callable[..., Actor], places: Any, now: Any) -> None:
    editor, other = add_person("e", places.leng, Role.EDITOR), add_person("o", places.van, Role.ADMINISTRATOR)
    silent = refused(store, lambda db: ending.end_zone(db, admin, now, places.leng, version=1))
    strange = refused(store, lambda db: ending.end_zone(db, admin, now, places.leng, version=1, into_id=places.leng_1))
    stale = refused(store, lambda db: ending.end_zone(db, admin, now, places.leng, version=9, into_id=places.van))
    assert (silent, strange, stale) == ("receivers_here", "bad_merger", "stale")
    with store.reading() as db:
        assert ending.outlook(db, admin, now, places.leng).children
        with pytest.raises(Forbidden):
            ending.outlook(db, editor, now, places.leng)
    assert refused(store, lambda db: ending.outlook(db, other, now, places.leng)) == "not_found"


def test_a_place_without_loudspeakers_ends_by_itself(store: Store, admin: Actor, places: Any, now: Any) -> None:
    with store.writing() as db:
        ended = ending.end_zone(db, admin, now, places.van_1, version=1)
        assert not rules.valid_on(ended, now.date())
