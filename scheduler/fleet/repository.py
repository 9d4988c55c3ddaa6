"""SQL on receivers and their certificates; `outbox` and `intake` have what concerns documents and messages."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, tuple_
from sqlmodel import Session, col, delete, select, update

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.emergency.models import OrderSound
from scheduler.fleet.models import EnrolmentSecret, PreparedMessage, Receiver, RevokedCertificate, StoredReport
from scheduler.fleet.upkeep.models import VillageReport
from scheduler.workflow import State
from scheduler.zones import repository as zones
from scheduler.zones.forest import at_or_below
from scheduler.zones.models import Zone


def receiver(db: Session, receiver_id: str, *, lock: bool = False) -> tuple[Receiver, Zone] | None:
    """The receiver and its zone; with `lock`, nobody else changes the row until this transaction ends."""
    row = db.get(Receiver, receiver_id, with_for_update=lock, populate_existing=lock)
    zone = db.get(Zone, row.zone_id) if row is not None else None
    return (row, zone) if row is not None and zone is not None else None


def receivers_below(
    db: Session, paths: Collection[str], *, after: str | None = None, limit: int | None = None
) -> Sequence[tuple[Receiver, Zone]]:
    """The receivers of these zones and all below them, by id."""
    query = select(Receiver, Zone).join(Zone, col(Zone.id) == Receiver.zone_id).where(zones.below(paths))
    if after is not None:
        query = query.where(Receiver.id > after)
    return db.exec(query.order_by(Receiver.id).limit(limit)).all()


def said_below(db: Session, paths: Collection[str]) -> list[tuple[str, str, str | None]]:
    """Id and name of each receiver of these zones and all below, enrolled and in use, and what it said of the bank."""
    columns: Any = (Receiver.id, Receiver.name, Receiver.bank_said)
    return [(key, name, said) for key, name, said in db.connection().execute(_below(db, select(*columns), paths))]


def counted_below(db: Session, paths: Collection[str]) -> list[tuple[str | None, int]]:
    """How many of the same receivers said the same."""
    columns: Any = (Receiver.bank_said, func.count())
    query = _below(db, select(*columns), paths).group_by(col(Receiver.bank_said))
    return [(said, count) for said, count in db.connection().execute(query)]


def _below(db: Session, query: Any, paths: Collection[str]) -> Any:
    query = query.where(at_or_below(db, paths, col(Receiver.zone_id)))
    return query.where(col(Receiver.enrolled_at).is_not(None), col(Receiver.revoked_at).is_(None))


def receiver_by_code(db: Session, zone_id: str, code: str) -> Receiver | None:
    return db.exec(select(Receiver).where(Receiver.zone_id == zone_id, Receiver.code == code)).first()


def reports(db: Session, receiver_id: str, *, before: int | None, limit: int) -> Sequence[StoredReport]:
    """The reports of a receiver, latest number first."""
    query = select(StoredReport).where(StoredReport.receiver_id == receiver_id)
    if before is not None:
        query = query.where(StoredReport.number < before)
    return db.exec(query.order_by(col(StoredReport.number).desc()).limit(limit)).all()


def reports_below(
    db: Session,
    paths: Collection[str],
    conditions: Collection[ColumnElement[bool]],
    *,
    after: tuple[datetime, str, int] | None = None,
    limit: int,
) -> Sequence[StoredReport]:
    """Reports of the receivers of these zones and below, the latest first: by planned start, receiver and number.

    `after` has these three of the last one that was had already.
    """
    query = select(StoredReport).join(Receiver, col(Receiver.id) == StoredReport.receiver_id)
    query = query.where(at_or_below(db, paths, col(Receiver.zone_id)), *conditions)
    place = (col(StoredReport.planned_start_at), col(StoredReport.receiver_id), col(StoredReport.number))
    if after is not None:
        query = query.where(tuple_(*place) < after)
    return db.exec(query.order_by(*(one.desc() for one in place)).limit(limit)).all()


def messages(db: Session, receiver_id: str) -> Sequence[tuple[PreparedMessage, Recording, str]]:
    """What is prepared on a receiver, by name: each with its recording and that one's title."""
    query = (
        select(PreparedMessage, Recording, Announcement.title)
        .join(Recording, col(Recording.id) == PreparedMessage.recording_id)
        .join(Announcement, col(Announcement.id) == Recording.announcement_id)
        .where(PreparedMessage.receiver_id == receiver_id)
    )
    return db.exec(query.order_by(PreparedMessage.name)).all()


def set_messages(db: Session, receiver_id: str, wanted: Collection[PreparedMessage]) -> None:
    query = delete(PreparedMessage).where(col(PreparedMessage.receiver_id) == receiver_id)
    db.connection().execute(query)
    db.add_all(wanted)
    db.flush()


