import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from broadcast.clock import ManualClock
from scheduler.people.actor import Actor
from scheduler.rights import Role

PASSWORD = "một mật khẩu đủ dài"
AddPerson = Callable[..., Actor]
SignIn = Callable[[str], TestClient]


@pytest.fixture
def lan(add_person: AddPerson, places: Any) -> Actor:
    return add_person("lan", places.leng, Role.EDITOR)


def enter(client: TestClient, password: str = PASSWORD, **more: str) -> Response:
    answer: Response = client.post("/api/v1/session", json={"login": "lan", "password": password, **more})
    return answer


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_cannot_use(client: TestClient, lan: Actor) -> None:
    answer = enter(client)
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie.split("; ")  # over plain HTTP it would never come back
    me = client.get("/api/v1/me").json()
    assert (me["login"], me["grants"][0]["role"], me["second_factor"]) == ("lan", "editor", False)
    assert "broadcast.edit" in me["actions"]
    assert "user.edit" not in me["actions"]


def test_nobody_is_told_to_sign_in(client: TestClient) -> None:
    for path in ("/api/v1/me", "/api/v1/zones", "/api/v1/users", "/api/v1/tokens", "/api/v1/audit"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_session_is_worth_nothing_after_sign_out(sign_in: SignIn, lan: Actor) -> None:
    client = sign_in("lan")
    cookie = client.cookies["loa_session"]
    assert client.delete("/api/v1/session").status_code == 204
    assert "loa_session" not in client.cookies
    client.cookies.set("loa_session", cookie)
    assert client.get("/api/v1/me").status_code == 401
    assert client.delete("/api/v1/session").status_code == 401


def test_signing_out_elsewhere_leaves_this_one(sign_in: SignIn, lan: Actor) -> None:
    here, there = sign_in("lan"), sign_in("lan")
    assert here.delete("/api/v1/session/others").status_code == 204
    assert (here.get("/api/v1/me").status_code, there.get("/api/v1/me").status_code) == (200, 401)


def test_twenty_wrong_passwords(client: TestClient, lan: Actor) -> None:
    answers = [enter(client, "wrong") for _ in range(20)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 15
    assert answers[-1].headers["retry-after"] == "1"
    assert "1" in answers[-1].json()["detail"]
    assert enter(client).status_code == 429


def test_a_session_left_alone_ends_and_one_in_use_does_not(sign_in: SignIn, lan: Actor, clock: ManualClock) -> None:
    used, idle = sign_in("lan"), sign_in("lan")
    for _ in range(4):
        asyncio.run(clock.advance(timedelta(hours=1)))
        assert used.get("/api/v1/me").status_code == 200
    assert idle.get("/api/v1/me").status_code == 401
    asyncio.run(clock.advance(timedelta(hours=8)))
    assert used.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("token", [None, "", "x" * 43, "ü"])
def test_a_change_needs_the_sessions_own_csrf_token(sign_in: SignIn, lan: Actor, token: str | None) -> None:
    client = sign_in("lan")
    del client.headers["X-CSRF-Token"]
    headers = {} if token is None else {"X-CSRF-Token": token.encode()}
    answer = client.patch("/api/v1/me", json={"name": "Lan Anh"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert client.get("/api/v1/me").json()["name"] == "Lan"


def test_the_csrf_token_of_one_session_is_no_good_in_another(
    sign_in: SignIn, lan: Actor, add_person: AddPerson, places: Any
) -> None:
    add_person("hoa", places.leng)
    client, other = sign_in("lan"), sign_in("hoa")
    headers = {"X-CSRF-Token": str(other.headers["X-CSRF-Token"])}
    assert client.patch("/api/v1/me", json={"name": "Lan Anh"}, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, 403),
    ],
)
def test_another_sites_page_changes_nothing(sign_in: SignIn, lan: Actor, headers: dict[str, str], status: int) -> None:
    assert sign_in("lan").patch("/api/v1/me", json={"name": "Lan"}, headers=headers).status_code == status


def test_another_sites_page_signs_nobody_in(client: TestClient, lan: Actor) -> None:
    body = {"login": "lan", "password": PASSWORD}
    answer = client.post("/api/v1/session", json=body, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_a_first_password_is_good_for_changing_it_and_nothing_else(
    sign_in: SignIn, client: TestClient, add_person: AddPerson, typed_code: Callable[[str], str], places: Any
) -> None:
    add_person("admin", places.leng, Role.ADMINISTRATOR)
    admin = sign_in("admin")
    new = {"login": "lan", "name": "Lan", "zone_id": places.leng, "code": typed_code("admin")}
    made = admin.post("/api/v1/users", json=new).json()
    role = {"user_id": made["id"], "zone_id": places.leng, "role": "editor", "code": typed_code("admin")}
    assert admin.post("/api/v1/grants", json=role).status_code == 201
    first = made["one_time_password"]
    client.headers["X-CSRF-Token"] = enter(client, first).json()["csrf_token"]
    assert client.get("/api/v1/me").json()["must_change_password"]
    for answer in (
        client.get("/api/v1/zones"),
        client.post("/api/v1/me/totp", json={"password": PASSWORD}),
        client.get("/api/v1/tokens"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "password_change_needed")
    short = client.put("/api/v1/me/password", json={"old_password": first, "new_password": "ngắn"})
    assert (short.status_code, short.json()["errors"][0]["field"]) == (422, "new_password")
    change = {"old_password": first, "new_password": "một mật khẩu khác"}
    assert client.put("/api/v1/me/password", json=change).status_code == 204
    assert client.get("/api/v1/zones").status_code == 200
    assert enter(client, first).status_code == 401


def test_the_first_code_of_a_second_factor_is_not_guessed_over_http(
    sign_in: SignIn, lan: Actor, clock: ManualClock
) -> None:
    thief = sign_in("lan")
    thief.post("/api/v1/me/totp", json={"password": PASSWORD})
    tries = [thief.put("/api/v1/me/totp", json={"code": f"{number:06d}"}).status_code for number in range(6)]
    assert tries == [422] * 5 + [429]
    asyncio.run(clock.advance(timedelta(minutes=16)))
    late = thief.put("/api/v1/me/totp", json={"code": "000000"})
    assert (late.status_code, late.json()["code"]) == (409, "totp_not_begun")


def test_the_second_factor_over_http(sign_in: SignIn, client: TestClient, lan: Actor, clock: ManualClock) -> None:
    browser = sign_in("lan")
    enrolment = browser.post("/api/v1/me/totp", json={"password": PASSWORD}).json()
    assert enrolment["qr_svg"].startswith("<svg")
    telephone = pyotp.TOTP(enrolment["secret"])
    assert browser.put("/api/v1/me/totp", json={"code": "000000"}).status_code == 422
    code = telephone.at(clock.now())
    codes = browser.put("/api/v1/me/totp", json={"code": code}).json()["codes"]
    assert len(set(codes)) == 10
    assert browser.get("/api/v1/me").json()["confirmed_by_second_factor"]
    refused = enter(client)
    assert (refused.status_code, refused.json()["code"], refused.json()["errors"][0]["field"]) == (
        401,
        "code_needed",
        "code",
    )
    assert enter(client, code=code).json()["code"] == "wrong_code"
    asyncio.run(clock.advance(timedelta(minutes=1)))
    assert enter(client, code=telephone.at(clock.now())).status_code == 201
    off = [
        browser.request("DELETE", "/api/v1/me/totp", json={"password": PASSWORD, "code": code})
        for code in ("", "000000", codes[0])
    ]
    assert [one.status_code for one in off] == [401, 401, 204]
    assert enter(client).status_code == 201


def test_a_token_does_what_its_scope_says_without_cookie_or_csrf(
    sign_in: SignIn, client: TestClient, lan: Actor, now: datetime, clock: ManualClock
) -> None:
    browser = sign_in("lan")
    expires_at = (now + timedelta(days=30)).isoformat()
    asked = {"name": "Mưa", "scope": ["zone.read"], "expires_at": expires_at}
    stolen = browser.post("/api/v1/tokens", json=asked)
    assert (stolen.status_code, stolen.json()["errors"][0]["field"]) == (422, "password")
    made = browser.post("/api/v1/tokens", json=asked | {"password": PASSWORD}).json()
    client.headers["Authorization"] = f"Bearer {made['token']}"
    assert client.get("/api/v1/zones").json()["items"]
    assert client.get("/api/v1/me").json()["actions"] == ["zone.read"]
    assert (
        client.post("/api/v1/tokens", json={"name": "x", "scope": ["zone.read"], "expires_at": expires_at}).status_code
        == 403
    )
    assert (
        client.put("/api/v1/me/password", json={"old_password": PASSWORD, "new_password": "x" * 12}).status_code == 403
    )
    for method, path in (("DELETE", "/session"), ("DELETE", "/session/others"), ("PATCH", "/me")):
        refused = client.request(method, f"/api/v1{path}", json={"name": "Kẻ lạ"} if method == "PATCH" else None)
        assert (refused.status_code, refused.json()["code"]) == (403, "needs_session")
    assert browser.get("/api/v1/me").json()["name"] == "Lan"
    assert made["token"] not in browser.get("/api/v1/tokens").text
    asyncio.run(clock.advance(timedelta(days=30)))
    assert client.get("/api/v1/zones").status_code == 401


def test_an_ended_or_foreign_token_is_refused(sign_in: SignIn, client: TestClient, lan: Actor, now: datetime) -> None:
    browser = sign_in("lan")
    body = {"name": "Mưa", "scope": ["zone.read"], "expires_at": (now + timedelta(days=1)).isoformat()}
    body["password"] = PASSWORD
    made = browser.post("/api/v1/tokens", json=body).json()
    assert browser.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert browser.delete(f"/api/v1/tokens/{made['id']}").status_code == 404
    for bearer in (made["token"], "loa_", "loa_" + "x" * 43, "x"):
        assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {bearer}"}).status_code == 401


def test_a_wrong_bearer_is_not_saved_by_a_cookie(sign_in: SignIn, lan: Actor) -> None:
    answer = sign_in("lan").get("/api/v1/me", headers={"Authorization": "Bearer loa_wrong"})
    assert answer.status_code == 401
