"""What receivers said, into the database (all its SQL): in batches, each report once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from broadcast.clock import from_us
from broadcast.wire.documents import Outcome, PlayReport, ReceiverState
from scheduler.fleet.models import Receiver, StoredReport

CHUNK = 500
"""Fewer than any database's limit of parameters."""
SOUNDED = frozenset({Outcome.HEARD, Outcome.CUT})


def known(db: Session, receiver_ids: Collection[str]) -> dict[str, int]:
    """Those of `receiver_ids` that there are, each with its acknowledged number."""
    found: dict[str, int] = {}
    for some in _chunks(sorted(receiver_ids)):
        rows = db.exec(select(Receiver.id, Receiver.ack_number).where(col(Receiver.id).in_(some)))
        found.update((receiver_id, number) for receiver_id, number in rows)
    return found


def write_states(db: Session, states: Mapping[str, ReceiverState]) -> None:
    """Keep what each receiver says of itself."""
    rows = [
        {"which": receiver_id, "new_state": msgspec.to_builtins(state), "new_online": state.online}
        for receiver_id, state in states.items()
    ]
    if rows:
        receivers = Receiver.__table__  # type: ignore[attr-defined]
        change = update(receivers).where(receivers.c.id == bindparam("which"))
        change = change.values(state=bindparam("new_state"), online=bindparam("new_online"))
        db.connection().execute(change, rows)


def write_seen(db: Session, receiver_ids: Collection[str], now: datetime) -> None:
    """The centre heard of these just now."""
    for some in _chunks(sorted(receiver_ids)):
        db.connection().execute(update(Receiver).where(col(Receiver.id).in_(some)).values(seen_at=now))


def online(db: Session) -> list[str]:
    """Receivers that are taken for connected."""
    return list(db.exec(select(Receiver.id).where(col(Receiver.online))))


def write_offline(db: Session, receiver_ids: Collection[str]) -> None:
    """Nothing was heard of these for too long."""
    for some in _chunks(sorted(receiver_ids)):
        db.connection().execute(update(Receiver).where(col(Receiver.id).in_(some)).values(online=False))


def store_reports(
    db: Session, receiver_id: str, reports: Sequence[PlayReport], now: datetime
) -> tuple[list[PlayReport], int]:
    """Store what is new of `reports`; what that was, and the number to acknowledge. A number is taken only once."""
    receiver = db.exec(select(Receiver).where(Receiver.id == receiver_id).with_for_update()).one()
    numbers = sorted({report.number for report in reports})
    mine = select(StoredReport.number).where(StoredReport.receiver_id == receiver_id)
    taken = {number for some in _chunks(numbers) for number in db.exec(mine.where(col(StoredReport.number).in_(some)))}
    fresh: dict[int, PlayReport] = {}
    for report in reports:
        if report.number not in taken:
            fresh.setdefault(report.number, report)
    db.add_all(_row(receiver_id, report, now) for report in fresh.values())
    db.flush()
    beyond = db.exec(mine.where(col(StoredReport.number) > receiver.ack_number).order_by(col(StoredReport.number)))
    for number in beyond:
        if number != receiver.ack_number + 1:
            break
        receiver.ack_number = number
    _hear(receiver, fresh.values(), now)
    return list(fresh.values()), receiver.ack_number


def _hear(receiver: Receiver, reports: Collection[PlayReport], now: datetime) -> None:
    """A node's clock may be wrong: nothing was heard later than now."""
    for report in reports:
        if report.outcome not in SOUNDED or report.rms_dbfs is None or report.end_us is None:
            continue
        at = min(from_us(report.end_us), now)
        if receiver.heard_at is None or at >= receiver.heard_at:
            receiver.heard_at, receiver.heard_dbfs = at, report.rms_dbfs


def _row(receiver_id: str, report: PlayReport, now: datetime) -> StoredReport:
    return StoredReport(
        receiver_id=receiver_id,
        number=report.number,
        airing_id=report.airing_id,
        broadcast_id=report.broadcast_id,
        outcome=report.outcome.value,
        planned_start_at=from_us(report.planned_start_us),
        planned_duration_us=report.planned_duration_us,
        start_at=_moment(report.start_us),
        start_error_us=report.start_error_us,
        end_at=_moment(report.end_us),
        played_us=report.played_us,
        gap_us=report.gap_us,
        underruns=report.underruns,
        rms_dbfs=report.rms_dbfs,
        peak_dbfs=report.peak_dbfs,
        media_sha256=report.media_sha256,
        media_ready_at=_moment(report.media_ready_us),
        reason=report.reason,
        received_at=now,
    )


def _moment(us: int | None) -> datetime | None:
    return from_us(us) if us is not None else None


def _chunks(ids: Sequence[str] | Sequence[int]) -> Iterator[Sequence[str] | Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
