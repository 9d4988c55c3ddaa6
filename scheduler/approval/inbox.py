"""What waits for an approver, with all that is needed to decide (does I/O; a fixed number of queries for any number).

Rules
- It is what the actor could approve now, in their own right or as a deputy; soonest air time first, "now" before all.
- What it meets is found by the timeline that receivers play by, for what is heard within LOOK_AHEAD; later ones are
  looked at on their own page.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.clock import to_us
from broadcast.wire.documents import Airing
from scheduler import clashes
from scheduler.announcements.models import Recording
from scheduler.approval import editions
from scheduler.approval.differences import Differences
from scheduler.broadcasts import airings, planning, repository, views
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.planning import Place, Plans
from scheduler.broadcasts.preview import MAX_OCCURRENCES, MAX_PLACES, SPAN, told
from scheduler.broadcasts.repository import Target
from scheduler.broadcasts.rights import acts_for
from scheduler.broadcasts.schemas import BroadcastOut, PlaceEffects
from scheduler.clashes import Plan
from scheduler.people import repository as people
from scheduler.people.actor import Actor
from scheduler.relays import drawing
from scheduler.rights import Action
from scheduler.workflow import Event, State
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone
from scheduler.zones.rules import valid_on

MOST = 200
LOOK_AHEAD = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing to decide. `differences` is None the first time; `effects` None where it was not looked at."""

    item: BroadcastOut
    recordings: tuple[Recording, ...]
    zones: tuple[Zone, ...]
    on_behalf_of: tuple[str, ...]
    differences: Differences | None
    effects: list[PlaceEffects] | None


@dataclass(frozen=True, slots=True)
class _Found:
    row: Broadcast
    item: BroadcastOut
    targets: tuple[Target, ...]
    recordings: tuple[Recording, ...]


def waiting(db: Session, actor: Actor, now: datetime, *, limit: int = MOST) -> list[Waiting]:
    """What the actor is to decide, soonest first."""
    own = zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_APPROVE, now))
    rows = repository.page(db, own, set(), states=[State.SUBMITTED], before=None, limit=MOST, judged=own)
    items = {item.id: item for item in views.shown(db, actor, now, rows) if Event.APPROVE in item.possible}
    chosen = sorted((row for row in rows if row.id in items), key=lambda row: _soonest(items[row.id], now))[:limit]
    targets = repository.targets(db, [row.id for row in chosen])
    recordings = repository.recordings_of(db, {row.announcement_id for row in chosen})
    found = [_Found(row, items[row.id], targets[row.id], recordings[row.announcement_id]) for row in chosen]
    changed = editions.since_last(db, [row.id for row in chosen])
    met = _met(db, found, now)
    acting = {one.row.id: acts_for(actor, one.row, _paths(one.targets), now) for one in found}
    names = people.names_of(db, {user_id for ids in acting.values() for user_id in ids})
    return [
        Waiting(
            item=one.item,
            recordings=one.recordings,
            zones=tuple(zone for target in one.targets for zone in target.live(now.date())),
            on_behalf_of=tuple(names[user_id] for user_id in acting[one.row.id] if user_id in names),
            differences=changed.get(one.row.id),
            effects=met.get(one.row.id),
        )
        for one in found
    ]


def _soonest(item: BroadcastOut, now: datetime) -> tuple[datetime, str]:
    return item.next_start or now, item.id


def _paths(targets: Collection[Target]) -> list[str]:
    return [path for target in targets for path in target.paths]


def _met(db: Session, found: Sequence[_Found], now: datetime) -> dict[str, list[PlaceEffects]]:
    """What each would change where it is heard, by its id."""
    proposed = {one.row.id: _proposed(one, now) for one in found}
    looked_at = [one for one in found if proposed[one.row.id]]
    roots = {zone.path for one in looked_at for target in one.targets for zone in target.live(now.date())}
    if not roots:
        return {}
    zones = [zone for zone in zone_sql.subtrees(db, roots) if valid_on(zone, now.date())]
    total, _online = zone_sql.receiver_counts(db, roots)
    villages = [zone for zone in zones if total[zone.id]]
    coming = [airing for one in looked_at for airing in proposed[one.row.id]]
    window = min(a.start_us for a in coming), max(airings.end_us(a) for a in coming)
    if not villages:
        return {one.row.id: [] for one in looked_at}
    by_id = planning.places(db, villages, window)
    start_us = min(planning.day_start(by_id[zone.id], window[0]) for zone in villages)
    whole = start_us, window[1]
    plans = drawing.with_relays(db, planning.plans(db, by_id.values(), whole, now), by_id, whole, now).plans
    return {
        one.row.id: _effects(one, proposed[one.row.id], [by_id[zone.id] for zone in villages], plans)
        for one in looked_at
    }


def _proposed(one: _Found, now: datetime) -> tuple[Airing, ...]:
    tried = one.row.unsaved_copy()
    if tried.starts_local is None:
        tried.starts_local = airings.local_text(now + timedelta(seconds=airings.LEAD_S), tried.timezone)
    first = airings.next_start(tried, now)
    if first is None or first > now + LOOK_AHEAD:
        return ()
    coming = airings.airings_of(tried, airings.expected_media(one.recordings), (to_us(first), to_us(first + SPAN)))
    return tuple(airing for airing in coming if airing.start_us >= to_us(first))[:MAX_OCCURRENCES]


def _effects(one: _Found, proposed: tuple[Airing, ...], villages: Sequence[Place], plans: Plans) -> list[PlaceEffects]:
    aimed = [target_zone.path for target in one.targets for target_zone in target.zones]
    groups: dict[tuple[object, ...], list[Place]] = defaultdict(list)
    for place in villages:
        if any(place.zone.path.startswith(path) for path in aimed):
            planned = frozenset(airing.id for airing in plans.heard_in(place))
            groups[planned, place.effective.rules, place.effective.languages].append(place)
    titles = plans.titles | {one.row.id: one.item.title}
    found = []
    for places in list(groups.values())[:MAX_PLACES]:
        plan = Plan(plans.heard_in(places[0]), places[0].effective.rules, places[0].effective.languages)
        effects = clashes.clashes(plan, proposed)
        found += [told(plan, places, effects, proposed, titles)] if effects else []
    return found
