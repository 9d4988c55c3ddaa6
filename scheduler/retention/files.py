"""Which sound files the database still names (all SQL on that).

Rules
- A file is named by recordings, the message bank, the sounds of orders and receivers' photos; by a live talk until it
  is over.
- It is needed also by what residents may still hear: a publication with an airing of the last days, or to come.
- Every column of a file's hash is in NAMING; a test holds that against all tables.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from scheduler.announcements.models import Recording
from scheduler.bank.models import BankMedia
from scheduler.broadcasts.models import PlannedAiring
from scheduler.emergency.models import OrderSound
from scheduler.fleet.models import Receiver
from scheduler.live.models import LiveState, LiveTalk
from scheduler.residents.models import Publication
from scheduler.residents.page import LOOK_BACK
from scheduler.store.batches import batches

_OTHERS = (BankMedia.sha256, BankMedia.original_sha256, OrderSound.sha256, Receiver.photo_sha256)
NAMING = (Recording.sha256, Recording.original_sha256, LiveTalk.sha256, *_OTHERS)


def named(db: Session, hashes: Collection[str], *, without: Collection[str] = ()) -> set[str]:
    """Those of these hashes that a row names; recordings of the announcements `without` do not count."""
    found: set[str] = set()
    for some in batches(sorted(hashes)):
        for column in (Recording.sha256, Recording.original_sha256):
            recorded = select(col(column), col(Recording.announcement_id)).where(col(column).in_(some))
            found.update(key for key, of in db.execute(recorded) if key is not None and of not in without)
        to_play = select(col(LiveTalk.sha256)).where(col(LiveTalk.state) != LiveState.ENDED)
        found.update(key for key in db.scalars(to_play.where(col(LiveTalk.sha256).in_(some))) if key is not None)
        for column in _OTHERS:
            found.update(key for key in db.scalars(select(col(column)).where(col(column).in_(some))) if key is not None)
    return found


def published(db: Session, now: datetime) -> set[str]:
    """What residents may hear."""
    recent = select(col(PlannedAiring.publication_id)).where(col(PlannedAiring.end_at) > now - LOOK_BACK)
    query = select(col(Publication.recordings)).where(col(Publication.id).in_(recent))
    return {one["sha256"] for said in db.scalars(query) for one in said}
