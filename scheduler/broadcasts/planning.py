"""What the zones are to play, read from the database (does I/O; the deciding is in `airings` and `scheduler.timeline`).

Rules
- A zone's programme holds what is aimed at exactly that zone, directly or by a group. What a receiver plays is the
  programmes of its own zone and of all zones above it.
- It runs from the start of the local day, so that a day's quota counts what was played already; what is done stays in
  it until the day is over, and so does what sounded of a broadcast that was cancelled or changed afterwards.
- Zones that are no more, and holidays where a broadcast skips them, have no airings.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import Airing
from scheduler.broadcasts import airings, repository
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.repository import Placed
from scheduler.policy import day_bounds, local_day
from scheduler.timeline import Resolution, resolve
from scheduler.zones import repository as zone_sql
from scheduler.zones.forest import forest, zones_by_id
from scheduler.zones.models import Zone
from scheduler.zones.rules import Effective, inherited, valid_on


@dataclass(frozen=True, slots=True)
class Place:
    """A zone, what holds there, and the days off of it and of each zone above it."""

    zone: Zone
    effective: Effective
    holidays: frozenset[date] = frozenset()

    @property
    def timezone(self) -> str:
        return self.effective.rules.timezone

    @property
    def path_ids(self) -> tuple[str, ...]:
        return tuple(zone_sql.ids_of(self.zone.path))

    def plays(self, airing: Airing) -> bool:
        """Whether the zone is there on the day of this airing."""
        return valid_on(self.zone, local_day(self.timezone, airing.start_us))


@dataclass(frozen=True, slots=True)
class Plans:
    """The airings of some zones in a window, and the titles of their broadcasts."""

    by_zone: dict[str, tuple[Airing, ...]]
    titles: dict[str, str]

    def heard_in(self, place: Place) -> tuple[Airing, ...]:
        """What receivers of this zone play: its own airings and those of the zones above it, each once."""
        found = {airing.id: airing for zone_id in place.path_ids for airing in self.by_zone.get(zone_id, ())}
        return tuple(found.values())


def places(db: Session, zones: Iterable[Zone], window: Window | None = None) -> dict[str, Place]:
    """These zones and all above them, by id; with a `window`, also the days off within it."""
    paths = [zone.path for zone in zones]
    lineage = zones_by_id(db, {zone_id for path in paths for zone_id in zone_sql.ids_of(path)})
    days_off = _days_off(db, lineage, window) if window is not None else {}
    held = forest(db)
    ruled: dict[str, Effective] = held.ruled if held is not None else {}
    found: dict[str, Place] = {}
    for zone in sorted(lineage.values(), key=lambda zone: len(zone.path)):
        above = found.get(zone.parent_id or "")
        off = days_off.get(zone.id, frozenset()) | (above.holidays if above else frozenset())
        if zone.id not in ruled:
            ruled[zone.id] = inherited([zone], above.effective if above else None)
        found[zone.id] = Place(zone, ruled[zone.id], off)
    return found


def plans(db: Session, where: Collection[Place], window: Window, *, without: frozenset[str] = frozenset()) -> Plans:
    """The airings of exactly these zones that may sound within `window`, but those of the broadcasts `without`."""
    by_id = {place.zone.id: place for place in where}
    found: dict[str, list[Airing]] = {zone_id: [] for zone_id in by_id}
    titles: dict[str, str] = {}
    for item in repository.placed(db, by_id.keys(), from_us(window[0])):
        if item.broadcast.id in without:
            continue
        titles[item.broadcast.id] = item.title
        for zone_id, occurrences in _aired(item, by_id, window).items():
            found[zone_id] += occurrences
    titles |= _add_played(db, found, window)
    by_zone = {
        zone_id: tuple(sorted(a, key=lambda airing: (airing.start_us, airing.id))) for zone_id, a in found.items()
    }
    return Plans(by_zone, titles)


def _add_played(db: Session, found: dict[str, list[Airing]], window: Window) -> dict[str, str]:
    """Add what sounded of broadcasts that are no longer planned; their titles."""
    rows = [
        (row, broadcast)
        for row, broadcast in repository.played(db, from_us(window[0]), from_us(window[1]))
        if not found.keys().isdisjoint(row.zone_ids)
    ]
    if not rows:
        return {}
    recordings = repository.recordings_of(db, {broadcast.announcement_id for _row, broadcast in rows})
    for row, broadcast in rows:
        media = airings.media_of(recordings[broadcast.announcement_id])
        for zone_id in found.keys() & set(row.zone_ids) if media else ():
            found[zone_id].append(airings.airing_at(broadcast, media, to_us(row.start_at)))
    named = repository.named(db, {broadcast.id for _row, broadcast in rows})
    return {broadcast_id: title for broadcast_id, (title, _cls) in named.items()}


def programme_for(db: Session, zone_id: str, now: datetime) -> tuple[Airing, ...]:
    """What the programme of a zone says at `now`: from the start of its day on, seven days ahead."""
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        return ()
    end_us = to_us(now + timedelta(days=airings.PROGRAMME_DAYS))
    place = places(db, [zone], (to_us(now), end_us))[zone_id]
    window = day_start(place, to_us(now)), end_us
    return plans(db, [place], window).by_zone[zone_id]


def timeline_for(db: Session, zone_id: str, window: Window) -> tuple[Resolution, Plans]:
    """What receivers of a zone play in `window`; the second part names what it is."""
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        return Resolution((), ()), Plans({}, {})
    path = places(db, [zone], window)
    place = path[zone_id]
    found = plans(db, path.values(), (day_start(place, window[0]), window[1]))
    return heard(place, found.heard_in(place), window), found


def heard(place: Place, planned: Iterable[Airing], window: Window) -> Resolution:
    """What sounds of `planned` in a place."""
    return resolve(planned, place.effective.rules, place.effective.languages, window)


def day_start(place: Place, at_us: int) -> int:
    return day_bounds(place.timezone, local_day(place.timezone, at_us))[0]


def aired_where(item: Placed, by_id: dict[str, Place], window: Window) -> dict[str, tuple[Airing, set[str]]]:
    """Each airing of a broadcast in `window`, by its id, with the zones in which it is aired."""
    found: dict[str, tuple[Airing, set[str]]] = {}
    for zone_id, occurrences in _aired(item, by_id, window).items():
        for airing in occurrences:
            found.setdefault(airing.id, (airing, set()))[1].add(zone_id)
    return found


def _aired(item: Placed, by_id: dict[str, Place], window: Window) -> dict[str, list[Airing]]:
    media = airings.media_of(item.recordings)
    expanded: dict[frozenset[date], list[Airing]] = {}
    found: dict[str, list[Airing]] = {}
    for zone_id in item.zone_ids & by_id.keys():
        place = by_id[zone_id]
        days_off = place.holidays if item.broadcast.skip_holidays else frozenset()
        if days_off not in expanded:
            expanded[days_off] = airings.airings_of(item.broadcast, media, window, days_off)
        found[zone_id] = [airing for airing in expanded[days_off] if place.plays(airing)]
    return found


def _days_off(db: Session, zone_ids: Collection[str], window: Window) -> dict[str, frozenset[date]]:
    """The days that each zone itself keeps, around the window: some airings began before it."""
    first, last = from_us(window[0]).date() - timedelta(days=3), from_us(window[1]).date() + timedelta(days=2)
    found: dict[str, set[date]] = {}
    for row in zone_sql.holidays(db, zone_ids, first, last):
        found.setdefault(row.zone_id, set()).add(row.day)
    return {zone_id: frozenset(days) for zone_id, days in found.items()}
