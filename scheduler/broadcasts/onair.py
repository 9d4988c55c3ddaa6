"""From approved to on the air to done (does I/O): what time and production do to broadcasts.

Every step is one transaction whose reasons are in the database, so that a centre that was killed goes on where it was,
and steps taken twice change nothing. What came while it was away is recorded first: nobody knows who played it.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from broadcast.wire import topics
from broadcast.wire.documents import Airing, Media
from scheduler.announcements.models import Recording, RecordingState
from scheduler.broadcasts import aiming, airings, planning, recorded, repository
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.broadcasts.repository import Placed
from scheduler.fleet.outbox import mark_dirty
from scheduler.notices import told
from scheduler.residents.publishing import may_be_public, published
from scheduler.store.patience import is_away
from scheduler.workflow import Event, State, step

log = logging.getLogger(__name__)

AHEAD = timedelta(days=airings.PROGRAMME_DAYS + 1)
PLANNED_AGAIN_AFTER = timedelta(hours=1)
OTHERS_WAITED_FOR = timedelta(minutes=10)
"""How long what is to be heard now waits for its other languages once one is there."""
PLANNED_AT_ONCE = 5  # each holds up whoever else wants to save
_SETTLED = (RecordingState.READY, RecordingState.FAILED, RecordingState.EXPIRED)


def tick(db: Session, now: datetime) -> tuple[str, ...]:
    """Let each broadcast be in the state that the time asks for; what has changed, as words for `Changes`."""
    words: set[str] = set()
    for broadcast in recorded.to_plan_further(db, now + AHEAD - PLANNED_AGAIN_AFTER, PLANNED_AT_ONCE):
        _planned_further(db, broadcast, now)
    running = recorded.running_airings(db, now)
    due = recorded.due(db, running.keys(), now)
    recordings = repository.recordings_of(db, {broadcast.announcement_id for broadcast in due})
    for broadcast in due:
        before, made = broadcast.state, recordings[broadcast.announcement_id]
        sounds = airings.media_of(made)
        if begin(db, broadcast, now, made):
            tell_receivers(db, replan(db, broadcast, now), now)
        _follow(broadcast, sounds, now, on_air=broadcast.id in running and bool(sounds))
        if broadcast.state != before:
            words.add(f"broadcast:{broadcast.id}")
            words |= {f"airing:{airing_id}" for airing_id in running.get(broadcast.id, ())}
    db.flush()
    return tuple(sorted(words))


def _planned_further(db: Session, broadcast: Broadcast, now: datetime) -> None:
    """One that cannot be planned keeps no other waiting; it is tried again when those that can be are due again."""
    try:
        with db.begin_nested():
            began, zone_ids = begin(db, broadcast, now), replan(db, broadcast, now)
            if began:
                tell_receivers(db, zone_ids, now)
    except Exception as error:
        if is_away(error):
            raise
        log.exception("broadcast %s cannot be planned further", broadcast.id)
        broadcast.planned_until = now + AHEAD


def sound_settled(db: Session, announcement_id: str, now: datetime) -> tuple[str, ...]:
    """A recording of this announcement is ready or has failed: what waited for it goes on, as words for `Changes`."""
    words = []
    recordings = repository.recordings_of(db, [announcement_id])[announcement_id]
    for broadcast in repository.using(db, announcement_id):
        begin(db, broadcast, now, recordings)
        tell_receivers(db, zone_ids_of(db, broadcast) | replan(db, broadcast, now), now)
        if airings.missing_media(recordings):
            told.soundless(db, broadcast, now)
        words.append(f"broadcast:{broadcast.id}")
    return tuple(words)


def begin(db: Session, broadcast: Broadcast, now: datetime, recordings: Collection[Recording] | None = None) -> bool:
    """Settle the start of an approved immediate broadcast once all that is being produced of it is there.

    What of it is there is heard after ten minutes; what has no sound in the time that is given to it was to be heard
    then, and is missed. Returns whether it is settled now. Its `recordings` are read where they are not given.
    """
    if not broadcast.immediate or broadcast.starts_local is not None or broadcast.state != State.APPROVED:
        return False
    if recordings is None:
        recordings = repository.recordings_of(db, {broadcast.announcement_id})[broadcast.announcement_id]
    sounds, waited = airings.media_of(recordings), now - (broadcast.approved_at or now)
    if _startable(recordings) or (sounds and waited > OTHERS_WAITED_FOR):
        start = now + timedelta(seconds=airings.LEAD_S)
    elif not sounds and airings.over(broadcast, sounds, now):
        start = now
    else:
        return False
    broadcast.starts_local = airings.local_text(start, broadcast.timezone)
    return True


def _startable(recordings: Collection[Recording]) -> bool:
    """Whether there is sound, and none is still being made."""
    states = {recording.state for recording in recordings}
    return RecordingState.READY in states and states <= set(_SETTLED)


def catch_up(db: Session, broadcast: Broadcast, now: datetime) -> None:
    """Record what came while the centre was away, before a person changes what is yet to come."""
    while broadcast.state in repository.PLAYING and broadcast.planned_until and broadcast.planned_until < now:
        replan(db, broadcast, now)


def replan(db: Session, broadcast: Broadcast, now: datetime) -> set[str]:
    """Record the coming airings of a broadcast, and withdraw those that are planned no more.

    Where the centre was away it goes on from where it was: no more than AHEAD at once, so that it may have to be done
    again. Returns the zones in which any of them was or is to be aired.
    """
    plays = broadcast.state in repository.PLAYING
    since = min(broadcast.planned_until or now, now) if plays else now
    until = since + AHEAD
    known = {row.id: row for row in recorded.planned_of(db, broadcast.id, since) if row.start_at < until or not plays}
    aired = {zone_id for row in known.values() for zone_id in row.zone_ids}
    wanted: set[str] = set()
    broadcast.planned_until = None
    if plays:
        broadcast.planned_until = until
        recordings = repository.recordings_of(db, {broadcast.announcement_id})[broadcast.announcement_id]
        found = list(coming(db, broadcast, recordings, since, until))
        has_sound = bool(airings.media_of(recordings))
        is_public = found and has_sound and may_be_public(broadcast)
        publication_id = _published(db, broadcast, recordings, now) if is_public else None
        for airing, zone_ids in found:
            wanted.add(airing.id)
            aired |= zone_ids
            end_at = from_us(airings.end_us(airing))
            row = known.get(airing.id) or db.get(PlannedAiring, airing.id)
            if row is None:
                at = from_us(airing.start_us)
                row = PlannedAiring(id=airing.id, broadcast_id=broadcast.id, start_at=at, end_at=end_at, zone_ids=[])
                db.add(row)
            row.end_at, row.zone_ids, row.withdrawn_at = end_at, sorted(zone_ids), None
            row.publication_id, row.announcement_id = publication_id, broadcast.announcement_id
            row.has_sound = has_sound
    for row in known.values():
        if row.id not in wanted and row.withdrawn_at is None:
            row.withdrawn_at = since
    db.flush()
    return aired


def _published(db: Session, broadcast: Broadcast, recordings: tuple[Recording, ...], now: datetime) -> str:
    title = repository.titles(db, [broadcast.announcement_id])[broadcast.announcement_id]
    return published(db, title, recordings, now)


def coming(
    db: Session, broadcast: Broadcast, recordings: tuple[Recording, ...], start: datetime, end: datetime
) -> Iterable[tuple[Airing, set[str]]]:
    """The airings that are to sound in `[start, end)`, each with its zones; also what has no sound, to be missed."""
    window = to_us(start), to_us(end)
    zones = [zone for target in aiming.targets(db, [broadcast.id])[broadcast.id] for zone in target.zones]
    item = Placed(broadcast, "", recordings, frozenset(zone.id for zone in zones))
    media = airings.expected_media(recordings) or airings.missing_media(recordings)
    found = planning.aired_where(db, item, zones, window, media).values()
    return [(airing, zone_ids) for airing, zone_ids in found if airings.end_us(airing) > window[0]]


def zone_ids_of(db: Session, broadcast: Broadcast) -> frozenset[str]:
    """The zones that a broadcast is aimed at, by groups too."""
    found = aiming.targets(db, [broadcast.id])[broadcast.id]
    return frozenset(zone.id for target in found for zone in target.zones)


def tell_receivers(db: Session, zone_ids: Iterable[str], now: datetime) -> None:
    """Have the programmes of these zones made anew when this transaction is committed."""
    mark_dirty(db, [topics.programme(zone_id) for zone_id in zone_ids], now)


def _follow(broadcast: Broadcast, sounds: tuple[Media, ...], now: datetime, *, on_air: bool) -> None:
    """Take the step that the time asks for, if any."""
    state = State(broadcast.state)
    if on_air:
        broadcast.state = step(state, Event.START) if state is State.APPROVED else state
        return
    if airings.over(broadcast, sounds, now):
        broadcast.state = step(state, Event.FINISH)
    elif state is State.ON_AIR:
        broadcast.state = step(state, Event.REST)
