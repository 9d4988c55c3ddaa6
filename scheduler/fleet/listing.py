"""The fleet at a glance: who is in which condition and where, thousands of receivers at once.

Rules
- Conditions are counted by the database; what a receiver said itself is read for those alone that are shown. Only for
  what is typed and for the map all of them are read, and then no more of them than that takes.
- A list is in the order of places and names as they are written. What is typed finds names of places too, by the rules
  of `zones.names`.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, case, func
from sqlmodel import Session, col, select

from scheduler.errors import NotFound
from scheduler.fleet import views
from scheduler.fleet.models import Receiver
from scheduler.fleet.schemas import Condition, ReceiverView
from scheduler.fleet.upkeep.models import FaultRecord
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.store.batches import batches
from scheduler.zones import names
from scheduler.zones import repository as zones
from scheduler.zones.forest import at_or_below, forest, zone_names
from scheduler.zones.models import Zone

_MARKS = dict.fromkeys(range(0x300, 0x370))


class Asked(Struct, frozen=True, kw_only=True):
    """Which receivers; empty is any. `typed` stands in a name, a code or the name of a place."""

    conditions: frozenset[Condition] = frozenset()
    zone_id: str = ""
    fault: str = ""
    typed: str = ""


class Light(Struct, frozen=True):
    """One receiver, as far as lists and maps need it."""

    id: str
    name: str
    code: str | None
    path: str
    latitude: float | None
    longitude: float | None
    condition: Condition


class Fleet(Struct, frozen=True):
    """`counts` are of all that the actor sees in the zone; `found` are a part of the `matching` that were asked for.

    `names` are those of zones.
    """

    counts: Mapping[Condition, int]
    matching: int
    found: Sequence[Light]
    names: Mapping[str, str]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def place(self, one: Light) -> list[str]:
        return [self.names[zone_id] for zone_id in zones.ids_of(one.path) if zone_id in self.names]


def fleet(db: Session, actor: Actor, now: datetime, asked: Asked, part: slice | None = None) -> Fleet:
    """`part` of what is asked for, in order; without it all, in any order.

    Raises NotFound for a zone that there is not, Forbidden for one that is not the actor's.
    """
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_READ, now))
    if asked.zone_id:
        zone = zones.zone(db, asked.zone_id)
        if zone is None:
            raise NotFound("not_found", "There is no such zone, or it is not in your area.")
        require(actor, Action.RECEIVER_READ, zone.path, now)
        paths = [zone.path]
    here = at_or_below(db, paths, col(Receiver.zone_id))
    counts, wanted = _counts(db, here, now), [here, *_conditions(asked, now)]
    if asked.typed.strip():
        found = _read(db, now, *wanted)
        known = zone_names(db, {one.path for one in found})
        fits = _typed(asked.typed, known)
        found = _in_order([one for one in found if fits(one)], known)
        return Fleet(counts, len(found), found[part] if part else found, known)
    if part is None:
        found = _read(db, now, *wanted)
        return Fleet(counts, len(found), found, zone_names(db, {one.path for one in found}))
    homes = _homes(db, wanted)
    paths_of = _paths(db, homes)
    known = zone_names(db, set(paths_of.values()))
    order = sorted(homes, key=lambda zone_id: (_rank(paths_of[zone_id], known), zone_id))
    begin, chosen = _window(order, homes, part)
    found = _in_order(_read(db, now, col(Receiver.zone_id).in_(chosen), *wanted), known)
    return Fleet(counts, homes.total(), found[part.start - begin : part.stop - begin], known)


def shown(db: Session, some: Sequence[Light], known: Mapping[str, str], now: datetime) -> list[ReceiverView]:
    """These as they are listed, in the same order."""
    rows: dict[str, tuple[Receiver, Zone]] = {}
    for part in batches(some):
        wanted = [one.id for one in part]
        query = select(Receiver, Zone).join(Zone, col(Zone.id) == Receiver.zone_id)
        rows |= {row[0].id: row for row in db.exec(query.where(col(Receiver.id).in_(wanted)))}
    return [views.view(*rows[one.id], known, now) for one in some if one.id in rows]


def condition_column(now: datetime) -> ColumnElement[str]:
    """`views.condition` as the database has it."""
    silent = col(Receiver.seen_at).is_(None) | (col(Receiver.seen_at) < now - views.SILENT_AFTER)
    offline = case((col(Receiver.seen_at).is_not(None), Condition.OFFLINE.value), else_=Condition.NEVER.value)
    return case(
        (col(Receiver.revoked_at).is_not(None), Condition.REVOKED.value),
        (col(Receiver.enrolled_at).is_(None), Condition.UNENROLLED.value),
        (~col(Receiver.online), offline),
        (silent, Condition.SILENT.value),
        (col(Receiver.faulty), Condition.FAULT.value),
        (col(Receiver.playing), Condition.PLAYING.value),
        else_=Condition.ONLINE.value,
    )


def _counts(db: Session, here: ColumnElement[bool], now: datetime) -> Counter[Condition]:
    word = condition_column(now).label("word")
    rows = db.execute(select(word, func.count()).select_from(Receiver).where(here).group_by("word"))
    return Counter({Condition(condition): count for condition, count in rows})


def _conditions(asked: Asked, now: datetime) -> list[ColumnElement[bool]]:
    """What is asked for, but for what is typed."""
    found: list[ColumnElement[bool]] = []
    if asked.conditions:
        found.append(condition_column(now).in_([condition.value for condition in asked.conditions]))
    if asked.fault:
        held = select(FaultRecord.receiver_id).where(FaultRecord.code == asked.fault)
        held = held.where(col(FaultRecord.until).is_(None), col(FaultRecord.reset_at).is_(None))
        found.append(col(Receiver.id).in_(held))
    return found


def _homes(db: Session, wanted: Sequence[ColumnElement[bool]]) -> Counter[str]:
    """How many receivers are wanted of each zone."""
    query = select(Receiver.zone_id, func.count()).where(*wanted).group_by(col(Receiver.zone_id))
    return Counter(dict(db.exec(query).all()))


def _paths(db: Session, zone_ids: Collection[str]) -> dict[str, str]:
    held = forest(db)
    found = zones.zones(db, zone_ids).values() if held is None else held.zones
    return {zone.id: zone.path for zone in found if zone.id in zone_ids}


def _window(order: Sequence[str], counts: Mapping[str, int], part: slice) -> tuple[int, list[str]]:
    """The zones of `order` that `part` of their receivers lies in, and how many are before these."""
    begin, passed, chosen = 0, 0, list[str]()
    for zone_id in order:
        following = passed + counts[zone_id]
        if following > part.start and passed < part.stop:
            begin = begin if chosen else passed
            chosen.append(zone_id)
        passed = following
    return begin, chosen


def _place(path: str, known: Mapping[str, str]) -> list[str]:
    return [known.get(zone_id, "") for zone_id in zones.ids_of(path)]


def _rank(path: str, known: Mapping[str, str]) -> list[str]:
    return [names.rank(name) for name in _place(path, known)]


def _in_order(found: list[Light], known: Mapping[str, str]) -> list[Light]:
    places = {path: _rank(path, known) for path in {one.path for one in found}}
    return sorted(found, key=lambda one: (places[one.path], zones.ids_of(one.path)[-1], names.rank(one.name), one.id))


def _read(db: Session, now: datetime, *conditions: ColumnElement[bool]) -> list[Light]:
    """In two: what a receiver is in comes from an index alone, and what it said lies between the two in its row."""
    by_word = {condition.value: condition for condition in Condition}
    query: Any = select(Receiver.id, condition_column(now)).where(*conditions)
    words = {id_: by_word[word] for id_, word in db.connection().execute(query)}
    columns: Any = (Receiver.id, Receiver.name, Receiver.code, Receiver.zone_id, Receiver.latitude, Receiver.longitude)
    rows = db.connection().execute(select(*columns).where(*conditions)).all()  # plain: they are read in half the time
    paths = _paths(db, {row[3] for row in rows})
    return [
        Light(id_, name, code, paths[zone_id], latitude, longitude, words[id_])
        for id_, name, code, zone_id, latitude, longitude in rows
    ]


def _typed(typed: str, known: Mapping[str, str]) -> Callable[[Light], bool]:
    """Whether a receiver fits; bare letters are compared first, which is quick."""
    bare = _bare(" ".join(typed.split()))

    def fits(name: str) -> bool:
        return bare in _bare(name) and names.matches(typed, name)

    places = {zone_id for zone_id, name in known.items() if fits(name)}

    together, by_path = names.together(typed), dict[str, bool]()

    def lies_in(path: str) -> bool:
        line = _place(path, known)
        named = any(together(name, line[:depth]) for depth, name in enumerate(line) if depth)
        return named or not places.isdisjoint(zones.ids_of(path))

    def fits_one(one: Light) -> bool:
        if one.path not in by_path:
            by_path[one.path] = lies_in(one.path)
        return by_path[one.path] or fits(one.name) or fits(one.code or "")

    return fits_one


def _bare(text: str) -> str:
    return unicodedata.normalize("NFD", text.lower()).translate(_MARKS).replace("đ", "d")
