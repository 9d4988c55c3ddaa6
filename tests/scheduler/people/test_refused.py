"""Refused sign-ins in the audit record: who was tried from where, and never so many rows that they fill it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from scheduler.errors import TooMany
from scheduler.people import refused, signin, trail
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.people.signin import Credentials, NotSignedIn
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone

PASSWORD = "một mật khẩu đủ dài"
WRONG, HERE = "đoán mò", "203.0.113.7"


@pytest.fixture
def lan(add_person: Callable[..., Actor], places: Any) -> Actor:
    return add_person("lan", places.leng, Role.EDITOR)


def enter(
    store: Store, now: datetime, password: str = WRONG, *, login: str = "lan", address: str = HERE, code: str = ""
) -> None:
    with suppress(NotSignedIn, TooMany):
        signin.sign_in(store, now, Credentials(login, password, address, code), timedelta(hours=12))


def rows(store: Store) -> list[AuditEntry]:
    with store.reading() as db:
        return list(db.exec(select(AuditEntry).where(AuditEntry.action == refused.ACTION).order_by(col(AuditEntry.id))))


def test_a_guessed_password_is_kept_where_the_account_belongs(
    store: Store, lan: Actor, places: Any, now: datetime
) -> None:
    enter(store, now)
    (row,) = rows(store)
    with store.reading() as db:
        assert row.zone_path == db.get_one(Zone, places.leng).path
    assert (row.user_id, row.subject) == (None, f"user:{lan.user_id}")
    assert row.detail == {"code": "wrong_credentials", "address": HERE, "tries": 1, "login": "lan"}
    enter(store, now, PASSWORD)
    assert len(rows(store)) == 1


def test_guesses_from_one_place_are_counted_not_listed(store: Store, lan: Actor, now: datetime) -> None:
    for second in range(40):
        enter(store, now + timedelta(seconds=second))
    said = [(row.detail["code"], row.detail["tries"]) for row in rows(store)]
    assert said == [("wrong_credentials", 1), ("wrong_credentials", 4), ("too_many_sign_ins", 1)]


def test_a_flood_from_everywhere_ends_with_a_row_that_says_so(store: Store, lan: Actor, now: datetime) -> None:
    for place in range(refused.MOST + 15):
        enter(store, now, address=f"198.51.100.{place}")
    kept = rows(store)
    assert len(kept) == refused.MOST
    assert [row.number for row in kept if "last" in row.detail] == [kept[-1].number]
    enter(store, now + refused.HOUR + timedelta(minutes=1))
    assert len(rows(store)) == refused.MOST + 1


def test_names_that_there_are_not_are_bounded_together_and_not_kept(store: Store, lan: Actor, now: datetime) -> None:
    for number in range(refused.MOST + 5):
        enter(store, now, login=f"mật khẩu của tôi {number}", address=f"2001:db8:{number}::1")
    kept = rows(store)
    assert len(kept) == refused.MOST
    assert {(row.subject, row.zone_path) for row in kept} == {("user:", None)}
    assert not any("mật" in f"{row.detail}{row.words}" for row in kept)


def test_who_knows_the_password_but_not_the_code_is_told_to_the_administrators(
    store: Store, lan: Actor, add_person: Callable[..., Actor], *, places: Any, second_factor: Any, now: datetime
) -> None:
    admin = add_person("admin", places.leng, Role.ADMINISTRATOR)
    second_factor(lan)
    enter(store, now, PASSWORD)  # is asked for the code: no refusal
    assert rows(store) == []
    for _ in range(5):
        enter(store, now, PASSWORD, code="000000")
    assert [(row.user_id, row.detail["tries"]) for row in rows(store)] == [(lan.user_id, 1), (lan.user_id, 4)]
    with store.reading() as db:
        assert trail.guessed(db, admin, now) == [(lan.user_id, "Lan", 5)]
