"""From the book to what is shown (pure): stations and villages with their sums, lines with their names."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import asdict

from scheduler.reports.beside import Beside
from scheduler.reports.boundaries import Atlas, Unit
from scheduler.reports.figures import Sums, total
from scheduler.reports.models import ReportAiring, ReportLine
from scheduler.reports.schemas import DetailsGone, FiguresOut, LineOut, StationOut
from scheduler.zones import names
from scheduler.zones.models import Zone


@dataclass(frozen=True, slots=True)
class Summed:
    """What a report is made of, all by the same places: villages, or the communes that they stood in.

    `clusters` has each place's receivers and villages, `reached` the places of every different bulletin, or of so many.
    `gone` says from when on it is by villages, where it is not for all of the time.
    """

    units: Mapping[str, Unit]
    sums: Mapping[str, Sums]
    clusters: Mapping[str, tuple[int, set[str]]]
    reached: Sequence[tuple[Sequence[str], int]]
    gone: DetailsGone | None = None


def stations(summed: Summed) -> tuple[list[StationOut], int]:
    """Each station with its places' sums, by name, and how many different bulletins they had together.

    A bulletin that several places of a station heard is one bulletin there, and one of all stations together.
    """
    bulletins: dict[str, int] = defaultdict(int)
    different = 0
    for places, count in summed.reached:
        reached = {summed.units[key].id for key in places if key in summed.sums}
        different += count if reached else 0
        for unit_id in reached:
            bulletins[unit_id] += count
    members: dict[str, list[str]] = defaultdict(list)
    for key in summed.sums.keys() | summed.clusters.keys():
        members[summed.units[key].id].append(key)
    by_id = {unit.id: unit for unit in summed.units.values()}
    found = [_station(by_id[key], keys, summed, bulletins[key]) for key, keys in members.items()]
    return sorted(found, key=lambda one: (names.rank(one.name), one.id)), different


def villages(atlas: Atlas, summed: Summed, middles: Mapping[str, tuple[float, float]]) -> list[StationOut]:
    """Each village by itself, by its place in the tree; without a position of its own, where its receivers stand."""
    found = []
    for zone_id in summed.sums.keys() | summed.clusters.keys():
        place = atlas.places[zone_id]
        own = (place.latitude, place.longitude)
        latitude, longitude = middles.get(zone_id, own) if place.latitude is None else own
        unit = Unit(zone_id, place.name, place.code, latitude=latitude, longitude=longitude)
        found.append(_station(unit, [zone_id], summed, summed.sums.get(zone_id, Sums()).bulletins))

    def order(one: StationOut) -> tuple[str, str, str]:
        above = atlas.places.get(atlas.places[one.id].parent_id or "")
        return names.rank(above.name) if above else "", names.rank(one.name), one.id

    return sorted(found, key=order)


def total_of(place: Zone, rows: Sequence[StationOut], bulletins: int) -> StationOut:
    """All stations together, under the name of the zone that was asked for."""
    fields = Sums.__struct_fields__
    made = total((Sums(**{name: getattr(row, name) for name in fields}) for row in rows), bulletins)
    return StationOut(
        id=place.id,
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


def line(atlas: Atlas, row: ReportLine, airing: ReportAiring, *, station: str, known: Beside) -> LineOut:
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
        document_no=known.documents.get(airing.broadcast_id),
        confirmed=known.said.get((airing.id, row.zone_id)),
        **values,
    )


def _station(unit: Unit, keys: Sequence[str], summed: Summed, bulletins: int) -> StationOut:
    made = total((summed.sums[key] for key in keys if key in summed.sums), bulletins)
    clusters = [summed.clusters[key] for key in keys if key in summed.clusters]
    return StationOut(
        id=unit.id,
        name=unit.name,
        code=unit.code,
        is_group=unit.is_group,
        clusters=sum(count for count, _names in clusters),
        area=sorted(name for _count, names in clusters for name in names),
        latitude=unit.latitude,
        longitude=unit.longitude,
        **_figures(made),
    )


def _figures(made: Sums) -> dict[str, Any]:
    return asdict(made) | {"ratio": made.ratio}
