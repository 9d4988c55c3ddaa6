"""Groups that are communes from a day on."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from fastapi.testclient import TestClient
from sqlmodel import select

from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Group, Zone


def test_a_group_is_made_a_commune_from_a_day_on_and_keeps_it(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any, store: Store
) -> None:
    add_person("quantri", places.province, Role.ADMINISTRATOR)
    client = browser("quantri")
    token = {"csrf_token": client.headers["x-csrf-token"]}
    form = token | {"zone_id": places.province, "name": "Trà Leng mới", "zone": [places.leng, places.van]}
    wrong = client.post("/groups/new", data=form | {"valid_from": "2025-07-01", "valid_until": "2025-07-01"})
    assert wrong.status_code == 422
    assert 'value="2025-07-01"' in wrong.text
    assert client.post("/groups/new", data=form | {"valid_from": "2025-07-01"}).url.path == "/zones"
    with store.reading() as db:
        group = db.exec(select(Group)).one()
    assert (group.valid_from, group.valid_until) == (date(2025, 7, 1), None)
    page = client.get(f"/groups/{group.id}").text
    kept = dict(re.findall(r'name="(valid_\w+)"[^>]*value="([^"]*)"', page))
    assert kept == {"valid_from": "2025-07-01", "valid_until": ""}
    client.post(f"/groups/{group.id}", data=form | {"version": "1", "valid_from": "", "name": "Chỉ là nhóm"})
    with store.reading() as db:
        assert db.exec(select(Group)).one().valid_from is None


def test_a_place_ends_only_once_that_was_looked_at_and_confirmed(
    browser: Callable[[str], TestClient], *, add_person: Callable[..., Any], typed_code: Any, places: Any, store: Store
) -> None:
    add_person("quantri", places.province, Role.ADMINISTRATOR)
    client, path = browser("quantri"), f"/zones/{places.leng_2}/end"
    form = {"csrf_token": client.headers["x-csrf-token"], "version": "1", "into": places.leng_1}
    assert f'href="{path}"' in client.get(f"/zones/{places.leng_2}").text
    assert "Kết thúc hoặc sáp nhập Thôn 2" in client.get(path).text
    assert client.post(path, data=form | {"into": places.van_1}).status_code == 422
    assert "Từ hôm nay Thôn 2 thuộc Thôn 1." in client.post(path, data=form).text
    with store.reading() as db:
        assert db.get_one(Zone, places.leng_2).valid_until is None
    coded = form | {"confirmed": "1", "code": typed_code("quantri")}
    assert client.post(path, data=coded).url.path == "/zones"
    with store.reading() as db:
        assert db.get_one(Zone, places.leng_2).valid_until is not None