def approved(
    db: Session, *, recording_ids: Collection[str] | None = None, paths: Collection[str] = (), limit: int = 1
) -> Sequence[tuple[Recording, Announcement, BroadcastClass]]:
    """Produced recordings that sound as they were approved, once for each class, the newest announcement first.

    Those with one of `recording_ids`, else `limit` of those that belong to zones at or below `paths`. While a broadcast
    is approved, nobody changes what it says; of one that is over, what was there before its last airing ended counts,
    of those that had sound, said this and were not withdrawn.
    """
    aired = exists().where(
        col(PlannedAiring.broadcast_id) == col(Broadcast.id),
        col(PlannedAiring.announcement_id) == col(Broadcast.announcement_id),
        col(PlannedAiring.end_at) >= col(Recording.produced_at),
        col(PlannedAiring.withdrawn_at).is_(None),
        col(PlannedAiring.has_sound),
    )
    as_approved = or_(
        col(Broadcast.state).in_((State.APPROVED, State.ON_AIR)), and_(col(Broadcast.state) == State.DONE, aired)
    )
    query = (
        select(Recording, Announcement, Broadcast.cls)
        .join(Announcement, col(Announcement.id) == Recording.announcement_id)
        .join(Broadcast, col(Broadcast.announcement_id) == Announcement.id)
        .where(Recording.state == RecordingState.READY, col(Announcement.deleted_at).is_(None), as_approved)
    )
    if recording_ids is not None:
        query = query.where(col(Recording.id).in_(recording_ids))
    else:
        ready = exists().where(
            col(Recording.announcement_id) == col(Announcement.id),
            col(Broadcast.announcement_id) == col(Announcement.id),
            col(Recording.state) == RecordingState.READY,
            as_approved,
        )
        seen = at_or_below(db, paths, col(Announcement.zone_id))
        chosen = select(Announcement.id).where(col(Announcement.deleted_at).is_(None), seen, ready)
        chosen = chosen.order_by(col(Announcement.id).desc()).limit(limit)  # only these are gone through
        query = query.where(col(Announcement.id).in_(chosen)).limit(limit)
    newest = (col(Announcement.id).desc(), col(Recording.id), col(Broadcast.cls))
    found = db.exec(query.distinct().order_by(*newest))
    return [(recording, announcement, BroadcastClass(cls)) for recording, announcement, cls in found]


def secret(db: Session, secret_sha256: str) -> EnrolmentSecret | None:
    """The code with this hash, locked."""
    return db.get(EnrolmentSecret, secret_sha256, with_for_update=True, populate_existing=True)


def drop_secrets(db: Session, receiver_id: str) -> None:
    """Forget a receiver's unused codes."""
    query = delete(EnrolmentSecret).where(col(EnrolmentSecret.receiver_id) == receiver_id)
    db.connection().execute(query.where(col(EnrolmentSecret.used_at).is_(None)))


def let_go(db: Session, receiver_id: str) -> None:
    """Part a receiver that will be no more from its unused codes, its messages, and what villagers say of it."""
    drop_secrets(db, receiver_id)
    set_messages(db, receiver_id, ())
    named = update(VillageReport).where(col(VillageReport.receiver_id) == receiver_id)
    db.connection().execute(named.values(receiver_id=None))


def revoke_certificate(db: Session, receiver: Receiver, now: datetime) -> None:
    """Have the broker refuse the certificate that the receiver has; without one nothing happens."""
    if receiver.certificate_serial is None or receiver.certificate_expires_at is None:
        return
    db.merge(
        RevokedCertificate(
            serial=receiver.certificate_serial,
            receiver_id=receiver.id,
            revoked_at=now,
            expires_at=receiver.certificate_expires_at,
        )
    )
    receiver.certificate_serial = receiver.certificate_expires_at = None


def revoked(db: Session, now: datetime) -> dict[int, datetime]:
    """Serials that the broker must refuse, and since when."""
    rows = db.exec(select(RevokedCertificate).where(RevokedCertificate.expires_at > now))
    return {int(row.serial, 16): row.revoked_at for row in rows}


def revoked_receivers(db: Session, serials: Collection[int]) -> set[str]:
    """Whose certificates these are."""
    wanted = {f"{serial:x}" for serial in serials}
    rows = db.exec(select(RevokedCertificate.receiver_id).where(col(RevokedCertificate.serial).in_(wanted)))
    return set(rows)


def recording(db: Session, recording_id: str) -> Recording | None:
    return db.get(Recording, recording_id)


def is_produced(db: Session, sha256: str) -> bool:
    """Whether this is a file made for receivers, rather than an original or a preview."""
    made = (select(row.sha256).where(row.sha256 == sha256).limit(1) for row in (Recording, OrderSound))
    return any(db.exec(query).first() is not None for query in made)
