"""What belonged to a zone on a day, wherever it stands today (reads the database).

Rules
- A commune, and what is above communes, keeps its past: what moved away later counts there, what came later does not.
- A village takes its past along, and so does a place between a commune and its villages.
- What stands elsewhere today is shown by itself to who may see it there; to all others as a part of the whole.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, or_, select
from sqlmodel import Session, col

from scheduler.reports import repository
from scheduler.reports.figures import Sums, total
from scheduler.reports.summing import SMALL, Reached
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone, ZoneKind, ZonePast
from scheduler.zones.repository import below

Sees = Callable[[str], bool]
"""Whether whoever asks may see reports of the zone with this path."""


class Area(Struct, frozen=True):
    """All at or below `path` today but for `later`, which came after the day, and `left`, which went after it.

    Of `left`, `hidden` is not shown by itself.
    """

    zone_id: str
    path: str
    later: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    @property
    def here(self) -> ColumnElement[bool]:
        """The condition that a zone belongs to it."""
        return self._with(self.left)

    @property
    def shown(self) -> ColumnElement[bool]:
        """As `here`, without what is hidden."""
        return self._with(self.left - self.hidden)

    def has(self, zone_id: str, path: str) -> bool:
        """As `here`, of a zone and its path today."""
        return zone_id in self.left or (path.startswith(self.path) and zone_id not in self.later)

    def as_part(self, sums: dict[str, Sums], reached: Reached) -> tuple[dict[str, Sums], Reached]:
        """What is hidden, as a part of the zone itself."""
        gone = self.hidden & sums.keys()
        if not gone:
            return sums, reached
        kept = [(self._folded(places), count) for places, count in reached]
        bulletins = sum(count for places, count in kept if self.zone_id in places)
        parts = [sums[key] for key in (*gone, self.zone_id) if key in sums]
        shown = {key: one for key, one in sums.items() if key not in gone}
        return shown | {self.zone_id: total(parts, bulletins)}, kept

    def _folded(self, places: Sequence[str]) -> Sequence[str]:
        return [self.zone_id if key in self.hidden else key for key in places]

    def _with(self, left: Collection[str]) -> ColumnElement[bool]:
        stands = below([self.path])
        if self.later:
            stands = and_(stands, col(Zone.id).not_in(self.later))
        return or_(stands, col(Zone.id).in_(left)) if left else stands


def area_of(db: Session, zone: Zone, on: date, sees: Sees) -> Area:
    """What belonged to the zone on that day."""
    if is_small(db, zone) or not _moved_after(db, on):
        return Area(zone.id, zone.path)
    atlas = repository.atlas(db)
    then = atlas.below(zone.id, on)
    today = {key for key, place in atlas.places.items() if place.path.startswith(zone.path)}
    left = frozenset(then - today)
    hidden = frozenset(key for key in left if not sees(atlas.places[key].path))
    return Area(zone.id, zone.path, frozenset(today - then), left, hidden)


def is_small(db: Session, zone: Zone) -> bool:
    """Whether it is a part of a commune, so that sums by commune say nothing of it."""
    if zone.kind is not ZoneKind.OTHER:
        return zone.kind in SMALL
    return any(one.kind is ZoneKind.COMMUNE for one in zone_sql.lineage(db, zone.path))


def _moved_after(db: Session, on: date) -> bool:
    query = select(col(ZonePast.zone_id)).join(Zone, col(Zone.id) == col(ZonePast.zone_id))
    moved = col(ZonePast.parent_id).is_distinct_from(col(Zone.parent_id))
    return db.execute(query.where(col(ZonePast.until) > on, moved).limit(1)).first() is not None
