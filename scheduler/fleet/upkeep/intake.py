"""Faults and samples from what receivers say, into the database: two questions a batch, and what changed.

The receivers' own rows are written before, in the same transaction: so two processes of the centre wait for each other.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, case, false, func, insert, literal, or_, update
from sqlmodel import Session, col, select

from broadcast.wire.documents import ReceiverState
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep import records
from scheduler.fleet.upkeep.models import FaultRecord, ReceiverSample
from scheduler.fleet.upkeep.records import UNREACHABLE, Begun, Known
from scheduler.people import audit
from scheduler.people.actor import Actor
from scheduler.store.batches import batches
from scheduler.store.types import UtcDateTime, new_id
from scheduler.zones.models import Zone

_RECEIVERS = cast("Table", Receiver.__table__)  # type: ignore[attr-defined]
_reset_at = col(FaultRecord.reset_at)
_FAULTS = cast("Table", FaultRecord.__table__)  # type: ignore[attr-defined]


def write_said(db: Session, states: Mapping[str, ReceiverState], now: datetime) -> None:
    """Keep faults and measurements of the receivers that can be reached; of the others nothing is known."""
    said = {key: state for key, state in states.items() if state.online}
    for some in batches(sorted(said)):
        _write_faults(db, {key: said[key] for key in some}, now)
        _write_samples(db, {key: said[key] for key in some}, now)


def write_unreachable(db: Session, now: datetime) -> set[str]:
    """Find who cannot be reached and who can again; the receivers of which that is news."""
    last = func.coalesce(Receiver.seen_at, Receiver.enrolled_at)
    in_use = and_(col(Receiver.enrolled_at).is_not(None), col(Receiver.revoked_at).is_(None))
    gone = and_(in_use, col(Receiver.online) == false(), last < now - records.UNREACHABLE_AFTER)
    waiting = and_(
        col(FaultRecord.receiver_id) == Receiver.id, col(FaultRecord.code) == UNREACHABLE, _reset_at.is_(None)
    )
    query = select(Receiver.id, last, FaultRecord.id).select_from(Receiver)
    query = (
        query.outerjoin(FaultRecord, waiting)
        .where(gone)
        .where(or_(col(FaultRecord.id).is_(None), col(FaultRecord.until).is_not(None)))
    )
    lost = db.exec(query.with_for_update(of=_RECEIVERS)).all()
    _begin(db, [(receiver_id, Begun(UNREACHABLE, "", at)) for receiver_id, at, known in lost if known is None], now)
    _return(db, [(known, "") for _receiver_id, _at, known in lost if known is not None], now)
    found = select(FaultRecord.id, Receiver.id).join(Receiver, col(Receiver.id) == FaultRecord.receiver_id)
    found = found.where(col(FaultRecord.until).is_(None), _reset_at.is_(None))
    heard = and_(col(FaultRecord.code) == UNREACHABLE, col(Receiver.online))
    back = db.exec(found.where(or_(heard, col(Receiver.revoked_at).is_not(None)))).all()
    _end(db, [fault_id for fault_id, _receiver_id in back], now)
    return {row[0] for row in lost} | {receiver_id for _fault_id, receiver_id in back}


def end_all(db: Session, receiver_id: str, now: datetime) -> None:
    """Nothing is heard of this receiver any more: what holds is over."""
    query = select(FaultRecord.id).where(FaultRecord.receiver_id == receiver_id, _reset_at.is_(None))
    _end(db, db.exec(query.where(col(FaultRecord.until).is_(None))).all(), now)


def _write_faults(db: Session, said: Mapping[str, ReceiverState], now: datetime) -> None:
    known: dict[str, list[Known]] = {}
    query = select(FaultRecord).where(col(FaultRecord.receiver_id).in_(list(said)), _reset_at.is_(None))
    for row in db.exec(query):
        known.setdefault(row.receiver_id, []).append(Known(row.id, row.code, row.detail, row.until is None))
    found = [(key, records.changes(known.get(key, ()), state.faults, now)) for key, state in said.items()]
    _note_stops(db, [key for key, change in found if records.is_stopped(change, known.get(key, ()))], now)
    _begin(db, [(key, begun) for key, change in found for begun in change.begun], now)
    _end(db, [fault_id for _key, change in found for fault_id in change.over], now)
    _return(db, [one for _key, change in found for one in change.back], now)
    reworded = [{"which": id_, "said": detail} for _key, change in found for id_, detail in change.reworded]
    if reworded:
        change = update(_FAULTS).where(_FAULTS.c.id == bindparam("which")).values(detail=bindparam("said"))
        db.connection().execute(change, reworded)


def _note_stops(db: Session, receiver_ids: Collection[str], now: datetime) -> None:
    """Note where somebody pressed STOP at the loudspeaker itself; nobody knows who."""
    if not receiver_ids:
        return
    query = select(Receiver.id, Receiver.name, Zone.path).join(Zone, col(Zone.id) == Receiver.zone_id)
    for receiver_id, name, path in db.exec(query.where(col(Receiver.id).in_(receiver_ids))):
        by = Actor(user_id="", login="", name=name)
        audit.record(db, by, now, "receiver.local_stop", f"receiver:{receiver_id}", zone_path=path, name=name)


def _write_samples(db: Session, said: Mapping[str, ReceiverState], now: datetime) -> None:
    """One in a quarter of an hour; how long they are kept is `scheduler.retention`'s."""
    at = records.sampled_at(now)
    mine = col(ReceiverSample.receiver_id)
    taken = set(db.exec(select(ReceiverSample.receiver_id).where(mine.in_(list(said)), ReceiverSample.at == at)))
    rows: list[dict[str, Any]] = [
        {"receiver_id": key, "at": at} | records.sample(state) for key, state in said.items() if key not in taken
    ]
    if rows:
        db.connection().execute(insert(ReceiverSample), rows)


def _begin(db: Session, begun: Sequence[tuple[str, Begun]], now: datetime) -> None:
    rows = [
        {
            "id": new_id(now), "receiver_id": key, "code": one.code, "detail": one.detail, "since": one.since,
            "times": 1, "held_since": now,
        }
        for key, one in begun
    ]  # fmt: skip
    if rows:
        db.connection().execute(insert(FaultRecord), rows)


def _end(db: Session, fault_ids: Collection[str], now: datetime) -> None:
    for some in batches(sorted(fault_ids)):
        db.connection().execute(update(FaultRecord).where(col(FaultRecord.id).in_(some)).values(until=now))


def _return(db: Session, back: Sequence[tuple[str, str]], now: datetime) -> None:
    rows = [{"which": fault_id, "said": detail} for fault_id, detail in back]
    if rows:
        change = update(_FAULTS).where(_FAULTS.c.id == bindparam("which"))
        holds_on = _FAULTS.c.until > now - records.CALM
        again = change.values(
            until=None,
            detail=bindparam("said"),
            times=_FAULTS.c.times + 1,
            held_since=case((holds_on, _FAULTS.c.held_since), else_=literal(now, UtcDateTime())),
            silenced_by=None,
            silenced_at=None,
        )
        db.connection().execute(again, rows)
