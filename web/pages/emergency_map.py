"""Places as dots on a small map, to be chosen where a finger finds them faster than in the list (pure).

- Drawn from the zones' own coordinates, north up, no tiles: nothing is loaded for it.
- A map of one place says nothing, and one of very many cannot be touched: then there is none.
"""

import math
from collections.abc import Sequence

from msgspec import Struct

from scheduler.zones.schemas import ZoneView

WIDTH = 320
MARGIN = 40
DOT = 12
MIN_DOTS, MAX_DOTS = 2, 60
_LEAST_DEGREES = 1e-4


class Dot(Struct, frozen=True):
    """A zone at `x`, `y` of the drawing; `left` says that its name stands to the left of it."""

    id: str
    name: str
    x: float
    y: float
    left: bool


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
    dots = []
    for zone, latitude, longitude in placed:
        x = inset + (longitude - west) * shrink * scale
        y = MARGIN + (north - latitude) * scale
        dots.append(Dot(zone.id, zone.name, round(x, 1), round(y, 1), x > WIDTH * 0.6))
    return Map(WIDTH, round(2 * MARGIN + (north - south) * scale), tuple(dots))
