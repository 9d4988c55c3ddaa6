"""What the zones are to play, read from the database (does I/O; the deciding is in `airings` and `scheduler.timeline`).

Rules
- A zone's programme holds what is aimed at exactly that zone, directly or by a group. What a receiver plays is the
  programmes of its own zone and of all zones above it.
- It runs from the start of the local day, so that a day's quota counts what was played already; what is done stays in
  it until the day is over, and so does what sounded of a broadcast that was cancelled or changed afterwards.
- What is over is never worked out from what is planned now: it was recorded (`onair.replan`), where and with what it
  was to sound. What was stopped counts as long as it may have sounded; receivers are not told of it again.
- Zones that are no more, and holidays where a broadcast skips them, have no airings. `daysoff` says what becomes of
  one on a holiday that is kept below the zone aimed at only.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import Airing, Media
from scheduler.announcements.models import Recording
from scheduler.broadcasts import airings, daysoff, recorded, repository
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.repository import Placed
from scheduler.policy import day_bounds, local_day
from scheduler.timeline import Resolution, resolve
from scheduler.zones import repository as zone_sql
from scheduler.zones.forest import forest, zones_by_id
from scheduler.zones.models import Zone
from scheduler.zones.rules import Effective, inherited, valid_on

MediaOf = Callable[[Iterable[Recording]], tuple[Media, ...]]


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

    By airing, `said` has the titles of what is over, and `stopped` when what had begun was withdrawn. `soundless` has
    by zone what is to sound and cannot, as none of its sound could be produced, or had none until it was over.
    """

    by_zone: dict[str, tuple[Airing, ...]]
    titles: dict[str, str]
    said: Mapping[str, str] = field(default_factory=dict)
    stopped: Mapping[str, datetime] = field(default_factory=dict)
    soundless: Mapping[str, Collection[Airing]] = field(default_factory=dict)

    def title(self, airing: Airing) -> str:
        return self.said.get(airing.id) or self.titles[airing.broadcast_id]

    def heard_in(self, place: Place) -> tuple[Airing, ...]:
        """What receivers of this zone play: its own airings and those of the zones above it, each once."""
        return reaching(place, self.by_zone)


def reaching(place: Place, by_zone: Mapping[str, Iterable[Airing]]) -> tuple[Airing, ...]:
    """What is aired in a place or above it, each once."""
    found = {airing.id: airing for zone_id in place.path_ids for airing in by_zone.get(zone_id, ())}
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
    db: Session,
    where: Collection[Place],
    window: Window,
    now: datetime,
    *,
    without: frozenset[str] = frozenset(),
    above: Mapping[str, Place] | None = None,
    media_of: MediaOf = airings.expected_media,
) -> Plans:
    """The airings of exactly these zones that may sound within `window`.

    Of the broadcasts `without`, only what is over. `above` are the zones above `where` that are not in it. What is
    still being produced is planned too, unless `media_of` leaves it out.
    """
    by_id = {place.zone.id: place for place in where}
    around = {**(above or {}), **by_id}
    found: dict[str, dict[str, Airing]] = {zone_id: {} for zone_id in by_id}
    higher = around.keys() - by_id.keys()
    past = _past(db, found, higher, window, now)
    titles: dict[str, str] = {}
    from_now = max(window[0], min(to_us(now), window[1] - 1)), window[1]  # what began in a day may sound after it
    sounds = to_us(now - recorded.LONGEST) < window[1]
    items = repository.placed(db, by_id.keys(), above=higher) if sounds else []
    items = [item for item in items if item.broadcast.id not in without]
    for item, aired in aired_in(db, items, around, from_now, media_of=media_of, only_below=higher):
        titles[item.broadcast.id] = item.title
        for zone_id in found.keys() & aired.keys():
            found[zone_id] |= {one.id: one for one in aired[zone_id] if airings.end_us(one) > to_us(now)}
    by_zone = {
        zone_id: tuple(sorted(each.values(), key=lambda airing: (airing.start_us, airing.id)))
        for zone_id, each in found.items()
    }
    failed = [item for item in items if airings.missing_media(item.recordings)]
    soundless = {zone_id: list(each) for zone_id, each in past.soundless.items()}
    for _item, aired in aired_in(db, failed, around, from_now, media_of=airings.missing_media) if failed else ():
        for zone_id in found.keys() & aired.keys():
            soundless.setdefault(zone_id, []).extend(aired[zone_id])
    return replace(past, by_zone=by_zone, titles=past.titles | titles, soundless=soundless)


def _past(
    db: Session, found: dict[str, dict[str, Airing]], above: Collection[str], window: Window, now: datetime
) -> Plans:
    """Put what is over or was stopped into `found`; what it was called."""
    rows = [
        row
        for row in recorded.played(db, found.keys(), from_us(window[0]), from_us(window[1]), now, above=above)
        if not found.keys().isdisjoint(row.airing.zone_ids)
    ]
    recordings = repository.recordings_of(db, {row.announcement_id for row in rows})
    media = {announcement_id: airings.media_of(recorded) for announcement_id, recorded in recordings.items()}
    soundless: dict[str, list[Airing]] = defaultdict(list)
    for row in rows:
        airing = airings.airing_as_it_was(row.airing, row.broadcast, media[row.announcement_id])
        for zone_id in found.keys() & set(row.airing.zone_ids):
            if row.airing.has_sound:
                found[zone_id][airing.id] = airing
            else:
                soundless[zone_id].append(airing)
    titles = repository.titles(db, media.keys() | {row.broadcast.announcement_id for row in rows})
    return Plans(
        {},
        {row.broadcast.id: titles[row.broadcast.announcement_id] for row in rows},
        {row.airing.id: row.title or titles[row.announcement_id] for row in rows},
        {row.airing.id: row.airing.withdrawn_at for row in rows if row.airing.withdrawn_at is not None},
        soundless,
    )


