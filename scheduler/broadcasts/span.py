"""How much plays in each village on each of many days (reads the database; a fixed number of queries).

Counted is what the timeline lets sound, by the local day on which it begins; what it leaves out is counted apart.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from msgspec import Struct
from sqlmodel import Session

from scheduler import days
from scheduler.broadcasts import planning
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.planning import Place, Plans
from scheduler.errors import NotFound
from scheduler.people.actor import Actor, require
from scheduler.policy import day_bounds, local_day
from scheduler.relays import drawing
from scheduler.rights import Action
from scheduler.zones import names
from scheduler.zones import repository as zone_sql


class DayCount(Struct, frozen=True):
    """What sounds of one day: how often, how long; and how much is left out."""

    day: date
    times: int
    sound_us: int
    left_out: int


class VillageDays(Struct, frozen=True):
    zone_id: str
    name: str
    days: tuple[DayCount, ...]


class Span(Struct, frozen=True):
    """Villages by name; `holidays` are the names of the days off that are kept in or above them."""

    villages: tuple[VillageDays, ...]
    holidays: Mapping[date, tuple[str, ...]]


def span(db: Session, actor: Actor, now: datetime, zone_id: str, *, first: date, count: int) -> Span:
    """The `count` local days from `first` on, in each village with receivers in or below a zone."""
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        raise NotFound("not_found", "There is no such zone, or it is not in your area.")
    require(actor, Action.BROADCAST_READ, zone.path, now)
    shown = [days.checked(first) + timedelta(days=number) for number in range(count)]
    total, _online = zone_sql.receiver_counts(db, [zone.path])
    homes = zone_sql.zones(db, total.keys())
    zones = planning.places(db, homes.values())
    windows = {place.timezone: _window(place.timezone, shown) for place in zones.values()}
    window = min((w[0] for w in windows.values()), default=0), max((w[1] for w in windows.values()), default=0)
    by_id = planning.places(db, homes.values(), window)
    plans = drawing.with_relays(db, planning.plans(db, by_id.values(), window, now), by_id, window, now).plans
    found: dict[tuple[object, ...], tuple[DayCount, ...]] = {}
    villages = [
        VillageDays(home.id, home.name, _counted(by_id[home.id], plans, shown, found))
        for home in sorted(homes.values(), key=lambda home: (home.path.rsplit("/", 2)[0], names.rank(home.name)))
    ]
    return Span(tuple(villages), _holidays(db, by_id.keys(), shown))


def _window(timezone: str, shown: list[date]) -> Window:
    return day_bounds(timezone, shown[0])[0], day_bounds(timezone, shown[-1])[1]


def _counted(
    place: Place, plans: Plans, shown: list[date], known: dict[tuple[object, ...], tuple[DayCount, ...]]
) -> tuple[DayCount, ...]:
    """As on the board, villages alike are worked out once."""
    planned = plans.heard_in(place)
    key = frozenset(airing.id for airing in planned), place.effective.rules, place.effective.languages
    if key in known:
        return known[key]
    window = _window(place.timezone, shown)
    resolution = planning.heard(place, planned, window)
    starts: dict[str, int] = {}
    sound_us: Counter[date] = Counter()
    for segment in resolution.segments:
        starts.setdefault(segment.airing_id, segment.start_us)
        sound_us[local_day(place.timezone, segment.start_us)] += segment.sound_us
    times = Counter(local_day(place.timezone, start_us) for start_us in starts.values())
    silent = Counter(
        local_day(place.timezone, airing.start_us)
        for airing in planned
        if airing.id not in starts and window[0] <= airing.start_us < window[1]
    )
    known[key] = tuple(DayCount(day, times[day], sound_us[day], silent[day]) for day in shown)
    return known[key]


def _holidays(db: Session, zone_ids: Iterable[str], shown: list[date]) -> dict[date, tuple[str, ...]]:
    found: dict[date, tuple[str, ...]] = {}
    for row in zone_sql.holidays(db, list(zone_ids), shown[0], shown[-1]):
        if row.name not in found.get(row.day, ()):
            found[row.day] = (*found.get(row.day, ()), row.name)
    return found
