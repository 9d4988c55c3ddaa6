"""All SQL about bulletins and their editions."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date

from sqlalchemy import delete, tuple_
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from scheduler.announcements.models import Announcement
from scheduler.broadcasts.models import Broadcast
from scheduler.bulletins.models import Bulletin, BulletinEdition, BulletinTarget
from scheduler.zones.models import Zone
from scheduler.zones.repository import below


def get(db: Session, bulletin_id: str, *, lock: bool = False) -> Bulletin | None:
    found = db.get(Bulletin, bulletin_id, with_for_update=lock, populate_existing=lock)
    return None if found is None or found.ended_at is not None else found


def index(db: Session, paths: Iterable[str], after: str | None, limit: int) -> Sequence[tuple[Bulletin, Zone]]:
    """Those of the subtrees of `paths`, by place and name; those after the one with this id."""
    place = col(Zone.path), col(Bulletin.name), col(Bulletin.id)
    joined = col(Zone.id) == col(Bulletin.zone_id)
    query = select(Bulletin, Zone).join(Zone, joined).where(below(paths), col(Bulletin.ended_at).is_(None))
    if after is not None:
        last = db.execute(columns(*place).join(Zone, joined).where(col(Bulletin.id) == after)).one_or_none()
        if last is not None:
            query = query.where(tuple_(*place) > tuple_(*last))
    return db.exec(query.order_by(*place).limit(limit)).all()


def targets(db: Session, bulletin_ids: Collection[str]) -> dict[str, tuple[list[str], list[str]]]:
    """The zones and groups of each."""
    found: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    query = select(BulletinTarget).where(col(BulletinTarget.bulletin_id).in_(bulletin_ids))
    for row in db.exec(query.order_by(col(BulletinTarget.id))).all():
        if row.zone_id is not None:
            found[row.bulletin_id][0].append(row.zone_id)
        if row.group_id is not None:
            found[row.bulletin_id][1].append(row.group_id)
    return found


def set_targets(db: Session, bulletin_id: str, zone_ids: Iterable[str], group_ids: Iterable[str]) -> None:
    db.execute(delete(BulletinTarget).where(col(BulletinTarget.bulletin_id) == bulletin_id))
    db.add_all(BulletinTarget(bulletin_id=bulletin_id, zone_id=zone_id) for zone_id in zone_ids)
    db.add_all(BulletinTarget(bulletin_id=bulletin_id, group_id=group_id) for group_id in group_ids)
    db.flush()


def edition(db: Session, bulletin_id: str, day: date, at: str, *, lock: bool = False) -> BulletinEdition | None:
    query = select(BulletinEdition).where(
        BulletinEdition.bulletin_id == bulletin_id, BulletinEdition.day == day, BulletinEdition.at == at
    )
    return db.exec(query.with_for_update() if lock else query).first()


def editions(db: Session, bulletin_ids: Collection[str], first: date) -> dict[tuple[str, date, str], BulletinEdition]:
    """Those from the day `first` on that somebody has begun."""
    query = select(BulletinEdition).where(
        col(BulletinEdition.bulletin_id).in_(bulletin_ids), BulletinEdition.day >= first
    )
    return {(row.bulletin_id, row.day, row.at): row for row in db.exec(query).all()}


def templates_with(db: Session, announcement_id: str) -> list[Bulletin]:
    """Those that have not ended and of which it is a stand-in."""
    rows = db.exec(select(Bulletin).where(col(Bulletin.ended_at).is_(None)).order_by(Bulletin.id)).all()
    return [row for row in rows if any(slot.get("stand_in_id") == announcement_id for slot in row.slots)]


def editions_with(db: Session, announcement_id: str, first: date) -> list[tuple[BulletinEdition, Bulletin, Zone]]:
    """Those from the day `first` on into which it is filled, of templates that have not ended."""
    query = select(BulletinEdition, Bulletin, Zone).join(Bulletin, col(Bulletin.id) == BulletinEdition.bulletin_id)
    query = query.join(Zone, col(Zone.id) == Bulletin.zone_id)
    query = query.where(BulletinEdition.day >= first, col(Bulletin.ended_at).is_(None))
    return [
        (row, bulletin, zone)
        for row, bulletin, zone in db.exec(query.order_by(col(BulletinEdition.day), col(BulletinEdition.id))).all()
        if any(row.filled.get(slot["key"]) == announcement_id for slot in bulletin.slots)
    ]


def announcements(db: Session, announcement_ids: Collection[str]) -> dict[str, Announcement]:
    """Those of these that there still are."""
    query = select(Announcement).where(
        col(Announcement.id).in_(set(announcement_ids)), col(Announcement.deleted_at).is_(None)
    )
    return {row.id: row for row in db.exec(query).all()}


def broadcasts(db: Session, broadcast_ids: Collection[str]) -> dict[str, Broadcast]:
    return {row.id: row for row in db.exec(select(Broadcast).where(col(Broadcast.id).in_(set(broadcast_ids)))).all()}
