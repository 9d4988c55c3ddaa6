"""Groups that are communes from a day on."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from fastapi.testclient import TestClient
from sqlmodel import select

from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Group


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
