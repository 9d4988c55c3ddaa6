"""The first occurrences of a broadcast that is not planned yet: where each airs, and who has a day off then.

Reads the database, but for `first`. A broadcast that leaves days off out is looked at as it will be planned
(`planning`, `daysoff`), so that a village that keeps a day is told beforehand.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import Airing, Media
from scheduler.broadcasts import airings, planning
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.repository import Placed
from scheduler.broadcasts.schemas import DayOff
from scheduler.policy import local_day
from scheduler.zones.models import Zone
from scheduler.zones.repository import ids_of
from scheduler.zones.rules import valid_on

MOST = 14
SPAN = timedelta(days=14)


class Tried(NamedTuple):
    """The first occurrences, those on days off too; by airing, in the programmes of which zones it is."""

    every: tuple[Airing, ...]
    where: Mapping[str, Collection[str]]

    @property
    def coming(self) -> tuple[Airing, ...]:
        """Those that air somewhere."""
        return tuple(airing for airing in self.every if self.where.get(airing.id))

    def heard_in(self, zone: Zone) -> tuple[Airing, ...]:
        """Those that receivers of this zone play."""
        lineage = frozenset(ids_of(zone.path))
        return tuple(airing for airing in self.every if not lineage.isdisjoint(self.where.get(airing.id, ())))

    def days_off(self, broadcast: Broadcast, villages: Iterable[Zone]) -> list[DayOff]:
        """The occurrences that some of these zones, at or below those aimed at, do not hear because of a day off."""
        if not broadcast.skip_holidays:
            return []
        silent: dict[str, list[Zone]] = {airing.id: [] for airing in self.every}
        for zone in villages:
            heard = {airing.id for airing in self.heard_in(zone)}
            for airing in self.every:
                there = airing.id not in heard and valid_on(zone, local_day(broadcast.timezone, airing.start_us))
                silent[airing.id] += [zone] if there else []
        return [_day_off(broadcast, airing, silent[airing.id]) for airing in self.every if silent[airing.id]]


def first(broadcast: Broadcast, media: tuple[Media, ...], now: datetime) -> tuple[Broadcast, tuple[Airing, ...]]:
    """The first occurrences still to come within SPAN of the first, whatever days are off, and of what row they are.

    An immediate one starts after its lead.
    """
    tried = broadcast.unsaved_copy()
    if tried.starts_local is None:
        tried.starts_local = airings.local_text(now + timedelta(seconds=airings.LEAD_S), tried.timezone)
    start = airings.next_start(tried, now)
    if start is None:
        return tried, ()
    found = airings.airings_of(tried, media, (to_us(start), to_us(start + SPAN)))
    return tried, tuple(airing for airing in found if airing.start_us >= to_us(start))[:MOST]


def tried(db: Session, broadcast: Broadcast, zones: Sequence[Zone], media: tuple[Media, ...], now: datetime) -> Tried:
    """The first occurrences of what is aimed at these zones."""
    row, every = first(broadcast, media, now)
    if not every:
        return Tried((), {})
    item = Placed(row, "", (), frozenset(zone.id for zone in zones))
    window = every[0].start_us, every[-1].start_us + 1
    found = planning.aired_where(db, item, zones, window, media)
    return Tried(every, {airing_id: zone_ids for airing_id, (_airing, zone_ids) in found.items()})


def _day_off(broadcast: Broadcast, airing: Airing, zones: Sequence[Zone]) -> DayOff:
    start = from_us(airing.start_us)
    return DayOff(
        start=start,
        local=airings.local_text(start, broadcast.timezone),
        zone_ids=[zone.id for zone in zones],
        zone_names=[zone.name for zone in zones],
    )
