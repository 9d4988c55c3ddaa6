"""Which place the views of what is planned show: one that is chosen, out of those right above the villages."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from msgspec import Struct
from sqlmodel import Session

from scheduler.rights import Action
from scheduler.zones import service as zone_service
from scheduler.zones.schemas import ZoneView
from scheduler.zones.views import zone_views
from web.pages.frame import Page
from web.pages.places import Option

ZoneId = Annotated[str, Query(max_length=26)]


class Area(Struct, frozen=True):
    """The places to choose from: those right above villages with loudspeakers; and the one that is shown."""

    options: list[Option]
    zone_id: str
    name: str


def area_of(db: Session, page: Page, zone_id: str) -> Area:
    """The place that is asked for, else the first of those that the reader sees."""
    seen = zone_views(db, zone_service.tree(db, page.actor, page.now, Action.BROADCAST_READ))
    names = {zone.id: zone for zone in seen}
    above = list(dict.fromkeys(_above(zone, names) for zone in _villages(seen)))
    options = [
        Option(zone.id, ", ".join([zone.name, *reversed(zone.place[-1:])])) for zone in map(names.get, above) if zone
    ]
    known = zone_id if zone_id in names else above[0] if above else ""
    return Area(options, known, names[known].name if known else "")


def _villages(seen: Sequence[ZoneView]) -> list[ZoneView]:
    """The zones with receivers of their own: more than those below them have."""
    below: dict[str | None, int] = {}
    for zone in seen:
        below[zone.parent_id] = below.get(zone.parent_id, 0) + zone.receivers
    return [zone for zone in seen if zone.receivers > below.get(zone.id, 0)]


def _above(zone: ZoneView, seen: dict[str, ZoneView]) -> str:
    return zone.parent_id if zone.parent_id in seen and zone.parent_id else zone.id
