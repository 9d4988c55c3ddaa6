"""Daily bulletins rehearsed over the coming days (reads the database; `scheduler.broadcasts.rehearse` decides).

Rules
- Of a template, the editions of the coming days are tried, of an edition that one. What was sent of these already is
  not held against them.
- An edition lasts as long as what is filled in and stands in. A part that is left out lasts USUAL_PART_S in a
  template; so does each in an edition of nothing, and what has no length yet.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from sqlmodel import Session

from broadcast.clock import US_PER_S, to_us
from broadcast.wire.documents import Airing, Media
from scheduler.broadcasts import rehearsing
from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.broadcasts.rehearsing import Tried
from scheduler.bulletins import service, views
from scheduler.bulletins.models import Bulletin
from scheduler.bulletins.schemas import BulletinIn, EditionOut
from scheduler.bulletins.service import Aimed, Which
from scheduler.people.actor import Actor
from scheduler.zones.rules import effective

USUAL_PART_S = 120
US_PER_MS = 1000


def template(
    db: Session, actor: Actor, now: datetime, asked: BulletinIn, *, bulletin_id: str | None = None
) -> RehearsalOut | None:
    """What the editions of this (a new template, or in place of `bulletin_id`) would change; None if none comes."""
    return _coming(db, actor, now, service.unsaved(db, actor, now, asked, bulletin_id=bulletin_id))


def saved(db: Session, actor: Actor, now: datetime, bulletin_id: str) -> RehearsalOut | None:
    """The same of a template as it is saved."""
    return _coming(db, actor, now, service.saved(db, actor, now, bulletin_id))


def edition(db: Session, actor: Actor, now: datetime, which: Which) -> RehearsalOut | None:
    """What one edition, as it is filled in now, would change; None once its time has come."""
    held = service.saved(db, actor, now, which.bulletin_id)
    found = service.edition(db, actor, now, which)
    nothing = all(slot.source == "skipped" for slot in found.slots)
    return _tried(db, now, held, [(found, _airing(held.bulletin, found, left_out=nothing))])


def _coming(db: Session, actor: Actor, now: datetime, aimed: Aimed) -> RehearsalOut | None:
    row, zone, _targets = aimed
    held = views.places(db, [zone], now, now + timedelta(days=rehearsing.DAYS + 1))
    days = views.next_of(row, held[zone.id], now, rehearsing.DAYS)
    found = views.shown(db, actor, now, [(row, zone, *one) for one in days], held)
    end = now + timedelta(days=rehearsing.DAYS)
    return _tried(db, now, aimed, [(one, _airing(row, one, left_out=True)) for one in found if one.starts < end])


def _tried(
    db: Session, now: datetime, aimed: Aimed, editions: Sequence[tuple[EditionOut, Airing]]
) -> RehearsalOut | None:
    row, zone, targets = aimed
    editions = [(one, airing) for one, airing in editions if one.starts > now]
    if not editions:
        return None
    coming = [airing for _one, airing in editions]
    tried = Tried(
        broadcast_id=_id(row),
        title=row.name,
        timezone=effective(db, zone.path).rules.timezone,
        paths=[found.path for target in targets for found in target.live(now.date())],
        coming=lambda _by_id: lambda place: tuple(airing for airing in coming if place.plays(airing)),
        without=frozenset(one.broadcast_id for one, _airing in editions if one.broadcast_id),
    )
    found = rehearsing.played(db, tried, rehearsing.days_of(min(one.starts for one, _a in editions), now), now)
    return found if found.villages else None


def _airing(row: Bulletin, edition: EditionOut, *, left_out: bool) -> Airing:
    """An edition that is not put together yet; its parts that are left out count where `left_out`."""
    parts = [slot for slot in edition.slots if left_out or slot.source != "skipped"]
    pauses_us = (len(parts) - 1) * row.pause_ms * US_PER_MS
    length_us = sum(slot.duration_us or USUAL_PART_S * US_PER_S for slot in parts) + pauses_us
    start_us = to_us(edition.starts)
    key = f"{_id(row)}.{start_us}"
    media = Media(
        sha256=sha256(key.encode()).hexdigest(),
        size_bytes=length_us // US_PER_S * rehearsing.SOUND_BYTES_PER_S,
        duration_us=length_us,
        language="vi",
    )
    return Airing(id=key, broadcast_id=_id(row), cls=row.cls, start_us=start_us, media=(media,))


def _id(row: Bulletin) -> str:
    return f"bulletin.{row.id}"
