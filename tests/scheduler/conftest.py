"""People and ready announcements in the small tree of zones, on both databases."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.broadcasts import service
from scheduler.broadcasts.schemas import BroadcastIn, BroadcastOut
from scheduler.fleet.models import DirtyTopic, Receiver
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id


@dataclass
class Commune:
    """Trà Leng with an official, a leader, and a receiver in each of its two villages; and what they do."""

    store: Store
    now: datetime
    places: Any
    official: Actor
    leader: Actor
    operator: Actor
    stranger: Actor
    announcement_id: str = ""

    def announce(
        self, title: str = "Lịch cúp điện", *, seconds: int = 60, state: RecordingState = RecordingState.READY
    ) -> str:
        """An announcement with one recording of the commune's; its id."""
        announcement_id, ready = new_id(self.now), state is RecordingState.READY
        with self.store.writing() as db:
            db.add(
                Announcement(
                    id=announcement_id,
                    zone_id=self.places.leng,
                    title=title,
                    author_id=self.official.user_id,
                    created_at=self.now,
                )
            )
            db.flush()
            recording = Recording(
                id=new_id(self.now),
                announcement_id=announcement_id,
                language="vi",
                source=Source.TEXT,
                text="Mất điện từ bảy giờ.",
                state=state,
                created_at=self.now,
            )
            if ready:
                recording.sha256, recording.size_bytes = f"{len(title):064x}", 1000
                recording.duration_us = seconds * 1_000_000
            db.add(recording)
        return announcement_id

    def draft(self, announcement_id: str | None = None, *, when: Any = "2026-11-23T17:00", **other: Any) -> BroadcastIn:
        """To both villages, at 17:00 today unless said otherwise; `when` is local time or the fields themselves."""
        values: dict[str, Any] = {
            "zone_id": self.places.leng,
            "announcement_id": announcement_id or self.announcement_id,
            "when": {"kind": "at", "starts_local": when} if isinstance(when, str) else when,
        }
        if not other.keys() & {"zone_ids", "group_ids"}:
            values["zone_ids"] = [self.places.leng_1, self.places.leng_2]
        return BroadcastIn.model_validate(values | other)

    def saved(self, draft: BroadcastIn | None = None, *, by: Actor | None = None) -> BroadcastOut:
        with self.store.writing() as db:
            return service.create(db, by or self.official, self.now, draft or self.draft())

    def submitted(self, draft: BroadcastIn | None = None) -> BroadcastOut:
        made = self.saved(draft)
        with self.store.writing() as db:
            return service.submit(db, self.official, self.now, made.id, version=made.version)

    def approved(self, draft: BroadcastIn | None = None) -> BroadcastOut:
        made = self.submitted(draft)
        with self.store.writing() as db:
            return service.approve(db, self.leader, self.now, made.id, version=made.version)

    def dirty(self) -> set[str]:
        """The topics marked since this was asked last."""
        with self.store.writing() as db:
            rows = db.exec(select(DirtyTopic)).all()
            for row in rows:
                db.delete(row)
            return {row.topic for row in rows}

    def later(self, **delta: float) -> datetime:
        return self.now + timedelta(**delta)


@pytest.fixture
def commune(store: Store, now: datetime, places: Any, add_person: Any) -> Commune:
    people = {
        "official": add_person("official", places.leng, Role.EDITOR),
        "leader": add_person("leader", places.leng, Role.APPROVER),
        "operator": add_person("operator", places.province, Role.OPERATOR),
        "stranger": add_person("stranger", places.van, Role.EDITOR, Role.APPROVER),
    }
    with store.writing() as db:
        for zone_id in (places.leng_1, places.leng_2, places.van_1):
            db.add(Receiver(id=f"R{zone_id[1:]}", zone_id=zone_id, name="Loa", online=True, enrolled_at=now))
    commune = Commune(store, now, places, **people)
    commune.announcement_id = commune.announce()
    return commune
