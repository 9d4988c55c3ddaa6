from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from scheduler.announcements import parts
from scheduler.announcements.models import Announcement, Category
from scheduler.announcements.schemas import NewPlaylist
from scheduler.broadcasts.models import PlannedAiring
from scheduler.errors import NotFound, Stale
from scheduler.library import service
from scheduler.library.schemas import LabelsIn, Search
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone


@pytest.fixture
def titled(commune: Any) -> dict[str, str]:
    """Announcements of two communes whose names differ by one diacritic, by title."""
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng).name = "Trà Don"
        db.get_one(Zone, commune.places.van).name = "Trà Dơn"
    made = {}
    for title in ("Họp dân tại Trà Don", "Họp dân tại Trà Dơn", "Lịch cấy 100% diện tích"):
        commune.now += timedelta(seconds=1)
        made[title] = commune.announce(title)
    return made


def found(commune: Any, actor: Any, **wanted: Any) -> list[tuple[str, str]]:
    with commune.store.reading() as db:
        items = service.search(db, actor, commune.now, Search(**wanted)).items
        return [(item.title, item.zone_name) for item in items]


def test_two_communes_that_differ_by_a_diacritic(commune: Any, titled: dict[str, str], add_person: Any) -> None:
    district = add_person("district", commune.places.province, Role.VIEWER)
    by_van = commune.announce("Của xã bên kia")
    with commune.store.writing() as db:
        db.get_one(Announcement, by_van).zone_id = commune.places.van
    both = found(commune, district, q="hop tra don")
    assert [title for title, _zone in both] == ["Họp dân tại Trà Dơn", "Họp dân tại Trà Don"]
    assert found(commune, district, q="Họp dân tại Trà Don") == [("Họp dân tại Trà Don", "Trà Don")]
    exact = found(commune, district, q="Trà Dơn")
    assert sorted(exact) == [("Của xã bên kia", "Trà Dơn"), ("Họp dân tại Trà Dơn", "Trà Don")]
    assert ("Của xã bên kia", "Trà Dơn") in found(commune, district, q="tra don")


def test_texts_are_found_and_signs_mean_nothing(commune: Any, titled: dict[str, str]) -> None:
    assert len(found(commune, commune.official, q="mat dien")) == len(titled) + 1
    assert found(commune, commune.official, q="100%")[0][0] == "Lịch cấy 100% diện tích"
    assert found(commune, commune.official, q="%") == found(commune, commune.official, q="__") == []
    assert found(commune, commune.stranger, q="hop") == []


def test_what_is_still_being_typed_finds_both_spellings(commune: Any) -> None:
    titles = ["Họp thôn Hoà Bình", "Họp thôn Hòa Bình"]
    for title in (*titles, "Họp thôn Hoa Bình"):
        commune.announce(title)
    for typed in ("thôn hò", "thôn hòa", "thôn hoà b"):
        assert sorted(title for title, _zone in found(commune, commune.official, q=typed)) == sorted(titles)


def test_labels_narrow_what_is_found(commune: Any, titled: dict[str, str]) -> None:
    one = titled["Lịch cấy 100% diện tích"]
    asked = LabelsIn(category=Category.FARMING, tags=["Vụ Đông_Xuân", " vụ đông_xuân", "#lúa,"])
    with commune.store.writing() as db:
        made = service.label(db, commune.official, commune.now, one, asked, version=1)
        assert made.tags == ["vụ đông_xuân", "lúa"]
    with commune.store.writing() as db, pytest.raises(Stale):
        service.label(db, commune.official, commune.now, one, asked, version=1)
    only = [("Lịch cấy 100% diện tích", "Trà Don")]
    assert found(commune, commune.official, category=Category.FARMING) == only
    assert found(commune, commune.official, tag="Lúa") == only
    assert found(commune, commune.official, q="xuan") == []
    assert found(commune, commune.official, q="lua") == only
    assert found(commune, commune.official, tag="vụ") == []
    assert found(commune, commune.official, zone_id=commune.places.van) == []
    with commune.store.reading() as db:
        assert service.tags(db, commune.official, commune.now) == ["lúa", "vụ đông_xuân"]


def test_history_tells_where_it_was_heard_also_within_others(commune: Any, titled: dict[str, str]) -> None:
    one = titled["Lịch cấy 100% diện tích"]
    with commune.store.writing() as db:
        new = NewPlaylist(zone_id=commune.places.leng, title="Bản tin sáng", announcement_ids=[one])
        whole = parts.create(db, commune.official, commune.now, new).id
    ids = {made: commune.saved(commune.draft(made)).id for made in (one, whole)}
    with commune.store.writing() as db:
        for airing_id, days, said in (("A0", -1, one), ("A1", -2, whole), ("A9", 1, one)):
            at, of = commune.later(days=days), ids[said]
            zone_ids = [commune.places.leng_1, commune.places.van_1]
            airing = PlannedAiring(id=airing_id, broadcast_id=of, start_at=at, end_at=at, zone_ids=zone_ids)
            airing.announcement_id = said
            db.add(airing)
    with commune.store.reading() as db:
        told = service.history(db, commune.official, commune.now, one).items
        assert [(use.airing_id, use.within, use.other_zones, use.heard) for use in told] == [
            ("A0", None, 1, None),
            ("A1", "Bản tin sáng", 1, None),
        ]
        items = service.search(db, commune.official, commune.now, Search()).items
        used = {item.title: (item.times, item.heard) for item in items}
        assert used["Lịch cấy 100% diện tích"] == (2, 0)
        assert used["Bản tin sáng"] == (1, 0)
        with pytest.raises(NotFound):
            service.history(db, commune.stranger, commune.now, one)


def test_the_number_of_queries_does_not_depend_on_what_is_found(commune: Any, titled: dict[str, str]) -> None:
    few = queries(commune.store, commune)
    for n in range(20):
        commune.announce(f"Họp lần {n}")
    assert queries(commune.store, commune) == few


def queries(store: Store, commune: Any) -> int:
    said: list[str] = []
    with store.reading() as db:
        engine = db.get_bind()
        event.listen(engine, "before_cursor_execute", listener := lambda *of: said.append(of[2]))
        service.search(db, commune.official, commune.now, Search(q="hop"), limit=50)
        event.remove(engine, "before_cursor_execute", listener)
    return len(said)
