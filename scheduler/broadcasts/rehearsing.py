"""A draft rehearsed over the coming days (reads the database; `rehearse` decides).

Rules
- The days are the seven from now on, or from the day on which the draft first comes, if that is later.
- Whoever may save the draft may rehearse it; the villages are those with receivers in or below its places.
- A receiver's link is taken to carry what links of its kind do at a bad hour, or the most that it moved in a quarter of
  an hour since yesterday, if that is more. Past MAX_MEASURED receivers only the first is asked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace as with_changes
from sqlmodel import Session

from broadcast.clock import US_PER_S, from_us, to_us
from broadcast.wire.documents import Airing, Media
from scheduler.broadcasts import airings, planning, preview, rehearse, repository, service
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.planning import Place, Plans
from scheduler.broadcasts.rehearsal_schemas import LateOut, RehearsalOut
from scheduler.broadcasts.rehearse import Link, Rehearsal, Village
from scheduler.broadcasts.repository import Placed
from scheduler.broadcasts.schemas import BroadcastIn, PlaceEffects
from scheduler.clashes import Plan
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep import repository as upkeep
from scheduler.people.actor import Actor
from scheduler.policy import local_day
from scheduler.relays import drawing, timing
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone
from scheduler.zones.names import rank
from scheduler.zones.rules import there_now

DAYS = 7
MAX_LATE = 20
MAX_MEASURED = 200
MEASURED_FOR = timedelta(days=1)
BYTES_PER_S = 16_000
"""128 kbit/s: what a village's 3G or shared Wi-Fi still carries when it is busy."""
SLOW_BYTES_PER_S = 3_000
_SLOW = frozenset({"gsm"})
SOUND_BYTES_PER_S = 4_000
"""About what a second of produced sound weighs, for what is not produced yet."""


def rehearsal(
    db: Session, actor: Actor, now: datetime, draft: BroadcastIn, *, broadcast_id: str | None = None
) -> RehearsalOut:
    """What saving `draft` (as a new broadcast, or in place of `broadcast_id`) would change in the coming days."""
    held = service.unsaved(db, actor, now, draft, broadcast_id=broadcast_id)
    row = held.row
    media = _media(db, row)
    window = _window(row, media, now)
    title = repository.titles(db, [row.announcement_id])[row.announcement_id]
    zones = [zone for target in held.targets for zone in target.live(now)]
    item = _placed(row, title, zones, now)
    tried = Tried(
        broadcast_id=row.id,
        title=title,
        timezone=row.timezone,
        paths=[zone.path for zone in zones],
        coming=lambda by_id: _drafted(db, item, media, window, by_id),
        without=frozenset({row.id}),
    )
    return played(db, tried, window, now)


class Tried(NamedTuple):
    """What would come in each place at or below `paths`, and the broadcasts `without` which it would."""

    broadcast_id: str
    title: str
    timezone: str
    paths: Sequence[str]
    coming: Callable[[Mapping[str, Place]], Callable[[Place], tuple[Airing, ...]]]
    without: frozenset[str]


def played(db: Session, tried: Tried, window: Window, now: datetime) -> RehearsalOut:
    """The days of `window` without and with what is tried."""
    receivers = repository.receivers(db, tried.paths)
    homes = zone_sql.zones(db, {receiver.zone_id for receiver in receivers})
    there = sorted(there_now(db, homes.values(), now), key=lambda zone: (rank(zone.name), zone.id))
    by_id = planning.places(db, there, window)
    start_us = min((planning.day_start(by_id[zone.id], window[0]) for zone in there), default=window[0])
    whole = start_us, window[1]
    plans = planning.plans(db, by_id.values(), whole, now, without=tried.without)
    plans = drawing.with_relays(db, plans, by_id, whole, now).plans
    ids = [receiver.id for receiver in receivers] if len(receivers) <= MAX_MEASURED else []
    managed = rehearse.managed(upkeep.bytes_told(db, ids, now - MEASURED_FOR))
    links = [(receiver.zone_id, _link(receiver, managed)) for receiver in receivers]
    villages = _villages([by_id[zone.id] for zone in there], plans, links, tried.coming(by_id))
    found = rehearse.rehearse(villages, window, to_us(now))
    titles = plans.titles | {tried.broadcast_id: tried.title}
    names = {receiver.id: receiver.name for receiver in receivers}
    return summed(found, villages, by_id, window=window, timezone=tried.timezone, names=names, titles=titles)


