"""Loudspeakers on a map, drawn from their own coordinates (pure).

Rules
- North is up, distances are true (Mercator). Nothing is loaded for it unless a tile server is set: then its pictures
  lie below, at a whole level of enlargement.
- A state is a shape and a colour. Where many lie close together one sign says how many, in the worst of their states.
- Where nothing, or one place only, has coordinates there is no map.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from posixpath import commonpath

from msgspec import Struct

from scheduler.fleet.listing import Light
from scheduler.fleet.schemas import Condition
from scheduler.zones import repository as zones
from web.pages.emergency_map import Box, label_side

WIDTH, HEIGHT = 720, 540
MARGIN = 40
TILE = 256
MAX_ZOOM = 17
NAMED = 40
"""So many signs have their names beside them."""
APART = 30.0
"""Closer than this two signs lie on each other, and cannot be touched."""
LATITUDE_LIMIT = 85.0
_LEAST = 2.0e-6  # of the world's width, about 80 m

SIGNS: Mapping[Condition, str] = {
    Condition.ONLINE: "good",
    Condition.PLAYING: "onair",
    Condition.FAULT: "warn",
    Condition.OFFLINE: "lost",
    Condition.SILENT: "lost",
    Condition.NEVER: "lost",
    Condition.UNENROLLED: "plain",
    Condition.REVOKED: "plain",
}
_WORST = ("lost", "warn", "onair", "good", "plain")


class Sign(Struct, frozen=True, kw_only=True):
    """One loudspeaker, or several that lie close together: then `many` counts them, and the name is of their place."""

    href: str
    name: str
    tone: str
    x: float
    y: float
    many: int = 0
    condition: Condition | None = None
    label: tuple[float, float, str] | None = None


class Tile(Struct, frozen=True):
    href: str
    x: float
    y: float
    size: float


class FleetMap(Struct, frozen=True):
    width: int
    height: int
    signs: tuple[Sign, ...]
    tiles: tuple[Tile, ...]
    unplaced: int
    """Loudspeakers without coordinates."""


class _Point(Struct, frozen=True):
    one: Light
    x: float
    y: float


def drawn(found: Sequence[Light], names: Mapping[str, str], tiles: str | None = None) -> FleetMap | None:
    """The map of those that have coordinates; `names` are of places, `tiles` a tile's address with {z}, {x} and {y}."""
    world = [_Point(one, *_world(one.latitude, one.longitude)) for one in found if _is_placed(one)]
    if len({(point.x, point.y) for point in world}) < 2:  # noqa: PLR2004 - one place is no map
        return None
    west, east = min(point.x for point in world), max(point.x for point in world)
    north, south = min(point.y for point in world), max(point.y for point in world)
    inner = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    scale = min(inner[0] / max(east - west, _LEAST), inner[1] / max(south - north, _LEAST))
    zoom = min(int(math.log2(scale / TILE)), MAX_ZOOM)
    if tiles:
        scale = TILE * 2.0**zoom
    left = (west + east) / 2 * scale - WIDTH / 2
    height = HEIGHT if tiles else round(max((south - north) * scale, 60) + 2 * MARGIN)
    top = (north + south) / 2 * scale - height / 2
    points = [_Point(p.one, round(p.x * scale - left, 1), round(p.y * scale - top, 1)) for p in world]
    return FleetMap(
        width=WIDTH,
        height=height,
        signs=tuple(_signs(points, names, height)),
        tiles=tuple(_tiles(tiles, zoom, left, top, height)) if tiles else (),
        unplaced=len(found) - len(world),
    )


def _is_placed(one: Light) -> bool:
    return one.latitude is not None and one.longitude is not None and abs(one.latitude) <= LATITUDE_LIMIT


def _world(latitude: float | None, longitude: float | None) -> tuple[float, float]:
    """In Mercator's square of side 1, from its north-western corner."""
    bent = math.asinh(math.tan(math.radians(latitude or 0.0)))
    return ((longitude or 0.0) + 180) / 360, (1 - bent / math.pi) / 2


def _signs(points: Sequence[_Point], names: Mapping[str, str], height: int) -> Iterator[Sign]:
    groups = list(_groups(points))
    taken: list[Box] = [(x - APART / 2, y - APART / 2, x + APART / 2, y + APART / 2) for (x, y), _group in groups]
    for at, group in groups:
        sign = _one(group[0]) if len(group) == 1 else _several(at, group, names)
        label = label_side(sign.name, sign.x, sign.y, taken, (WIDTH, height)) if len(groups) <= NAMED else None
        if label is not None and sign.many:  # whose sign is larger
            label = label[0] * 1.2, label[1], label[2]
        yield Sign(**{name: getattr(sign, name) for name in Sign.__struct_fields__} | {"label": label})


def _groups(points: Sequence[_Point]) -> Iterator[tuple[tuple[float, float], list[_Point]]]:
    """Where signs stand, none nearer than APART to another, and what each is of: the first one, and all around it."""
    groups: dict[tuple[float, float], list[_Point]] = {}
    cells: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for point in points:
        row, column = int(point.y // APART), int(point.x // APART)
        around = (at for n in range(9) for at in cells.get((row - 1 + n // 3, column - 1 + n % 3), ()))
        near = min(((math.dist(at, (point.x, point.y)), at) for at in around), default=(APART, (0.0, 0.0)))
        if near[0] < APART:
            groups[near[1]].append(point)
        else:
            groups[point.x, point.y] = [point]
            cells.setdefault((row, column), []).append((point.x, point.y))
    return iter(groups.items())


def _one(point: _Point) -> Sign:
    condition = point.one.condition
    href = f"/receivers/{point.one.id}"
    return Sign(href=href, name=point.one.name, tone=SIGNS[condition], condition=condition, x=point.x, y=point.y)


def _several(at: tuple[float, float], group: Sequence[_Point], names: Mapping[str, str]) -> Sign:
    """It leads to the list of the smallest place that all of them are in."""
    tones = {SIGNS[point.one.condition] for point in group}
    home = zones.ids_of(commonpath([point.one.path for point in group]))
    return Sign(
        href=f"/receivers?zone={home[-1]}" if home else "/receivers",
        name=names.get(home[-1], "") if home else "",
        tone=next(tone for tone in _WORST if tone in tones),
        x=at[0],
        y=at[1],
        many=len(group),
    )


def _tiles(address: str, zoom: int, left: float, top: float, height: int) -> Iterator[Tile]:
    last = 2**zoom - 1
    for row in range(max(int(top // TILE), 0), min(int((top + height) // TILE), last) + 1):
        for column in range(max(int(left // TILE), 0), min(int((left + WIDTH) // TILE), last) + 1):
            href = address.replace("{z}", str(zoom)).replace("{x}", str(column)).replace("{y}", str(row))
            yield Tile(href, round(column * TILE - left, 1), round(row * TILE - top, 1), TILE)
