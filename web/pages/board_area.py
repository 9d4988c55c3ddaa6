"""Which place the views of what is planned show: one that is chosen, out of those right above the villages."""

from collections.abc import Collection, Mapping
from typing import Annotated

from fastapi import Query
from msgspec import Struct
from sqlmodel import Session, col

from scheduler.fleet.models import Receiver
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql
from scheduler.zones import service as zone_service
from scheduler.zones.forest import at_or_below, zone_names
from scheduler.zones.models import Zone
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
    tree = zone_service.tree(db, page.actor, page.now, Action.BROADCAST_READ)
    seen = {zone.id: zone for zone in tree}
    homes = villages_of(db, page)
    above = list(dict.fromkeys(_above(zone, seen) for zone in tree if zone.id in homes))
    names = zone_names(db, {seen[key].path for key in above})
    options = [Option(key, ", ".join(_named(seen[key], names))) for key in above]
    known = zone_id if zone_id in seen else above[0] if above else ""
    return Area(options, known, seen[known].name if known else "")


def villages_of(db: Session, page: Page) -> set[str]:
    """The zones that the reader sees with receivers of their own."""
    paths = zone_sql.paths_of(db, page.actor.zones_for(Action.BROADCAST_READ, page.now))
    return zone_sql.with_receivers(db, at_or_below(db, paths, col(Receiver.zone_id)))


def _above(zone: Zone, seen: Collection[str]) -> str:
    return zone.parent_id if zone.parent_id in seen and zone.parent_id else zone.id


def _named(zone: Zone, names: Mapping[str, str]) -> list[str]:
    """Its name and that of the zone above it."""
    return [names[key] for key in reversed(zone_sql.ids_of(zone.path)[-2:]) if key in names]
