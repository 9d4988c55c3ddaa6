"""Keeping what approvers were shown, and finding it again (does I/O)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select
from sqlmodel import Session, col

from scheduler.announcements.models import Recording
from scheduler.approval.differences import Differences, Edition, differences
from scheduler.approval.models import BroadcastEdition
from scheduler.broadcasts import drafts, repository
from scheduler.broadcasts.aiming import Target
from scheduler.broadcasts.models import Broadcast
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone


def keep(db: Session, row: Broadcast, targets: Sequence[Target], by_id: str, now: datetime) -> None:
    """Remember the broadcast as it is sent to its approvers now."""
    title = repository.titles(db, [row.announcement_id])[row.announcement_id]
    recordings = repository.recordings_of(db, {row.announcement_id})[row.announcement_id]
    newest = select(func.max(col(BroadcastEdition.number))).where(col(BroadcastEdition.broadcast_id) == row.id)
    number = (db.scalar(newest) or 0) + 1
    above = zones.zones(db, {parent for target in targets if (parent := _parent_id(target, row)) is not None})
    names = [_name(target, above.get(_parent_id(target, row) or "")) for target in targets]
    says = msgspec.to_builtins(edition(row, title, targets, names, recordings))
    db.add(BroadcastEdition(broadcast_id=row.id, number=number, at=now, by_id=by_id, says=says))


def edition(
    row: Broadcast, title: str, targets: Sequence[Target], names: Sequence[str], recordings: Collection[Recording]
) -> Edition:
    """`names` are those of the targets."""
    return Edition(
        title=title,
        cls=row.cls.value,
        when=drafts.when_of(row).model_dump(mode="json"),
        timezone=row.timezone,
        places=tuple(names),
        place_ids=tuple(target.group.id if target.group else target.zones[0].id for target in targets),
        texts={one.language: one.text for one in recordings if one.text is not None},
        sounds={one.language: one.original_sha256 or "" for one in recordings if one.text is None},
    )


def _parent_id(target: Target, row: Broadcast) -> str | None:
    """The zone above a target, where its name alone does not say which one it is to whoever sends it."""
    if target.group is not None:
        return None
    parent_id = target.zones[0].parent_id
    return None if parent_id == row.zone_id or target.zones[0].id == row.zone_id else parent_id


def _name(target: Target, above: Zone | None) -> str:
    name = target.group.name if target.group else target.zones[0].name
    return f"{name} ({above.name})" if above is not None else name


def since_last(db: Session, broadcast_ids: Collection[str]) -> dict[str, Differences]:
    """Of each that was sent more than once, what is another now; one query for any number."""
    query = select(BroadcastEdition).where(col(BroadcastEdition.broadcast_id).in_(broadcast_ids))
    kept: dict[str, list[BroadcastEdition]] = defaultdict(list)
    for row in db.scalars(query.order_by(col(BroadcastEdition.number))):
        kept[row.broadcast_id].append(row)
    return {
        broadcast_id: differences(*(msgspec.convert(row.says, Edition) for row in rows[-2:]))
        for broadcast_id, rows in kept.items()
        if len(rows) > 1
    }
