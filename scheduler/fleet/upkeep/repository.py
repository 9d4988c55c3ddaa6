"""SQL on faults, samples and what villages say."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, update
from sqlmodel import Session, col, select

from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep.models import FaultRecord, HeardConfirmation, ReceiverSample, VillageReport
from scheduler.fleet.upkeep.schemas import Act, Show
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone

FaultRow = tuple[FaultRecord, Receiver, Zone]
ReportRow = tuple[VillageReport, Zone, str | None]

_reset = col(FaultRecord.reset_at)
_until = col(FaultRecord.until)
_WANTED: dict[Show, tuple[ColumnElement[bool], ...]] = {
    Show.OPEN: (_reset.is_(None),),
    Show.HOLDS: (_reset.is_(None), _until.is_(None)),
    Show.OVER: (_reset.is_(None), _until.is_not(None)),
    Show.RESET: (_reset.is_not(None),),
}


def faults(
    db: Session,
    paths: Collection[str],
    show: Show,
    *,
    receiver_id: str | None = None,
    code: str | None = None,
    offset: int = 0,
    limit: int = 50,
) -> Sequence[FaultRow]:
    """Those that hold first, of these those that nobody acknowledged, then the latest; of reset ones the last reset."""
    query = select(FaultRecord, Receiver, Zone).join(Receiver, col(Receiver.id) == FaultRecord.receiver_id)
    query = query.join(Zone, col(Zone.id) == Receiver.zone_id).where(zones.below(paths), *_WANTED[show])
    if receiver_id is not None:
        query = query.where(FaultRecord.receiver_id == receiver_id)
    if code is not None:
        query = query.where(FaultRecord.code == code)
    order = (_until.is_not(None), col(FaultRecord.acknowledged_at).is_not(None), col(FaultRecord.since).desc())
    first = (_reset.desc(),) if show is Show.RESET else order
    return db.exec(query.order_by(*first, FaultRecord.id).offset(offset).limit(limit)).all()


def counts(db: Session, paths: Collection[str]) -> tuple[int, int, int]:
    """How many hold, are over, and call, of those that nobody reset."""
    calls = col(FaultRecord.silenced_at).is_(None)
    query = select(_count(_until.is_(None)), _count(_until.is_not(None)), _count(calls))
    query = query.select_from(FaultRecord).join(Receiver, col(Receiver.id) == FaultRecord.receiver_id)
    query = query.join(Zone, col(Zone.id) == Receiver.zone_id).where(zones.below(paths), _reset.is_(None))
    return db.exec(query).one()


def codes(db: Session, paths: Collection[str]) -> list[tuple[str, int]]:
    """What kinds of faults hold, and on how many receivers, the commonest first."""
    number = func.count()
    query = select(FaultRecord.code, number).join(Receiver, col(Receiver.id) == FaultRecord.receiver_id)
    query = query.join(Zone, col(Zone.id) == Receiver.zone_id)
    query = query.where(zones.below(paths), *_WANTED[Show.HOLDS]).group_by(FaultRecord.code)
    return list(db.exec(query.order_by(number.desc(), FaultRecord.code)).all())


def faults_named(db: Session, fault_ids: Collection[str]) -> Sequence[FaultRow]:
    """For change: nobody else changes them until this transaction ends."""
    query = select(FaultRecord, Receiver, Zone).join(Receiver, col(Receiver.id) == FaultRecord.receiver_id)
    query = query.join(Zone, col(Zone.id) == Receiver.zone_id).where(col(FaultRecord.id).in_(fault_ids))
    return db.exec(query.with_for_update(of=FaultRecord)).all()


def mark(db: Session, fault_ids: Collection[str], act: Act, user_id: str | None, now: datetime) -> None:
    """Write down who did what."""
    names = {Act.ACKNOWLEDGE: "acknowledged", Act.SILENCE: "silenced", Act.RESET: "reset"}
    values = {f"{names[act]}_by": user_id, f"{names[act]}_at": now}
    db.connection().execute(update(FaultRecord).where(col(FaultRecord.id).in_(fault_ids)).values(**values))


def over(db: Session, paths: Collection[str], limit: int) -> list[str]:
    """Faults that are over and wait to be reset."""
    query = select(FaultRecord.id).join(Receiver, col(Receiver.id) == FaultRecord.receiver_id)
    query = query.join(Zone, col(Zone.id) == Receiver.zone_id).where(zones.below(paths), *_WANTED[Show.OVER])
    return list(db.exec(query.order_by(FaultRecord.id).limit(limit)))


def samples(db: Session, receiver_id: str, since: datetime) -> Sequence[ReceiverSample]:
    query = select(ReceiverSample).where(ReceiverSample.receiver_id == receiver_id, ReceiverSample.at >= since)
    return db.exec(query.order_by(col(ReceiverSample.at))).all()


def bytes_told(db: Session, receiver_ids: Collection[str], since: datetime) -> Sequence[tuple[str, datetime, int]]:
    """(receiver, when, bytes moved in its month until then), each receiver's in a row, the oldest first."""
    query = select(ReceiverSample.receiver_id, ReceiverSample.at, col(ReceiverSample.month_bytes)).where(
        col(ReceiverSample.receiver_id).in_(receiver_ids),
        ReceiverSample.at >= since,
        col(ReceiverSample.month_bytes).is_not(None),
    )
    rows: Sequence[Any] = db.exec(query.order_by(ReceiverSample.receiver_id, col(ReceiverSample.at))).all()
    return rows


