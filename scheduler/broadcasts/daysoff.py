"""Days off that are kept below the place aimed at, but not there (reads the database; a fixed number of queries).

Rules
- On such a day, what leaves holidays out is not in the programme of the zone aimed at, but in those of the largest
  zones below it that neither keep the day nor have one below that does: receivers play the programmes of all zones
  above them, and know no holidays.
- So it does not reach receivers that stand at a zone with such a village below it. What they play is played in the
  village too, and a day off is silent in all of the zone that keeps it.
- Zones that are not there on the day keep none.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta

from msgspec import Struct
from sqlmodel import Session

from broadcast.clock import from_us
from scheduler.broadcasts.airings import Window
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone
from scheduler.zones.repository import ids_of
from scheduler.zones.rules import valid_on


class Silent(Struct, frozen=True):
    """The ids of the zones that keep a day, and of these and all above them."""

    keeping: frozenset[str]
    touched: frozenset[str]

    def beside(self, zone: Zone) -> bool:
        """Whether the zone is one of the largest in which nobody keeps the day."""
        *above, own = ids_of(zone.path)
        return own not in self.touched and bool(above) and above[-1] in self.touched and self.keeping.isdisjoint(above)


Below = Mapping[str, Mapping[date, Silent]]
"""By zone, the days that are kept below it; those that it keeps itself may be among them."""


def around(window: Window) -> tuple[date, date]:
    """The first and the last day that count in `window`: some airings began before it."""
    return from_us(window[0]).date() - timedelta(days=3), from_us(window[1]).date() + timedelta(days=2)


def kept_below(db: Session, aimed: Collection[Zone], window: Window) -> Below:
    """The days off below each of these zones."""
    found: dict[str, dict[date, set[tuple[str, ...]]]] = defaultdict(lambda: defaultdict(set))
    wanted = {zone.id for zone in aimed}
    for day, zone in zone_sql.days_off_below(db, [zone.path for zone in aimed], *around(window)) if aimed else ():
        path_ids = tuple(ids_of(zone.path))
        for zone_id in wanted.intersection(path_ids[:-1]) if valid_on(zone, day) else ():
            found[zone_id][day].add(path_ids)
    return {zone_id: {day: _silent(paths) for day, paths in days.items()} for zone_id, days in found.items()}


def parts(db: Session, below: Below) -> list[Zone]:
    """The zones whose programmes have what those of the zones aimed at do not have, on any of the days."""
    days = [silent for by_day in below.values() for silent in by_day.values()]
    zones = zone_sql.children_of(db, {zone_id for silent in days for zone_id in silent.touched}) if days else ()
    return [zone for zone in zones if any(silent.beside(zone) for silent in days)]


def _silent(paths: Iterable[tuple[str, ...]]) -> Silent:
    paths = list(paths)
    return Silent(frozenset(path[-1] for path in paths), frozenset(zone_id for path in paths for zone_id in path))
