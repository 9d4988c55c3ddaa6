"""What rests on an announcement, drafts too: until anything does it was only tried (reads the database).

A fixed number of queries for any number of announcements.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select, union
from sqlmodel import Session, col

from scheduler.announcements.models import Recording, RecordingPart
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.bulletins.models import Bulletin, BulletinEdition
from scheduler.fleet.models import PreparedMessage
from scheduler.live.models import LiveTalk
from scheduler.relays.models import Relay
from scheduler.zones.models import Zone


def used(db: Session, announcement_ids: Collection[str], now: datetime) -> frozenset[str]:
    """Which of these a broadcast, a talk, a relay, a bulletin, a playlist or a receiver has, or had."""
    wanted = set(announcement_ids)
    falling_back = select(col(Zone.fallback_recording_id)).where(col(Zone.fallback_recording_id).is_not(None))
    named = [
        select(col(Broadcast.announcement_id)).where(col(Broadcast.announcement_id).in_(wanted)),
        select(col(PlannedAiring.announcement_id)).where(col(PlannedAiring.announcement_id).in_(wanted)),
        select(col(LiveTalk.announcement_id)).where(col(LiveTalk.announcement_id).in_(wanted)),
        select(col(Relay.fallback_id)).where(col(Relay.fallback_id).in_(wanted)),
        select(col(BulletinEdition.announcement_id)).where(col(BulletinEdition.announcement_id).in_(wanted)),
        _by_recording(wanted, select(col(RecordingPart.part_id))),
        _by_recording(wanted, select(col(PreparedMessage.recording_id))),
        _by_recording(wanted, falling_back),
    ]
    found: set[str] = {announcement_id for announcement_id in db.scalars(union(*named)) if announcement_id is not None}
    return frozenset(found | (wanted & _in_bulletins(db, now)))


def _by_recording(announcement_ids: Collection[str], recordings: Select[Any]) -> Select[Any]:
    of_these = col(Recording.announcement_id).in_(announcement_ids)
    return select(col(Recording.announcement_id)).where(of_these, col(Recording.id).in_(recordings))


def _in_bulletins(db: Session, now: datetime) -> set[str]:
    """What stands in for something in a bulletin, or fills an edition to come; those that were sent have parts."""
    slots = db.scalars(select(col(Bulletin.slots)).where(col(Bulletin.ended_at).is_(None)))
    stand_ins = {slot.get("stand_in_id") for each in slots for slot in each}
    today = (now - timedelta(days=1)).date()
    filled = db.scalars(select(col(BulletinEdition.filled)).where(col(BulletinEdition.day) >= today))
    return {found for found in stand_ins if found} | {found for each in filled for found in each.values()}
