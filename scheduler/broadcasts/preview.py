"""What a broadcast would change, shown before it is saved (does I/O; `scheduler.clashes` decides).

Rules
- Each zone with receivers in or below the targets is looked at, by the timeline that its receivers play by. Zones in
  which the same is planned and the same rules hold are one place; at most MAX_PLACES of these are looked at, and
  no more once MAX_AIRINGS are planned in them together.
- The first occurrences are tried, within 14 days of the first (`occurring`); what is not produced yet has a guessed
  length. Each is tried only where it airs: villages that keep a day off are named.
- A time is proposed only if it is free in every place that is looked at, and found within SEARCH_EFFORT. What leaves
  days off out is offered none on a day that one of them keeps.
- Before anything is written, times are offered for something of USUAL_LENGTH: each is the first free one from a wished
  one on, within NEAR of it. No time means the same to more than MAX_VILLAGES, so that there all are offered as wished.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Literal

from msgspec.structs import replace as with_changes
from sqlmodel import Session, col

from broadcast.clock import US_PER_S, from_us, to_us
from broadcast.wire.documents import Airing, BroadcastClass, Media
from scheduler import clashes
from scheduler.broadcasts import airings, occurring, planning, repository
from scheduler.broadcasts.aiming import Target
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.planning import Place, Plans
from scheduler.broadcasts.schemas import Choice, DayOff, EffectOut, PlaceEffects
from scheduler.clashes import Effect, Plan
from scheduler.fleet.models import Receiver
from scheduler.relays import drawing
from scheduler.zones import repository as zone_sql
from scheduler.zones.forest import at_or_below
from scheduler.zones.models import Zone
from scheduler.zones.rules import there_now

MAX_PLACES = 100
MAX_AIRINGS = 40_000
SEARCH_EFFORT = 60_000  # airings gone through: about a second
MAX_EFFECTS = 20
MAX_CHOICES = 3
MAX_ROUNDS = 30  # of looking for a time that is free everywhere
USUAL_LENGTH = timedelta(minutes=3)
NEAR = timedelta(hours=2)
MAX_VILLAGES = 40


@dataclass(frozen=True, slots=True)
class Shown:
    """What a preview found; `silent_paths` are of targets without a receiver in or below them.

    `proposed` airs somewhere, but not where `days_off` says.
    """

    proposed: tuple[Airing, ...]
    places: list[PlaceEffects]
    choices: list[Choice]
    silent_paths: tuple[str, ...]
    left_out: int
    days_off: list[DayOff]


@dataclass(frozen=True, slots=True)
class _Group:
    plan: Plan
    zones: tuple[Place, ...]
    proposed: tuple[Airing, ...]


def preview(db: Session, broadcast: Broadcast, title: str, targets: Collection[Target], now: datetime) -> Shown:
    """What `broadcast`, saved or not, would change where it is aimed at."""
    zones = {zone.id: zone for target in targets for zone in target.live(now)}
    recordings = repository.recordings_of(db, {broadcast.announcement_id})[broadcast.announcement_id]
    tried = occurring.tried(db, broadcast, list(zones.values()), airings.expected_media(recordings), now)
    villages, silent = _villages(db, [zone.path for zone in zones.values()], now)
    proposed, days_off = tried.coming, tried.days_off(broadcast, villages)
    if not proposed or not villages:
        return Shown(proposed, [], [], silent, 0, days_off)
    window = proposed[0].start_us, max(airings.end_us(airing) for airing in proposed) + clashes.SEARCH_US
    without = frozenset({broadcast.id})
    found, plans = _planned(db, villages, window, now, heard_in=tried.heard_in, without=without)
    groups = [group for group in found if group.proposed]
    looked_at = _bounded(groups)
    met = [(group, clashes.clashes(group.plan, group.proposed)) for group in looked_at]
    titles = plans.titles | {broadcast.id: title}
    places = [told(group.plan, group.zones, effects, group.proposed, titles) for group, effects in met if effects]
    plan_list = [group.plan for group in looked_at]
    choices = _choices(plan_list, proposed, broadcast.timezone, now) if places else []
    kept = {day for group in looked_at for place in group.zones for day in place.holidays}
    if broadcast.skip_holidays:
        choices = [choice for choice in choices if _day(choice) not in kept]
    return Shown(proposed, places, choices, silent, len(groups) - len(looked_at), days_off)


def free_starts(db: Session, zone: Zone, wished: Sequence[datetime], now: datetime) -> list[datetime]:
    """Of the wished starts, by time, those near which something can be heard in all of `zone`: when, each once."""
    within = at_or_below(db, [zone.path], col(Receiver.zone_id))
    if not wished or len(zone_sql.with_receivers(db, within, MAX_VILLAGES + 1)) > MAX_VILLAGES:
        return list(wished)
    villages, _silent = _villages(db, [zone.path], now)
    if not villages:
        return list(wished)
    window = to_us(wished[0]), to_us(wished[-1] + NEAR + USUAL_LENGTH)
    groups, _plans = _planned(db, villages, window, now)
    plan_list, effort = [group.plan for group in _bounded(groups)], clashes.Effort(SEARCH_EFFORT)
    found: set[datetime] = set()
    for start in wished:
        at_us = _free_everywhere(plan_list, (_anything(to_us(start)),), (to_us(start), 5 * clashes.MINUTE_US), effort)
        if at_us is not None and at_us <= to_us(start + NEAR):
            found.add(from_us(at_us))
    return sorted(found)


def _anything(start_us: int) -> Airing:
    """What might be written, at its usual length."""
    media = Media(sha256=airings.NO_FILE, size_bytes=0, duration_us=round(USUAL_LENGTH.total_seconds()) * US_PER_S)
    return Airing(id="new", broadcast_id="new", cls=BroadcastClass.NORMAL, start_us=start_us, media=(media,))


def _planned(
    db: Session,
    villages: Sequence[Zone],
    window: tuple[int, int],
    now: datetime,
    *,
    heard_in: Callable[[Zone], tuple[Airing, ...]] = lambda _zone: (),
    without: frozenset[str] = frozenset(),
) -> tuple[list[_Group], Plans]:
    """What is planned in these zones, but for the broadcasts `without`; and what new is to be `heard_in` each."""
    by_id = planning.places(db, villages, window)
    whole = planning.day_start(by_id[villages[0].id], window[0]), window[1]
    plans = planning.plans(db, by_id.values(), whole, now, without=without)
    plans = drawing.with_relays(db, plans, by_id, whole, now).plans
    return _groups([by_id[zone.id] for zone in villages], plans, heard_in), plans


def _villages(db: Session, paths: Sequence[str], now: datetime) -> tuple[list[Zone], tuple[str, ...]]:
    """The zones with receivers at or below `paths`, and those of `paths` that have none."""
    total, _online = zone_sql.receiver_counts(db, paths)
    zones = there_now(db, zone_sql.subtrees(db, paths), now)
    having = [zone for zone in zones if total[zone.id]]
    silent = [
        zone.path for zone in zones if zone.path in paths and not any(h.path.startswith(zone.path) for h in having)
    ]
    return having, tuple(silent)


def _groups(villages: Sequence[Place], plans: Plans, heard_in: Callable[[Zone], tuple[Airing, ...]]) -> list[_Group]:
    found: dict[tuple[object, ...], list[Place]] = defaultdict(list)
    proposed: dict[tuple[object, ...], tuple[Airing, ...]] = {}
    for place in villages:
        planned, new = frozenset(airing.id for airing in plans.heard_in(place)), heard_in(place.zone)
        key = planned, tuple(airing.id for airing in new), place.effective.rules, place.effective.languages
        found[key].append(place)
        proposed[key] = new
    return [
        _Group(
            Plan(plans.heard_in(zones[0]), zones[0].effective.rules, zones[0].effective.languages),
            tuple(zones),
            proposed[key],
        )
        for key, zones in found.items()
    ]


def _bounded(groups: Sequence[_Group]) -> Sequence[_Group]:
    """The first of them, and as many more as can be gone through in a moment."""
    together = list(accumulate(len(group.plan.existing) for group in groups[:MAX_PLACES]))
    return groups[: max(1, bisect_right(together, MAX_AIRINGS))]


def told(
    plan: Plan, zones: Collection[Place], effects: Sequence[Effect], proposed: Sequence[Airing], titles: dict[str, str]
) -> PlaceEffects:
    """The first of `effects` with the names of what they are about."""
    known = {airing.id: airing for airing in (*plan.existing, *proposed)}
    timezone = plan.rules.timezone
    shown = [
        EffectOut(
            kind=effect.kind,
            airing_id=effect.airing_id,
            broadcast_id=known[effect.airing_id].broadcast_id,
            title=titles.get(known[effect.airing_id].broadcast_id, ""),
            cls=known[effect.airing_id].cls,
            proposed=effect.proposed,
            at=from_us(effect.at_us),
            local=airings.local_text(from_us(effect.at_us), timezone),
            lost_us=effect.lost_us,
            other_title=titles.get(known[effect.other_id].broadcast_id) if effect.other_id in known else None,
        )
        for effect in effects[:MAX_EFFECTS]
    ]
    return PlaceEffects(
        zone_ids=[place.zone.id for place in zones],
        zone_names=[place.zone.name for place in zones],
        effects=shown,
        more=len(effects) - len(shown),
    )


def _choices(plans: Sequence[Plan], proposed: tuple[Airing, ...], timezone: str, now: datetime) -> list[Choice]:
    choices: list[Choice] = []
    orders = [clashes.replace(plan, proposed)[0].order for plan in plans]
    replacing = tuple(with_changes(airing, order=min(orders)) for airing in proposed)
    if all(not _own(clashes.clashes(plan, replacing)) for plan in plans):
        choices.append(Choice(kind="replace", order=min(orders)))
    effort = clashes.Effort(SEARCH_EFFORT)
    after_us = _free_everywhere(plans, proposed, (proposed[0].start_us, clashes.MINUTE_US), effort)
    if after_us is not None:
        choices.append(_at("play_after", after_us, timezone))
    earliest_us = max(proposed[0].start_us, to_us(now)) + 60 * clashes.MINUTE_US
    for _ in range(MAX_CHOICES):
        at_us = _free_everywhere(plans, proposed, (earliest_us, 5 * clashes.MINUTE_US), effort)
        if at_us is None:
            break
        choices.append(_at("another_time", at_us, timezone))
        earliest_us = at_us + 60 * clashes.MINUTE_US
    return choices


def _day(choice: Choice) -> date | None:
    return date.fromisoformat(choice.starts_local[:10]) if choice.starts_local else None


def _own(effects: Sequence[Effect]) -> list[Effect]:
    return [effect for effect in effects if effect.proposed]


def _free_everywhere(
    plans: Sequence[Plan], proposed: tuple[Airing, ...], earliest: tuple[int, int], effort: clashes.Effort
) -> int | None:
    """The first start from `earliest` on, which is an instant and a step, that is free in every one of `plans`."""
    from_us_, step_us = earliest
    at_us = -(-from_us_ // step_us) * step_us
    for _ in range(MAX_ROUNDS):
        latest_us = at_us
        for plan in plans:
            shift_us = latest_us - proposed[0].start_us
            moved = tuple(with_changes(airing, start_us=airing.start_us + shift_us) for airing in proposed)
            found_us = clashes.play_after(plan, moved, effort)
            if found_us is None:
                return None
            latest_us = -(-found_us // step_us) * step_us
        if latest_us == at_us:
            return at_us
        at_us = latest_us
    return None


def _at(kind: Literal["play_after", "another_time"], start_us: int, timezone: str) -> Choice:
    start = from_us(start_us)
    return Choice(kind=kind, start=start, starts_local=airings.local_text(start, timezone))
