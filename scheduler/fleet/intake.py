"""What receivers said, into the database (all its SQL): in batches, each report once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import cast

import msgspec
from sqlalchemy import BigInteger, Table, bindparam, case, insert, update
from sqlmodel import Session, col, select

from broadcast.clock import from_us
from broadcast.wire.documents import Hearing, Outcome, PlayReport, ReceiverState
from scheduler.fleet.bank_said import in_short
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.store.batches import batches

_RECEIVERS = cast("Table", Receiver.__table__)  # type: ignore[attr-defined]
SOUNDED = frozenset({Outcome.HEARD, Outcome.CUT})


def known(db: Session, receiver_ids: Collection[str]) -> dict[str, int]:
    """Those of `receiver_ids` that there are, each with its acknowledged number."""
    found: dict[str, int] = {}
    for some in batches(sorted(receiver_ids)):
        rows = db.exec(select(Receiver.id, Receiver.ack_number).where(col(Receiver.id).in_(some)))
        found.update((receiver_id, number) for receiver_id, number in rows)
    return found


def write_states(db: Session, states: Mapping[str, ReceiverState]) -> None:
    """Keep what each receiver says of itself; of one that is gone, what it said last stays.

    Reports that it was once told to be stored are gone from it. Where this database, put back from a backup, lacks
    them, nothing waits for them.
    """
    if states:
        _write_presence(db, states)
    said = {receiver_id: state for receiver_id, state in states.items() if state.online}
    if said:
        _write_said(db, said)


def _write_presence(db: Session, states: Mapping[str, ReceiverState]) -> None:
    told, kept = bindparam("acknowledged", type_=BigInteger), _RECEIVERS.c.ack_number
    change = update(_RECEIVERS).where(_RECEIVERS.c.id == bindparam("which"))
    change = change.values(online=bindparam("new_online"), ack_number=case((kept < told, told), else_=kept))
    rows = [
        {"which": key, "new_online": state.online, "acknowledged": state.acknowledged} for key, state in states.items()
    ]
    db.connection().execute(change, rows)


def _write_said(db: Session, states: Mapping[str, ReceiverState]) -> None:
    change = update(_RECEIVERS).where(_RECEIVERS.c.id == bindparam("which"))
    change = change.values(
        state=bindparam("new_state"),
        faulty=bindparam("is_faulty"),
        playing=bindparam("is_playing"),
        bank_said=bindparam("of_bank"),
    )
    rows = [
        {
            "which": key,
            "new_state": msgspec.to_builtins(state),
            "is_faulty": bool(state.faults),
            "is_playing": state.airing_id is not None,
            "of_bank": in_short(state),
        }
        for key, state in states.items()
    ]
    db.connection().execute(change, rows)


def write_seen(db: Session, receiver_ids: Collection[str], now: datetime) -> None:
    """The centre heard of these just now."""
    for some in batches(sorted(receiver_ids)):
        db.connection().execute(update(Receiver).where(col(Receiver.id).in_(some)).values(seen_at=now))


def online(db: Session) -> list[str]:
    """Receivers that are taken for connected."""
    return list(db.exec(select(Receiver.id).where(col(Receiver.online))))


def write_online(db: Session, receiver_ids: Collection[str], *, online: bool) -> None:
    """These are taken for connected from now on, or not any more."""
    for some in batches(sorted(receiver_ids)):
        db.connection().execute(update(Receiver).where(col(Receiver.id).in_(some)).values(online=online))


def store_reports(
    db: Session, said: Mapping[str, Sequence[PlayReport]], now: datetime
) -> tuple[list[tuple[str, PlayReport]], dict[str, int]]:
    """Store what is new of each receiver's reports; what that was, and the numbers to acknowledge.

    A number is taken only once.
    """
    fresh: list[tuple[str, PlayReport]] = []
    acks: dict[str, int] = {}
    for some in batches(sorted(said)):
        fresh += _store_some(db, {receiver_id: said[receiver_id] for receiver_id in some}, now)
        acks |= _count_on(db, some)
    return fresh, acks


def _store_some(db: Session, said: Mapping[str, Sequence[PlayReport]], now: datetime) -> list[tuple[str, PlayReport]]:
    heard = select(Receiver.id, Receiver.heard_at).where(col(Receiver.id).in_(list(said))).with_for_update()
    last_heard = dict(db.exec(heard).all())
    numbers = sorted({report.number for reports in said.values() for report in reports})
    mine = select(StoredReport.receiver_id, StoredReport.number).where(col(StoredReport.receiver_id).in_(list(said)))
    taken = {key for some in batches(numbers) for key in db.exec(mine.where(col(StoredReport.number).in_(some)))}
    fresh: dict[tuple[str, int], PlayReport] = {}
    for receiver_id, reports in said.items():
        for report in reports:
            if (receiver_id, report.number) not in taken:
                fresh.setdefault((receiver_id, report.number), report)
    if fresh:
        rows = [_row(receiver_id, report, now) for (receiver_id, _number), report in fresh.items()]
        db.connection().execute(insert(StoredReport), rows)
    new = [(receiver_id, report) for (receiver_id, _number), report in fresh.items()]
    _hear(db, new, last_heard, now)
    return new


def _count_on(db: Session, receiver_ids: Sequence[str]) -> dict[str, int]:
    """Move each receiver's number on to the highest below which none is missing."""
    counted = select(Receiver.id, Receiver.ack_number).where(col(Receiver.id).in_(receiver_ids))
    before = dict(db.exec(counted).all())
    acks = dict(before)
    query = select(StoredReport.receiver_id, StoredReport.number).join(
        Receiver, col(Receiver.id) == StoredReport.receiver_id
    )
    query = query.where(col(Receiver.id).in_(receiver_ids), col(StoredReport.number) > col(Receiver.ack_number))
    for receiver_id, number in db.exec(query.order_by(StoredReport.receiver_id, col(StoredReport.number))):
        if number == acks[receiver_id] + 1:
            acks[receiver_id] = number
    moved = [{"which": key, "new_number": acks[key]} for key in acks if acks[key] != before[key]]
    if moved:
        change = update(_RECEIVERS).where(_RECEIVERS.c.id == bindparam("which"))
        db.connection().execute(change.values(ack_number=bindparam("new_number")), moved)
    return acks


