"""STOP ALL: everything in some zones and below falls silent, in one act of one person."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.clock import to_us
from broadcast.wire import topics
from broadcast.wire.now import Purpose
from scheduler.emergency import repository
from scheduler.emergency.above import from_above
from scheduler.emergency.life import Event, State, step
from scheduler.emergency.rights import require_everywhere
from scheduler.emergency.schemas import StopAllIn, StopAllOut
from scheduler.errors import NotFound, TooMany
from scheduler.fleet.outbox import mark_dirty
from scheduler.live.service import stop_below
from scheduler.notices import told as noting
from scheduler.people import audit
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.store.alone import alone as one_at_a_time
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone

ACTION = "stop_all"
SOUNDING = "sounding"
"""Held by whatever lets orders sound or stops them: what is being confirmed as a stop comes is stopped too."""
MAX_STOPS = 60
WINDOW = timedelta(minutes=15)


def stop_all(db: Session, actor: Actor, now: datetime, asked: StopAllIn) -> StopAllOut:
    """Silence whatever documents of the zones and of all below them let sound.

    What a zone above sends them goes on; the answer names it. The documents of the answer's `silenced_by` do it alone:
    those of the zones below follow by the publisher.
    """
    one_at_a_time(db, SOUNDING)
    zones = _zones(db, actor, now, asked.zone_ids)
    _limit(db, actor, now)
    paths = [zone.path for zone in zones]
    silent = set(zone_sql.subtree_ids(db, paths))
    repository.set_stops(db, silent, to_us(now), actor.user_id or None)
    cancelled = _take_back(db, actor, now, silent)
    ended = stop_below(db, now, paths)
    told = silent | ended.zone_ids
    mark_dirty(db, map(topics.now, told), now)
    for zone in zones:
        subject, detail = f"zone:{zone.id}", {"reason": asked.reason, "orders": cancelled}
        audit.record(db, actor, now, ACTION, subject, zone_path=zone.path, where=[zone.name], **detail)
    above = from_above(db, actor, now, paths)
    beside = sorted(ended.zone_ids - silent)  # a talk that was heard elsewhere too
    silenced_by = [*(zone.id for zone in zones), *beside]
    return StopAllOut(stopped_at=now, zone_ids=sorted(told), silenced_by=silenced_by, cancelled=cancelled, above=above)


def _zones(db: Session, actor: Actor, now: datetime, zone_ids: Collection[str]) -> list[Zone]:
    found = zone_sql.zones(db, zone_ids)
    if found.keys() != set(zone_ids):
        raise NotFound("not_found", "There is no such zone, or it is not in your area.")
    zones = sorted(found.values(), key=lambda zone: zone.path)
    require_everywhere(actor, Action.BROADCAST_STOP, [zone.path for zone in zones], now)
    return zones


def _limit(db: Session, actor: Actor, now: datetime) -> None:
    """One act notes one row for each zone that it named; a person has no more than this to do by hand."""
    acts = sorted(set(repository.acts_since(db, actor.user_id, ACTION, now - WINDOW)))
    if actor.user_id and len(acts) >= MAX_STOPS:
        wait_s = max(1, round((acts[-MAX_STOPS] + WINDOW - now).total_seconds()))
        message = "You have asked for %(count)s in the last minutes. Try again in %(wait_s)s seconds."
        raise TooMany("too_many_stops", message, retry_after_s=wait_s, count=len(acts), wait_s=wait_s)


def _take_back(db: Session, actor: Actor, now: datetime, zone_ids: Collection[str]) -> list[str]:
    """End what was issued to these zones; an order that sounds elsewhere too goes on there. The orders' ids."""
    struck = [(row, target) for row, target in repository.unfinished(db, zone_ids) if row.state == State.ISSUED]
    for _row, target in struck:
        target.ended_at = now
    rows = {row.id: row for row, _target in struck}
    placed = repository.targets(db, list(rows))
    for row in rows.values():
        if all(target.ended_at is not None for target, _zone in placed[row.id]):
            row.state = step(State.ISSUED, Event.CANCEL)
            row.ended_at, row.ender_id = now, actor.user_id or None
            if row.purpose is Purpose.REAL:
                noting.emergency(db, row, "cancel", actor.user_id, now)
        row.version += 1
    db.flush()
    return sorted(rows)
