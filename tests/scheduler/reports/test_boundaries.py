"""A village's station is the commune it belonged to on a day, old or merged."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scheduler.people import signin
from scheduler.reports import repository
from scheduler.reports.boundaries import Atlas, Merged, Past, Place
from scheduler.zones import groups, service
from scheduler.zones.models import ZoneKind
from scheduler.zones.schemas import GroupNew, ZoneChange

MERGER = date(2025, 7, 1)
NOW = date(2026, 11, 23)


def place(key: str, parent_id: str | None, kind: ZoneKind, name: str | None = None) -> Place:
    return Place(key, parent_id, "", kind, None, name or key, latitude=15.0 + len(key), longitude=108.0)


TREE = (
    place("district", None, ZoneKind.DISTRICT),
    place("don", "district", ZoneKind.COMMUNE, "Trà Dơn"),
    place("leng", "district", ZoneKind.COMMUNE, "Trà Leng"),
    place("don-1", "don", ZoneKind.VILLAGE),
    place("leng-1", "leng", ZoneKind.VILLAGE),
    place("nóc", "leng-1", ZoneKind.HAMLET),
    place("market", "district", ZoneKind.OTHER),
)
VILLAGES = ("don-1", "leng-1", "nóc", "market")
NEW_LENG = Merged("G", "20938", "Trà Leng", frozenset({"don", "leng"}), MERGER)


def named(atlas: Atlas, on: date) -> list[str]:
    found = atlas.stations(VILLAGES, on)
    return [found[key].id for key in VILLAGES]


def test_merged_communes_are_apart_before_and_one_after() -> None:
    atlas = Atlas(TREE, merged=[NEW_LENG])
    assert named(atlas, MERGER - timedelta(days=1)) == ["don", "leng", "leng", "market"]
    assert named(atlas, MERGER) == ["G", "G", "G", "market"]
    assert atlas.changes() == (MERGER,)
    unit = atlas.stations(["nóc"], NOW)["nóc"]
    assert (unit.code, unit.latitude, unit.is_group) == ("20938", 18.5, True)


def test_a_village_that_was_moved_belongs_to_its_old_commune_in_the_past() -> None:
    pasts = [Past("leng-1", date(2026, 3, 1), "don", "Thôn 1 cũ", None), Past("leng", MERGER, "district", "Leng", "1")]
    atlas = Atlas(TREE, pasts)
    assert named(atlas, date(2026, 2, 28))[:2] == ["don", "don"]
    assert named(atlas, date(2026, 3, 1))[:2] == ["don", "leng"]
    assert atlas.stations(["leng-1"], NOW)["leng-1"].name == "Trà Leng"
    assert Atlas(TREE, pasts[1:]).stations(["leng-1"], date(2025, 1, 1))["leng-1"].name == "Leng"


@given(
    parents=st.lists(st.integers(0, 9), min_size=10, max_size=10),
    kinds=st.lists(st.sampled_from(ZoneKind), min_size=10, max_size=10),
    moves=st.lists(st.tuples(st.integers(0, 9), st.dates(date(2020, 1, 1), NOW), st.integers(0, 9)), max_size=8),
    on=st.dates(date(2019, 1, 1), date(2027, 1, 1)),
)
def test_every_zone_has_one_station_whatever_the_past_says(
    parents: list[int], kinds: list[ZoneKind], moves: list[tuple[int, date, int]], on: date
) -> None:
    tree = [place(f"Z{n}", f"Z{up}" if up < n else None, kinds[n]) for n, up in enumerate(parents)]
    pasts = {(zone, day): Past(f"Z{zone}", day, f"Z{up}", "", None) for zone, day, up in moves}
    merged = [Merged("G", None, "G", frozenset({"Z1", "Z2"}), date(2022, 1, 1), date(2024, 1, 1))]
    atlas = Atlas(tree, pasts.values(), merged)
    every = [zone.id for zone in tree]
    together = atlas.stations(every, on)
    assert together.keys() == set(every)
    assert all(atlas.stations([key], on)[key] == together[key] for key in every)


def test_moving_and_renaming_keep_the_past(store: Any, now: Any, places: Any) -> None:
    with store.writing() as db:
        root = signin.machine(db)
        service.change_zone(db, root, now, places.leng, version=1, change=ZoneChange(name="Trà Leng mới"))
        service.move_zone(db, root, now, places.leng_1, version=1, parent_id=places.van)
        new = GroupNew(zone_id=places.province, name="Trà Vân", member_ids=[places.van], valid_from=date(2026, 12, 1))
        group = groups.create_group(db, root, now, new)
    with store.reading() as db:
        atlas = repository.atlas(db)
    assert atlas.changes() == (date(2026, 12, 1), NOW)
    both = [places.leng_1, places.leng_2]
    before, today, later = (atlas.stations(both, day) for day in (NOW - timedelta(days=1), NOW, date(2026, 12, 1)))
    assert [before[key].name for key in both] == ["Trà Leng", "Trà Leng"]
    assert [today[key].name for key in both] == ["Trà Vân", "Trà Leng mới"]
    assert [later[key].id for key in both] == [group.id, places.leng]
