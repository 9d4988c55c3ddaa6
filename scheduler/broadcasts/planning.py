"""What the zones are to play, read from the database (does I/O; the deciding is in `airings` and `scheduler.timeline`).

Rules
- A zone's programme holds what is aimed at exactly that zone, directly or by a group. What a receiver plays is the
  programmes of its own zone and of all zones above it.
- It runs from the start of the local day, so that a day's quota counts what was played already; what is done stays in
  it until the day is over, and so does what sounded of a broadcast that was cancelled or changed afterwards.
- What is over is never worked out from what is planned now: it was recorded (`onair.replan`), where and with what it
  was to sound. What was stopped counts as long as it may have sounded; receivers are not told of it again.
- Zones that are no more, and holidays where a broadcast skips them, have no airings.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
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
    """The airings of some zones in a window, and the titles of their broadcasts.

    By airing, `said` has the titles of what is over, and `stopped` when what had begun was withdrawn.
    """

    by_zone: dict[str, tuple[Airing, ...]]
    titles: dict[str, str]
    said: Mapping[str, str] = field(default_factory=dict)
    stopped: Mapping[str, datetime] = field(default_factory=dict)

    def title(self, airing: Airing) -> str:
        return self.said.get(airing.id) or self.titles[airing.broadcast_id]

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


def plans(
    db: Session, where: Collection[Place], window: Window, now: datetime, *, without: frozenset[str] = frozenset()
) -> Plans:
    """The airings of exactly these zones that may sound within `window`.

    Of the broadcasts `without`, only what is over.
    """
    by_id = {place.zone.id: place for place in where}
    found: dict[str, dict[str, Airing]] = {zone_id: {} for zone_id in by_id}
    past = _past(db, found, window, now)
    titles: dict[str, str] = {}
    from_now = max(window[0], to_us(now)), window[1]
    for item in repository.placed(db, by_id.keys()) if from_now[0] < from_now[1] else ():
        if item.broadcast.id in without:
            continue
        titles[item.broadcast.id] = item.title
        for zone_id, occurrences in _aired(item, by_id, from_now).items():
            found[zone_id] |= {one.id: one for one in occurrences if airings.end_us(one) > to_us(now)}
    by_zone = {
        zone_id: tuple(sorted(each.values(), key=lambda airing: (airing.start_us, airing.id)))
        for zone_id, each in found.items()
    }
    return replace(past, by_zone=by_zone, titles=past.titles | titles)


def _past(db: Session, found: dict[str, dict[str, Airing]], window: Window, now: datetime) -> Plans:
    """Put what is over or was stopped into `found`; what it was called."""
    rows = [
        row
        for row in repository.played(db, found.keys(), from_us(window[0]), from_us(window[1]), now)
        if not found.keys().isdisjoint(row.airing.zone_ids)
    ]
    recordings = repository.recordings_of(db, {row.announcement_id for row in rows})
    media = {announcement_id: airings.media_of(recorded) for announcement_id, recorded in recordings.items()}
    for row in rows:
        airing = airings.airing_as_it_was(row.airing, row.broadcast, media[row.announcement_id])
        for zone_id in found.keys() & set(row.airing.zone_ids):
            found[zone_id][airing.id] = airing
    titles = repository.titles(db, media.keys() | {row.broadcast.announcement_id for row in rows})
    return Plans(
        {},
        {row.broadcast.id: titles[row.broadcast.announcement_id] for row in rows},
        {row.airing.id: titles[row.announcement_id] for row in rows},
        {row.airing.id: row.airing.withdrawn_at for row in rows if row.airing.withdrawn_at is not None},
    )


def programme_for(db: Session, zone_id: str, now: datetime) -> tuple[Airing, ...]:
    """What the programme of a zone says at `now`: from the start of its day on, seven days ahead."""
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        return ()
    end_us = to_us(now + timedelta(days=airings.PROGRAMME_DAYS))
    place = places(db, [zone], (to_us(now), end_us))[zone_id]
    window = day_start(place, to_us(now)), end_us
    found = plans(db, [place], window, now)
    return tuple(one for one in found.by_zone[zone_id] if one.id not in found.stopped and airings.has_sound(one))


def timeline_for(db: Session, zone_id: str, window: Window, now: datetime) -> tuple[Resolution, Plans]:
    """What receivers of a zone play in `window`; the second part names what it is."""
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        return Resolution((), ()), Plans({}, {})
    path = places(db, [zone], window)
    place = path[zone_id]
    found = plans(db, path.values(), (day_start(place, window[0]), window[1]), now)
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
