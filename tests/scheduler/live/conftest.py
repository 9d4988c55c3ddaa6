"""Microphones of a commune, and what people do at them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from broadcast.clock import from_us, to_us
from broadcast.wire.now import LiveSession
from scheduler.live import asking, passing, repository, service
from scheduler.live.models import LiveEnd
from scheduler.live.schemas import LiveIn, LiveOut
from scheduler.live.service import Air, Change
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.store.engine import Store

TERMS = asking.Terms(frozenset({"stream.example"}))
KEY = "A" * 43


class Microphones:
    """What people do at this commune's microphones."""

    def __init__(self, commune: Any, store: Store) -> None:
        self.commune, self.store, self.now = commune, store, from_us(to_us(commune.now))

    def ask(self, *, by: Actor | None = None, at: datetime | None = None, **other: Any) -> LiveOut:
        places = self.commune.places
        values = {"zone_id": places.leng, "zone_ids": [places.leng], "title": "Xã nói chuyện"} | other
        with self.store.writing() as db:
            return asking.ask(db, by or self.commune.operator, at or self.now, LiveIn.model_validate(values), TERMS)

    def begin(self, talk_id: str, *, at: datetime | None = None, frames: int | None = None) -> Change:
        moment = at or self.now
        air = Air(to_us(moment), KEY, (f"http://centre:8001/live/{talk_id}",), 3000, frames)
        with self.store.writing() as db:
            return service.begin(db, moment, talk_id, air)

    def end(self, talk_id: str, reason: LiveEnd, *, at: datetime, frames: int | None = None) -> Change:
        with self.store.writing() as db:
            return service.end(db, at, talk_id, reason, frames=frames)

    def tick(self, at: datetime) -> Change:
        with self.store.writing() as db:
            return passing.tick(db, at)

    def view(self, talk_id: str, *, by: Actor | None = None, at: datetime | None = None) -> LiveOut:
        with self.store.reading() as db:
            return service.view(db, by or self.commune.operator, at or self.now, talk_id)

    def in_force(self, zone_id: str | None = None) -> tuple[LiveSession, ...]:
        with self.store.reading() as db:
            return repository.in_force(db, zone_id or self.commune.places.leng, self.now)

    def later(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def ends(self) -> list[tuple[str | None, str]]:
        """Whose act the end of each talk was, and its reason, by the audit record."""
        with self.store.reading() as db:
            rows = db.exec(select(AuditEntry).where(AuditEntry.action == "live.end").order_by(col(AuditEntry.id)))
            return [(row.user_id, row.detail["reason"]) for row in rows.all()]

    def audited(self) -> list[str]:
        with self.store.reading() as db:
            return [
                row.action
                for row in db.exec(select(AuditEntry).order_by(col(AuditEntry.id))).all()
                if "live" in row.action
            ]


@pytest.fixture
def air(commune: Any, store: Store) -> Microphones:
    return Microphones(commune, store)
