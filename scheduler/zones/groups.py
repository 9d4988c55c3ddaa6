"""Free sets of zones: a flood basin, a parish. Whoever edits one needs the right in its own zone and in each member."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session

from broadcast.wire import topics
from scheduler.broadcasts.recorded import plan_group_anew
from scheduler.errors import Conflict, Invalid, NotFound, Stale
from scheduler.fleet.outbox import mark_dirty
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.relays.repository import look_again
from scheduler.rights import Action
from scheduler.store.alone import alone
from scheduler.store.types import new_id
from scheduler.zones import names, repository
from scheduler.zones.models import Group
from scheduler.zones.schemas import GroupChange, GroupNew
from scheduler.zones.service import check_dates, visible_paths, zone_for


def list_groups(db: Session, actor: Actor, now: datetime) -> Sequence[Group]:
    """The groups of the zones that the actor sees, by name."""
    return repository.groups_below(db, visible_paths(db, actor, now))


def group_for(db: Session, actor: Actor, now: datetime, group_id: str) -> Group:
    """The group if the actor sees its zone; else NotFound."""
    group = repository.group(db, group_id)
    if group is None:
        raise NotFound("not_found", "There is no such group, or it is not in your area.")
    require(actor, Action.ZONE_READ, _path(db, group), now)
    return group


def create_group(db: Session, actor: Actor, now: datetime, new: GroupNew) -> Group:
    zone = zone_for(db, actor, now, new.zone_id, Action.ZONE_EDIT)
    _check_members(db, actor, now, new.member_ids)
    check_dates(new.valid_from, new.valid_until)
    values = new.model_dump(include={"code", "valid_from", "valid_until"})
    group = Group(id=new_id(now), zone_id=zone.id, name=names.clean(new.name), **values)
    db.add(group)
    db.flush()
    repository.set_members(db, group.id, set(new.member_ids))
    audit.record(db, actor, now, "group.create", f"group:{group.id}", zone_path=zone.path, name=group.name)
    return group


def change_group(
    db: Session, actor: Actor, now: datetime, group_id: str, *, version: int, change: GroupChange
) -> Group:
    """Rename the group or replace its members; broadcasts to it follow."""
    group = _for_change(db, actor, now, group_id, version)
    sent = change.model_fields_set
    if "name" in sent:
        group.name = names.clean(change.name)
    for name in sent & {"code", "valid_from", "valid_until"}:
        setattr(group, name, getattr(change, name))
    check_dates(group.valid_from, group.valid_until)
    if "member_ids" in sent:
        before = repository.members(db, [group.id])[group.id]
        _check_members(db, actor, now, set(change.member_ids) - set(before))
        repository.set_members(db, group.id, set(change.member_ids))
        mark_dirty(db, map(topics.programme, {*before, *change.member_ids}), now)
        plan_group_anew(db, group.id, now)
        look_again(db, now)
    group.version += 1
    db.add(group)
    detail = change.model_dump(mode="json", exclude_unset=True)
    audit.record(db, actor, now, "group.change", f"group:{group.id}", zone_path=_path(db, group), **detail)
    return group


def weighs(db: Session, group_id: str, change: GroupChange) -> bool:
    """Whether what is planned for the group would be heard elsewhere than before."""
    if "member_ids" not in change.model_fields_set:
        return False
    return set(repository.members(db, [group_id])[group_id]) != set(change.member_ids)


def delete_group(db: Session, actor: Actor, now: datetime, group_id: str, *, version: int) -> None:
    """Take out a group that no broadcast names."""
    group = _for_change(db, actor, now, group_id, version)
    if repository.uses_of_group(db, group.id):
        raise Conflict("group_in_use", "Broadcasts name this group, so it cannot be deleted. Empty it instead.")
    audit.record(db, actor, now, "group.delete", f"group:{group.id}", zone_path=_path(db, group), name=group.name)
    repository.set_members(db, group.id, ())
    db.flush()
    db.delete(group)


def _for_change(db: Session, actor: Actor, now: datetime, group_id: str, version: int) -> Group:
    alone(db, f"group:{group_id}")
    group = group_for(db, actor, now, group_id)
    require(actor, Action.ZONE_EDIT, _path(db, group), now)
    if group.version != version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    return group


def _check_members(db: Session, actor: Actor, now: datetime, zone_ids: Collection[str]) -> None:
    """A zone outside the own area is as unknown as one that is not there."""
    found = repository.zones(db, zone_ids)
    for zone_id in zone_ids:
        if zone_id not in found or not actor.may(Action.ZONE_EDIT, found[zone_id].path, now):
            raise Invalid("no_such_zone", "One of the zones is not in your area.", field="member_ids")


def _path(db: Session, group: Group) -> str:
    return repository.zones(db, [group.zone_id])[group.zone_id].path
