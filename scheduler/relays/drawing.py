"""Relays among what is planned, for those who look at it (reads the database; a fixed number of queries).

Rules
- What has come stands as it sounded, by its talk; what is to come stands for as long as it may last.
- Receivers are sent none of it: a relay reaches them as a live talk.
- One that leaves days off out is not drawn in places that keep one, and these miss nothing of it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace as with_changes
from sqlmodel import Session

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import Airing
from scheduler.broadcasts import airings, daysoff
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.planning import Place, Plans
from scheduler.broadcasts.rights import UNSEEN
from scheduler.broadcasts.schemas import BoardWaiting
from scheduler.live import repository as live
from scheduler.live.models import LiveState, LiveTalk
from scheduler.people.actor import Actor
from scheduler.policy import local_day
from scheduler.relays import places, repository, timing
from scheduler.relays.models import Relay
from scheduler.rights import Action
from scheduler.workflow import State
from scheduler.zones.forest import zones_by_id
from scheduler.zones.models import Zone

US_PER_MS = 1000


class Drawn(Struct, frozen=True):
    """`plans` have the relays in them; `known_as` is what receivers call the airing of one in their reports.

    `missed` are, by zone, those that did not come there.
    """

    plans: Plans
    known_as: dict[str, str]
    missed: dict[str, list[Airing]]


def with_relays(db: Session, plans: Plans, by_id: Mapping[str, Place], window: Window, now: datetime) -> Drawn:
    """`plans`, which are of the zones `by_id`, with what relays put into `window`."""
    came = repository.runs_between(db, from_us(window[0]), from_us(window[1]))
    coming = [row for row in repository.in_state(db, [State.APPROVED]) if row.next_at is not None]
    relays = {row.id: row for row in (*coming, *(relay for _run, relay, _talk in came))}
    if not relays:
        return Drawn(plans, {}, {})
    aimed = places.aimed_at(db, [*relays.values()], now)
    by_zone = defaultdict(list, {zone_id: list(found) for zone_id, found in plans.by_zone.items()})
    leaving_out = [zone for row in coming if row.skip_holidays for zone in aimed[row.id]]
    kept = places.Kept(by_id, daysoff.kept_below(db, leaving_out, window))
    for row, airing in _coming(db, coming, aimed, window, now):
        for zone_id in {one for zone in aimed[row.id] for one in _plays_in(kept, row, airing, zone)}:
            by_zone[zone_id].append(airing)
    heard_in = live.zones_of(db, [talk.id for _run, _relay, talk in came if talk is not None])
    known_as, missed = {}, defaultdict(list)
    for run, relay, talk in came:
        airing = timing.airing_at(relay, to_us(run.due_at))
        there = heard_in[talk.id] if talk is not None and _sounded(talk) else ()
        if talk is not None:
            known_as[airing.id] = f"{live.AIRING_PREFIX}{talk.id}"
            airing = _as_it_sounded(airing, talk)
        for zone in there:
            by_zone[zone.id].append(airing)
        wanted = set(run.zone_ids) or {zone.id for zone in aimed[relay.id]}  # older rows do not say where
        for zone_id in _without(by_id, wanted, there):
            missed[zone_id].append(airing)
    titles = plans.titles | {f"{timing.PREFIX}{row.id}": row.title for row in relays.values()}
    ordered = {key: tuple(sorted(found, key=lambda one: (one.start_us, one.id))) for key, found in by_zone.items()}
    return Drawn(replace(plans, by_zone=ordered, titles=titles), known_as, missed)


def unsent(
    db: Session, actor: Actor, now: datetime, by_id: Mapping[str, Place], windows: Mapping[str, Window]
) -> dict[str, list[BoardWaiting]]:
    """By zone, what would come in the window of its time zone once it is sent and approved, as for broadcasts."""
    rows = repository.in_state(db, UNSEEN)
    senders = zones_by_id(db, {row.zone_id for row in rows})
    rows = [row for row in rows if actor.may(Action.BROADCAST_READ, senders[row.zone_id].path, now)]
    targets = places.aimed_at(db, rows, now)
    off, kept = places.days_off(db, rows, targets, now), places.Kept(by_id, _below(db, rows, by_id, windows.values()))
    found: dict[str, list[BoardWaiting]] = defaultdict(list)
    for row in rows:
        aimed = {zone.id for zone in targets[row.id]}
        for zone_id, place in by_id.items():
            window = windows.get(place.timezone)
            if window is not None and not aimed.isdisjoint(place.path_ids):
                coming = [
                    one for one in timing.coming(row, window, off[row.id]) if window[0] <= one.start_us < window[1]
                ]
                found[zone_id] += [_waiting(row, one, place) for one in coming if not kept.rests(row, one, place.zone)]
    return found


def _below(
    db: Session, rows: Sequence[Relay], by_id: Mapping[str, Place], windows: Collection[Window]
) -> daysoff.Below:
    if not windows or not any(row.skip_holidays for row in rows):
        return {}
    whole = min(window[0] for window in windows), max(window[1] for window in windows)
    return daysoff.kept_below(db, [place.zone for place in by_id.values()], whole)


def _plays_in(kept: places.Kept, row: Relay, airing: Airing, zone: Zone) -> Iterable[str]:
    """The zones in whose plans an occurrence stands that is aimed at this zone."""
    place = kept.by_id.get(zone.id)
    if place is None:
        return ()
    day, playing = local_day(row.timezone, airing.start_us), [place]
    if row.skip_holidays and day in place.holidays:
        return ()
    silent = kept.below.get(zone.id, {}).get(day) if row.skip_holidays else None
    if silent is not None:
        inside = (one for one in kept.by_id.values() if one.zone.path.startswith(zone.path))
        playing = [one for one in inside if silent.beside(one.zone)]
    return [one.zone.id for one in playing if one.plays(airing)]


def _coming(
    db: Session, rows: Sequence[Relay], aimed: Mapping[str, Sequence[Zone]], window: Window, now: datetime
) -> list[tuple[Relay, Airing]]:
    off = places.days_off(db, rows, aimed, now)
    return [
        (row, one)
        for row in rows
        for one in timing.coming(row, window, off[row.id])
        if row.next_at is not None and one.start_us >= to_us(row.next_at)
    ]


def _sounded(talk: LiveTalk) -> bool:
    """Or it waits for its turn."""
    return talk.began_at is not None or talk.state is not LiveState.ENDED


def _as_it_sounded(airing: Airing, talk: LiveTalk) -> Airing:
    if talk.began_at is None:
        return airing
    start_us = to_us(talk.began_at) + talk.delay_ms * US_PER_MS
    if talk.ended_at is None:
        return with_changes(airing, start_us=start_us)
    length_us = max(1, to_us(talk.ended_at) - to_us(talk.began_at))
    media = tuple(with_changes(one, duration_us=length_us) for one in airing.media)
    return with_changes(airing, start_us=start_us, media=media)


def _without(by_id: Mapping[str, Place], wanted: set[str], there: Collection[Zone]) -> list[str]:
    """The zones at or below those where it was `wanted`, and not at or below those where it was."""
    reached = {zone.id for zone in there}
    return [
        zone_id
        for zone_id, place in by_id.items()
        if not wanted.isdisjoint(place.path_ids) and reached.isdisjoint(place.path_ids)
    ]


def _waiting(row: Relay, airing: Airing, place: Place) -> BoardWaiting:
    start = from_us(airing.start_us)
    return BoardWaiting(
        broadcast_id=airing.broadcast_id,
        title=row.title,
        cls=row.cls,
        start=start,
        end=from_us(airing.start_us + airing.media[0].duration_us),
        local=airings.local_text(start, place.timezone)[11:16],
        state=State(row.state),
    )