def village_reports(
    db: Session, paths: Collection[str], *, closed: bool | None, before: str | None, limit: int
) -> Sequence[ReportRow]:
    """Newest first."""
    query = select(VillageReport, Zone, Receiver.name).join(Zone, col(Zone.id) == VillageReport.zone_id)
    query = query.outerjoin(Receiver, col(Receiver.id) == VillageReport.receiver_id).where(zones.below(paths))
    if closed is not None:
        done = col(VillageReport.closed_at)
        query = query.where(done.is_not(None) if closed else done.is_(None))
    if before is not None:
        query = query.where(VillageReport.id < before)
    rows: Sequence[Any] = db.exec(query.order_by(col(VillageReport.id).desc()).limit(limit)).all()
    return rows


def village_report(db: Session, report_id: str) -> ReportRow | None:
    """For change."""
    row = db.get(VillageReport, report_id, with_for_update=True)
    zone = db.get(Zone, row.zone_id) if row is not None else None
    if row is None or zone is None:
        return None
    receiver = db.get(Receiver, row.receiver_id) if row.receiver_id is not None else None
    return row, zone, receiver.name if receiver is not None else None


def reports_since(db: Session, user_id: str, since: datetime) -> int:
    """How many things somebody reported."""
    query = select(func.count()).select_from(VillageReport)
    return db.exec(query.where(VillageReport.reported_by == user_id, VillageReport.reported_at >= since)).one()


def confirmation(db: Session, airing_id: str, zone_id: str, user_id: str) -> HeardConfirmation | None:
    return db.get(HeardConfirmation, (airing_id, zone_id, user_id))


def confirmations_of(db: Session, airing_ids: Collection[str], user_id: str) -> dict[tuple[str, str], bool]:
    """What somebody said of airings, by airing and zone."""
    query = select(HeardConfirmation.airing_id, HeardConfirmation.zone_id, HeardConfirmation.heard)
    query = query.where(col(HeardConfirmation.airing_id).in_(airing_ids), HeardConfirmation.user_id == user_id)
    return {(airing_id, zone_id): heard for airing_id, zone_id, heard in db.exec(query)}


def confirmed(db: Session, airing_ids: Collection[str]) -> dict[tuple[str, str], tuple[int, int]]:
    """How many people said that they heard an airing, and that they did not, by airing and zone."""
    yes = _count(col(HeardConfirmation.heard))
    query = select(HeardConfirmation.airing_id, HeardConfirmation.zone_id, yes, func.count())
    query = query.where(col(HeardConfirmation.airing_id).in_(airing_ids))
    rows = db.exec(query.group_by(col(HeardConfirmation.airing_id), col(HeardConfirmation.zone_id)))
    return {(airing_id, zone_id): (heard, both - heard) for airing_id, zone_id, heard, both in rows}


def _count(condition: Any) -> Any:
    return func.coalesce(func.sum(case((and_(condition), 1), else_=0)), 0)
