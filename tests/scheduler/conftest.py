"""A small tree of zones, and people in it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from scheduler.people import signin
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant, User
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones import service
from scheduler.zones.models import ZoneKind
from scheduler.zones.schemas import ZoneNew

PASSWORD = "một mật khẩu đủ dài"


@dataclass(frozen=True)
class Places:
    """Ids: a province with two communes of two villages each."""

    province: str
    leng: str
    leng_1: str
    leng_2: str
    van: str
    van_1: str
    van_2: str


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Of PASSWORD, made cheaply: checking a password costs what its hash says."""
    return Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)


@pytest.fixture
def places(store: Store, now: datetime) -> Places:
    with store.writing() as db:

        def zone(parent_id: str | None, kind: ZoneKind, name: str, code: str) -> str:
            new = ZoneNew(parent_id=parent_id, kind=kind, name=name, code=code)
            return service.create_zone(db, signin.machine(db), now, new).id

        province = zone(None, ZoneKind.PROVINCE, "Đà Nẵng", "48")
        leng = zone(province, ZoneKind.COMMUNE, "Trà Leng", "20935")
        van = zone(province, ZoneKind.COMMUNE, "Trà Vân", "20959")
        villages = [
            zone(commune, ZoneKind.VILLAGE, f"Thôn {number}", f"{code}-0{number}")
            for commune, code in ((leng, "20935"), (van, "20959"))
            for number in (1, 2)
        ]
    return Places(province, leng, villages[0], villages[1], van, villages[2], villages[3])


AddPerson = Callable[..., Actor]


@pytest.fixture
def add_person(store: Store, now: datetime, password_hash: str) -> AddPerson:
    """Adds a person with PASSWORD who has had their first sign-in: `add_person(login, home_zone_id, role, …)`."""

    def add(login: str, zone_id: str, *roles: Role, at: str | None = None) -> Actor:
        with store.writing() as db:
            user = User(
                id=new_id(now),
                login=login,
                name=login.title(),
                zone_id=zone_id,
                password_hash=password_hash,
                must_change_password=False,
                created_at=now,
            )
            db.add(user)
            db.flush()
            db.add_all(
                RoleGrant(id=new_id(now), user_id=user.id, zone_id=at or zone_id, role=role.value) for role in roles
            )
            db.flush()
            return signin.actor_of(db, user)

    return add
