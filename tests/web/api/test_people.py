from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.people.actor import Actor
from scheduler.rights import Role

AddPerson = Callable[..., Actor]
SignIn = Callable[[str], TestClient]
Code = Callable[[str], str]


@pytest.fixture
def admin(add_person: AddPerson, places: Any, sign_in: SignIn) -> TestClient:
    """The administrator of commune Trà Leng, signed in."""
    add_person("admin", places.leng, Role.ADMINISTRATOR)
    return sign_in("admin")


def test_html_in_a_name_is_kept_as_text(admin: TestClient, typed_code: Code, places: Any) -> None:
    name = "<script>alert('loa')</script> Lan & Hoa"
    new = {"login": "lan", "name": name, "zone_id": places.leng, "code": typed_code("admin")}
    made = admin.post("/api/v1/users", json=new)
    assert made.status_code == 201
    assert made.json()["name"] == name
    answer = admin.get(f"/api/v1/users/{made.json()['id']}")
    assert answer.json()["name"] == name
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_other_roles_see_nobody_and_change_nobody(
    role: Role, add_person: AddPerson, places: Any, sign_in: SignIn
) -> None:
    other = add_person("other", places.leng, Role.EDITOR)
    add_person("me", places.leng, role)
    client = sign_in("me")
    for listed in ("users", "invitations"):
        assert client.get(f"/api/v1/{listed}").status_code == 403
    assert client.get(f"/api/v1/users/{other.user_id}").status_code == 404
    new = {"login": "lan", "name": "Lan", "zone_id": places.leng}
    assert client.post("/api/v1/users", json=new).status_code == 403
    grant = {"user_id": other.user_id, "zone_id": places.leng, "role": "viewer"}
    assert client.post("/api/v1/grants", json=grant).status_code == 403
    password = client.post(f"/api/v1/users/{other.user_id}/one-time-password")
    assert password.status_code == 404


def test_an_administrator_of_one_commune_does_not_reach_into_another(
    admin: TestClient, add_person: AddPerson, places: Any, sign_in: SignIn
) -> None:
    minh = add_person("minh", places.van, Role.EDITOR)
    add_person("chief", places.province, Role.ADMINISTRATOR)
    grant_id = sign_in("chief").get("/api/v1/grants", params={"user_id": minh.user_id}).json()["items"][0]["id"]
    etag = {"If-Match": '"1"'}
    answers = {
        "see": admin.get(f"/api/v1/users/{minh.user_id}"),
        "change": admin.patch(f"/api/v1/users/{minh.user_id}", json={"disabled": True}, headers=etag),
        "take over": admin.post(f"/api/v1/users/{minh.user_id}/one-time-password"),
        "see roles": admin.get("/api/v1/grants", params={"user_id": minh.user_id}),
        "take role": admin.delete(f"/api/v1/grants/{grant_id}"),
    }
    assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(answers, 404)
    give = admin.post("/api/v1/grants", json={"user_id": minh.user_id, "zone_id": places.van, "role": "editor"})
    make = admin.post("/api/v1/users", json={"login": "spy", "name": "S", "zone_id": places.van})
    assert (give.status_code, make.status_code) == (403, 403)


