"""Relays rehearsed over the coming days (reads the database; `scheduler.broadcasts.rehearse` decides).

Rules
- An occurrence stands for as long as it may last, as everywhere among what is planned; what comes of the same relay in
  its present form is not held against it.
- The days are the seven from now on, or from the day on which it first comes, if that is later. Of several at once,
  those are left out that first come more than FAR from now: what is planned then is hardly known.
- Nothing of a relay is fetched before it comes, so none arrives too late.
- Several share what is tried for one: each in one village's plan at least.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.clock import to_us
from broadcast.wire.documents import Airing
from scheduler.broadcasts import airings, planning, rehearse, rehearsing
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.planning import Place, Plans
from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.broadcasts.rehearse import Village
from scheduler.broadcasts.rights import UNSEEN
from scheduler.clashes import Plan
from scheduler.live.asking import Terms
from scheduler.people.actor import Actor
from scheduler.relays import drawing, places, repository, service, timing
from scheduler.relays.models import Relay
from scheduler.relays.schemas import RelayIn
from scheduler.rights import Action
from scheduler.zones.forest import zones_by_id
from scheduler.zones.models import Zone

FAR = timedelta(days=31)


def rehearsal(
    db: Session, actor: Actor, now: datetime, asked: RelayIn, terms: Terms, *, relay_id: str | None = None
) -> RehearsalOut | None:
    """What saving this (as a new relay, or in place of `relay_id`) would change; None where it does not come."""
    row, targets = service.unsaved(db, actor, now, asked, terms, relay_id=relay_id)
    aimed = {row.id: places.live_zones(targets, now)}
    return _rehearsed(db, _first(db, [row], aimed, now), aimed, now).get(row.id)


def waiting(db: Session, actor: Actor, now: datetime, relay_ids: Sequence[str]) -> dict[str, RehearsalOut]:
    """The same of those that are not approved yet and that the actor sees, as they are saved, by id."""
    rows = [row for row in repository.some(db, relay_ids) if row.state in UNSEEN]
    senders = zones_by_id(db, {row.zone_id for row in rows})
    rows = [row for row in rows if actor.may(Action.BROADCAST_READ, senders[row.zone_id].path, now)]
    aimed = places.aimed_at(db, rows, now)
    first = _first(db, rows, aimed, now)
    if len(rows) > 1:
        first = [(row, start) for row, start in first if start <= now + FAR]
    return _rehearsed(db, first, aimed, now)


def _first(
    db: Session, rows: Sequence[Relay], aimed: Mapping[str, Sequence[Zone]], now: datetime
) -> list[tuple[Relay, datetime]]:
    """Those that come, with their first start to come."""
    off = places.days_off(db, rows, aimed, now)
    starts = [(row, timing.next_after(row, now, now + places.KNOWN_AHEAD, off[row.id])) for row in rows]
    return [(row, start) for row, start in starts if start is not None]


def _rehearsed(
    db: Session, first: Sequence[tuple[Relay, datetime]], aimed: Mapping[str, Sequence[Zone]], now: datetime
) -> dict[str, RehearsalOut]:
    windows = {row.id: rehearsing.days_of(start, now) for row, start in first}
    heard_in = places.villages(db, [zone for row, _start in first for zone in aimed[row.id]], now)
    if not heard_in:
        return {}
    span = min(start for start, _end in windows.values()), max(end for _start, end in windows.values())
    kept = places.kept(db, heard_in, span)
    by_id = dict(kept.by_id)
    whole = min(planning.day_start(by_id[zone.id], span[0]) for zone in heard_in), span[1]
    plans = drawing.with_relays(db, planning.plans(db, by_id.values(), whole, now), by_id, whole, now).plans
    off = places.days_off(db, [row for row, _start in first], aimed, now)
    at_most = max(1, rehearse.MAX_GROUPS // len(first))
    found = {}
    for row, _start in first:
        window, paths = windows[row.id], tuple(zone.path for zone in aimed[row.id])
        coming = [one for one in timing.coming(row, window, off[row.id]) if one.start_us >= window[0]]
        here = [by_id[zone.id] for zone in heard_in if paths and zone.path.startswith(paths)]
        heard = {place.zone.id: [one for one in coming if not kept.rests(row, one, place.zone)] for place in here}
        villages = [_village(place, plans, row, heard[place.zone.id], window) for place in here]
        played = rehearse.rehearse(villages, window, to_us(now), at_most=at_most)
        titles = plans.titles | {f"{timing.PREFIX}{row.id}": row.title}
        if villages:
            found[row.id] = rehearsing.summed(
                played, villages, by_id, window=window, timezone=row.timezone, names={}, titles=titles
            )
    return found


def _village(place: Place, plans: Plans, row: Relay, coming: Sequence[Airing], window: Window) -> Village:
    """What is planned there around `window`, without what is to come of `row`, and with it."""
    own, since_us = f"{timing.PREFIX}{row.id}", planning.day_start(place, window[0])
    existing = tuple(
        one
        for one in plans.heard_in(place)
        if since_us < airings.end_us(one)
        and one.start_us < window[1]
        and (one.broadcast_id != own or one.start_us < window[0])
    )
    plan = Plan(existing, place.effective.rules, place.effective.languages)
    return Village(place.zone.id, plan, tuple(one for one in coming if place.plays(one)))
