"""Where an occurrence of a relay may be heard, by the rules and plans of each village (reads the database).

Rules
- One that leaves days off out does so as broadcasts do (`scheduler.broadcasts.daysoff`): by the places in which it is
  heard, not by the one that sends it. It goes on beside a village that keeps a day by itself.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session

from broadcast.clock import US_PER_S
from broadcast.wire.documents import Airing
from scheduler.broadcasts import airings, daysoff, planning
from scheduler.broadcasts.aiming import Target, chosen
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.planning import MediaOf, Plans
from scheduler.clashes import EffectKind, Plan
from scheduler.policy import local_day
from scheduler.recurrence import MAX_DAYS
from scheduler.relays import repository, timing
from scheduler.relays.models import Relay
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone
from scheduler.zones.rules import there_now

Forbidden = tuple[Airing, EffectKind, tuple[Zone, ...]]

KNOWN_AHEAD = timedelta(days=2 * MAX_DAYS)


class Kept(NamedTuple):
    """Villages and the zones above them, and the days off that are kept below each of these villages."""

    by_id: Mapping[str, planning.Place]
    below: daysoff.Below

    def rests(self, relay: Relay, airing: Airing, zone: Zone) -> bool:
        """Whether the village does not hear this occurrence because of a day off."""
        day = local_day(relay.timezone, airing.start_us)
        return relay.skip_holidays and (day in self.by_id[zone.id].holidays or day in self.below.get(zone.id, {}))


class LookedAt(NamedTuple):
    """Villages with their days off, and what is planned in them and above."""

    kept: Kept
    plans: Plans


def live_zones(targets: Collection[Target], now: datetime) -> list[Zone]:
    """The zones that are aimed at and have not ended, each once."""
    return list({zone.id: zone for target in targets for zone in target.live(now)}.values())


def villages(db: Session, aimed: Sequence[Zone], now: datetime) -> list[Zone]:
    """The zones with receivers at or below those that are aimed at."""
    paths = [zone.path for zone in aimed]
    total, _online = zones.receiver_counts(db, paths)
    return there_now(db, [zone for zone in zones.subtrees(db, paths) if total[zone.id]], now)


def looked_at(
    db: Session,
    heard_in: Sequence[Zone],
    occurrences: Sequence[Airing],
    now: datetime,
    media_of: MediaOf = airings.expected_media,
) -> LookedAt:
    """What is planned in these villages around `occurrences`; `media_of` says what of it has sound."""
    if not heard_in or not occurrences:
        return LookedAt(Kept({}, {}), Plans({}, {}))
    end_us = max(airing.start_us + airing.media[0].duration_us for airing in occurrences)
    window = min(airing.start_us for airing in occurrences), end_us + 3600 * US_PER_S
    found = kept(db, heard_in, window)
    start_us = min(planning.day_start(found.by_id[zone.id], window[0]) for zone in heard_in)
    return LookedAt(found, planning.plans(db, found.by_id.values(), (start_us, window[1]), now, media_of=media_of))


def forbidden(
    around: LookedAt, relay: Relay, heard_in: Sequence[Zone], occurrences: Sequence[Airing]
) -> list[Forbidden]:
    """What the rules of some villages that are to hear it do not let sound whole, each with these villages."""
    plans = around.plans
    alike: dict[tuple[object, ...], list[planning.Place]] = defaultdict(list)
    for place in (around.kept.by_id[zone.id] for zone in heard_in if occurrences):
        planned = frozenset(airing.id for airing in plans.heard_in(place))
        alike[planned, place.effective.rules, place.effective.languages].append(place)
    found: list[Forbidden] = []
    for places in alike.values():
        plan = Plan(plans.heard_in(places[0]), places[0].effective.rules, places[0].effective.languages)
        for airing, kind in ((one, timing.forbidden(plan, one)) for one in occurrences):
            silent = tuple(place.zone for place in places if not around.kept.rests(relay, airing, place.zone))
            found += [(airing, kind, silent)] if kind is not None and silent else []
    return sorted(found, key=lambda one: one[0].start_us)


def kept(db: Session, heard_in: Sequence[Zone], window: Window) -> Kept:
    """The days off around `window` in these villages."""
    return Kept(planning.places(db, heard_in, window), daysoff.kept_below(db, heard_in, window))


def days_off(
    db: Session, rows: Sequence[Relay], aimed: Mapping[str, Sequence[Zone]], now: datetime
) -> dict[str, frozenset[date]]:
    """By relay, the days off on which it does not come at all: each of the zones `aimed` at keeps them."""
    lineages = {row.id: [tuple(zones.ids_of(zone.path)) for zone in aimed[row.id]] for row in rows if row.skip_holidays}
    first, ids = now.date() - timedelta(days=2), {one for paths in lineages.values() for path in paths for one in path}
    days: dict[str, set[date]] = defaultdict(set)
    for holiday in zones.holidays(db, ids, first, (now + KNOWN_AHEAD).date()) if ids else ():
        days[holiday.zone_id].add(holiday.day)
    of_path = {path: frozenset().union(*(days[one] for one in path)) for paths in lineages.values() for path in paths}
    return {row.id: _in_all([of_path[path] for path in lineages.get(row.id, ())]) for row in rows}


def _in_all(several: Sequence[frozenset[date]]) -> frozenset[date]:
    return frozenset.intersection(*several) if several else frozenset()


def targets_of(db: Session, rows: Sequence[Relay]) -> dict[str, tuple[Target, ...]]:
    """Of each, in two queries for all."""
    ids = repository.target_ids(db, [row.id for row in rows])
    found = chosen(
        db, {z for zone_ids, _g in ids.values() for z in zone_ids}, {g for _z, gs in ids.values() for g in gs}
    )
    by_id = {target.group.id if target.group else target.zones[0].id: target for target in found}
    return {row.id: tuple(by_id[one] for several in ids[row.id] for one in several if one in by_id) for row in rows}


def aimed_at(db: Session, rows: Sequence[Relay], now: datetime) -> dict[str, list[Zone]]:
    """Of each, the zones that have not ended."""
    return {key: live_zones(found, now) for key, found in targets_of(db, rows).items()}


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
