"""Where an occurrence of a relay may be heard, by the rules and plans of each village (reads the database)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session

from broadcast.clock import US_PER_S
from broadcast.wire.documents import Airing
from scheduler.broadcasts import planning
from scheduler.broadcasts.aiming import Target, chosen
from scheduler.broadcasts.planning import Plans
from scheduler.clashes import EffectKind, Plan
from scheduler.recurrence import MAX_DAYS
from scheduler.relays import repository, timing
from scheduler.relays.models import Relay
from scheduler.zones import repository as zones
from scheduler.zones.forest import zones_by_id
from scheduler.zones.models import Zone
from scheduler.zones.rules import valid_on

Forbidden = tuple[Airing, EffectKind, tuple[Zone, ...]]

KNOWN_AHEAD = timedelta(days=2 * MAX_DAYS)


class LookedAt(NamedTuple):
    """Villages and the zones above them, and what is planned in all of these."""

    by_id: dict[str, planning.Place]
    plans: Plans


def live_zones(targets: Collection[Target], now: datetime) -> list[Zone]:
    """The zones that are aimed at and are there today, each once."""
    return list({zone.id: zone for target in targets for zone in target.live(now.date())}.values())


def villages(db: Session, aimed: Sequence[Zone], now: datetime) -> list[Zone]:
    """The zones with receivers at or below those that are aimed at."""
    paths = [zone.path for zone in aimed]
    total, _online = zones.receiver_counts(db, paths)
    return [zone for zone in zones.subtrees(db, paths) if total[zone.id] and valid_on(zone, now.date())]


def looked_at(db: Session, heard_in: Sequence[Zone], occurrences: Sequence[Airing], now: datetime) -> LookedAt:
    """What is planned in these villages around `occurrences`."""
    if not heard_in or not occurrences:
        return LookedAt({}, Plans({}, {}))
    end_us = max(airing.start_us + airing.media[0].duration_us for airing in occurrences)
    window = min(airing.start_us for airing in occurrences), end_us + 3600 * US_PER_S
    by_id = planning.places(db, heard_in, window)
    start_us = min(planning.day_start(by_id[zone.id], window[0]) for zone in heard_in)
    return LookedAt(by_id, planning.plans(db, by_id.values(), (start_us, window[1]), now))


def forbidden(around: LookedAt, heard_in: Sequence[Zone], occurrences: Sequence[Airing]) -> list[Forbidden]:
    """What the rules of some villages do not let sound whole, each with these villages."""
    plans = around.plans
    alike: dict[tuple[object, ...], list[planning.Place]] = defaultdict(list)
    for place in (around.by_id[zone.id] for zone in heard_in if occurrences):
        planned = frozenset(airing.id for airing in plans.heard_in(place))
        alike[planned, place.effective.rules, place.effective.languages].append(place)
    found: list[Forbidden] = []
    for places in alike.values():
        plan = Plan(plans.heard_in(places[0]), places[0].effective.rules, places[0].effective.languages)
        silent, kinds = tuple(place.zone for place in places), ((a, timing.forbidden(plan, a)) for a in occurrences)
        found += [(airing, kind, silent) for airing, kind in kinds if kind is not None]
    return sorted(found, key=lambda one: one[0].start_us)


def days_off(db: Session, rows: Sequence[Relay], now: datetime) -> dict[str, frozenset[date]]:
    """By relay, the holidays that it leaves out."""
    senders = zones_by_id(db, {row.zone_id for row in rows if row.skip_holidays})
    skipping = {row.id: zones.ids_of(senders[row.zone_id].path) for row in rows if row.skip_holidays}
    first = now.date() - timedelta(days=2)
    ids = {one for found in skipping.values() for one in found}
    kept = zones.holidays(db, ids, first, (now + KNOWN_AHEAD).date()) if ids else []
    return {
        row.id: frozenset(holiday.day for holiday in kept if holiday.zone_id in skipping.get(row.id, ()))
        for row in rows
    }


def targets_of(db: Session, rows: Sequence[Relay]) -> dict[str, tuple[Target, ...]]:
    """Of each, in two queries for all."""
    ids = repository.target_ids(db, [row.id for row in rows])
    found = chosen(
        db, {z for zone_ids, _g in ids.values() for z in zone_ids}, {g for _z, gs in ids.values() for g in gs}
    )
    by_id = {target.group.id if target.group else target.zones[0].id: target for target in found}
    return {row.id: tuple(by_id[one] for several in ids[row.id] for one in several if one in by_id) for row in rows}


def paths_of(targets: Sequence[Target]) -> list[str]:
    return [path for target in targets for path in target.paths]


def allowed(aimed: Sequence[Zone], heard_in: Sequence[Zone], left_out: Collection[str]) -> list[Zone]:
    """Those that are aimed at where nothing is left out, else the villages below them that are not."""
    found: dict[str, Zone] = {}
    silent = [zone.path for zone in heard_in if zone.id in left_out]
    for zone in aimed:
        inside = [zone] if not any(path.startswith(zone.path) for path in silent) else heard_in
        below = (one for one in inside if one.path.startswith(zone.path))
        found |= {one.id: one for one in below if not any(path.startswith(one.path) for path in silent)}
    return list(found.values())
