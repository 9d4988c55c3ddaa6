"""Places as dots on a small map, to be chosen where a finger finds them faster than in the list (pure).

- Drawn from the zones' own coordinates, north up, no tiles: nothing is loaded for it.
- A map of one place says nothing, and one of very many cannot be touched: then there is none.
- Each dot can be touched: one that would lie on another stands beside it, as near as there is room.
- A name stands to the right of its dot, or where it covers nothing that was drawn before it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from msgspec import Struct

from scheduler.zones.schemas import ZoneView

WIDTH = 360
MARGIN = 48
RADIUS = 12
MIN_DOTS, MAX_DOTS = 2, 60
APART = 2.0 * RADIUS + 3
_LEAST_DEGREES = 1e-4
_LETTER, _LINE = 6.2, 12.0
"""About how wide a letter and how high a line of a name is."""
_SIDES = ((RADIUS + 4, 4, "start"), (-RADIUS - 4, 4, "end"), (0, RADIUS + 13, "middle"), (0, -RADIUS - 5, "middle"))

Box = tuple[float, float, float, float]


class Dot(Struct, frozen=True):
    """A zone at `x`, `y` of the drawing; its name stands at (`label_x`, `label_y`) from there."""

    id: str
    name: str
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str


class Map(Struct, frozen=True):
    width: int
    height: int
    dots: tuple[Dot, ...]


def drawn(zones: Sequence[ZoneView]) -> Map | None:
    """The zones that have coordinates, or None where a map would not help."""
    placed = [(z, z.latitude, z.longitude) for z in zones if z.latitude is not None and z.longitude is not None]
    if not MIN_DOTS <= len(placed) <= MAX_DOTS:
        return None
    south, north = min(p[1] for p in placed), max(p[1] for p in placed)
    west, east = min(p[2] for p in placed), max(p[2] for p in placed)
    shrink = math.cos(math.radians((south + north) / 2))
    scale = (WIDTH - 2 * MARGIN) / max((east - west) * shrink, north - south, _LEAST_DEGREES)
    inset = (WIDTH - (east - west) * shrink * scale) / 2
    spots = _apart(
        [(inset + (long - west) * shrink * scale, MARGIN + (north - lat) * scale) for _zone, lat, long in placed]
    )
    points = [(zone, round(x, 1), round(y, 1)) for (zone, _lat, _long), (x, y) in zip(placed, spots, strict=True)]
    height = round(max(2 * MARGIN + (north - south) * scale, max(y for _x, y in spots) + MARGIN / 2))
    return Map(WIDTH, height, tuple(_named(points, height)))


def _apart(wanted: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Each where it belongs or, where an earlier one stands, at the nearest free spot around."""
    found: dict[int, tuple[float, float]] = {}
    for number, spot in enumerate(wanted):
        if _has_room(spot, found.values()):
            found[number] = spot
    for number, spot in enumerate(wanted):
        if number not in found:
            found[number] = next(one for one in _around(spot) if _has_room(one, found.values()))
    return [found[number] for number in range(len(wanted))]


def _has_room(spot: tuple[float, float], taken: Iterable[tuple[float, float]]) -> bool:
    return all(math.dist(spot, other) >= APART for other in taken)


def _around(spot: tuple[float, float]) -> Iterator[tuple[float, float]]:
    """Spots inside the drawing, ring by ring; it grows downwards, so there is always one more."""
    for ring in count(1):
        for step in range(6 * ring):
            turn = math.tau * step / (6 * ring)
            x, y = spot[0] + ring * APART / 2 * math.cos(turn), spot[1] + ring * APART / 2 * math.sin(turn)
            if RADIUS <= x <= WIDTH - RADIUS and y >= RADIUS:
                yield x, y


def _named(points: Sequence[tuple[ZoneView, float, float]], height: int) -> list[Dot]:
    taken: list[Box] = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for _zone, x, y in points]
    dots = []
    for zone, x, y in points:
        dots.append(Dot(zone.id, zone.name, x, y, *(label_side(zone.name, x, y, taken, (WIDTH, height)) or _SIDES[0])))
    return dots


def label_side(
    name: str, x: float, y: float, taken: list[Box], size: tuple[int, int]
) -> tuple[float, float, str] | None:
    """Where from (x, y) a name stands, and how it is anchored; None where it would cover what is drawn already.

    `taken` has what is drawn, and then the name too.
    """
    boxes = {side: _box(name, x, y, side) for side in _SIDES}
    side = next((s for s, box in boxes.items() if _free(box, taken, size)), None)
    if side is not None:
        taken.append(boxes[side])
    return side


def _box(name: str, x: float, y: float, side: tuple[int, int, str]) -> Box:
    offset_x, offset_y, anchor = side
    width = len(name) * _LETTER
    left = x + offset_x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return left, y + offset_y - _LINE + 2, left + width, y + offset_y + 2


def _free(box: Box, taken: Sequence[Box], size: tuple[int, int]) -> bool:
    left, top, right, bottom = box
    inside = left >= 0 and top >= 0 and right <= size[0] and bottom <= size[1]
    return inside and not any(left < b[2] and right > b[0] and top < b[3] and bottom > b[1] for b in taken)
