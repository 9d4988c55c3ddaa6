"""Which station a village belonged to on a day: communes as they were, and as they were merged (pure).

Rules
- A zone stood under the parent of its earliest past that ended after the day, else under the one of now; so its name.
- From a village upwards, the first member of a group that is a place of the administration on that day gives the
  group, and the first commune gives itself, whichever comes first; a commune that is a member is its group.
- What belongs to neither is a station of its own.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date

from msgspec import Struct

from scheduler.zones.models import ZoneKind

DEFAULT_TIMEZONE = "Asia/Ho_Chi_Minh"


class Place(Struct, frozen=True):
    """A zone, without what reports have no use for."""

    id: str
    parent_id: str | None
    path: str
    kind: ZoneKind
    code: str | None
    name: str
    valid_from: date | None = None
    valid_until: date | None = None
    latitude: float | None = None
    longitude: float | None = None
    timezone: str | None = None


class Past(Struct, frozen=True):
    """What `ZonePast` holds."""

    zone_id: str
    until: date
    parent_id: str | None
    name: str
    code: str | None


class Merged(Struct, frozen=True):
    """A group that is a place of the administration from `valid_from` on."""

    id: str
    code: str | None
    name: str
    member_ids: frozenset[str]
    valid_from: date
    valid_until: date | None = None

    def holds(self, on: date) -> bool:
        return self.valid_from <= on and (self.valid_until is None or on < self.valid_until)


class Unit(Struct, frozen=True):
    """A station: a commune, a group, or what belongs to neither."""

    id: str
    name: str
    code: str | None = None
    is_group: bool = False
    latitude: float | None = None
    longitude: float | None = None


class Atlas:
    """The tree of zones with its past, and the groups that were made of it."""

    def __init__(self, places: Iterable[Place], pasts: Iterable[Past] = (), merged: Iterable[Merged] = ()) -> None:
        self.places: Mapping[str, Place] = {place.id: place for place in places}
        self._pasts: dict[str, list[Past]] = defaultdict(list)
        for past in sorted(pasts, key=lambda past: past.until):
            self._pasts[past.zone_id].append(past)
        self._merged = sorted(merged, key=lambda group: (group.valid_from, group.id))

    def stations(self, zone_ids: Collection[str], on: date, *, merged: bool = True) -> dict[str, Unit]:
        """The station of each zone on a day; without `merged` its commune, whatever that was merged into."""
        above: dict[str, Unit] = {}
        for group in self._merged if merged else ():
            if group.holds(on):
                above |= dict.fromkeys(group.member_ids, self._of_group(group))
        memo: dict[str, Unit | None] = dict(above)
        found = {}
        for zone_id in zone_ids:
            unit = self._station(zone_id, on, memo)
            found[zone_id] = unit or self._of_zone(zone_id, on)
        return found

    def commune(self, zone_id: str, on: date) -> str:
        """The commune that a zone stood in on a day, whatever it was merged into; without one the zone itself."""
        here: str | None = zone_id
        seen: set[str] = set()
        while here is not None and here in self.places and here not in seen:
            if self.places[here].kind is ZoneKind.COMMUNE:
                return here
            seen.add(here)
            here = self._parent(here, on)
        return zone_id

    def below(self, zone_id: str, on: date) -> set[str]:
        """The zone and all that stood below it on a day."""
        memo = {zone_id: True}
        for key in self.places:
            way: list[str] = []
            here: str | None = key
            while here is not None and here in self.places and here not in memo and here not in way:
                way.append(here)
                here = self._parent(here, on)
            memo.update(dict.fromkeys(way, memo.get(here or "", False)))
        return {key for key, is_below in memo.items() if is_below}

    def units(self, zone_ids: Collection[str], first: date, last: date) -> set[str]:
        """All communes, or zones in none, that these zones stood in from one day to another."""
        days = [first, *(day for day in self.changes() if first < day <= last)]
        return {self.commune(zone_id, day) for zone_id in zone_ids for day in days}

    def changes(self) -> tuple[date, ...]:
        """The days on which stations became others, the latest first."""
        communes = [place for place in self.places.values() if place.kind is ZoneKind.COMMUNE]
        days = {day for place in communes for day in (place.valid_from, place.valid_until)}
        days |= {past.until for pasts in self._pasts.values() for past in pasts}
        days |= {day for group in self._merged for day in (group.valid_from, group.valid_until)}
        return tuple(sorted((day for day in days if day is not None), reverse=True))

    def timezone(self, zone_id: str) -> str:
        """What holds in the zone."""
        place = self.places.get(zone_id)
        while place is not None:
            if place.timezone:
                return place.timezone
            place = self.places.get(place.parent_id or "")
        return DEFAULT_TIMEZONE

    def _station(self, zone_id: str, on: date, memo: dict[str, Unit | None]) -> Unit | None:
        """Of the zone and those above it; what is found on the way up is remembered for all on it."""
        way: list[str] = []
        here: str | None = zone_id
        found: Unit | None = None
        while here is not None and here in self.places and here not in way:
            if here in memo:
                found = memo[here]
                break
            way.append(here)
            if self.places[here].kind is ZoneKind.COMMUNE:
                found = self._of_zone(here, on)
                break
            here = self._parent(here, on)
        memo.update(dict.fromkeys(way, found))
        return found

    def _parent(self, zone_id: str, on: date) -> str | None:
        past = self._past(zone_id, on)
        return past.parent_id if past is not None else self.places[zone_id].parent_id

    def _past(self, zone_id: str, on: date) -> Past | None:
        """What was so on that day, None where it is so still."""
        pasts = self._pasts.get(zone_id)
        if not pasts:
            return None
        place = bisect_right([past.until for past in pasts], on)
        return pasts[place] if place < len(pasts) else None

    def _of_zone(self, zone_id: str, on: date) -> Unit:
        place, past = self.places[zone_id], self._past(zone_id, on)
        named = past or place
        return Unit(zone_id, named.name, named.code, False, place.latitude, place.longitude)

    def _of_group(self, group: Merged) -> Unit:
        """In the middle of its members that have coordinates."""
        known = [self.places[key] for key in sorted(group.member_ids) if key in self.places]
        points = [(at.latitude, at.longitude) for at in known if at.latitude is not None and at.longitude is not None]
        latitude = round(sum(point[0] for point in points) / len(points), 5) if points else None
        longitude = round(sum(point[1] for point in points) / len(points), 5) if points else None
        return Unit(group.id, group.name, group.code, True, latitude, longitude)
