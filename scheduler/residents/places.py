"""Which places have a page for residents, and finding one's own (pure but for `public_place` and `directory`).

Rules
- A place has a page if it is there today and neither it nor the nearest zone above that says anything switched it off.
  Any other place is not told of, not even that it exists.
- A name is never enough to choose by: everything that fits what was typed is shown, with the places it lies in.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from msgspec import Struct
from sqlmodel import Session

from broadcast.clock import to_us
from scheduler.errors import NotFound
from scheduler.policy import local_day
from scheduler.residents import repository
from scheduler.residents.repository import ZoneRow
from scheduler.zones import names
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone, ZoneKind
from scheduler.zones.rules import Effective, inherited, valid_on

FOUND_AT_MOST = 50
SMALL = (ZoneKind.VILLAGE, ZoneKind.HAMLET)


class PublicPlace(Struct, frozen=True):
    """A zone with a page; `place` are the names of the zones above, from the root."""

    id: str
    parent_id: str | None
    kind: ZoneKind
    name: str
    place: tuple[str, ...]
    folded: str

    @property
    def depth(self) -> int:
        return len(self.place)


class Here(Struct, frozen=True):
    """The place that a page is of, with what holds there; `lineage` ends with itself."""

    zone: Zone
    lineage: tuple[Zone, ...]
    effective: Effective

    @property
    def zone_ids(self) -> tuple[str, ...]:
        return tuple(zone.id for zone in self.lineage)

    @property
    def timezone(self) -> str:
        return self.effective.rules.timezone


def public_place(db: Session, zone_id: str, now: datetime) -> Here:
    """The place if it has a page; else NotFound."""
    zone = zone_sql.zone(db, zone_id)
    if zone is not None:
        lineage = zone_sql.lineage(db, zone.path)
        held = inherited(lineage)
        if held.public_page and valid_on(zone, local_day(held.rules.timezone, to_us(now))):
            return Here(zone, tuple(lineage), held)
    raise NotFound("not_found", "There is no such page.")


def directory(db: Session, today: date) -> list[PublicPlace]:
    """Every place that has a page, parents before children."""
    return listed(repository.zone_rows(db), today)


def listed(rows: Iterable[ZoneRow], today: date) -> list[PublicPlace]:
    """Those of `rows`, which hold parents before children, that have a page."""
    above: dict[str, tuple[bool, tuple[str, ...]]] = {}
    found = []
    for row in rows:
        above_ids = zone_sql.ids_of(row.path)[:-1]
        parent_id = above_ids[-1] if above_ids else None
        held, place = above.get(parent_id or "", (True, ()))
        public = held if row.public_page is None else row.public_page
        above[row.id] = public, (*place, row.name)
        there = (row.valid_from is None or row.valid_from <= today) and (
            row.valid_until is None or today < row.valid_until
        )
        if public and there:
            found.append(PublicPlace(row.id, parent_id, row.kind, row.name, place, names.fold(row.name)))
    return found


def find(places: Sequence[PublicPlace], typed: str) -> tuple[list[PublicPlace], bool]:
    """What `typed` may mean, the closest first, and whether it is written so; else what differs only in its accents."""
    wanted = " ".join(typed.split())
    folded = names.fold(wanted)
    near = [place for place in places if folded and names.matches(folded, place.folded)]
    exact = [place for place in near if names.matches(wanted, place.name)]
    if not exact:
        fits, words = names.together(wanted), re.findall(r"\w+", folded)
        some = (place for place in places if any(word in place.folded for word in words))
        exact = [place for place in some if fits(place.name, place.place)]
    found = exact or near
    return sorted(found, key=lambda p: (*names.closeness(wanted, p.name), p.name, p.place))[:FOUND_AT_MOST], bool(exact)


def top(places: Sequence[PublicPlace]) -> list[PublicPlace]:
    """What a list begins with: the larger places, the largest first, then by name."""
    larger = (place for place in places if place.kind not in SMALL)
    return sorted(larger, key=lambda p: (p.depth, names.rank(p.name), p.id))


def children(places: Sequence[PublicPlace], zone_id: str) -> list[PublicPlace]:
    return sorted((place for place in places if place.parent_id == zone_id), key=lambda p: (names.rank(p.name), p.id))
