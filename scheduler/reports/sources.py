"""What begins to sound, of all three kinds, as the book takes it down (all SQL on plans, orders and reports)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlmodel import Session, col

from broadcast.clock import from_us
from broadcast.wire.documents import AfterCut, BroadcastClass, Hearing, Late
from broadcast.wire.now import Purpose
from scheduler.announcements.models import Announcement, Recording
from scheduler.bank.models import BankEntry
from scheduler.bank.naming import SIREN
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.broadcasts.repository import PLAYING
from scheduler.emergency.models import EmergencyOrder, OrderProgressRow, OrderTarget
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.fleet.results import Result, result
from scheduler.reports import spoken
from scheduler.reports.begun import LIVE, REPORTS_WITHIN, Begun
from scheduler.reports.figures import Kind, Said
from scheduler.zones.models import Zone

ORDER_WITHIN = timedelta(minutes=10)
NO_SOUND = "no_sound"
"""Why an airing sounded nowhere whose announcement could not be produced in time."""
_KIND = {Purpose.REAL: Kind.EMERGENCY, Purpose.DRILL: Kind.DRILL, Purpose.TEST: Kind.TEST}


class Standing(Struct, frozen=True):
    """A receiver, where it stands, and from when until when it was to play what came."""

    id: str
    zone_id: str
    path: str
    enrolled_at: datetime | None
    revoked_at: datetime | None

    def plays(self, at: datetime) -> bool:
        begun = self.enrolled_at is not None and self.enrolled_at <= at
        return begun and (self.revoked_at is None or at < self.revoked_at)


def first_moment(db: Session) -> datetime | None:
    """When the first of all began."""
    moments = [
        db.scalar(select(func.min(col(PlannedAiring.start_at)))),
        db.scalar(select(func.min(col(EmergencyOrder.issued_at)))),
        *spoken.first_moments(db),
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def nth_start(db: Session, after: datetime, count: int) -> datetime | None:
    """When the `count`th airing after `after` begins."""
    start = col(PlannedAiring.start_at)
    return db.scalar(select(start).where(start > after).order_by(start).offset(count - 1).limit(1))


def planned_until(db: Session) -> datetime | None:
    """How far all that is to sound is recorded; nobody has looked yet at what came after that."""
    return db.scalar(select(func.min(col(Broadcast.planned_until))).where(col(Broadcast.state).in_(PLAYING)))


def begun(db: Session, since: datetime, until: datetime) -> list[Begun]:
    """What began in `(since, until]`, or was due and did not."""
    return [*_planned(db, since, until), *_orders(db, since, until), *spoken.spoken(db, since, until)]


def stopped(db: Session, airing_ids: Collection[str]) -> dict[str, Begun]:
    """Those planned airings as they are now; people may have stopped them since they began."""
    return {one.id: one for one in _read_planned(db, col(PlannedAiring.id).in_(airing_ids))}


def reported(db: Session, since: datetime, until: datetime) -> set[str]:
    """What receivers told of in `(since, until]`, by the ids of `Begun`."""
    at = col(StoredReport.received_at)
    ids = db.scalars(select(col(StoredReport.airing_id)).where(at > since, at <= until).distinct())
    told = col(OrderProgressRow.told_at)
    orders = db.scalars(select(col(OrderProgressRow.order_id)).where(told > since, told <= until).distinct())
    return {airing_id.removeprefix(LIVE) for airing_id in ids} | set(orders)


def standing(db: Session) -> list[Standing]:
    """All receivers."""
    query = select(
        col(Receiver.id), col(Receiver.zone_id), col(Zone.path), col(Receiver.enrolled_at), col(Receiver.revoked_at)
    ).join(Zone, col(Zone.id) == col(Receiver.zone_id))
    return [Standing(*row) for row in db.execute(query)]


def said(db: Session, kinds: Mapping[str, Kind]) -> dict[str, dict[str, list[Said]]]:
    """What each receiver reported of each of these, which are ids of `Begun`."""
    found: dict[str, dict[str, list[Said]]] = defaultdict(lambda: defaultdict(list))
    orders = [key for key, kind in kinds.items() if kind not in (Kind.BULLETIN, Kind.LIVE)]
    told = select(
        *(col(OrderProgressRow.order_id), col(OrderProgressRow.receiver_id), col(OrderProgressRow.sounding_at)),
        *(col(OrderProgressRow.reason), col(OrderProgressRow.microphone), col(OrderProgressRow.level_dbfs)),
    ).where(col(OrderProgressRow.order_id).in_(orders))
    for order in db.execute(told):
        one = said_of_order(order)
        if one is not None:
            found[order.order_id][order.receiver_id].append(one)
    ids = [LIVE + key if kind is Kind.LIVE else key for key, kind in kinds.items() if key not in orders]
    query = select(
        *(col(StoredReport.airing_id), col(StoredReport.receiver_id), col(StoredReport.outcome)),
        *(col(StoredReport.microphone), col(StoredReport.reason), col(StoredReport.media_ready_at)),
        *(col(StoredReport.start_at), col(StoredReport.start_error_us), col(StoredReport.rms_dbfs)),
        *(col(StoredReport.microphone_dbfs), col(StoredReport.planned_duration_us), col(StoredReport.played_us)),
    ).where(col(StoredReport.airing_id).in_(ids))
    for row in db.execute(query):
        found[row.airing_id.removeprefix(LIVE)][row.receiver_id].append(_said_of_report(row))
    return found


def _said_of_report(row: Row[Any]) -> Said:
    return Said(
        result=result(row.outcome, row.microphone),
        reason=row.reason,
        fetched=row.media_ready_at is not None,
        started=row.start_at is not None,
        error_us=row.start_error_us,
        level_dbfs=row.rms_dbfs,
        microphone=row.microphone is not None,
        microphone_dbfs=row.microphone_dbfs,
        planned_us=row.planned_duration_us,
        played_us=row.played_us,
    )


def said_of_order(row: OrderProgressRow | Row[Any]) -> Said | None:
    """What a receiver said of an order; None while it only has it."""
    sounded = row.sounding_at is not None
    if not sounded and not row.reason:
        return None
    by_microphone = {Hearing.NOT_HEARD: Result.UNHEARD, Hearing.FAINT: Result.FAINT}
    heard = by_microphone.get(Hearing(row.microphone), Result.HEARD) if row.microphone else Result.HEARD
    return Said(
        result=heard if sounded else Result.FAILED,
        reason="" if sounded else row.reason,
        fetched=sounded,
        started=sounded,
        level_dbfs=row.level_dbfs,
        microphone=row.microphone is not None,
    )


def told(
    db: Session, airing_ids: Collection[str], receiver_ids: Collection[str]
) -> tuple[list[StoredReport], list[OrderProgressRow]]:
    """What these receivers said of these ids of `Begun`, whole."""
    ids = [*airing_ids, *(LIVE + key for key in airing_ids)]
    reports = select(StoredReport).where(
        col(StoredReport.airing_id).in_(ids), col(StoredReport.receiver_id).in_(receiver_ids)
    )
    orders = select(OrderProgressRow).where(
        col(OrderProgressRow.order_id).in_(airing_ids), col(OrderProgressRow.receiver_id).in_(receiver_ids)
    )
    return list(db.scalars(reports.order_by(col(StoredReport.number)))), list(db.scalars(orders))


def _planned(db: Session, since: datetime, until: datetime) -> list[Begun]:
    start = col(PlannedAiring.start_at)
    return [one for one in _read_planned(db, start > since, start <= until) if _sounded(one)]


def _sounded(one: Begun) -> bool:
    return one.stopped_at is None or one.stopped_at > one.start_at


def _read_planned(db: Session, *conditions: ColumnElement[bool]) -> Iterable[Begun]:
    query = (
        select(PlannedAiring, Broadcast, col(Announcement.title))
        .join(Broadcast, col(Broadcast.id) == col(PlannedAiring.broadcast_id))
        .join(Announcement, col(Announcement.id) == col(PlannedAiring.announcement_id))
        .where(*conditions)
    )
    for row, broadcast, title in db.execute(query):
        moved = broadcast.late is Late.WHOLE or broadcast.after_cut is AfterCut.RESTART
        room = timedelta(seconds=broadcast.window_s if moved else 0)
        ends_at = min(row.end_at - room, row.withdrawn_at or row.end_at)
        yield Begun(
            id=row.id,
            broadcast_id=row.broadcast_id,
            kind=Kind.BULLETIN,
            cls=broadcast.cls,
            title=title,
            start_at=row.start_at,
            duration_us=max(0, (ends_at - row.start_at) // timedelta(microseconds=1)),
            zone_ids=list(row.zone_ids),
            stopped_at=row.withdrawn_at,
            due_at=(row.withdrawn_at or row.end_at) + REPORTS_WITHIN,
            reason=None if row.has_sound else NO_SOUND,
        )


def _orders(db: Session, since: datetime, until: datetime) -> Iterable[Begun]:
    at = col(EmergencyOrder.issued_at)
    rows = list(db.scalars(select(EmergencyOrder).where(at > since, at <= until)))
    query = select(col(OrderTarget.order_id), col(OrderTarget.zone_id))
    zones = _by_first(db, query.where(col(OrderTarget.order_id).in_([row.id for row in rows])))
    names = _names(db, rows)
    for row in rows:
        start_at = from_us(row.start_us) if row.start_us is not None else row.issued_at or row.asked_at
        yield Begun(
            id=row.id,
            broadcast_id=row.id,
            kind=_KIND[row.purpose],
            cls=BroadcastClass.EMERGENCY if row.purpose is Purpose.REAL else BroadcastClass.PRIORITY,
            title=(", ".join(name for part in row.parts if (name := names(part))) or row.reason)[:200],
            start_at=start_at,
            duration_us=0,
            zone_ids=zones[row.id],
            stopped_at=row.ended_at,
            due_at=start_at + ORDER_WITHIN,
        )


def _names(db: Session, orders: Iterable[EmergencyOrder]) -> Callable[[Mapping[str, Any]], str]:
    """What a part of these orders is called; the siren before a message is not named, nor is a live voice."""
    ids = {part["id"] for order in orders for part in order.parts if "id" in part}
    titles = dict[str, str]()
    for key, held in db.execute(select(col(BankEntry.id), col(BankEntry.titles)).where(col(BankEntry.id).in_(ids))):
        titles[key] = held.get("vi") or next(iter(held.values()), key)
    recorded = select(col(Recording.id), col(Announcement.title)).join(
        Announcement, col(Announcement.id) == col(Recording.announcement_id)
    )
    titles |= {row[0]: row[1] for row in db.execute(recorded.where(col(Recording.id).in_(ids)))}

    def name(part: Mapping[str, Any]) -> str:
        if part["kind"] == "text":
            return " ".join(part["text"].split())
        key = part.get("id", "")
        return "" if key.startswith(SIREN) else titles.get(key, key)

    return name


def _by_first(db: Session, query: Select[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in db.execute(query):
        if value not in found[key]:
            found[key].append(value)
    return found
