"""The small map of places."""

from itertools import combinations
from math import dist

from hypothesis import given
from hypothesis import strategies as st

from scheduler.zones.models import ZoneKind
from scheduler.zones.schemas import ZoneView
from web.pages.emergency_map import APART, MAX_DOTS, RADIUS, WIDTH, drawn


def zone(number: int, latitude: float | None, longitude: float | None) -> ZoneView:
    return ZoneView(
        id=f"Z{number}",
        parent_id=None,
        kind=ZoneKind.COMMUNE,
        name=f"Xã {number}",
        code=None,
        valid_from=None,
        valid_until=None,
        latitude=latitude,
        longitude=longitude,
        version=1,
        place=[],
        depth=0,
        receivers=0,
        receivers_online=0,
    )


places = st.lists(st.tuples(st.floats(-80, 80), st.floats(-179, 179)), min_size=2, max_size=MAX_DOTS)
far_apart = st.lists(
    st.tuples(st.integers(0, 6).map(float), st.integers(0, 6).map(float)), min_size=2, max_size=MAX_DOTS, unique=True
)


@given(places | st.lists(st.just((15.2, 108.0)), min_size=2, max_size=MAX_DOTS))
def test_every_place_is_inside_and_can_be_touched(found: list[tuple[float, float]]) -> None:
    shown = drawn([zone(number, *place) for number, place in enumerate(found)])
    assert shown is not None
    assert len(shown.dots) == len(found)
    for dot in shown.dots:
        assert RADIUS <= dot.x <= WIDTH - RADIUS
        assert RADIUS <= dot.y <= shown.height - RADIUS
    assert all(dist((a.x, a.y), (b.x, b.y)) > APART - 1 for a, b in combinations(shown.dots, 2))


@given(far_apart)
def test_north_is_up(found: list[tuple[float, float]]) -> None:
    shown = drawn([zone(number, *place) for number, place in enumerate(found)])
    assert shown is not None
    order = sorted(range(len(found)), key=lambda number: -found[number][0])
    heights = [shown.dots[number].y for number in order]
    assert heights == sorted(heights)


def test_a_map_that_would_not_help_is_not_drawn() -> None:
    assert drawn([]) is None
    assert drawn([zone(1, 15.2, 108.0), zone(2, None, None)]) is None
    assert drawn([zone(n, 15 + n / 100, 108.0) for n in range(MAX_DOTS + 1)]) is None
