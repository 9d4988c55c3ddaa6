"""All SQL about zones, groups and holidays."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date

from sqlalchemy import ColumnElement, case, delete, false, func, or_, update
from sqlmodel import Session, SQLModel, col, select

from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.fleet.models import Receiver
from scheduler.zones.models import Group, GroupMember, Holiday, Zone, ZonePast

MOST_PATHS = 50


def zone(db: Session, zone_id: str, *, lock: bool = False) -> Zone | None:
    """The zone; with `lock`, nobody else changes the row until this transaction ends."""
    return db.get(Zone, zone_id, with_for_update=lock, populate_existing=lock)


def zones(db: Session, zone_ids: Collection[str]) -> dict[str, Zone]:
    found = db.exec(select(Zone).where(col(Zone.id).in_(set(zone_ids)))).all()
    return {row.id: row for row in found}


def children_of(db: Session, zone_ids: Collection[str]) -> Sequence[Zone]:
    """The zones right below any of these."""
    return db.exec(select(Zone).where(col(Zone.parent_id).in_(set(zone_ids))).order_by(Zone.path)).all()


def zone_by_code(db: Session, parent_id: str | None, code: str) -> Zone | None:
    return db.exec(select(Zone).where(Zone.parent_id == parent_id, Zone.code == code).order_by(Zone.id)).first()


def children(db: Session, zone_id: str) -> Sequence[Zone]:
    return db.exec(select(Zone).where(Zone.parent_id == zone_id).order_by(Zone.name, Zone.id)).all()


def ids_of(path: str) -> list[str]:
    """The ids in `/a/b/c/`, from the root to the zone itself."""
    return [part for part in path.split("/") if part]


def lineage(db: Session, path: str) -> list[Zone]:
    """The zones of a path, from the root to the zone itself."""
    ids = ids_of(path)
    found = zones(db, ids)
    return [found[zone_id] for zone_id in ids if zone_id in found]


def subtrees(db: Session, paths: Iterable[str]) -> Sequence[Zone]:
    """The zones with these paths and all below them, parents before children."""
    return db.exec(select(Zone).where(below(paths)).order_by(Zone.path)).all()


def subtree_ids(db: Session, paths: Iterable[str]) -> list[str]:
    return list(db.exec(select(Zone.id).where(below(paths)).order_by(Zone.id)).all())


def paths_of(db: Session, zone_ids: Collection[str]) -> list[str]:
    return list(db.exec(select(Zone.path).where(col(Zone.id).in_(set(zone_ids)))).all())


def below(paths: Iterable[str]) -> ColumnElement[bool]:
    """The condition that a zone is at one of `paths` or below it; with no paths, none is."""
    return or_(false(), *(col(Zone.path).startswith(path) for path in paths))


def keep_past(db: Session, zone: Zone, until: date) -> None:
    """Remember what the zone was called and where it stood before the day `until`; the first of that day's stays."""
    if db.get(ZonePast, (zone.id, until)) is None:
        db.add(ZonePast(zone_id=zone.id, until=until, parent_id=zone.parent_id, name=zone.name, code=zone.code))


def rebase(db: Session, old_path: str, new_path: str) -> None:
    """Give the zone at `old_path` and all below it their place under `new_path`."""
    moved = func.substr(col(Zone.path), len(old_path) + 1)
    query = update(Zone).where(col(Zone.path).startswith(old_path)).values(path=new_path + moved)
    db.execute(query.execution_options(synchronize_session=False))
    db.expire_all()


def receivers_below(db: Session, path: str) -> list[str]:
    query = select(Receiver.id).join(Zone, col(Zone.id) == Receiver.zone_id).where(below([path]))
    return list(db.exec(query.order_by(Receiver.id)).all())


def receiver_counts(
    db: Session, paths: Collection[str], within: ColumnElement[bool] | None = None, *, also_planned: bool = False
) -> tuple[Counter[str], Counter[str]]:
    """How many receivers each zone has itself, and how many of them are online; `within` says `paths` otherwise.

    `also_planned` counts those too as which no machine was installed yet: nothing can be heard from them.
    """
    up = func.count(case((col(Receiver.online), 1)))  # grouped by the zone alone it is read in the order of an index
    query = select(Receiver.zone_id, func.count(), up)
    if within is None:
        query = query.join(Zone, col(Zone.id) == Receiver.zone_id)
        within = below(paths)
    query = query.where(within, col(Receiver.revoked_at).is_(None))
    if not also_planned:
        query = query.where(col(Receiver.enrolled_at).is_not(None))
    total: Counter[str] = Counter()
    online: Counter[str] = Counter()
    for zone_id, count, count_online in db.execute(query.group_by(col(Receiver.zone_id))).all():
        total[zone_id], online[zone_id] = count, count_online
    return total, online


