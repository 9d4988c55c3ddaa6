"""A stolen session cookie of an administrator, tried on people: it makes nobody, takes over nobody, sounds nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from scheduler.people import invitations
from scheduler.people.actor import Actor
from scheduler.people.models import Invitation, RoleGrant, User
from scheduler.people.schemas import InvitationNew
from scheduler.rights import Role
from scheduler.store.engine import Store

API = "/api/v1"
Code = Callable[[str], str]


@pytest.fixture
def admin(alarm: Any, add_person: Callable[..., Actor]) -> Actor:
    return add_person("admin", alarm.places.province, Role.ADMINISTRATOR)


@pytest.fixture
def thief(alarm: Any, admin: Actor, typed_code: Code) -> TestClient:
    """The cookie of an administrator who has a second factor, as whoever took it from their browser sends it."""
    client: TestClient = alarm.sign_in("admin")
    typed_code("admin")
    return client


def kept(store: Store) -> list[Any]:
    """All by which somebody could come in."""
    with store.reading() as db:
        users = [(row.id, row.password_hash, row.totp_secret) for row in db.exec(select(User)).all()]
        grants = [(row.user_id, row.zone_id, row.role, row.until) for row in db.exec(select(RoleGrant)).all()]
        codes = [(row.id, row.code_hash) for row in db.exec(select(Invitation)).all()]
    return [sorted(users), sorted(grants, key=str), sorted(codes)]


@pytest.fixture
def acts(alarm: Any, admin: Actor, add_person: Callable[..., Actor], now: Any) -> dict[str, dict[str, Any]]:
    """Every act that gives rights or takes over an account, by its path."""
    other, leader = add_person("other", alarm.places.leng), add_person("leader", alarm.places.leng, Role.APPROVER)
    with alarm.store.writing() as db:
        roles = [{"zone_id": alarm.places.leng, "role": Role.OPERATOR}]
        new = InvitationNew.model_validate({"name": "Mai", "zone_id": alarm.places.leng, "roles": roles})
        open_one = invitations.invite(db, admin, now, new, invitations.new_code()).id
    where = {"zone_id": alarm.places.leng}
    till = (now + timedelta(days=9)).isoformat()
    return {
        "/users": {"login": "accomplice", "name": "Người khác", **where},
        "/grants": {"user_id": other.user_id, "role": "operator", **where},
        f"/users/{alarm.operator.user_id}/one-time-password": {},
        "/invitations": new.model_dump(mode="json"),
        f"/invitations/{open_one}/code": {},
        f"/users/{alarm.second.user_id}/handover": {"to": other.user_id, "give_roles": True},
        "/deputies": {"deputy_id": other.user_id, "principal_id": leader.user_id, "until": till, **where},
    }


def test_a_stolen_cookie_of_an_administrator_makes_nobody_and_takes_over_nobody(
    alarm: Any, thief: TestClient, acts: dict[str, dict[str, Any]]
) -> None:
    before = kept(alarm.store)
    for path, body in acts.items():
        answer = thief.post(API + path, json=body)
        told = answer.json()
        assert (answer.status_code, told["code"], told["errors"][0]["field"]) == (401, "code_needed", "code"), path
        assert answer.headers["content-type"] == "application/problem+json"
    asked = thief.post(f"{API}/emergencies", json=alarm.draft())
    assert (asked.status_code, asked.json()["code"]) == (403, "forbidden")
    assert kept(alarm.store) == before


def test_guessed_codes_make_the_thief_wait_and_not_the_emergency_desk(
    alarm: Any, thief: TestClient, acts: dict[str, dict[str, Any]], typed_code: Code
) -> None:
    before = kept(alarm.store)
    answers = [thief.post(API + path, json=body | {"code": "123456"}) for path, body in acts.items()]
    assert [answer.json()["code"] for answer in answers] == ["wrong_code"] * 5 + ["too_many_sign_ins"] * 2
    assert kept(alarm.store) == before
    operator, second = alarm.sign_in("operator"), alarm.sign_in("second")
    assert alarm.confirm(second, alarm.asked(operator), code=typed_code("second")).status_code == 200


def test_a_code_is_good_for_one_act_and_not_spent_on_a_mistake(
    alarm: Any, thief: TestClient, acts: dict[str, dict[str, Any]], typed_code: Code
) -> None:
    code = {"code": typed_code("admin")}
    taken = thief.post(f"{API}/users", json=acts["/users"] | code | {"login": "operator"})
    assert (taken.status_code, taken.json()["code"]) == (409, "login_taken")
    assert thief.post(f"{API}/users", json=acts["/users"] | code).status_code == 201
    again = thief.post(f"{API}/grants", json=acts["/grants"] | code)
    assert (again.status_code, again.json()["code"]) == (401, "wrong_code")
    for path, body in [(path, body) for path, body in acts.items() if path != "/users"]:
        done = thief.post(API + path, json=body | {"code": typed_code("admin")})
        assert done.status_code == 201, (path, done.text)


def test_an_administrator_without_a_second_factor_sets_one_up_first(
    alarm: Any, admin: Actor, acts: dict[str, dict[str, Any]]
) -> None:
    client = alarm.sign_in("admin")
    before = kept(alarm.store)
    for path, body in acts.items():
        answer = client.post(API + path, json=body | {"code": "123456"})
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_needed"), path
    assert kept(alarm.store) == before
