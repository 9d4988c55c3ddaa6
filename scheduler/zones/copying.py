"""The zone tree of another centre, taken over as it is: ids, names, rules, groups and holidays."""

from datetime import datetime

from sqlmodel import Session, SQLModel, select

from broadcast.wire import topics
from scheduler.fleet.outbox import mark_dirty
from scheduler.zones.models import Group, GroupMember, Holiday, Zone, ZonePast

_OF_ZONES: tuple[type[SQLModel], ...] = (Group, GroupMember, Holiday, ZonePast)


def copy_tree(source: Session, target: Session, now: datetime) -> list[str]:
    """Copy every zone of `source` into the empty `target`; the ids of the roots.

    Recordings are not copied, so what is played when nothing else is there is nobody's here.
    """
    rows = sorted(source.exec(select(Zone)), key=lambda zone: zone.path.count("/"))
    for zone in rows:
        target.add(Zone.model_validate(zone.model_dump() | {"fallback_recording_id": None}))
        target.flush()  # each after its parent
    for model in _OF_ZONES:
        target.add_all([model.model_validate(row.model_dump()) for row in source.exec(select(model))])
        target.flush()
    roots = [zone.id for zone in rows if zone.parent_id is None]
    mark_dirty(target, [topics.bank(zone_id) for zone_id in roots], now)
    return roots
