"""From a broadcast that plays to what residents may read and hear of it.

Rules
- Only what an editor left public, and no background: that fills the air and announces nothing.
- It is taken down while approval holds the announcement as it is, and what is taken down does not change any more.
- Only recordings that are produced are in it; without any there is nothing to publish.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements.models import Recording, RecordingState
from scheduler.broadcasts.models import Broadcast
from scheduler.residents.models import Publication

_ID_LETTERS = 26


class Said(Struct, frozen=True):
    """One language of a publication; `text` is None where it was spoken rather than written."""

    language: str
    text: str | None
    sha256: str
    size_bytes: int
    duration_us: int


def may_be_public(broadcast: Broadcast) -> bool:
    """Whether its editors leave it to residents, its approval aside."""
    return broadcast.public and broadcast.cls is not BroadcastClass.BACKGROUND


def published(db: Session, title: str, recordings: Iterable[Recording], now: datetime) -> str:
    """The id of what a broadcast that plays says, kept once."""
    said = tuple(
        Said(r.language, r.text, r.sha256, r.size_bytes or 0, r.duration_us or 0)
        for r in recordings
        if r.state is RecordingState.READY and r.sha256 is not None
    )
    publication_id = hashlib.sha256(msgspec.json.encode((title, said))).hexdigest()[:_ID_LETTERS]
    if db.get(Publication, publication_id) is None:
        make = postgresql_insert if db.get_bind().dialect.name == "postgresql" else sqlite_insert
        kept = {"id": publication_id, "title": title, "recordings": msgspec.to_builtins(said), "created_at": now}
        db.connection().execute(make(Publication).values(kept).on_conflict_do_nothing())
    return publication_id


def said_of(publication: Publication) -> tuple[Said, ...]:
    return msgspec.convert(publication.recordings, tuple[Said, ...])
