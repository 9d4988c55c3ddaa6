"""Daily bulletins rehearsed over the coming days (reads the database; `scheduler.broadcasts.rehearse` decides).

Rules
- Of a template, the editions of the coming days are tried, of an edition that one. What was sent of these already is
  not held against them.
- An edition comes when, and by the rules by which, its broadcast does where that was decided already.
- An edition lasts as long as what is filled in and stands in. A part that is left out lasts USUAL_PART_S in a
  template; so does each in an edition of nothing, and what has no length yet.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from msgspec.structs import replace as with_changes
from sqlmodel import Session

from broadcast.clock import US_PER_S, to_us
from broadcast.wire.documents import Airing, Media
from scheduler.broadcasts import daysoff, rehearsing
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.planning import Place
from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.broadcasts.rehearsing import Tried
from scheduler.bulletins import repository, service, views
from scheduler.bulletins.models import Bulletin
from scheduler.bulletins.schemas import BulletinIn, EditionOut
from scheduler.bulletins.service import Aimed, Which
from scheduler.people.actor import Actor
from scheduler.policy import local_day
from scheduler.workflow import State
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
    return _tried(db, now, held, [found], left_out=nothing)


def _coming(db: Session, actor: Actor, now: datetime, aimed: Aimed) -> RehearsalOut | None:
    row, zone, _targets = aimed
    held = views.places(db, [zone], now, now + timedelta(days=rehearsing.DAYS + 1))
    found = views.ahead(db, actor, now, [(row, zone)], held, days=rehearsing.DAYS)
    end = now + timedelta(days=rehearsing.DAYS)
    return _tried(db, now, aimed, [one for one in found if one.starts < end], left_out=True)


def _tried(
    db: Session, now: datetime, aimed: Aimed, editions: Sequence[EditionOut], *, left_out: bool
) -> RehearsalOut | None:
    row, zone, targets = aimed
    editions = [one for one in editions if one.starts > now and not one.day_off]
    if not editions:
        return None
    sent = repository.broadcasts(db, {one.broadcast_id for one in editions if one.broadcast_id})
    coming = [_airing(row, one, sent.get(one.broadcast_id or ""), left_out=left_out) for one in editions]
    timezone = effective(db, zone.path).rules.timezone
    window = rehearsing.days_of(min(one.starts for one in editions), now)
    tried = Tried(
        broadcast_id=_id(row),
        title=row.name,
        timezone=timezone,
        paths=[found.path for target in targets for found in target.live(now)],
        coming=lambda by_id: _heard(row, coming, timezone, _below(db, row, by_id, window)),
        without=frozenset(sent),
    )
    found = rehearsing.played(db, tried, window, now)
    return found if found.villages else None


def _below(db: Session, row: Bulletin, by_id: Mapping[str, Place], window: Window) -> daysoff.Below:
    return daysoff.kept_below(db, [place.zone for place in by_id.values()] if row.skip_holidays else [], window)


def _heard(
    row: Bulletin, coming: Sequence[Airing], timezone: str, below: daysoff.Below
) -> Callable[[Place], tuple[Airing, ...]]:
    """What is heard of these in a place: on days off that it or a place below it keeps none, if these are left out."""

    def heard(place: Place) -> tuple[Airing, ...]:
        days_off = place.holidays | below.get(place.zone.id, {}).keys() if row.skip_holidays else frozenset()
        return tuple(one for one in coming if place.plays(one) and local_day(timezone, one.start_us) not in days_off)

    return heard


def _airing(row: Bulletin, edition: EditionOut, sent: Broadcast | None, *, left_out: bool) -> Airing:
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
    airing = Airing(id=key, broadcast_id=_id(row), cls=row.cls, start_us=start_us, media=(media,))
    if sent is None or sent.state == State.CANCELLED:
        return airing
    window_us = sent.window_s * US_PER_S
    return with_changes(airing, order=sent.order, late=sent.late, after_cut=sent.after_cut, window_us=window_us)


def _id(row: Bulletin) -> str:
    return f"bulletin.{row.id}"
