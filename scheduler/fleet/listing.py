"""The fleet at a glance: who is in which condition and where, thousands of receivers at once.

Rules
- Conditions are counted from columns; what a receiver said itself is read for those alone that are shown.
- A list is in the order of places and names as they are written. What is typed finds names of places too, by the rules
  of `zones.names`.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, case
from sqlmodel import Session, col, select

from scheduler.errors import NotFound
from scheduler.fleet import repository, views
from scheduler.fleet.models import Receiver
from scheduler.fleet.schemas import Condition, ReceiverView
from scheduler.fleet.upkeep.models import FaultRecord
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.zones import names
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone

_MARKS = dict.fromkeys(range(0x300, 0x370))
_CHUNK = 500


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
    """`counts` are of all that the actor sees in the zone, `found` is what was asked for in order, `names` of zones."""

    counts: Mapping[Condition, int]
    found: Sequence[Light]
    names: Mapping[str, str]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def place(self, one: Light) -> list[str]:
        return [self.names[zone_id] for zone_id in zones.ids_of(one.path) if zone_id in self.names]


def fleet(db: Session, actor: Actor, now: datetime, asked: Asked) -> Fleet:
    """All of them. Raises NotFound for a zone that there is not, Forbidden for one that is not the actor's."""
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_READ, now))
    if asked.zone_id:
        zone = zones.zone(db, asked.zone_id)
        if zone is None:
            raise NotFound("not_found", "There is no such zone, or it is not in your area.")
        require(actor, Action.RECEIVER_READ, zone.path, now)
        paths = [zone.path]
    all_of_them = _read(db, paths, now)
    known = repository.zone_names(db, {one.path for one in all_of_them})
    faulty = _with_fault(db, asked.fault) if asked.fault else None
    fits = _typed(asked.typed, known) if asked.typed.strip() else None
    found = [
        one
        for one in all_of_them
        if (not asked.conditions or one.condition in asked.conditions)
        and (faulty is None or one.id in faulty)
        and (fits is None or fits(one))
    ]
    places = {path: [known.get(zone_id, "") for zone_id in zones.ids_of(path)] for path in {one.path for one in found}}
    found.sort(key=lambda one: (places[one.path], one.name, one.id))
    return Fleet(Counter(one.condition for one in all_of_them), found, known)


def shown(db: Session, some: Sequence[Light], known: Mapping[str, str], now: datetime) -> list[ReceiverView]:
    """These as they are listed, in the same order."""
    rows: dict[str, tuple[Receiver, Zone]] = {}
    for start in range(0, len(some), _CHUNK):
        wanted = [one.id for one in some[start : start + _CHUNK]]
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


def _read(db: Session, paths: Collection[str], now: datetime) -> list[Light]:
    columns = (Receiver.id, Receiver.name, Receiver.code, Zone.path, Receiver.latitude, Receiver.longitude)
    query = select(*columns, condition_column(now)).select_from(Receiver)  # type: ignore[call-overload]
    query = query.join(Zone, col(Zone.id) == Receiver.zone_id).where(zones.below(paths))
    by_word = {condition.value: condition for condition in Condition}
    rows: Iterable[Any] = db.connection().execute(query)  # plain rows: ten thousand are read in half the time
    return [
        Light(id_, name, code, path, latitude, longitude, by_word[word])
        for id_, name, code, path, latitude, longitude, word in rows
    ]


def _with_fault(db: Session, code: str) -> set[str]:
    """Receivers on which a fault holds."""
    query = select(FaultRecord.receiver_id).where(FaultRecord.code == code)
    return set(db.exec(query.where(col(FaultRecord.until).is_(None), col(FaultRecord.reset_at).is_(None))))


def _typed(typed: str, known: Mapping[str, str]) -> Callable[[Light], bool]:
    """Whether a receiver fits; bare letters are compared first, which is quick."""
    bare = _bare(" ".join(typed.split()))

    def fits(name: str) -> bool:
        return bare in _bare(name) and names.matches(typed, name)

    places = {zone_id for zone_id, name in known.items() if fits(name)}

    by_path: dict[str, bool] = {}

    def fits_one(one: Light) -> bool:
        if one.path not in by_path:
            by_path[one.path] = not places.isdisjoint(zones.ids_of(one.path))
        return by_path[one.path] or fits(one.name) or fits(one.code or "")

    return fits_one


def _bare(text: str) -> str:
    return unicodedata.normalize("NFD", text.lower()).translate(_MARKS).replace("đ", "d")
