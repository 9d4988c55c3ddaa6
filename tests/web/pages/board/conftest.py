"""A commune's office with something on its board."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.broadcasts import service
from scheduler.broadcasts.schemas import BroadcastIn, BroadcastOut
from scheduler.fleet.models import Receiver
from scheduler.people.actor import Actor
from scheduler.people.signin import machine
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.models import Zone

NIGHT = [{"start_minute": 21 * 60, "end_minute": 5 * 60}]
QUOTA = {"sessions_per_day": 3, "session_us": 1_800_000_000, "gap_us": 600_000_000}


class Office:
    """An official and a leader of Trà Leng with loudspeakers in its two villages, and what they plan."""

    def __init__(self, store: Store, now: datetime, places: Any, official: Actor, leader: Actor) -> None:
        self.store, self.now, self.places, self.official, self.leader = store, now, places, official, leader
        with store.writing() as db:
            zone = db.get_one(Zone, places.leng)
            zone.quiet_hours, zone.quota = NIGHT, QUOTA
            for number, zone_id in enumerate((places.leng_1, places.leng_2, places.van_1)):
                db.add(Receiver(id=f"R{number}", zone_id=zone_id, name=f"Loa {number}", online=True, enrolled_at=now))

    def planned(self, title: str, when: Any, *, approve: bool = True, **other: Any) -> BroadcastOut:
        announcement_id = new_id(self.now)
        with self.store.writing() as db:
            author_id = self.official.user_id
            row = Announcement(
                id=announcement_id, zone_id=self.places.leng, title=title, author_id=author_id, created_at=self.now
            )
            db.add(row)
            db.flush()
            recording = Recording(
                id=new_id(self.now),
                announcement_id=announcement_id,
                language="vi",
                source=Source.TEXT,
                text="Xin chào bà con.",
                state=RecordingState.READY,
                created_at=self.now,
            )
            recording.sha256, recording.size_bytes, recording.duration_us = f"{len(title):064x}", 9000, 120_000_000
            db.add(recording)
        values: dict[str, Any] = {
            "zone_id": self.places.leng,
            "announcement_id": announcement_id,
            "when": {"kind": "at", "starts_local": when} if isinstance(when, str) else when,
            "zone_ids": [self.places.leng_1, self.places.leng_2],
        }
        with self.store.writing() as db:
            made = service.create(db, self.official, self.now, BroadcastIn.model_validate(values | other))
            made = service.submit(db, self.official, self.now, made.id, version=made.version)
            return service.approve(db, self.leader, self.now, made.id, version=made.version) if approve else made

    def seen(self, broadcast_id: str) -> BroadcastOut:
        with self.store.reading() as db:
            return service.view(db, machine(db), self.now, broadcast_id)


@pytest.fixture
def office(store: Store, now: datetime, places: Any, add_person: Callable[..., Actor]) -> Office:
    people = (add_person(login, places.leng, role) for login, role in (("lan", Role.EDITOR), ("minh", Role.APPROVER)))
    return Office(store, now, places, *people)


@pytest.fixture
def official(office: Office, browser: Callable[[str], TestClient]) -> TestClient:
    return browser("lan")