def _hear(
    db: Session, reports: Sequence[tuple[str, PlayReport]], last: Mapping[str, datetime | None], now: datetime
) -> None:
    """Note when each was heard last, by its device unless its microphone says otherwise.

    A node's clock may be wrong: nothing was heard later than now.
    """
    heard: dict[str, tuple[datetime, float]] = {}
    for receiver_id, report in reports:
        unheard = report.heard is not None and report.heard.verdict is Hearing.NOT_HEARD
        if report.outcome not in SOUNDED or unheard or report.rms_dbfs is None or report.end_us is None:
            continue
        at = min(from_us(report.end_us), now)
        before = heard[receiver_id][0] if receiver_id in heard else last.get(receiver_id)
        if before is None or at >= before:
            heard[receiver_id] = at, report.rms_dbfs
    rows = [{"which": key, "new_at": at, "new_dbfs": dbfs} for key, (at, dbfs) in heard.items()]
    if rows:
        change = update(_RECEIVERS).where(_RECEIVERS.c.id == bindparam("which"))
        change = change.values(heard_at=bindparam("new_at"), heard_dbfs=bindparam("new_dbfs"))
        db.connection().execute(change, rows)


def _row(receiver_id: str, report: PlayReport, now: datetime) -> dict[str, object]:
    heard = report.heard
    return {
        "receiver_id": receiver_id,
        "number": report.number,
        "airing_id": report.airing_id,
        "broadcast_id": report.broadcast_id,
        "outcome": report.outcome.value,
        "planned_start_at": from_us(report.planned_start_us),
        "planned_duration_us": report.planned_duration_us,
        "start_at": _moment(report.start_us),
        "start_error_us": report.start_error_us,
        "end_at": _moment(report.end_us),
        "played_us": report.played_us,
        "gap_us": report.gap_us,
        "underruns": report.underruns,
        "rms_dbfs": report.rms_dbfs,
        "peak_dbfs": report.peak_dbfs,
        "clipped_frames": report.clipped_frames,
        "chunks": report.chunks or None,
        "late_chunks": report.late_chunks if report.chunks else None,
        "concealed_us": report.concealed_us if report.chunks else None,
        "microphone": heard.verdict.value if heard else None,
        "microphone_correlation": heard.correlation if heard else None,
        "microphone_delay_us": heard.delay_us if heard else None,
        "microphone_dbfs": heard.level_dbfs if heard else None,
        "media_sha256": report.media_sha256,
        "media_ready_at": _moment(report.media_ready_us),
        "reason": report.reason,
        "received_at": now,
    }


def _moment(us: int | None) -> datetime | None:
    return from_us(us) if us is not None else None
