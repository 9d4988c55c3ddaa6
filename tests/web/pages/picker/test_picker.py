"""Places to choose on a page where they are more than stand on it, without script; who is offered which."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import func, select

from broadcast.clock import ManualClock
from scheduler.people.models import AuditEntry
from scheduler.rights import Action, Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind
from web.pages import places as shown

Communes = dict[str, dict[str, str]]
TREES = {
    "/broadcasts/new": "text",
    "/live": "title",
    "/relays/new": "title",
    "/bulletins/new": "name",
    "/emergency": "reason",
    "/drills": "reason",
    "/groups/new": "name",
}
"""Where places are ticked, and a field in which something else is typed."""
LISTS = {
    "/people/invite": "name",
    "/people/new": "name",
    "/receivers/new": "name",
    "/retention/new": "tag",
    "/notices/programs": "name",
}
"""Where one is chosen."""


def here(html: str) -> set[str]:
    """The places that stand in the tree of a page."""
    return set(re.findall(r'name="zone" id="zone-(\w+)"', html))


def ticked(html: str) -> set[str]:
    return set(re.findall(r'name="zone" id="zone-(\w+)" value="\w+" checked', html))


def form(client: TestClient, **fields: object) -> dict[str, object]:
    return {"csrf_token": client.headers["x-csrf-token"], **fields}


def acts(store: Store) -> int:
    with store.reading() as db:
        return db.exec(select(func.count()).select_from(AuditEntry)).one()


def test_a_few_places_stand_on_the_page_whole(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any
) -> None:
    add_person("lan", places.province, Role.EDITOR)
    page = browser("lan").get("/broadcasts/new").text
    assert here(page) == {
        places.province,
        *(getattr(places, f"{c}{v}") for c in ("leng", "van") for v in ("", "_1", "_2")),
    }
    assert "unfold" not in page


def test_of_many_the_form_comes_back_with_what_was_opened_or_looked_for_and_does_nothing(
    duty: TestClient, communes: Communes, store: Store
) -> None:
    first, second = communes["Xã 1"], communes["Xã 2"]
    duty.get("/account")
    before = acts(store)
    for path, field in TREES.items():
        page = duty.get(path).text
        assert {commune[""] for commune in communes.values()} <= here(page), path
        assert first["Trà Don"] not in here(page), path
        sent = form(duty, unfold=first[""], zone=[second["Nóc 2.3"]]) | {field: "Gõ dở dang"}
        page = duty.post(path, data=sent)
        assert page.status_code == 200, path
        assert {*first.values(), *second.values()} <= here(page.text), path
        assert ticked(page.text) == {second["Nóc 2.3"]}, path
        assert "Gõ dở dang" in page.text, path
        sent = form(duty, **{"unfold": "zone-find", "zone-find": "tra don", "zone": [second["Nóc 2.3"]]})
        found = here(duty.post(path, data=sent | {field: "Gõ dở dang"}).text)
        assert {first["Trà Don"], first["Trà Dơn"], second["Nóc 2.3"]} <= found, path
        assert first["Nóc 1.0"] not in found, path
    assert acts(store) == before


def test_one_of_many_is_found_by_its_name_and_the_form_does_nothing(
    duty: TestClient, communes: Communes, store: Store
) -> None:
    wanted = communes["Xã 3"]["Nóc 3.4"]
    duty.get("/account")
    before = acts(store)
    for path, field in LISTS.items():
        sent = {"unfold": "zone_id-find", "zone_id-find": "noc 3.4", field: "Gõ dở dang"}
        page = duty.post(path, data=form(duty, **sent))
        assert page.status_code == 200, path
        assert f'<option value="{wanted}">Nóc 3.4, Xã 3, Đà Nẵng</option>' in page.text, path
        assert communes["Xã 3"]["Nóc 3.5"] not in page.text, path
        assert "Gõ dở dang" in page.text, path
    assert acts(store) == before
    looked = duty.get("/audit", params={"unfold": "zone-find", "zone-find": "noc 3.4"}).text
    assert f'value="{wanted}"' in looked
    stops = duty.get("/emergency", params={"unfold": "stop-zone-find", "stop-zone-find": "noc 3.4"}).text
    assert f'<option value="{wanted}">' in stops


def test_a_part_of_the_tree_has_what_was_asked_for_with_what_is_above_it(
    duty: TestClient, communes: Communes, places: Any
) -> None:
    commune = communes["Xã 5"]
    opened = here(duty.get("/places", params={"of": Action.BROADCAST_EDIT, "zone": commune[""]}).text)
    assert opened == {places.province, *commune.values()}
    marked = duty.get("/places", params={"of": Action.BROADCAST_EDIT, "typed": "trà dơn"}).text
    assert here(marked) == {places.province, *(one[key] for one in communes.values() for key in ("", "Trà Dơn"))}
    drill = duty.get("/places", params={"of": Action.DRILL_ISSUE, "zone": commune[""]}).text
    assert drill.count("drill-word") == len(commune) + 1


def test_a_place_that_begins_later_can_be_warned_already_and_one_that_begins_today_hears_everything(
    browser: Callable[[str], TestClient],
    add_person: Callable[..., Any],
    store: Store,
    clock: ManualClock,
    places: Any,
) -> None:
    clock.step_wall(timedelta(hours=19))  # 3:00 of the 24th there, and still the 23rd in UTC
    add_person("truc", places.province, Role.OPERATOR, Role.ADMINISTRATOR)
    duty = browser("truc")
    for first, end, sounds, warned in (
        (date(2026, 11, 24), None, True, True),
        (date(2026, 11, 25), None, False, True),
        (None, date(2026, 11, 25), True, True),
        (None, date(2026, 11, 24), False, False),
    ):
        with store.writing() as db:
            zone = db.get_one(Zone, places.leng)
            zone.valid_from, zone.valid_until, zone.version = first, end, zone.version + 1
        for action, offered in ((Action.BROADCAST_EDIT, sounds), (Action.EMERGENCY_ISSUE, warned)):
            part = duty.get("/places", params={"of": action, "zone": places.province}).text
            assert (places.leng in here(part)) is offered, (first, end, action)
        for path, offered in (("/broadcasts/new", sounds), ("/emergency", warned), ("/drills", warned)):
            assert (places.leng in here(duty.get(path).text)) is offered, (first, end, path)


def test_nobody_is_offered_where_they_may_not(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], communes: Communes, places: Any
) -> None:
    add_person("lan", places.leng, Role.EDITOR)
    lan = browser("lan")
    other = {"of": Action.BROADCAST_EDIT, "zone": communes["Xã 1"][""]}
    assert here(lan.get("/places", params=other).text) == set()
    assert here(lan.get("/places", params={"of": Action.BROADCAST_EDIT, "typed": "tra don"}).text) == set()
    assert here(lan.get("/places", params={"of": Action.EMERGENCY_ISSUE, "zone": places.leng}).text) == set()
    assert "<option" not in lan.get("/places/options", params={"of": Action.USER_EDIT, "typed": "thon 1"}).text
    assert lan.get("/places", params={"of": "nothing"}).status_code == 422


@pytest.fixture(scope="module")
def grown() -> Callable[[list[int]], list[Zone]]:
    """`grown(parents)`: a tree in order in which the n-th zone stands below the one that is named at n."""

    def grow(parents: list[int]) -> list[Zone]:
        zones = [Zone(id="0", path="/0/", kind=ZoneKind.OTHER, name="0")]
        for number, parent in enumerate(parents, 1):
            above = zones[parent % number]
            path = f"{above.path}{number}/"
            zones.append(Zone(id=str(number), parent_id=above.id, path=path, kind=ZoneKind.OTHER, name="x"))
        return sorted(zones, key=lambda zone: zone.path)

    return grow


@given(data=st.data(), parents=st.lists(st.integers(0, 200), min_size=shown.WHOLE, max_size=120))
def test_what_is_chosen_stands_there_and_whatever_has_others_below(
    grown: Callable[[list[int]], list[Zone]], data: st.DataObject, parents: list[int]
) -> None:
    zones = grown(parents)
    chosen = data.draw(st.sets(st.sampled_from([zone.id for zone in zones]), max_size=5))
    first = shown.at_first(zones, chosen, ())
    assert first is not None
    assert chosen | {zone.parent_id for zone in zones if zone.parent_id} <= first
    assert shown.with_above(zones, first) == first
