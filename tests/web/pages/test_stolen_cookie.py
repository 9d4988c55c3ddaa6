"""A stolen session cookie, tried on what gives power, by pages and by the API: no horn is taken, silenced or opened.

The thief has the cookie of somebody who has a second factor, and with it the page's own token; but not the telephone.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from broadcast.trustroot.folder import load_or_make
from scheduler.fleet.models import EnrolmentSecret, Receiver
from scheduler.people.actor import Actor
from scheduler.people.models import ApiToken, AuditEntry, User
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone

API = "/api/v1"
RECEIVER = "RFIRST"
Code = Callable[[str], str]


@pytest.fixture
def admin(alarm: Any, add_person: Callable[..., Actor]) -> Actor:
    return add_person("admin", alarm.places.province, Role.ADMINISTRATOR)


@pytest.fixture
def shut(alarm: Any, add_person: Callable[..., Actor]) -> Actor:
    """An operator who left: an account that nobody may sign in to."""
    left = add_person("left", alarm.places.leng, Role.OPERATOR)
    with alarm.store.writing() as db:
        db.get_one(User, left.user_id).disabled = True
    return left


@pytest.fixture
def horn(alarm: Any, now: Any, tmp_path: Path) -> None:
    alarm.app.state.centre.trust = load_or_make(tmp_path / "keys", now)
    with alarm.store.writing() as db:
        db.add(Receiver(id=RECEIVER, zone_id=alarm.places.leng_1, name="Nhà văn hóa", enrolled_at=now))


@pytest.fixture
def thief(alarm: Any, admin: Actor, shut: Actor, horn: None, typed_code: Code) -> TestClient:
    client: TestClient = alarm.sign_in("admin")
    typed_code("admin")
    return client


def kept(store: Store) -> list[Any]:
    """All by which horns are reached, silenced or protected."""
    with store.reading() as db:
        rows = [*db.exec(select(User)), *db.exec(select(Zone)), *db.exec(select(Receiver)), *db.exec(select(ApiToken))]
        return [row.model_dump() for row in (*rows, *db.exec(select(EnrolmentSecret)))]


def by_api(places: Any, shut: Actor) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Each act, as the API is asked for it."""
    zone, horn = f"{API}/zones/{places.leng}", f"{API}/receivers/{RECEIVER}"
    return {
        "opens a shut account": ("PATCH", f"{API}/users/{shut.user_id}", {"disabled": False}),
        "lets one person sound": ("PATCH", f"{zone}/settings", {"second_person": "second_factor"}),
        "does away with approval": ("PATCH", f"{zone}/settings", {"approval_classes": []}),
        "silences by quiet hours": ("PATCH", f"{zone}/settings", {"quiet_hours": [{"start": "00:00", "end": "23:59"}]}),
        "silences by a limit": ("PATCH", f"{zone}/settings", {"max_airing_s": 1}),
        "ends a place by its days": ("PATCH", f"{API}/zones/{places.leng_1}", {"valid_until": "2026-11-23"}),
        "merges a place": ("POST", f"{API}/zones/{places.leng_1}/end", {"into_id": places.leng_2}),
        "moves a place": ("POST", f"{API}/zones/{places.leng_1}/move", {"parent_id": places.van}),
        "moves a horn": ("POST", f"{horn}/move", {"zone_id": places.van_1}),
        "takes a horn over": ("POST", f"{horn}/enrolment-code", {}),
        "shuts a horn out": ("POST", f"{horn}/revoke", {}),
        "silences a horn": ("PUT", f"{horn}/volume", {"volume_by_hour": [0] * 24}),
    }


def by_page(places: Any, shut: Actor) -> dict[str, tuple[str, dict[str, Any]]]:
    """Each act, as its form is sent."""
    zone, name = f"/zones/{places.leng}", {"kind": "commune", "name": "Trà Leng"}
    return {
        "opens a shut account": (f"/people/{shut.user_id}", {"name": "Left"}),
        "lets one person sound": (zone, name | {"second_person": "second_factor"}),
        "does away with approval": (zone, name | {"approval": "none"}),
        "ends a place by its days": (zone, name | {"valid_until": "2026-11-23"}),
        "merges a place": (f"/zones/{places.leng_1}/end", {"into": places.leng_2, "confirmed": "1"}),
        "moves a horn": (f"/receivers/{RECEIVER}/edit", {"name": "Nhà văn hóa", "zone_id": places.van_1}),
        "silences a horn": (
            f"/receivers/{RECEIVER}/edit", {"name": "Nhà văn hóa", "volume_from": "0", "volume_percent": "0"},
        ),
        "takes a horn over": (f"/receivers/{RECEIVER}/code", {}),
        "shuts a horn out": (f"/receivers/{RECEIVER}/revoke", {}),
    }  # fmt: skip


def test_a_stolen_cookie_opens_loosens_and_takes_nothing_by_the_api(
    alarm: Any, thief: TestClient, shut: Actor, clock: Any
) -> None:
    before = kept(alarm.store)
    for what, (method, path, body) in by_api(alarm.places, shut).items():
        answer = thief.request(method, path, json=body, headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.json()["code"]) == (401, "code_needed"), what
    end = (clock.now() + timedelta(days=9)).isoformat()
    for password, code in (("", "password_missing"), ("guessed", "password_wrong")):
        asked = {"name": "x", "scope": ["zone.edit"], "expires_at": end, "password": password}
        token = thief.post(f"{API}/tokens", json=asked)
        assert (token.status_code, token.json()["code"]) == (422, code)
    assert kept(alarm.store) == before


