"""Signs on the map of the fleet: none lies on another, and all that is there can be opened."""

from itertools import combinations
from math import dist

from hypothesis import given
from hypothesis import strategies as st

from scheduler.fleet.listing import Light
from scheduler.fleet.schemas import Condition
from web.pages.fleet_map import APART, drawn

PATHS = ("/A/B/", "/A/BC/", "/A/BC/D/", "/E/")
lights = st.builds(
    Light,
    id=st.uuids().map(str),
    name=st.just("Cụm loa"),
    code=st.none(),
    path=st.sampled_from(PATHS),
    latitude=st.floats(15.0, 15.3),
    longitude=st.floats(108.0, 108.2),
    condition=st.sampled_from(Condition),
)


@given(st.lists(lights, min_size=2, max_size=60))
def test_no_sign_lies_on_another_and_each_leads_to_all_that_it_counts(found: list[Light]) -> None:
    chart = drawn(found, {})
    if chart is None:
        return
    assert all(dist((a.x, a.y), (b.x, b.y)) >= APART for a, b in combinations(chart.signs, 2))
    assert sum(sign.many or 1 for sign in chart.signs) == len(found)
    for sign in chart.signs:
        if sign.many:
            home = sign.href.partition("?zone=")[2]
            assert sum(f"/{home}/" in one.path or not home for one in found) >= sign.many
