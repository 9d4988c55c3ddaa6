"""What waits for an approver, with all that is needed to decide (does I/O; a fixed number of queries for any number).

Rules
- It is what the actor could approve now, in their own right or as a deputy; soonest air time first, "now" before all.
- What nobody decided in time is put aside: it is returned or, where it comes once, approved for another time. It
  never stands before what still comes.
- What it meets is found by the timeline that receivers play by, for what is heard within LOOK_AHEAD; later ones are
  looked at on their own page. So are the days off of the villages that it is for.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session

from broadcast.clock import to_us
from broadcast.wire.documents import Airing
from scheduler import clashes
from scheduler.announcements.models import Recording
from scheduler.approval import editions
from scheduler.approval.differences import Differences
from scheduler.broadcasts import aiming, airings, occurring, planning, repository, service, views
from scheduler.broadcasts.aiming import Target
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.occurring import Tried
from scheduler.broadcasts.planning import Place, Plans
from scheduler.broadcasts.preview import MAX_PLACES, told
from scheduler.broadcasts.repository import Placed
from scheduler.broadcasts.rights import acts_for, steps_for
from scheduler.broadcasts.schemas import BroadcastOut, DayOff, PlaceEffects
from scheduler.clashes import Plan
from scheduler.people import repository as people
from scheduler.people.actor import Actor
from scheduler.relays import drawing
from scheduler.rights import Action
from scheduler.workflow import Event
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone
from scheduler.zones.rules import there_now

MOST = 200
MOST_LOOKED_AT = 1000
"""So many of what is submitted in the actor's area, the soonest, are looked at for those that they may approve."""
MOST_PASSED = 60
"""So many are put aside and returned at once, which is one transaction: others, with an emergency, wait for it."""
LOOK_AHEAD = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing to decide. `differences` is None the first time; `effects` None where it was not looked at.

    The effects are those of its first `times`, without those that air nowhere because of `days_off`.
    """

    item: BroadcastOut
    recordings: tuple[Recording, ...]
    zones: tuple[Zone, ...]
    on_behalf_of: tuple[str, ...]
    differences: Differences | None
    effects: list[PlaceEffects] | None
    days_off: list[DayOff]
    times: int


@dataclass(frozen=True, slots=True)
class Inbox:
    """What still comes, of all `total` of it, and what nobody decided in time: `more_passed` than that."""

    items: list[Waiting]
    total: int
    passed: list[BroadcastOut]
    more_passed: bool


@dataclass(frozen=True, slots=True)
class _Sent:
    """What the actor could approve, were it in time; `start` is None for what has passed, and for "now"."""

    row: Broadcast
    targets: tuple[Target, ...]
    start: datetime | None

    @property
    def comes(self) -> bool:
        return self.start is not None or self.row.starts_local is None


@dataclass(frozen=True, slots=True)
class _Found:
    row: Broadcast
    item: BroadcastOut
    targets: tuple[Target, ...]
    recordings: tuple[Recording, ...]

    @property
    def aimed(self) -> tuple[str, ...]:
        """The paths of all its zones."""
        return tuple(zone.path for target in self.targets for zone in target.zones)


class _Met(NamedTuple):
    """What one would change, and where its first occurrences are not heard."""

    effects: list[PlaceEffects] | None = None
    days_off: list[DayOff] = []  # noqa: RUF012 -- only read
    times: int = 0


def look(db: Session, actor: Actor, now: datetime, *, skip: int = 0, limit: int = MOST) -> Inbox:
    """What the actor is to decide, soonest first, without the first `skip`; and what passed, the latest first."""
    sent = _sent(db, actor, now, passed=False)
    coming = sorted((one for one in sent if one.comes), key=lambda one: (one.start or now, one.row.id))
    over = _over(db, actor, now, sent)
    return Inbox(
        items=_waiting(db, actor, now, coming[skip : skip + limit]),
        total=len(coming),
        passed=views.shown(db, actor, now, [one.row for one in over[:MOST_PASSED]]),
        more_passed=len(over) > MOST_PASSED,
    )


def count(db: Session, actor: Actor, now: datetime) -> int:
    """How many the actor is to decide that still come."""
    return sum(one.comes for one in _sent(db, actor, now, passed=False))


def give_back_passed(db: Session, actor: Actor, now: datetime, reason: str) -> list[str]:
    """Return what passed, MOST_PASSED of it at once, to its authors with one reason; its ids."""
    over = [one.row for one in _over(db, actor, now, _sent(db, actor, now, passed=False))[:MOST_PASSED]]
    return [service.give_back(db, actor, now, row.id, reason, version=row.version).id for row in over]


def _sent(db: Session, actor: Actor, now: datetime, *, passed: bool) -> list[_Sent]:
    own = zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_APPROVE, now))
    rows = repository.submitted(db, own, now, passed=passed, limit=MOST if passed else MOST_LOOKED_AT)
    targets = aiming.targets(db, [row.id for row in rows])
    return [
        _Sent(row, targets[row.id], airings.next_start(row, now))
        for row in rows
        if Event.APPROVE in steps_for(actor, row, _paths(targets[row.id]), now)
    ]


def _over(db: Session, actor: Actor, now: datetime, sent: Sequence[_Sent]) -> list[_Sent]:
    """What passed: of `sent`, which may still have come, and of what surely did not; the latest first."""
    over = [one for one in sent if not one.comes] + _sent(db, actor, now, passed=True)
    return sorted(over, key=lambda one: (one.row.starts_local or "", one.row.id), reverse=True)


def _waiting(db: Session, actor: Actor, now: datetime, chosen: Sequence[_Sent]) -> list[Waiting]:
    rows = [one.row for one in chosen]
    items = views.shown(db, actor, now, rows)
    recordings = repository.recordings_of(db, {row.announcement_id for row in rows})
    found = [
        _Found(one.row, item, one.targets, recordings[one.row.announcement_id])
        for one, item in zip(chosen, items, strict=True)
    ]
    changed = editions.since_last(db, [row.id for row in rows])
    met = _met(db, found, now)
    acting = {one.row.id: acts_for(actor, one.row, _paths(one.targets), now) for one in found}
    names = people.names_of(db, {user_id for ids in acting.values() for user_id in ids})
    return [
        Waiting(
            item=one.item,
            recordings=one.recordings,
            zones=tuple(zone for target in one.targets for zone in target.live(now)),
            on_behalf_of=tuple(names[user_id] for user_id in acting[one.row.id] if user_id in names),
            differences=changed.get(one.row.id),
            **met.get(one.row.id, _Met())._asdict(),
        )
        for one in found
    ]


def _paths(targets: Collection[Target]) -> list[str]:
    return [path for target in targets for path in target.paths]


def _met(db: Session, found: Sequence[_Found], now: datetime) -> dict[str, _Met]:
    """What each would change where it is heard, by its id."""
    first = {one.row.id: occurring.first(one.row, airings.expected_media(one.recordings), now) for one in found}
    coming = {key: (row, every) for key, (row, every) in first.items() if _is_near(every, now)}
    looked_at = [one for one in found if one.row.id in coming]
    roots = {zone.path for one in looked_at for target in one.targets for zone in target.live(now)}
    if not roots:
        return {}
    zones = there_now(db, zone_sql.subtrees(db, roots), now)
    total, _online = zone_sql.receiver_counts(db, roots)
    villages = [zone for zone in zones if total[zone.id]]
    starts = [airing for _row, every in coming.values() for airing in every]
    window = min(a.start_us for a in starts), max(airings.end_us(a) for a in starts)
    if not villages:
        return {one.row.id: _Met([], times=len(coming[one.row.id][1])) for one in looked_at}
    by_id = planning.places(db, villages, window)
    tried = _tried(db, looked_at, coming, by_id, window)
    start_us = min(planning.day_start(by_id[zone.id], window[0]) for zone in villages)
    whole = start_us, window[1]
    plans = drawing.with_relays(db, planning.plans(db, by_id.values(), whole, now), by_id, whole, now).plans
    return {
        one.row.id: _met_by(
            one, tried[one.row.id], [by_id[zone.id] for zone in villages if zone.path.startswith(one.aimed)], plans
        )
        for one in looked_at
    }


def _is_near(every: Sequence[Airing], now: datetime) -> bool:
    return bool(every) and every[0].start_us <= to_us(now + LOOK_AHEAD)


def _tried(
    db: Session,
    found: Sequence[_Found],
    first: Mapping[str, tuple[Broadcast, tuple[Airing, ...]]],
    by_id: Mapping[str, Place],
    window: Window,
) -> dict[str, Tried]:
    """Where the first occurrences of each air, by its id: of what leaves no days off out, in all places aimed at."""
    ids = {one.row.id: frozenset(zone.id for target in one.targets for zone in target.zones) for one in found}
    where = {key: {airing.id: set(ids[key]) for airing in first[key][1]} for key in ids}
    leaving_out = [one for one in found if one.row.skip_holidays]
    items = [Placed(first[one.row.id][0], "", one.recordings, ids[one.row.id]) for one in leaving_out]
    for item, aired in planning.aired_in(db, items, by_id, window) if items else ():
        airs = where[item.broadcast.id] = {airing_id: set() for airing_id in where[item.broadcast.id]}
        for zone_id, airing_id in ((zone_id, one.id) for zone_id, several in aired.items() for one in several):
            if airing_id in airs:
                airs[airing_id].add(zone_id)
    return {key: Tried(first[key][1], where[key]) for key in ids}


def _met_by(one: _Found, tried: Tried, villages: Sequence[Place], plans: Plans) -> _Met:
    days_off = tried.days_off(one.row, [place.zone for place in villages])
    return _Met(_effects(one, tried, villages, plans), days_off, len(tried.coming))


def _effects(one: _Found, tried: Tried, villages: Sequence[Place], plans: Plans) -> list[PlaceEffects]:
    groups: dict[tuple[object, ...], list[Place]] = defaultdict(list)
    for place in villages:
        planned = frozenset(airing.id for airing in plans.heard_in(place))
        new = frozenset(airing.id for airing in tried.heard_in(place.zone))
        groups[planned, new, place.effective.rules, place.effective.languages].append(place)
    titles = plans.titles | {one.row.id: one.item.title}
    found = []
    for places in list(groups.values())[:MAX_PLACES]:
        proposed = tried.heard_in(places[0].zone)
        plan = Plan(plans.heard_in(places[0]), places[0].effective.rules, places[0].effective.languages)
        effects = clashes.clashes(plan, proposed) if proposed else ()
        found += [told(plan, places, effects, proposed, titles)] if effects else []
    return found
