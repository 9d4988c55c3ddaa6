"""All zones in the order of their tree, kept in memory: pages ask for thousands of them again and again (does I/O).

Rules
- Each process keeps them until they change: their number, the sum of their versions and the newest id are read each
  time, and no two states of the tree have the same three.
- They are kept from transactions that only read, and for these: what a change says before it is committed may never
  come to be.
- What is kept belongs to no session and is never changed.
"""

from collections.abc import Collection, Iterable, Mapping
from weakref import WeakKeyDictionary

from msgspec import Struct, field
from sqlalchemy import ColumnElement, func, true
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Mapped
from sqlmodel import Session, select

from scheduler.zones import names, repository
from scheduler.zones.models import Zone
from scheduler.zones.rules import Effective
from scheduler.zones.schemas import ZoneView

_State = tuple[int, int | None, str | None]


class Forest(Struct, frozen=True):
    """`zones` parents before children, siblings by name; by id, `above` the ids from the root to the zone itself.

    `drawn` is for `views`: each zone as it is shown; `ruled` for `planning`: what holds in it; `by_id` for
    `zones_by_id`; `parts` are what `below` found last.
    """

    zones: tuple[Zone, ...]
    above: Mapping[str, tuple[str, ...]]
    names: Mapping[str, str]
    drawn: dict[str, ZoneView] = field(default_factory=dict)
    ruled: dict[str, Effective] = field(default_factory=dict)
    by_id: dict[str, Zone] = field(default_factory=dict)
    parts: dict[frozenset[str], tuple[Zone, ...]] = field(default_factory=dict)

    def below(self, zone_ids: Collection[str]) -> tuple[Zone, ...]:
        """These zones and all below them."""
        wanted = frozenset(zone_ids)
        found = self.parts.get(wanted)
        if found is None:
            found = tuple(zone for zone in self.zones if not wanted.isdisjoint(self.above[zone.id]))
            if len(self.parts) >= _PARTS:
                self.parts.clear()
            self.parts[wanted] = found
        return found


_PARTS = 64
"""So many are kept: what people have rights in is asked for several times on each page."""
_NAMED = 500
"""So many zones are named one by one in a query."""
_HERE = "loa_forest"
_kept: WeakKeyDictionary[Engine | Connection, tuple[_State, Forest]] = WeakKeyDictionary()


def forest(db: Session) -> Forest | None:
    """All zones as this transaction sees them; None in one that writes."""
    bind = db.get_bind()
    if bind.get_execution_options().get("loa_writes", True):
        return None
    here: Forest | None = db.info.get(_HERE)
    if here is None:  # a transaction that only reads sees the same from its beginning to its end
        db.info[_HERE] = here = _current(db, bind)
    return here


def _current(db: Session, bind: Engine | Connection) -> Forest:
    held = _kept.get(bind)
    if held is None or held[0] != _state(db):
        found = _read(db)
        for zone in found.zones:
            db.expunge(zone)
        ids, versions = [zone.id for zone in found.zones], [zone.version for zone in found.zones]
        held = _kept[bind] = (len(ids), sum(versions) if ids else None, max(ids, default=None)), found
    return held[1]


def _state(db: Session) -> _State:
    count, versions, newest = db.execute(select(func.count(), func.sum(Zone.version), func.max(Zone.id))).one()
    return count, versions, newest


def at_or_below(db: Session, paths: Collection[str], zone_id: Mapped[str] | Mapped[str | None]) -> ColumnElement[bool]:
    """The condition that the zone in this column is at one of `paths` or below it, without joining all zones."""
    held = forest(db)
    if held is None:
        return zone_id.in_(select(Zone.id).where(repository.below(paths)))
    tops = {repository.ids_of(path)[-1] for path in paths}
    found = [zone.id for zone in held.below(tops)]
    if len(found) == len(held.zones):
        return true()
    return zone_id.in_(found) if len(found) <= _NAMED else zone_id.in_(select(Zone.id).where(repository.below(paths)))


def zone_names(db: Session, paths: Collection[str]) -> Mapping[str, str]:
    """The name of every zone that occurs in `paths`, and perhaps of more."""
    held = forest(db)
    if held is not None:
        return held.names
    ids = {zone_id for path in paths for zone_id in repository.ids_of(path)}
    return {zone_id: zone.name for zone_id, zone in repository.zones(db, ids).items()}


def zones_by_id(db: Session, zone_ids: Collection[str]) -> dict[str, Zone]:
    """These zones, to be read only."""
    held = forest(db)
    if held is None:
        return repository.zones(db, zone_ids)
    if not held.by_id:
        held.by_id.update({zone.id: zone for zone in held.zones})
    return {zone_id: held.by_id[zone_id] for zone_id in sorted(held.by_id.keys() & set(zone_ids))}


def in_tree_order(zones: Iterable[Zone]) -> list[Zone]:
    """Parents before their children, siblings by name."""
    found = list(zones)
    named = {zone.id: names.rank(zone.name) for zone in found}

    def place(zone: Zone) -> list[tuple[str, str]]:
        return [(named.get(zone_id, ""), zone_id) for zone_id in repository.ids_of(zone.path)]

    return sorted(found, key=place)


def _read(db: Session) -> Forest:
    found = in_tree_order(db.exec(select(Zone)).all())
    above = {zone.id: tuple(repository.ids_of(zone.path)) for zone in found}
    return Forest(tuple(found), above, {zone.id: zone.name for zone in found})