def test_a_role_is_given_once_however_often_the_request_is_repeated(
    admin: TestClient, add_person: AddPerson, typed_code: Code, places: Any
) -> None:
    hoa = add_person("hoa", places.leng)
    body = {"user_id": hoa.user_id, "zone_id": places.leng_1, "role": "editor", "code": typed_code("admin")}
    first = admin.post("/api/v1/grants", json=body, headers={"Idempotency-Key": "once"})
    again = admin.post("/api/v1/grants", json=body, headers={"Idempotency-Key": "once"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = admin.post("/api/v1/grants", json={**body, "role": "viewer"}, headers={"Idempotency-Key": "once"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert admin.post("/api/v1/grants", json=body).status_code == 409
    assert len(admin.get("/api/v1/grants", params={"user_id": hoa.user_id}).json()["items"]) == 1


def test_a_role_and_a_disabled_account_count_at_once(
    admin: TestClient, add_person: AddPerson, places: Any, sign_in: SignIn
) -> None:
    hoa = add_person("hoa", places.leng, Role.EDITOR)
    client = sign_in("hoa")
    assert client.get(f"/api/v1/zones/{places.leng}").status_code == 200
    grant_id = admin.get("/api/v1/grants", params={"user_id": hoa.user_id}).json()["items"][0]["id"]
    assert admin.delete(f"/api/v1/grants/{grant_id}").status_code == 204
    assert client.get(f"/api/v1/zones/{places.leng}").status_code == 404
    user = admin.get(f"/api/v1/users/{hoa.user_id}")
    disabled = admin.patch(
        f"/api/v1/users/{hoa.user_id}", json={"disabled": True}, headers={"If-Match": user.headers["etag"]}
    )
    assert disabled.json()["disabled"] is True
    assert client.get("/api/v1/me").status_code == 401


def test_an_edit_says_what_it_was_made_on(admin: TestClient, add_person: AddPerson, places: Any) -> None:
    hoa = add_person("hoa", places.leng)
    path = f"/api/v1/users/{hoa.user_id}"
    missing = admin.patch(path, json={"name": "A"})
    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_needed")
    assert admin.patch(path, json={"name": "A"}, headers={"If-Match": "*"}).status_code == 422
    etag = admin.get(path).headers["etag"]
    assert admin.patch(path, json={"name": "Hoa Một"}, headers={"If-Match": etag}).status_code == 200
    stale = admin.patch(path, json={"name": "Hoa Hai"}, headers={"If-Match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert admin.get(path).json()["name"] == "Hoa Một"


def test_lists_come_in_pages(admin: TestClient, add_person: AddPerson, places: Any) -> None:
    for number in range(5):
        add_person(f"p{number}", places.leng)
    seen: list[str] = []
    after: str | None = None
    for _ in range(3):
        page = admin.get("/api/v1/users", params={"limit": 2, **({"after": after} if after else {})}).json()
        seen += [user["login"] for user in page["items"]]
        after = page["next"]
    assert seen == ["admin", "p0", "p1", "p2", "p3", "p4"]
    assert after is None


def test_what_was_done_can_be_read(admin: TestClient, typed_code: Code, places: Any) -> None:
    new = {"login": "lan", "name": "Lan", "zone_id": places.leng, "code": typed_code("admin")}
    made = admin.post("/api/v1/users", json=new).json()
    page = admin.get("/api/v1/audit", params={"subject": f"user:{made['id']}"}).json()
    assert [(entry["action"], entry["user_name"]) for entry in page["items"]] == [("user.create", "Admin")]
    assert made["one_time_password"] not in admin.get("/api/v1/audit").text
    first = admin.get("/api/v1/audit", params={"limit": 1}).json()
    rest = admin.get("/api/v1/audit", params={"limit": 500, "before": first["next"]}).json()
    assert first["items"][0]["number"] not in {entry["number"] for entry in rest["items"]}


def test_a_telephone_number_is_for_who_calls_when_a_village_did_not_hear(
    sign_in: Callable[[str], TestClient], add_person: Callable[..., Actor], places: Any
) -> None:
    lan = add_person("lan", places.leng, Role.ADMINISTRATOR)
    client = sign_in("lan")
    assert client.patch("/api/v1/me", json={"phone": " 0905 123 456 "}).json()["phone"] == "0905 123 456"
    user = client.get(f"/api/v1/users/{lan.user_id}")
    headers = {"If-Match": user.headers["etag"]}
    assert client.patch(f"/api/v1/users/{lan.user_id}", json={"phone": "call me"}, headers=headers).status_code == 422
    gone = client.patch(f"/api/v1/users/{lan.user_id}", json={"phone": ""}, headers=headers)
    assert gone.json()["phone"] is None
