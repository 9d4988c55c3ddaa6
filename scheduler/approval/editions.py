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
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.repository import Target


def keep(db: Session, row: Broadcast, targets: Sequence[Target], by_id: str, now: datetime) -> None:
    """Remember the broadcast as it is sent to its approvers now."""
    title = repository.titles(db, [row.announcement_id])[row.announcement_id]
    recordings = repository.recordings_of(db, {row.announcement_id})[row.announcement_id]
    newest = select(func.max(col(BroadcastEdition.number))).where(col(BroadcastEdition.broadcast_id) == row.id)
    number = (db.scalar(newest) or 0) + 1
    says = msgspec.to_builtins(edition(row, title, targets, recordings))
    db.add(BroadcastEdition(broadcast_id=row.id, number=number, at=now, by_id=by_id, says=says))


def edition(row: Broadcast, title: str, targets: Sequence[Target], recordings: Collection[Recording]) -> Edition:
    return Edition(
        title=title,
        cls=row.cls.value,
        when=drafts.when_of(row).model_dump(mode="json"),
        timezone=row.timezone,
        places=tuple(target.group.name if target.group else target.zones[0].name for target in targets),
        texts={one.language: one.text for one in recordings if one.text is not None},
        sounds={one.language: one.original_sha256 or "" for one in recordings if one.text is None},
    )


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
