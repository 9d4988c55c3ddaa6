from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.people.actor import Actor
from scheduler.rights import Role

AddPerson = Callable[..., Actor]
SignIn = Callable[[str], TestClient]
FIRST = {"If-Match": '"1"'}


@pytest.fixture
def admin(add_person: AddPerson, places: Any, sign_in: SignIn) -> TestClient:
    """The administrator of commune Trà Leng, signed in."""
    add_person("admin", places.leng, Role.ADMINISTRATOR)
    return sign_in("admin")


@pytest.mark.parametrize("role", list(Role))
def test_someone_of_one_commune_touches_nothing_of_another_by_its_id(
    role: Role, add_person: AddPerson, places: Any, sign_in: SignIn
) -> None:
    add_person("me", places.leng, role)
    add_person("them", places.van, Role.ADMINISTRATOR)
    theirs = sign_in("them")
    group = theirs.post("/api/v1/groups", json={"zone_id": places.van, "name": "Nhóm"}).json()["id"]
    me, their = sign_in("me"), places.van_1
    reads = [
        me.get(f"/api/v1/zones/{their}"),
        me.get("/api/v1/zones", params={"parent_id": places.van}),
        me.get(f"/api/v1/groups/{group}"),
        me.get("/api/v1/holidays", params={"zone_id": their, "year": 2027}),
    ]
    assert [answer.status_code for answer in reads] == [404] * len(reads)
    writes = [
        me.post("/api/v1/zones", json={"parent_id": their, "kind": "hamlet", "name": "X"}),
        me.patch(f"/api/v1/zones/{their}", json={"name": "X"}, headers=FIRST),
        me.patch(f"/api/v1/zones/{their}/settings", json={"languages": ["en"]}, headers=FIRST),
        me.post(f"/api/v1/zones/{their}/move", json={"parent_id": places.leng}, headers=FIRST),
        me.post(f"/api/v1/zones/{places.leng_1}/move", json={"parent_id": their}, headers=FIRST),
        me.delete(f"/api/v1/zones/{their}", headers=FIRST),
        me.post("/api/v1/groups", json={"zone_id": their, "name": "X"}),
        me.patch(f"/api/v1/groups/{group}", json={"name": "X"}, headers=FIRST),
        me.delete(f"/api/v1/groups/{group}", headers=FIRST),
        me.post("/api/v1/holidays", json={"zone_id": their, "day": "2027-03-08", "name": "X"}),
        me.post("/api/v1/holidays/fill", json={"zone_id": their, "year": 2027}),
        me.delete(f"/api/v1/holidays/{their}/2027-03-08"),
    ]
    assert {answer.status_code for answer in writes} <= {403, 404}
    zone = theirs.get(f"/api/v1/zones/{their}").json()
    assert (zone["name"], zone["version"]) == ("Thôn 1", 1)
    assert their not in me.get("/api/v1/zones").text
    assert group not in me.get("/api/v1/groups").text


def test_the_tree_comes_in_order_and_in_pages(admin: TestClient, places: Any) -> None:
    whole = admin.get("/api/v1/zones").json()
    assert [(zone["name"], zone["depth"], zone["place"][-1]) for zone in whole["items"]] == [
        ("Trà Leng", 1, "Đà Nẵng"),
        ("Thôn 1", 2, "Trà Leng"),
        ("Thôn 2", 2, "Trà Leng"),
    ]
    page = admin.get("/api/v1/zones", params={"limit": 2}).json()
    rest = admin.get("/api/v1/zones", params={"limit": 2, "after": page["next"]}).json()
    assert page["items"] + rest["items"] == whole["items"]
    assert rest["next"] is None
    children = admin.get("/api/v1/zones", params={"parent_id": places.leng}).json()["items"]
    assert [zone["id"] for zone in children] == [places.leng_1, places.leng_2]


def test_a_search_without_diacritics_shows_all_candidates(admin: TestClient, places: Any) -> None:
    for name in ("Nóc Ông Đề", "Nóc Ong De"):
        body = {"parent_id": places.leng_1, "kind": "hamlet", "name": name}
        assert admin.post("/api/v1/zones", json=body).status_code == 201

    def found(typed: str) -> list[str]:
        return [zone["name"] for zone in admin.get("/api/v1/zones", params={"q": typed}).json()["items"]]

    assert found("ong de") == ["Nóc Ong De", "Nóc Ông Đề"]
    assert found("Nóc Ông Đề") == ["Nóc Ông Đề"]
    assert found("%") == found("_") == found("") == []


