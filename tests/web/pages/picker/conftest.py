"""A province of more places than stand on a page, and somebody who may do everything in it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.models import Zone, ZoneKind
from web.pages.places import WHOLE

VILLAGES = 10


@pytest.fixture
def communes(store: Store, now: datetime, places: Any) -> dict[str, dict[str, str]]:
    """Beside those of `places`: by the name of each commune its villages' ids by name, its own by ""."""
    made: dict[str, dict[str, str]] = {}
    with store.writing() as db:
        top = db.get_one(Zone, places.province).path

        def zone(kind: ZoneKind, name: str, parent_id: str, path: str) -> Zone:
            zone_id = new_id(now)
            row = Zone(id=zone_id, parent_id=parent_id, path=f"{path}{zone_id}/", kind=kind, name=name)
            db.add(row)
            db.flush()
            return row

        for number in range(WHOLE // VILLAGES):
            commune = zone(ZoneKind.COMMUNE, f"Xã {number}", places.province, top)
            names = [f"Nóc {number}.{village}" for village in range(VILLAGES - 2)] + ["Trà Don", "Trà Dơn"]
            villages = {name: zone(ZoneKind.VILLAGE, name, commune.id, commune.path).id for name in names}
            made[commune.name] = {"": commune.id, **villages}
    return made


@pytest.fixture
def duty(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any, communes: object
) -> TestClient:
    del communes
    add_person("truc", places.province, Role.OPERATOR, Role.ADMINISTRATOR)
    return browser("truc")
