"""All SQL about where broadcasts are aimed: at zones, and at groups of them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, func, not_, or_, select
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col

from broadcast.clock import to_us
from scheduler.broadcasts.models import Broadcast, BroadcastTarget
from scheduler.policy import local_day
from scheduler.zones.forest import at_or_below
from scheduler.zones.models import Group, GroupMember, Zone
from scheduler.zones.rules import timezones


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a broadcast: a zone, or a group with its members and the path of the zone that it belongs to.

    `timezones` has, by id, those of the zones that end.
    """

    zones: tuple[Zone, ...]
    timezones: Mapping[str, str]
    group: Group | None = None
    home_path: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Where rights are needed: in each zone, and where a group belongs, as its members may be others tomorrow."""
        return (*(zone.path for zone in self.zones), *([self.home_path] if self.home_path is not None else ()))

    def live(self, now: datetime) -> tuple[Zone, ...]:
        """Its zones that are there or will be."""
        return tuple(
            zone
            for zone in self.zones
            if zone.valid_until is None or local_day(self.timezones[zone.id], to_us(now)) < zone.valid_until
        )


def set_targets(db: Session, broadcast_id: str, zone_ids: Iterable[str], group_ids: Iterable[str]) -> None:
    db.execute(delete(BroadcastTarget).where(col(BroadcastTarget.broadcast_id) == broadcast_id))
    db.add_all(BroadcastTarget(broadcast_id=broadcast_id, zone_id=zone_id) for zone_id in zone_ids)
    db.add_all(BroadcastTarget(broadcast_id=broadcast_id, group_id=group_id) for group_id in group_ids)
    db.flush()


def targets(db: Session, broadcast_ids: Collection[str]) -> dict[str, tuple[Target, ...]]:
    """The targets of each broadcast, ended zones too."""
    home = aliased(Zone)
    query = (
        select(col(BroadcastTarget.broadcast_id), Zone, Group, col(home.path))
        .select_from(BroadcastTarget)
        .outerjoin(Group, col(Group.id) == col(BroadcastTarget.group_id))
        .outerjoin(home, col(home.id) == col(Group.zone_id))
        .outerjoin(GroupMember, col(GroupMember.group_id) == col(Group.id))
        .outerjoin(Zone, or_(col(Zone.id) == col(BroadcastTarget.zone_id), col(Zone.id) == col(GroupMember.zone_id)))
        .where(col(BroadcastTarget.broadcast_id).in_(broadcast_ids))
        .order_by(col(BroadcastTarget.id), col(Zone.path))
    )
    direct: dict[str, list[Target]] = {broadcast_id: [] for broadcast_id in broadcast_ids}
    members: dict[tuple[str, str], list[Zone]] = defaultdict(list)
    groups: dict[str, tuple[Group, str]] = {}
    rows = db.execute(query).all()
    ending = _of_ending(db, (zone for _broadcast_id, zone, _group, _home_path in rows if zone is not None))
    for broadcast_id, zone, group, home_path in rows:
        if group is None:
            direct[broadcast_id].append(Target((zone,), ending))
        else:
            groups[group.id] = group, home_path
            members[broadcast_id, group.id] += [zone] if zone is not None else []
    for (broadcast_id, group_id), zones in members.items():
        direct[broadcast_id].append(Target(tuple(zones), ending, *groups[group_id]))
    return {broadcast_id: tuple(found) for broadcast_id, found in direct.items()}


def chosen(db: Session, zone_ids: Collection[str], group_ids: Collection[str]) -> tuple[Target, ...]:
    """Zones and groups as targets, those that there are."""
    zones = db.scalars(select(Zone).where(col(Zone.id).in_(zone_ids)).order_by(col(Zone.path))).all()
    home = aliased(Zone)
    query = (
        select(Group, col(home.path), Zone)
        .join(home, col(home.id) == col(Group.zone_id))
        .outerjoin(GroupMember, col(GroupMember.group_id) == col(Group.id))
        .outerjoin(Zone, col(Zone.id) == col(GroupMember.zone_id))
        .where(col(Group.id).in_(group_ids))
        .order_by(col(Group.id), col(Zone.path))
    )
    groups: dict[str, tuple[Group, str, list[Zone]]] = {}
    for group, home_path, zone in db.execute(query):
        groups.setdefault(group.id, (group, home_path, []))[2].extend([zone] if zone is not None else [])
    ending = _of_ending(db, (*zones, *(zone for _group, _path, members in groups.values() for zone in members)))
    found = [Target((zone,), ending) for zone in zones]
    return (*found, *(Target(tuple(members), ending, group, path) for group, path, members in groups.values()))


def _of_ending(db: Session, zones: Iterable[Zone]) -> dict[str, str]:
    return timezones(db, [zone for zone in zones if zone.valid_until is not None])


def with_place_in(zone_ids: Collection[str]) -> ColumnElement[bool]:
    """Of a broadcast: that it is aimed at one of these zones, or sent in the name of one."""

    def there(zone_id: Mapped[str] | Mapped[str | None]) -> ColumnElement[bool]:
        return func.coalesce(zone_id, "").in_(zone_ids)  # no index: most of what is aimed there is of other days

    return or_(there(col(Broadcast.zone_id)), aimed(there))


def aimed(there: Callable[[Mapped[str] | Mapped[str | None]], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Of a broadcast: that it is aimed at a zone that is `there`, directly or by a group."""
    grouped = select(col(GroupMember.group_id)).where(there(col(GroupMember.zone_id)))
    return exists().where(
        col(BroadcastTarget.broadcast_id) == col(Broadcast.id),
        or_(there(col(BroadcastTarget.zone_id)), col(BroadcastTarget.group_id).in_(grouped)),
    )


def all_within(db: Session, paths: Collection[str]) -> ColumnElement[bool]:
    """Of a broadcast: that it has targets, and each of `Target.paths` is at one of `paths` or below it."""
    zone_id, group_id = col(BroadcastTarget.zone_id), col(BroadcastTarget.group_id)
    homes = select(col(Group.id)).where(not_(at_or_below(db, paths, col(Group.zone_id))))
    members = select(col(GroupMember.group_id)).where(not_(at_or_below(db, paths, col(GroupMember.zone_id))))
    outside = or_(
        and_(zone_id.is_not(None), not_(at_or_below(db, paths, zone_id))), group_id.in_(homes), group_id.in_(members)
    )
    target = exists().where(col(BroadcastTarget.broadcast_id) == col(Broadcast.id))
    return and_(target, not_(target.where(outside)))