def test_a_zone_is_made_once_and_html_in_its_name_is_text(admin: TestClient, places: Any) -> None:
    body = {"parent_id": places.leng_1, "kind": "hamlet", "name": "<img src=x onerror=alert(1)>"}
    headers = {"Idempotency-Key": "k1"}
    first = admin.post("/api/v1/zones", json=body, headers=headers)
    again = admin.post("/api/v1/zones", json=body, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.headers["etag"] == '"1"'
    assert first.json()["name"] == body["name"]
    assert len(admin.get("/api/v1/zones").json()["items"]) == 4


def test_settings_over_http(admin: TestClient, typed_code: Any, places: Any) -> None:
    path = f"/api/v1/zones/{places.leng}/settings"
    settings = {
        "quiet_hours": [{"start": "21:30", "end": "04:45"}],
        "quota": {"sessions_per_day": 3, "session_minutes": 45},
        "approval_classes": ["emergency", "priority"],
    }
    changed = admin.patch(path, json=settings, headers=FIRST | {"X-Second-Factor": typed_code("admin")})
    assert changed.status_code == 200
    assert changed.headers["etag"] == '"2"'
    below = admin.get(f"/api/v1/zones/{places.leng_1}").json()
    assert below["settings"]["quiet_hours"] is None
    assert below["rules"]["quiet_hours"] == [{"start": "21:30", "end": "04:45", "weekdays": [0, 1, 2, 3, 4, 5, 6]}]
    assert below["rules"]["approval_classes"] == ["emergency", "priority"]
    assert admin.patch(path, json=settings, headers=FIRST).status_code == 412
    assert admin.patch(path, json=settings).status_code == 428


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"quiet_hours": [{"start": "25:00", "end": "04:45"}]}, "quiet_hours.0.start"),
        ({"quiet_hours": [{"start": "half past nine", "end": "04:45"}]}, "quiet_hours.0.start"),
        ({"quiet_hours": [{"start": "21:00", "end": "04:45", "weekdays": [7]}]}, "quiet_hours.0.weekdays.0"),
        ({"quota": {"sessions_per_day": -1, "session_minutes": 45}}, "quota.sessions_per_day"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"approval_classes": ["loud"]}, "approval_classes.0"),
        ({"languages": []}, "languages"),
        ({"max_airing_s": 10**30}, "max_airing_s"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_the_field(
    admin: TestClient, places: Any, settings: dict[str, Any], field: str
) -> None:
    answer = admin.patch(f"/api/v1/zones/{places.leng}/settings", json=settings, headers=FIRST)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert answer.json()["errors"][0]["message"]
    assert admin.get(f"/api/v1/zones/{places.leng}").json()["version"] == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "\0", None, 7, ["x"]])
def test_a_name_that_cannot_be_is_refused(admin: TestClient, places: Any, name: object) -> None:
    answer = admin.patch(f"/api/v1/zones/{places.leng_1}", json={"name": name}, headers=FIRST)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "name"


def test_a_zone_in_use_is_ended_instead_of_deleted(admin: TestClient, typed_code: Any, places: Any) -> None:
    used = admin.delete(f"/api/v1/zones/{places.leng}", headers=FIRST)
    assert (used.status_code, used.json()["code"]) == (409, "zone_in_use")
    coded = FIRST | {"X-Second-Factor": typed_code("admin")}
    ended = admin.patch(f"/api/v1/zones/{places.leng_1}", json={"valid_until": "2027-01-01"}, headers=coded)
    assert ended.json()["valid_until"] == "2027-01-01"
    assert admin.delete(f"/api/v1/zones/{places.leng_2}", headers=FIRST).status_code == 204
    assert admin.get(f"/api/v1/zones/{places.leng_2}").status_code == 404


def test_groups_over_http(admin: TestClient, typed_code: Any, places: Any) -> None:
    body = {"zone_id": places.leng, "name": "Lưu vực", "member_ids": [places.leng_1]}
    made = admin.post("/api/v1/groups", json=body)
    assert (made.status_code, made.json()["member_ids"]) == (201, [places.leng_1])
    path = f"/api/v1/groups/{made.json()['id']}"
    coded = {"If-Match": made.headers["etag"], "X-Second-Factor": typed_code("admin")}
    changed = admin.patch(path, json={"member_ids": [places.leng_2]}, headers=coded)
    assert changed.json()["member_ids"] == [places.leng_2]
    assert admin.patch(path, json={"name": "X"}, headers=FIRST).status_code == 412
    assert admin.delete(path, headers={"If-Match": changed.headers["etag"]}).status_code == 204
    outside = admin.post("/api/v1/groups", json={**body, "member_ids": [places.van_1]})
    assert (outside.status_code, outside.json()["errors"][0]["field"]) == (422, "member_ids")


def test_holidays_over_http(admin: TestClient, places: Any) -> None:
    filled = admin.post("/api/v1/holidays/fill", json={"zone_id": places.leng, "year": 2027})
    assert "2027-02-06" in {day["day"] for day in filled.json()["items"]}
    day = {"zone_id": places.leng, "day": "2027-03-08", "name": "Ngày hội"}
    assert admin.post("/api/v1/holidays", json=day).status_code == 201
    assert admin.post("/api/v1/holidays", json=day).status_code == 409
    listed = admin.get("/api/v1/holidays", params={"zone_id": places.leng_1, "year": 2027}).json()["items"]
    assert len(listed) == len(filled.json()["items"]) + 1
    assert admin.delete(f"/api/v1/holidays/{places.leng}/2027-03-08").status_code == 204
    assert admin.delete(f"/api/v1/holidays/{places.leng}/2027-03-08").status_code == 404
    assert admin.delete(f"/api/v1/holidays/{places.leng}/yesterday").status_code == 422


def test_a_zone_is_merged_over_http(admin: TestClient, typed_code: Any, places: Any) -> None:
    def end(version: str) -> Any:
        body = {"into_id": places.leng_2}
        headers = {"if-match": version, "X-Second-Factor": typed_code("admin")}
        return admin.post(f"/api/v1/zones/{places.leng_1}/end", json=body, headers=headers)

    assert end('"9"').status_code == 412
    ended = end('"1"')
    assert (ended.status_code, ended.json()["valid_until"]) == (200, "2026-11-23")
