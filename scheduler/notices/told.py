"""Noting that there is something to tell, in the transaction in which it happened (does I/O)."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlmodel import Session

from scheduler.broadcasts.models import Broadcast
from scheduler.emergency.models import EmergencyOrder
from scheduler.notices.models import Kind, NoticeEvent
from scheduler.relays.models import Relay
from scheduler.workflow import State
from scheduler.zones.models import Zone

_OF_ACTS = {"approve": Kind.APPROVED, "return": Kind.RETURNED, "cancel": Kind.CANCELLED}
_OF_ORDERS = {"confirm": Kind.EMERGENCY, "cancel": Kind.EMERGENCY_OVER, "correct": Kind.EMERGENCY_OVER}


class Event(Struct, frozen=True):
    kind: Kind
    subject: str
    path: str
    by_id: str
    at: datetime


def act_on(db: Session, row: Broadcast | Relay, act: str, by_id: str, now: datetime) -> None:
    """After an act on something whose version was counted already: that is what makes each act another one."""
    kind = _OF_ACTS.get(act)
    if act == "submit" and row.state == State.SUBMITTED:
        kind = Kind.WAITING
    if kind is Kind.APPROVED and isinstance(row, Broadcast) and row.asked_local is not None:
        kind = Kind.RETIMED
    if kind is None:
        return
    data = {"version": row.version, "reason": row.return_reason if kind is Kind.RETURNED else None}
    path = db.get_one(Zone, row.zone_id).path
    _note(db, Event(kind, f"{type(row).__name__.lower()}:{row.id}", path, by_id, now), data)


def soundless(db: Session, row: Broadcast, now: datetime) -> None:
    """After all sound of something approved has failed."""
    path = db.get_one(Zone, row.zone_id).path
    _note(db, Event(Kind.NO_SOUND, f"broadcast:{row.id}", path, "", now), {"version": row.version})


def emergency(db: Session, row: EmergencyOrder, act: str, by_id: str, now: datetime) -> None:
    """After an act on an emergency; drills and tests are told to nobody."""
    kind = _OF_ORDERS.get(act)
    if kind is not None:
        _note(db, Event(kind, f"order:{row.id}", row.zone_path or "", by_id, now), {"title": row.reason, "act": act})


def _note(db: Session, event: Event, data: Mapping[str, str | int | None]) -> None:
    said = {name: value for name, value in data.items() if value is not None}
    db.add(
        NoticeEvent(
            kind=event.kind,
            subject=event.subject,
            zone_path=event.path,
            by_id=event.by_id or None,
            at=event.at,
            data=said,
        )
    )
