"""All SQL about what residents read and write."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import and_, exists, func, or_, select, update
from sqlmodel import Session, col

from broadcast.wire.documents import BroadcastClass, Hearing, Outcome
from broadcast.wire.now import Purpose
from scheduler.announcements.models import Announcement, RecordingState
from scheduler.bank.models import BankEntry, BankMedia
from scheduler.broadcasts.models import Broadcast, BroadcastTarget, PlannedAiring
from scheduler.emergency.life import State as OrderState
from scheduler.emergency.models import EmergencyOrder, OrderTarget
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.residents.models import Feedback, FeedbackState, Publication
from scheduler.workflow import State
from scheduler.zones.models import GroupMember, Zone, ZoneKind
from scheduler.zones.repository import below

_APPROVED = (State.APPROVED, State.ON_AIR, State.DONE)


Banked = tuple[BankEntry, list[BankMedia]]


class Shown(NamedTuple):
    """An airing that residents may know of, and in whose name it is."""

    airing: PlannedAiring
    cls: BroadcastClass
    sender: str


class Aimed(NamedTuple):
    order: EmergencyOrder
    target: OrderTarget
    zone: Zone


class ZoneRow(NamedTuple):
    """As much of a zone as a list for residents needs."""

    id: str
    path: str
    kind: ZoneKind
    name: str
    valid_from: date | None
    valid_until: date | None
    public_page: bool | None


def shown(
    db: Session, zone_ids: Collection[str], since: datetime, until: datetime, publication_id: str | None = None
) -> list[Shown]:
    """What is heard where these zones lie in each other and may be public, ending after `since`, by start.

    Approved as it is now, left public, not deleted, not withdrawn, and aimed at one of the zones then as it is now;
    with `publication_id`, only what says this.
    """
    grouped = select(col(GroupMember.group_id)).where(col(GroupMember.zone_id).in_(zone_ids))
    aimed = exists().where(
        col(BroadcastTarget.broadcast_id) == col(Broadcast.id),
        or_(col(BroadcastTarget.zone_id).in_(zone_ids), col(BroadcastTarget.group_id).in_(grouped)),
    )
    query = (
        select(PlannedAiring, col(Broadcast.cls), col(Zone.name))
        .join(Broadcast, col(Broadcast.id) == col(PlannedAiring.broadcast_id))
        .join(Announcement, col(Announcement.id) == col(PlannedAiring.announcement_id))
        .join(Zone, col(Zone.id) == col(Broadcast.zone_id))
        .where(
            aimed,
            col(Broadcast.public),
            col(Broadcast.state).in_(_APPROVED),
            col(Broadcast.cls) != BroadcastClass.BACKGROUND,
            col(Announcement.deleted_at).is_(None),
            col(PlannedAiring.publication_id).is_not(None),
            col(PlannedAiring.withdrawn_at).is_(None),
            col(PlannedAiring.end_at) > since,
            col(PlannedAiring.start_at) < until,
        )
        .order_by(col(PlannedAiring.start_at), col(PlannedAiring.id))
    )
    if publication_id is not None:
        query = query.where(col(PlannedAiring.publication_id) == publication_id)
    here = frozenset(zone_ids)
    return [Shown(row, cls, name) for row, cls, name in db.execute(query) if not here.isdisjoint(row.zone_ids)]


def publications(db: Session, ids: Collection[str | None]) -> dict[str, Publication]:
    found = db.scalars(select(Publication).where(col(Publication.id).in_(ids)))
    return {publication.id: publication for publication in found}


def heard(db: Session, airing_ids: Collection[str], path: str) -> set[str]:
    """Those that at least one receiver at or below `path` reported as heard."""
    by_one = exists(
        select(1)
        .select_from(StoredReport)
        .join(Receiver, col(Receiver.id) == col(StoredReport.receiver_id))
        .join(Zone, col(Zone.id) == col(Receiver.zone_id))
        .where(
            col(StoredReport.airing_id) == col(PlannedAiring.id),
            col(StoredReport.outcome) == Outcome.HEARD,
            or_(col(StoredReport.microphone).is_(None), col(StoredReport.microphone) != Hearing.NOT_HEARD),
            below([path]),
        )
    )
    return set(db.scalars(select(col(PlannedAiring.id)).where(col(PlannedAiring.id).in_(airing_ids), by_one)))


def receivers_at(db: Session, path: str) -> bool:
    """Whether there is a receiver in use at or below `path`."""
    query = select(col(Receiver.id)).join(Zone, col(Zone.id) == col(Receiver.zone_id))
    return db.scalar(query.where(below([path]), col(Receiver.revoked_at).is_(None)).limit(1)) is not None


def alarms(db: Session, zone_ids: Collection[str], path: str, ended_since: datetime) -> list[Aimed]:
    """The real emergencies issued for these zones or below `path` that are not over since before then, latest first."""
    query = (
        select(EmergencyOrder, OrderTarget, Zone)
        .join(OrderTarget, col(OrderTarget.order_id) == col(EmergencyOrder.id))
        .join(Zone, col(Zone.id) == col(OrderTarget.zone_id))
        .where(
            col(EmergencyOrder.purpose) == Purpose.REAL,
            col(EmergencyOrder.state).in_((OrderState.ISSUED, OrderState.OVER, OrderState.CANCELLED)),
            col(EmergencyOrder.issued_at).is_not(None),
            or_(col(EmergencyOrder.until_at).is_(None), col(EmergencyOrder.until_at) > ended_since),
            or_(col(EmergencyOrder.ended_at).is_(None), col(EmergencyOrder.ended_at) > ended_since),
            or_(col(Zone.id).in_(zone_ids), below([path])),
        )
        .order_by(col(EmergencyOrder.issued_at).desc(), col(EmergencyOrder.id), col(Zone.path))
    )
    return [Aimed(order, target, zone) for order, target, zone in db.execute(query)]


def banked(db: Session, bank_ids: Collection[str]) -> dict[str, Banked]:
    """Messages of the bank with what is spoken of them."""
    found: dict[str, Banked] = {}
    ready = and_(col(BankMedia.entry_id) == col(BankEntry.id), col(BankMedia.state) == RecordingState.READY)
    query = select(BankEntry, BankMedia).join(BankMedia, ready).where(col(BankEntry.id).in_(bank_ids))
    for entry, media in db.execute(query.order_by(col(BankMedia.language))):
        found.setdefault(entry.id, (entry, []))[1].append(media)
    return found


def zone_rows(db: Session) -> list[ZoneRow]:
    """Every zone, parents before children."""
    columns = (Zone.id, Zone.path, Zone.kind, Zone.name, Zone.valid_from, Zone.valid_until, Zone.public_page)
    return [ZoneRow(*row) for row in db.execute(select(*map(col, columns)).order_by(col(Zone.path)))]


def sent_since(db: Session, sender: str, since: datetime) -> Sequence[datetime]:
    """When this sender wrote, the latest first."""
    query = select(col(Feedback.created_at)).where(col(Feedback.sender) == sender, col(Feedback.created_at) > since)
    return db.scalars(query.order_by(col(Feedback.created_at).desc())).all()


def count_since(db: Session, zone_id: str, since: datetime) -> int:
    query = select(func.count()).where(col(Feedback.zone_id) == zone_id, col(Feedback.created_at) > since)
    return int(db.execute(query).scalar_one())


def forget_senders(db: Session, before: datetime) -> None:
    old = update(Feedback).where(col(Feedback.sender).is_not(None), col(Feedback.created_at) <= before)
    db.execute(old.values(sender=None).execution_options(synchronize_session=False))


def feedback(db: Session, feedback_id: str, *, lock: bool = False) -> tuple[Feedback, Zone] | None:
    row = db.get(Feedback, feedback_id, with_for_update=lock, populate_existing=lock)
    return (row, db.get_one(Zone, row.zone_id)) if row is not None else None


def feedback_page(
    db: Session, paths: Iterable[str], state: FeedbackState | None, *, before: str | None, limit: int
) -> list[tuple[Feedback, Zone]]:
    """What residents of the subtrees of `paths` wrote, newest first."""
    query = select(Feedback, Zone).join(Zone, col(Zone.id) == col(Feedback.zone_id)).where(below(paths))
    if state is not None:
        query = query.where(col(Feedback.state) == state)
    if before is not None:
        query = query.where(col(Feedback.id) < before)
    return [(row, zone) for row, zone in db.execute(query.order_by(col(Feedback.id).desc()).limit(limit))]
