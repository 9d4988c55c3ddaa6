"""All SQL about rehearsals."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, update
from sqlmodel import Session, col, select

from broadcast.clock import to_us
from scheduler.emergency.rehearsal.models import Rehearsal, RehearsalRun
from scheduler.fleet.models import Receiver
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone


def rehearsal(db: Session, zone_id: str, *, lock: bool = False) -> Rehearsal | None:
    return db.get(Rehearsal, zone_id, with_for_update=lock, populate_existing=lock)


def rehearsals(db: Session, zone_ids: Collection[str]) -> dict[str, Rehearsal]:
    """Those of these zones, by zone."""
    found = db.exec(select(Rehearsal).where(col(Rehearsal.zone_id).in_(zone_ids)))
    return {row.zone_id: row for row in found}


def newest_runs(db: Session, zone_ids: Collection[str]) -> dict[str, RehearsalRun]:
    """The newest test of each of these zones that was ever tested."""
    newest = select(func.max(RehearsalRun.id)).where(col(RehearsalRun.zone_id).in_(zone_ids))
    found = db.exec(select(RehearsalRun).where(col(RehearsalRun.id).in_(newest.group_by(col(RehearsalRun.zone_id)))))
    return {row.zone_id: row for row in found}


def due(db: Session, now: datetime) -> Sequence[tuple[Rehearsal, Zone]]:
    """Those whose moment has come, each with its zone; without those that another process of the centre begins."""
    query = select(Rehearsal, Zone).join(Zone, col(Zone.id) == Rehearsal.zone_id).where(Rehearsal.next_at <= now)
    return db.exec(query.order_by(Zone.path).with_for_update(of=Rehearsal, skip_locked=True)).all()


def run(db: Session, run_id: str) -> RehearsalRun | None:
    return db.get(RehearsalRun, run_id)


def running(db: Session, zone_id: str) -> RehearsalRun | None:
    query = select(RehearsalRun).where(RehearsalRun.zone_id == zone_id, col(RehearsalRun.closed_at).is_(None))
    return db.exec(query.limit(1)).first()


def to_close(db: Session, now: datetime) -> Sequence[RehearsalRun]:
    query = select(RehearsalRun).where(col(RehearsalRun.closed_at).is_(None), RehearsalRun.closes_at <= now)
    return db.exec(query.order_by(RehearsalRun.id)).all()


def silent_running(db: Session, now: datetime) -> Sequence[RehearsalRun]:
    """Silent tests that still have time."""
    query = select(RehearsalRun).where(col(RehearsalRun.closed_at).is_(None), RehearsalRun.closes_at > now)
    return db.exec(query.where(col(RehearsalRun.silent)).order_by(RehearsalRun.id)).all()


def runs(db: Session, zone_id: str, *, before: str | None, limit: int) -> Sequence[RehearsalRun]:
    """The tests of a zone, the newest first."""
    query = select(RehearsalRun).where(RehearsalRun.zone_id == zone_id)
    if before is not None:
        query = query.where(RehearsalRun.id < before)
    return db.exec(query.order_by(col(RehearsalRun.id).desc()).limit(limit)).all()


def to_answer(db: Session, path: str) -> dict[str, str]:
    """The receivers of a zone and below that a machine was enrolled as, by id, each with the path of its own zone."""
    query = select(Receiver.id, Zone.path).join(Zone, col(Zone.id) == Receiver.zone_id).where(zones.below([path]))
    enrolled = query.where(col(Receiver.enrolled_at).is_not(None), col(Receiver.revoked_at).is_(None))
    return dict(db.exec(enrolled.order_by(Receiver.id)).all())


def ask(db: Session, receiver_ids: Collection[str], now: datetime) -> None:
    """Have these do their self-test."""
    wanted = update(Receiver).where(col(Receiver.id).in_(receiver_ids)).values(self_test_asked_at=now)
    db.connection().execute(wanted)


def is_awaited(db: Session, run: RehearsalRun, *, lost: bool) -> bool:
    """Whether a receiver of a silent test has not answered yet; `lost`: of those alone that can be reached."""
    state: Any = col(Receiver.state)
    answered_us = state["self_test", "at_us"].as_float()
    query = select(Receiver.id).where(col(Receiver.self_test_asked_at) >= run.began_at)
    query = query.where(or_(answered_us.is_(None), answered_us < float(to_us(run.began_at))))
    if lost:
        query = query.where(col(Receiver.online))
    awaited: set[str] = set(db.exec(query))
    return not awaited.isdisjoint(run.receiver_ids)


def receivers(db: Session, receiver_ids: Collection[str]) -> Sequence[tuple[Receiver, Zone]]:
    """Each with its zone."""
    query = select(Receiver, Zone).join(Zone, col(Zone.id) == Receiver.zone_id)
    return db.exec(query.where(col(Receiver.id).in_(receiver_ids)).order_by(Receiver.id)).all()