def with_receivers(db: Session, within: ColumnElement[bool], limit: int | None = None) -> set[str]:
    """The zones with installed receivers of their own where `within` holds; no more than `limit`."""
    query = select(Receiver.zone_id).where(within, col(Receiver.enrolled_at).is_not(None))
    query = query.where(col(Receiver.revoked_at).is_(None))
    return set(db.exec(query.group_by(col(Receiver.zone_id)).limit(limit)).all())


def receiver_by_code(db: Session, code: str) -> Receiver | None:
    return db.exec(select(Receiver).where(Receiver.code == code)).first()


def uses_of_zone(db: Session, zone_id: str) -> dict[str, int]:
    """How many rows of each table refer to the zone, whichever tables there are; its own past does not count."""
    own = db.exec(select(func.count()).select_from(ZonePast).where(ZonePast.zone_id == zone_id)).one()
    found = Counter(_uses(db, "zone.id", zone_id)) - Counter({"zone_past": own})
    return dict(found)


def forget_past(db: Session, zone_id: str) -> None:
    db.execute(delete(ZonePast).where(col(ZonePast.zone_id) == zone_id))


def uses_of_group(db: Session, group_id: str) -> dict[str, int]:
    """As `uses_of_zone`; its own members do not count."""
    return {table: n for table, n in _uses(db, "zone_group.id", group_id).items() if table != "zone_group_member"}


def uses_of_receiver(db: Session, receiver_id: str) -> dict[str, int]:
    """As `uses_of_zone`."""
    return _uses(db, "receiver.id", receiver_id)


def group(db: Session, group_id: str) -> Group | None:
    return db.get(Group, group_id)


def groups_below(db: Session, paths: Iterable[str]) -> Sequence[Group]:
    query = select(Group).join(Zone, col(Zone.id) == Group.zone_id).where(below(paths))
    return db.exec(query.order_by(Group.name, Group.id)).all()


def group_by_code(db: Session, zone_id: str, code: str) -> Group | None:
    return db.exec(select(Group).where(Group.zone_id == zone_id, Group.code == code)).first()


def members(db: Session, group_ids: Collection[str]) -> dict[str, list[str]]:
    """The zone ids of each group."""
    query = select(GroupMember).where(col(GroupMember.group_id).in_(set(group_ids))).order_by(GroupMember.zone_id)
    found: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
    for row in db.exec(query).all():
        found[row.group_id].append(row.zone_id)
    return found


def set_members(db: Session, group_id: str, zone_ids: Collection[str]) -> None:
    db.execute(delete(GroupMember).where(col(GroupMember.group_id) == group_id))
    db.add_all(GroupMember(group_id=group_id, zone_id=zone_id) for zone_id in sorted(zone_ids))


def holidays(db: Session, zone_ids: Collection[str], first: date, last: date) -> Sequence[Holiday]:
    """The days from `first` to `last`, both included, that are kept in one of the zones."""
    query = select(Holiday).where(col(Holiday.zone_id).in_(set(zone_ids)), Holiday.day >= first, Holiday.day <= last)
    return db.exec(query.order_by(col(Holiday.day), Holiday.zone_id)).all()


def days_off_below(db: Session, paths: Collection[str], first: date, last: date) -> list[tuple[date, Zone]]:
    """(day, zone) of what is kept from `first` to `last`, both included, below `paths`, and perhaps elsewhere."""
    query = select(Holiday, Zone).join(Zone, col(Zone.id) == Holiday.zone_id)
    if len(paths) <= MOST_PATHS:  # of more, going through all days is less work
        query = query.where(below(paths))
    rows = db.exec(query.where(Holiday.day >= first, Holiday.day <= last).order_by(col(Holiday.day), col(Zone.path)))
    return [(holiday.day, zone) for holiday, zone in rows]


def holiday(db: Session, zone_id: str, day: date) -> Holiday | None:
    return db.get(Holiday, (zone_id, day))


def recording_path(db: Session, recording_id: str) -> str | None:
    """The path of the zone that a produced recording belongs to."""
    query = (
        select(Zone.path)
        .join(Announcement, col(Announcement.zone_id) == Zone.id)
        .join(Recording, col(Recording.announcement_id) == Announcement.id)
        .where(Recording.id == recording_id, Recording.state == RecordingState.READY)
    )
    return db.exec(query).one_or_none()


def _uses(db: Session, target: str, value: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for table in SQLModel.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.target_fullname == target:
                query = select(func.count()).select_from(table).where(key.parent == value)
                found[table.name] += db.exec(query).one()
    return {table: count for table, count in found.items() if count}
