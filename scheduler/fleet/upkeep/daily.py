"""What samples of a day come to, so that years are drawn without them (does I/O; one transaction a batch).

Rules
- A local day of a receiver is summed once it is over. Sums are only replaced by those of more samples: others may be
  gone.
- Days are summed in their order, so the last one that is there says where to go on; it is summed again, for it may
  have been broken off.
- Sums of KEPT_DAYS are kept.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlmodel import Session, col

from broadcast.clock import from_us, to_us
from scheduler.broadcasts import planning
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep.models import ReceiverSample, ReceiverSampleDay
from scheduler.policy import day_bounds, local_day
from scheduler.store.batches import batches
from scheduler.store.engine import Store
from scheduler.zones.models import Zone

MEASURED = ("signal_percent", "signal_dbm", "battery_percent", "battery_v", "temperature_c", "level_dbfs")
KEPT_DAYS = 800
BATCH = 100


def sum_up(store: Store, now: datetime) -> Iterator[int]:
    """Sum every day that is over, a batch of receivers at a time; yields how many sums were written."""
    with store.reading() as db:
        zones = _timezones(db)
        receivers = db.execute(select(col(Receiver.id), col(Receiver.zone_id)).order_by(col(Receiver.id))).all()
        day = db.scalar(select(func.max(col(ReceiverSampleDay.day))))
        oldest = db.scalar(select(func.min(col(ReceiverSample.at)))) if day is None else now
    by_timezone: dict[str, list[str]] = {}
    for receiver_id, zone_id in receivers:
        by_timezone.setdefault(zones[zone_id], []).append(receiver_id)
    day = day or (oldest or now).date() - timedelta(days=1)  # in some zone it was that day still
    while day <= now.date():
        for timezone, ids in by_timezone.items():
            if day < local_day(timezone, to_us(now)):
                for some in batches(ids, BATCH):
                    yield _sum(store, timezone, day, some)
        day += timedelta(days=1)
    with store.writing() as db:
        old = col(ReceiverSampleDay.day) < now.date() - timedelta(days=KEPT_DAYS)
        db.connection().execute(delete(ReceiverSampleDay).where(old))


def summed_before(db: Session, timezone: str) -> datetime | None:
    """Samples of before this moment are summed; None while none are."""
    last = db.scalar(select(func.max(col(ReceiverSampleDay.day))))
    return from_us(day_bounds(timezone, last)[1]) if last is not None else None


def days(db: Session, receiver_id: str, since: date) -> Sequence[ReceiverSampleDay]:
    """The sums of a receiver from a day on, oldest first."""
    query = select(ReceiverSampleDay).where(
        col(ReceiverSampleDay.receiver_id) == receiver_id, col(ReceiverSampleDay.day) >= since
    )
    return db.scalars(query.order_by(col(ReceiverSampleDay.day))).all()


def _sum(store: Store, timezone: str, day: date, ids: Sequence[str]) -> int:
    start, end = (from_us(at_us) for at_us in day_bounds(timezone, day))
    columns: list[Any] = [
        made(col(getattr(ReceiverSample, name))).label(f"{name}_{part}")
        for name in MEASURED
        for part, made in (("min", func.min), ("mean", func.avg), ("max", func.max))
    ]
    at, of = col(ReceiverSample.at), col(ReceiverSample.receiver_id)
    query = select(of, func.count().label("samples"), func.max(col(ReceiverSample.month_bytes)).label("month_bytes"))
    query = query.add_columns(*columns).where(of.in_(ids), at >= start, at < end).group_by(of)
    with store.reading() as db:
        known = {row.receiver_id: row.samples for row in db.scalars(select(ReceiverSampleDay).where(*_of(ids, day)))}
        found = [dict(row) | {"day": day} for row in db.execute(query).mappings()]
    rows = [row for row in found if row["samples"] > known.get(row["receiver_id"], 0)]
    if rows:
        with store.writing() as db:
            db.connection().execute(delete(ReceiverSampleDay).where(*_of([row["receiver_id"] for row in rows], day)))
            db.connection().execute(insert(ReceiverSampleDay), rows)
    return len(rows)


def _of(ids: Sequence[str], day: date) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(ReceiverSampleDay.receiver_id).in_(ids), col(ReceiverSampleDay.day) == day


def _timezones(db: Session) -> dict[str, str]:
    zones = db.scalars(select(Zone)).all()
    return {key: place.effective.rules.timezone for key, place in planning.places(db, zones).items()}