def test_a_stolen_cookie_opens_loosens_and_takes_nothing_by_a_page(alarm: Any, thief: TestClient, shut: Actor) -> None:
    thief.headers["accept"] = "text/html"
    before = kept(alarm.store)
    for what, (path, fields) in by_page(alarm.places, shut).items():
        sent = fields | {"csrf_token": thief.headers["x-csrf-token"], "version": "1"}
        answer = thief.post(path, data=sent)
        assert (answer.status_code, "Hãy nhập sáu chữ số" in answer.text) == (422, True), what
        assert kept(alarm.store) == before, what


def test_the_owner_does_all_of_it_with_a_code_for_each(
    alarm: Any, thief: TestClient, shut: Actor, typed_code: Code
) -> None:
    for what, (method, path, body) in by_api(alarm.places, shut).items():
        if what == "ends a place by its days":
            continue  # what is over is not merged
        read = thief.get(path if method == "PATCH" and "settings" not in path else path.rpartition("/")[0])
        headers = {"If-Match": read.headers.get("etag", '"1"'), "X-Second-Factor": typed_code("admin")}
        answer = thief.request(method, path, json=body | _coded(path, headers), headers=headers)
        assert answer.is_success, (what, answer.text)


def test_what_protects_nothing_takes_no_code(alarm: Any, thief: TestClient) -> None:
    zone = f"{API}/zones/{alarm.places.leng}"
    renamed = thief.patch(zone, json={"name": "Trà Leng"}, headers={"If-Match": '"1"'})
    assert renamed.status_code == 200, renamed.text
    said = {"languages": ["vi", "cdo"], "public_page": False}
    assert thief.patch(f"{zone}/settings", json=said, headers={"If-Match": '"2"'}).status_code == 200
    quieter = thief.put(
        f"{API}/receivers/{RECEIVER}/volume", json={"volume_by_hour": [40] * 24}, headers={"If-Match": '"1"'}
    )
    assert quieter.status_code == 200


def test_guesses_are_in_the_record_and_the_administrator_sees_them(
    alarm: Any, thief: TestClient, add_person: Callable[..., Actor], *, shut: Actor, store: Store
) -> None:
    for guess in range(7):
        thief.patch(
            f"{API}/users/{shut.user_id}",
            json={"disabled": False, "code": f"00000{guess}"},
            headers={"If-Match": '"1"'},
        )
    with store.reading() as db:
        rows = db.exec(select(AuditEntry).where(AuditEntry.action == "proof.refused")).all()
    assert [row.detail["code"] for row in rows] == ["wrong_code"] * 5 + ["too_many_sign_ins"]
    assert {(row.subject, row.detail["act"], row.detail["address"]) for row in rows} == {
        (f"user:{shut.user_id}", "user.enable", "testclient")
    }
    assert not any("00000" in f"{row.detail}{row.words}" for row in rows)
    add_person("chief", alarm.places.province, Role.ADMINISTRATOR)
    chief: TestClient = alarm.sign_in("chief")
    chief.headers["accept"] = "text/html"
    for path in ("/audit", "/people"):
        assert "Từ hôm qua đến nay, 6 mã nhập dưới tên Admin bị từ chối." in chief.get(path).text
    told = chief.get("/audit", params={"action": "proof"}).text
    assert "Mã sai hoặc đã dùng rồi. Để làm: Tài khoản: cho dùng lại. Từ địa chỉ testclient." in told
    assert chief.patch(f"{API}/me", json={"language": "en"}).status_code == 200
    told = chief.get("/audit", params={"action": "proof"}).text
    assert "The code was wrong or used already. It was for: Account: enabled. From the address testclient." in told
    commune: TestClient = _leader(alarm, add_person)
    assert "Admin" not in commune.get("/audit").text


def test_guessed_passwords_are_in_the_record_in_words(alarm: Any, admin: Actor, client: TestClient) -> None:
    for _ in range(6):
        client.post(f"{API}/session", json={"login": "operator", "password": "đoán mò"})
    client.post(f"{API}/session", json={"login": "không có ai", "password": "đoán mò"})
    boss: TestClient = alarm.sign_in("admin")
    boss.headers["accept"] = "text/html"
    told = boss.get("/audit", params={"action": "session"}).text
    assert "Phiên đăng nhập: bị từ chối" in told
    assert "Tên đăng nhập hoặc mật khẩu sai. Từ địa chỉ testclient." in told
    assert "Tên đăng nhập hoặc mật khẩu sai. Thử thêm 4 lần nữa. Từ địa chỉ testclient." in told
    assert "không rõ ai" in told
    assert "không có ai" not in told
    assert boss.patch(f"{API}/me", json={"language": "en"}).status_code == 200
    told = boss.get("/audit", params={"action": "session"}).text
    assert "The login name or the password was wrong. Tried 4 times more. From the address testclient." in told


def _coded(path: str, headers: dict[str, str]) -> dict[str, str]:
    """People's acts have their code in the body."""
    return {"code": headers["X-Second-Factor"]} if "/users/" in path else {}


def _leader(alarm: Any, add_person: Callable[..., Actor]) -> TestClient:
    add_person("leader", alarm.places.leng, Role.APPROVER)
    client: TestClient = alarm.sign_in("leader")
    client.headers["accept"] = "text/html"
    return client