def summed(
    found: Rehearsal,
    villages: Sequence[Village],
    by_id: dict[str, Place],
    *,
    window: Window,
    timezone: str,
    names: dict[str, str],
    titles: dict[str, str],
) -> RehearsalOut:
    """What `found` comes to over the days of `window`; `names` are of receivers, `titles` of broadcasts."""
    # a relay is never fetched, so it is not late behind what is
    too_late = tuple(item for item in found.late if not item.airing_id.startswith(timing.PREFIX))
    found = with_changes(found, late=too_late)
    places, late = _told(found, villages, by_id, names=names, titles=titles)
    changed = sum(len(place.zone_ids) for place in places)
    return RehearsalOut(
        first=local_day(timezone, window[0]),
        last=local_day(timezone, window[1] - 1),
        times=max((len(village.proposed) for village in villages), default=0),
        villages=len(villages),
        unchanged=len(villages) - changed - found.left_out,
        left_out=found.left_out,
        places=places,
        late=late,
        more_late=len(found.late) - len(late),
        bytes_per_s=BYTES_PER_S,
    )


def _drafted(
    db: Session, item: Placed, media: tuple[Media, ...], window: Window, by_id: Mapping[str, Place]
) -> Callable[[Place], tuple[Airing, ...]]:
    """When the draft comes in a place, as it will be planned."""
    [(_item, by_zone)] = planning.aired_in(db, [item], by_id, window, media_of=lambda _recordings: media)
    return lambda place: tuple(one for one in planning.reaching(place, by_zone) if one.start_us >= window[0])


def _placed(row: Broadcast, title: str, zones: Iterable[Zone], now: datetime) -> Placed:
    """The draft as it would be approved now."""
    tried = row.unsaved_copy()
    if tried.starts_local is None:
        tried.starts_local = _soonest(row, now)
    return Placed(tried, title, (), frozenset(zone.id for zone in zones))


def _soonest(row: Broadcast, now: datetime) -> str:
    return airings.local_text(now + timedelta(seconds=airings.LEAD_S), row.timezone)


def _media(db: Session, row: Broadcast) -> tuple[Media, ...]:
    """What it says, with a guess at the length and weight of what is not produced yet."""
    recordings = repository.recordings_of(db, {row.announcement_id})[row.announcement_id]
    return tuple(
        media if media.size_bytes else with_changes(media, size_bytes=media.duration_us // US_PER_S * SOUND_BYTES_PER_S)
        for media in airings.expected_media(recordings)
    )


def _window(row: Broadcast, media: tuple[Media, ...], now: datetime) -> Window:
    return days_of(airings.next_start(row, now) if media else None, now)


def days_of(first: datetime | None, now: datetime) -> Window:
    """Seven days from now on, or from its `first` start if it comes only after them."""
    start_us = to_us(now)
    if first is not None and first >= now + timedelta(days=DAYS):
        start_us = to_us(first)
    return start_us, start_us + DAYS * 24 * 3600 * US_PER_S


def _villages(
    homes: Sequence[Place],
    plans: Plans,
    links: Iterable[tuple[str, Link]],
    coming: Callable[[Place], tuple[Airing, ...]],
) -> list[Village]:
    by_zone: dict[str, list[Link]] = {}
    for zone_id, link in links:
        by_zone.setdefault(zone_id, []).append(link)
    return [
        Village(
            place.zone.id,
            Plan(plans.heard_in(place), place.effective.rules, place.effective.languages),
            coming(place),
            tuple(by_zone.get(place.zone.id, ())),
        )
        for place in homes
    ]


def _link(receiver: Receiver, managed: Mapping[str, int]) -> Link:
    state = receiver.state or {}
    kind = (state.get("signal") or {}).get("kind")
    usual = SLOW_BYTES_PER_S if kind in _SLOW else BYTES_PER_S
    return Link(receiver.id, frozenset(state.get("ready", ())), max(usual, managed.get(receiver.id, 0)))


def _told(
    found: Rehearsal,
    villages: Sequence[Village],
    by_id: dict[str, Place],
    *,
    names: dict[str, str],
    titles: dict[str, str],
) -> tuple[list[PlaceEffects], list[LateOut]]:
    """What changes, and what comes too late, with the `names` of receivers and the `titles` of broadcasts."""
    places = [
        preview.told(group.plan, [by_id[zone_id] for zone_id in group.zone_ids], group.effects, group.proposed, titles)
        for group in found.groups
        if group.effects
    ]
    known = {airing.id: airing for village in villages for airing in (*village.plan.existing, *village.proposed)}
    proposed = {airing.id for village in villages for airing in village.proposed}
    late = [
        LateOut(
            zone_id=item.zone_id,
            zone_name=by_id[item.zone_id].zone.name,
            receiver_id=item.receiver_id,
            receiver_name=names[item.receiver_id],
            title=titles[known[item.airing_id].broadcast_id],
            proposed=item.airing_id in proposed,
            start=from_us(item.due_us),
            there=from_us(item.there_us),
            local=airings.local_text(from_us(item.due_us), by_id[item.zone_id].timezone),
        )
        for item in found.late[:MAX_LATE]
    ]
    return places, late
