"""Whose record it is once places lie elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from scheduler.people import audit, signin, trail
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones import ending, service
from scheduler.zones.models import Zone

AddPerson = Callable[..., Actor]


@dataclass
class Record:
    store: Store
    now: datetime
    machine: Actor

    def note(self, subject: str, zone_id: str) -> None:
        """Have something be done in a zone, where it lies now."""
        with self.store.writing() as db:
            path = db.get_one(Zone, zone_id).path
            audit.record(db, self.machine, self.now, "receiver.volume", subject, zone_path=path)

    def seen(self, who: Actor, zone_id: str | None = None) -> list[str]:
        """The subjects, oldest first, that somebody finds, in one place or anywhere."""
        with self.store.reading() as db:
            found = trail.page(db, who, self.now, trail.Asked(action="receiver.volume", zone_id=zone_id))
        return [entry.subject for entry in reversed(found)]


@pytest.fixture
def record(store: Store, now: datetime, places: Any) -> Record:
    with store.reading() as db:
        return Record(store, now, signin.machine(db))


def test_a_place_takes_its_record_along_and_leaves_what_was(record: Record, places: Any, add_person: AddPerson) -> None:
    commune, other, village, beside = (
        add_person(login, zone_id, Role.APPROVER)
        for login, zone_id in (
            ("leng", places.leng), ("van", places.van), ("leng1", places.leng_1), ("leng2", places.leng_2)
        )
    )  # fmt: skip
    record.note("before", places.leng_1)
    assert record.seen(other) == []
    with record.store.writing() as db:
        version = db.get_one(Zone, places.leng_1).version
        service.move_zone(db, record.machine, record.now, places.leng_1, version=version, parent_id=places.van)
    record.note("after", places.leng_1)
    assert record.seen(other) == record.seen(village) == ["before", "after"]
    assert record.seen(commune) == ["before"]
    assert record.seen(beside) == []
    for zone_id, found in ((places.leng_1, 2), (places.van, 2), (places.leng, 1), (places.van_1, 0), ("none", 0)):
        assert len(record.seen(record.machine, zone_id)) == found
        assert record.seen(beside, zone_id) == []


def test_who_takes_over_a_merged_place_reads_of_what_lay_in_it(
    record: Record, places: Any, add_person: AddPerson
) -> None:
    commune, other = add_person("leng", places.leng, Role.APPROVER), add_person("van", places.van, Role.APPROVER)
    record.note("village", places.leng_1)
    record.note("commune", places.leng)
    with record.store.writing() as db:
        version = db.get_one(Zone, places.leng).version
        ending.end_zone(db, record.machine, record.now, places.leng, version=version, into_id=places.van)
    record.note("since", places.leng_2)
    assert record.seen(other) == ["village", "since"]
    assert record.seen(commune) == ["village", "commune"]