def programme_for(db: Session, zone_id: str, now: datetime) -> tuple[Airing, ...]:
    """What the programme of a zone says at `now`: from the start of its day on, seven days ahead."""
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        return ()
    end_us = to_us(now + timedelta(days=airings.PROGRAMME_DAYS))
    path = places(db, [zone], (to_us(now), end_us))
    place = path.pop(zone_id)
    window = day_start(place, to_us(now)), end_us
    found = plans(db, [place], window, now, above=path, media_of=airings.media_of)
    return tuple(one for one in found.by_zone[zone_id] if one.id not in found.stopped and airings.has_sound(one))


def heard(place: Place, planned: Iterable[Airing], window: Window) -> Resolution:
    """What sounds of `planned` in a place."""
    return resolve(planned, place.effective.rules, place.effective.languages, window)


def day_start(place: Place, at_us: int) -> int:
    return day_bounds(place.timezone, local_day(place.timezone, at_us))[0]


def aired_where(
    db: Session, item: Placed, zones: Collection[Zone], window: Window, media: tuple[Media, ...]
) -> dict[str, tuple[Airing, set[str]]]:
    """Each airing in `window` of a broadcast that is aimed at `zones`, by its id, with the zones that air it."""
    below = daysoff.kept_below(db, zones if _leaves_out(item) else (), window)
    by_id = places(db, (*zones, *daysoff.parts(db, below)), window)
    found: dict[str, tuple[Airing, set[str]]] = {}
    for zone_id, occurrences in _aired(item, _Spread(by_id, below), window, media).items():
        for airing in occurrences:
            found.setdefault(airing.id, (airing, set()))[1].add(zone_id)
    return found


def aired_in(
    db: Session,
    items: Sequence[Placed],
    by_id: Mapping[str, Place],
    window: Window,
    *,
    media_of: MediaOf = airings.expected_media,
    only_below: Collection[str] = (),
) -> list[tuple[Placed, dict[str, list[Airing]]]]:
    """Each of these with its airings in `window`, by the zones in whose programmes they are.

    With a zone, all above it are in `by_id`. Of what is aimed at the zones `only_below`, perhaps just what airs below.
    """
    aimed = {zone_id for item in items if _leaves_out(item) for zone_id in item.zone_ids & by_id.keys()}
    below = daysoff.kept_below(db, [by_id[zone_id].zone for zone_id in sorted(aimed)], window)
    asked, spread = by_id.keys() - (set(only_below) - below.keys()), _Spread(by_id, below)
    return [
        (item, _aired(replace(item, zone_ids=item.zone_ids & asked), spread, window, media_of(item.recordings)))
        for item in items
    ]


class _Spread:
    """Where what is aimed at a place airs, by the day."""

    def __init__(self, by_id: Mapping[str, Place], below: daysoff.Below) -> None:
        self.by_id = by_id
        self._below = below
        self._found: dict[tuple[str, date], tuple[Place, ...]] = {}

    def splits(self, place: Place) -> bool:
        return place.zone.id in self._below

    def over(self, place: Place, day: date) -> tuple[Place, ...]:
        """The place alone; on a day off that is kept below it, the places below it that are to play."""
        silent = self._below.get(place.zone.id, {}).get(day)
        if silent is None:
            return (place,)
        key = place.zone.id, day
        if key not in self._found:
            inside = (one for one in self.by_id.values() if one.zone.path.startswith(place.zone.path))
            self._found[key] = tuple(one for one in inside if silent.beside(one.zone))
        return self._found[key]


def _aired(item: Placed, spread: _Spread, window: Window, media: tuple[Media, ...]) -> dict[str, list[Airing]]:
    broadcast, leaves_out = item.broadcast, _leaves_out(item)
    expanded: dict[frozenset[date], list[Airing]] = {}
    found: dict[str, list[Airing]] = defaultdict(list)
    for zone_id in item.zone_ids:
        place = spread.by_id[zone_id]
        days_off = place.holidays if leaves_out else frozenset()
        if days_off not in expanded:
            expanded[days_off] = airings.airings_of(broadcast, media, window, days_off)
        sounding = [airing for airing in expanded[days_off] if place.plays(airing)]
        if not (leaves_out and spread.splits(place)):
            found[zone_id] += sounding
            continue
        for airing in sounding:
            for one in spread.over(place, local_day(broadcast.timezone, airing.start_us)):
                if one.plays(airing):
                    found[one.zone.id].append(airing)
    return found


def _leaves_out(item: Placed) -> bool:
    return item.broadcast.skip_holidays


def _days_off(db: Session, zone_ids: Collection[str], window: Window) -> dict[str, frozenset[date]]:
    """The days that each zone itself keeps, around the window."""
    found: dict[str, set[date]] = {}
    for row in zone_sql.holidays(db, zone_ids, *daysoff.around(window)):
        found.setdefault(row.zone_id, set()).add(row.day)
    return {zone_id: frozenset(days) for zone_id, days in found.items()}
