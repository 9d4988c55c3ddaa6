"""From the book to what is shown (pure): stations and villages with their sums, lines with their names."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from msgspec.structs import asdict

from scheduler.reports.boundaries import Atlas, Unit
from scheduler.reports.figures import Sums, total
from scheduler.reports.models import ReportAiring, ReportLine
from scheduler.reports.schemas import FiguresOut, LineOut, StationOut
from scheduler.zones.names import fold
from scheduler.zones.repository import ids_of


def stations(
    atlas: Atlas,
    sums: Mapping[str, Sums],
    clusters: Mapping[str, int],
    programme: Iterable[tuple[str, Sequence[str]]],
    on: date,
) -> tuple[list[StationOut], int]:
    """Each station with its villages' sums, by name, and how many different bulletins they had together.

    A bulletin that several villages of a station heard is one bulletin there, and one of all stations together.
    """
    villages = sums.keys() | clusters.keys()
    units = atlas.stations(villages, on)
    aired_in: dict[str, set[str]] = defaultdict(set)
    for zone_id in sums:
        for above in ids_of(atlas.places[zone_id].path):
            aired_in[above].add(units[zone_id].id)
    bulletins: dict[str, int] = defaultdict(int)
    different = 0
    for _airing_id, targets in programme:
        reached = {unit_id for target in targets for unit_id in aired_in.get(target, ())}
        different += bool(reached)
        for unit_id in reached:
            bulletins[unit_id] += 1
    members: dict[str, list[str]] = defaultdict(list)
    for zone_id in villages:
        members[units[zone_id].id].append(zone_id)
    by_id = {unit.id: unit for unit in units.values()}
    shown = _Shown(atlas, sums, clusters)
    found = [shown.station(by_id[key], zone_ids, bulletins[key]) for key, zone_ids in members.items()]
    return sorted(found, key=lambda one: (fold(one.name), one.name, one.id)), different


def villages(atlas: Atlas, sums: Mapping[str, Sums], clusters: Mapping[str, int]) -> list[StationOut]:
    """Each village by itself, by its place in the tree."""
    found, shown = [], _Shown(atlas, sums, clusters)
    for zone_id in sums.keys() | clusters.keys():
        place = atlas.places[zone_id]
        unit = Unit(zone_id, place.name, place.code, latitude=place.latitude, longitude=place.longitude)
        own = sums.get(zone_id, Sums())
        found.append(shown.station(unit, [zone_id], own.bulletins))

    def order(one: StationOut) -> tuple[str, str, str]:
        above = atlas.places.get(atlas.places[one.id].parent_id or "")
        return fold(above.name) if above else "", fold(one.name), one.id

    return sorted(found, key=order)


def total_of(atlas: Atlas, zone_id: str, rows: Sequence[StationOut], bulletins: int) -> StationOut:
    """All stations together, under the name of the zone that was asked for."""
    place = atlas.places[zone_id]
    fields = Sums.__struct_fields__
    made = total((Sums(**{name: getattr(row, name) for name in fields}) for row in rows), bulletins)
    return StationOut(
        id=zone_id,
        name=place.name,
        code=place.code,
        clusters=sum(row.clusters for row in rows),
        area=[row.name for row in rows],
        latitude=place.latitude,
        longitude=place.longitude,
        **_figures(made),
    )


def figures_out(made: Sums) -> FiguresOut:
    return FiguresOut(**_figures(made))


def line(atlas: Atlas, row: ReportLine, airing: ReportAiring, station: str) -> LineOut:
    same = ("receivers", "fetched", "started", "heard", "missed", "microphones", "missed_by", "error_us", "level_dbfs")
    values = {name: getattr(row, name) for name in (*same, "microphone_dbfs", "requested_us", "played_us", "day")}
    return LineOut(
        airing_id=airing.id,
        broadcast_id=airing.broadcast_id,
        kind=airing.kind,
        cls=airing.cls,
        title=airing.title,
        zone_id=row.zone_id,
        zone_name=atlas.places[row.zone_id].name,
        station=station,
        start=airing.start_at,
        timezone=atlas.timezone(row.zone_id),
        waiting=row.receivers - row.heard - row.missed,
        **values,
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    atlas: Atlas
    sums: Mapping[str, Sums]
    clusters: Mapping[str, int]

    def station(self, unit: Unit, zone_ids: Sequence[str], bulletins: int) -> StationOut:
        made = total((self.sums[key] for key in zone_ids if key in self.sums), bulletins)
        return StationOut(
            id=unit.id,
            name=unit.name,
            code=unit.code,
            clusters=sum(self.clusters.get(key, 0) for key in zone_ids),
            area=sorted(self.atlas.places[key].name for key in zone_ids),
            latitude=unit.latitude,
            longitude=unit.longitude,
            **_figures(made),
        )


def _figures(made: Sums) -> dict[str, Any]:
    return asdict(made) | {"ratio": made.ratio}
