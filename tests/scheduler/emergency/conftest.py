"""A province with its desk: who asks, who confirms, and what the documents of its zones then say."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlmodel import select

from broadcast.clock import ManualClock
from broadcast.wire.now import Now, Purpose
from scheduler.emergency import service
from scheduler.emergency.document import now_document
from scheduler.emergency.schemas import ConfirmIn, CorrectIn, CorrectOut, OrderIn, OrderOut, StopAllIn, StopAllOut
from scheduler.fleet.models import DirtyTopic, Receiver
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import SecondPerson, Zone

SIREN, FLOOD, FLOOD_DRILL = "siren-rise-fall.1", "flash-flood.1", "drill-flash-flood.1"
WORDS = {Purpose.REAL: "KHẨN CẤP", Purpose.DRILL: "DIỄN TẬP"}


@dataclass
class Desk:
    """Two operators of the province, one of a commune in it, that commune's leader, and receivers in its villages."""

    store: Store
    clock: ManualClock
    places: Any
    operator: Actor
    second: Actor
    local: Actor
    leader: Actor
    official: Actor

    def draft(self, *parts: Any, zones: list[str] | None = None, **other: Any) -> OrderIn:
        """For the commune Trà Leng; a part that is a word is one of the bank's messages."""
        shown = [{"kind": "bank", "id": part} if isinstance(part, str) else part for part in parts or (SIREN, FLOOD)]
        values = {"parts": shown, "zone_ids": [self.places.leng] if zones is None else zones, "reason": "Lũ quét"}
        return OrderIn.model_validate(values | other)

    def asked(
        self, draft: OrderIn | None = None, *, by: Actor | None = None, purpose: Purpose = Purpose.REAL
    ) -> OrderOut:
        with self.store.writing() as db:
            return service.ask(db, by or self.operator, self.clock.now(), purpose, draft or self.draft())

    def confirmed(
        self, order: OrderOut, *, by: Actor | None = None, word: str | None = None, code: str = "", version: int = 1
    ) -> OrderOut:
        typed = ConfirmIn(word=WORDS[order.purpose] if word is None else word, code=code)
        with self.store.writing() as db:
            return service.confirm(
                db, by or self.second, self.clock.now(), order.id, typed, purpose=order.purpose, version=version
            )

    def issued(self, draft: OrderIn | None = None) -> OrderOut:
        return self.confirmed(self.asked(draft))

    def cancelled(self, order: OrderOut, *, by: Actor | None = None) -> OrderOut:
        with self.store.writing() as db:
            return service.cancel(db, by or self.operator, self.clock.now(), order.id, purpose=order.purpose)

    def corrected(self, order: OrderOut, bank_id: str = "false-alarm.1", *, by: Actor | None = None) -> CorrectOut:
        asked = CorrectIn(bank_id=bank_id, reason="Báo nhầm")
        with self.store.writing() as db:
            return service.correct(db, by or self.operator, self.clock.now(), order.id, asked, purpose=order.purpose)

    def stopped(self, *zone_ids: str, by: Actor | None = None) -> StopAllOut:
        with self.store.writing() as db:
            return service.stop_all(db, by or self.official, self.clock.now(), StopAllIn(zone_ids=list(zone_ids)))

    def shown(self, order_id: str, *, to: Actor | None = None) -> OrderOut:
        with self.store.reading() as db:
            return service.get(db, to or self.operator, self.clock.now(), order_id)

    def says(self, zone_id: str) -> Now:
        """What the zone's document says, whatever its number and times."""
        with self.store.reading() as db:
            draft = now_document(db, zone_id, self.clock.now())
        assert draft is not None
        assert isinstance(draft.document, Now)
        return replace(draft.document, number=1)

    def sounding(self, zone_id: str) -> list[str]:
        return [order.id for order in self.says(zone_id).orders]

    def zone_lets(self, zone_id: str, who: SecondPerson) -> None:
        with self.store.writing() as db:
            db.get_one(Zone, zone_id).second_person = who

    def tick(self) -> tuple[str, ...]:
        with self.store.writing() as db:
            return service.tick(db, self.clock.now())

    def later(self, **delta: float) -> None:
        self.clock.step_wall(timedelta(**delta))

    def audit(self) -> list[tuple[str, str | None]]:
        """What was noted of emergencies, with the person."""
        with self.store.reading() as db:
            rows = db.exec(select(AuditEntry).order_by(AuditEntry.id)).all()  # type: ignore[arg-type]
        kinds = ("emergency.", "drill.", "stop_all")
        return [(row.action, row.user_id) for row in rows if row.action.startswith(kinds)]

    def noted(self) -> AuditEntry:
        """The newest entry of the audit record."""
        with self.store.reading() as db:
            rows = db.exec(select(AuditEntry).order_by(AuditEntry.id)).all()  # type: ignore[arg-type]
            return rows[-1]

    def dirty(self) -> set[str]:
        """The topics marked since this was asked last."""
        with self.store.writing() as db:
            rows = db.exec(select(DirtyTopic)).all()
            for row in rows:
                db.delete(row)
            return {row.topic for row in rows}


@pytest.fixture
def desk(store: Store, clock: ManualClock, places: Any, add_person: Callable[..., Actor], message_bank: None) -> Desk:
    with store.writing() as db:
        for zone_id in (places.leng_1, places.leng_2, places.van_1):
            row = Receiver(id=f"R{zone_id[1:]}", zone_id=zone_id, name="Loa", online=True, enrolled_at=clock.now())
            db.add(row)
    made = Desk(
        store,
        clock,
        places,
        operator=add_person("operator", places.province, Role.OPERATOR),
        second=add_person("second", places.province, Role.OPERATOR),
        local=add_person("local", places.leng, Role.OPERATOR),
        leader=add_person("leader", places.leng, Role.APPROVER),
        official=add_person("official", places.leng, Role.EDITOR),
    )
    made.dirty()
    return made
