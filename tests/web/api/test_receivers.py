import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from broadcast.trustroot.folder import load_or_make
from broadcast.wire import enrolment_code
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.people.actor import Actor
from scheduler.rights import Role
from web.centre import Centre

AddPerson = Callable[..., Actor]
SignIn = Callable[[str], TestClient]
FIRST = {"If-Match": '"1"'}


@pytest.fixture
def admin(centre: Centre, tmp_path: Path, add_person: AddPerson, places: Any, sign_in: SignIn) -> TestClient:
    """The administrator of commune Trà Leng, signed in, at a centre that has keys."""
    centre.trust = load_or_make(tmp_path / "keys", centre.clock.now())
    add_person("admin", places.leng, Role.ADMINISTRATOR)
    return sign_in("admin")


@pytest.fixture
def stranger(add_person: AddPerson, places: Any, sign_in: SignIn) -> TestClient:
    """The administrator of commune Trà Vân, signed in."""
    add_person("them", places.van, Role.ADMINISTRATOR)
    return sign_in("them")


@pytest.fixture
def receiver(admin: TestClient, places: Any) -> dict[str, Any]:
    answer = admin.post("/api/v1/receivers", json={"zone_id": places.leng_1, "name": "Loa 1", "code": "TL-01"})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def report(centre: Centre, receiver_id: str, number: int, airing_id: str) -> None:
    now = centre.clock.now()
    with centre.store.writing() as db:
        db.add(
            StoredReport(
                receiver_id=receiver_id,
                number=number,
                airing_id=airing_id,
                broadcast_id="b1",
                outcome="heard",
                planned_start_at=now,
                planned_duration_us=1,
                played_us=1,
                gap_us=0,
                underruns=0,
                received_at=now,
            )
        )


def test_a_receiver_is_made_read_changed_and_listed(admin: TestClient, receiver: dict[str, Any]) -> None:
    path = f"/api/v1/receivers/{receiver['id']}"
    read = admin.get(path)
    assert read.json() == receiver
    assert read.headers["etag"] == '"1"'
    changed = admin.patch(path, json={"note": "Bên cạnh trường"}, headers=FIRST)
    assert (changed.json()["note"], changed.json()["name"], changed.headers["etag"]) == (
        "Bên cạnh trường",
        "Loa 1",
        '"2"',
    )
    assert [item["id"] for item in admin.get("/api/v1/receivers").json()["items"]] == [receiver["id"]]


def test_an_edit_says_what_it_was_made_on(admin: TestClient, receiver: dict[str, Any]) -> None:
    path = f"/api/v1/receivers/{receiver['id']}"
    assert admin.patch(path, json={"note": "x"}).status_code == 428
    assert admin.patch(path, json={"note": "first"}, headers=FIRST).status_code == 200
    assert admin.patch(path, json={"note": "second"}, headers=FIRST).status_code == 412
    assert admin.post(f"{path}/revoke", headers=FIRST).status_code == 412


def test_the_volume_has_24_hours(admin: TestClient, receiver: dict[str, Any]) -> None:
    path = f"/api/v1/receivers/{receiver['id']}/volume"
    assert admin.put(path, json={"volume_by_hour": [50] * 23}, headers=FIRST).status_code == 422
    assert admin.put(path, json={"volume_by_hour": [101] * 24}, headers=FIRST).status_code == 422
    assert admin.put(path, json={"volume_by_hour": [50] * 24}, headers=FIRST).json()["volume_by_hour"] == [50] * 24


def test_amplifier_test_and_budget_are_set_and_read(admin: TestClient, receiver: dict[str, Any]) -> None:
    path = f"/api/v1/receivers/{receiver['id']}"
    asked = {"amplifier_lead_ms": 300, "self_test_at": "12:15", "self_test_level_dbfs": -30.5, "month_budget_mb": 800}
    changed = admin.patch(path, json=asked, headers=FIRST).json()
    assert {name: changed[name] for name in asked} == asked
    assert (changed["amplifier_tail_ms"], changed["messages"], changed["clock"]) == (0, [], None)
    for wrong in (
        {"amplifier_lead_ms": 10_001},
        {"self_test_at": "24:00"},
        {"self_test_level_dbfs": -5},
        {"month_budget_mb": 0},
        {"messages": [{"name": "Báo cháy", "recording_id": "x"}]},
        {"messages": [{"name": "fire", "recording_id": "x"}]},
    ):
        assert admin.patch(path, json=wrong, headers={"If-Match": '"2"'}).status_code == 422, wrong


def test_a_self_test_needs_no_version_but_a_machine(
    centre: Centre, admin: TestClient, receiver: dict[str, Any]
) -> None:
    path = f"/api/v1/receivers/{receiver['id']}/self-test"
    assert (admin.post(path).status_code, admin.post(path).json()["code"]) == (409, "not_enrolled")
    with centre.store.writing() as db:
        db.get_one(Receiver, receiver["id"]).enrolled_at = centre.clock.now()
    assert admin.post(path).json()["self_test_asked_at"] is not None


def test_creating_twice_with_one_key_makes_one(admin: TestClient, places: Any) -> None:
    body, key = {"zone_id": places.leng_1, "name": "Loa"}, {"Idempotency-Key": "k1"}
    first, second = (admin.post("/api/v1/receivers", json=body, headers=key) for _time in range(2))
    assert first.json() == second.json()
    assert len(admin.get("/api/v1/receivers").json()["items"]) == 1


def test_one_that_was_never_installed_is_deleted(
    centre: Centre, admin: TestClient, receiver: dict[str, Any], places: Any
) -> None:
    path = f"/api/v1/receivers/{receiver['id']}"
    assert admin.delete(path).status_code == 428
    assert (admin.delete(path, headers=FIRST).status_code, admin.get(path).status_code) == (204, 404)
    again = admin.post("/api/v1/receivers", json={"zone_id": places.leng_1, "name": "Loa 1", "code": "TL-01"}).json()
    with centre.store.writing() as db:
        db.get_one(Receiver, again["id"]).enrolled_at = centre.clock.now()
    refused = admin.delete(f"/api/v1/receivers/{again['id']}", headers=FIRST)
    assert (refused.status_code, refused.json()["code"]) == (409, "receiver_in_use")


def test_a_code_is_shown_once_and_pins_the_key(centre: Centre, admin: TestClient, receiver: dict[str, Any]) -> None:
    path = f"/api/v1/receivers/{receiver['id']}"
    code = admin.post(f"{path}/enrolment-code", json={"hours": 2}).json()["code"]
    assert enrolment_code.parse(code).pins(centre.order_key)
    assert code not in admin.get(path).text


def test_a_process_without_keys_makes_no_codes(centre: Centre, admin: TestClient, receiver: dict[str, Any]) -> None:
    centre.trust = None
    answer = admin.post(f"/api/v1/receivers/{receiver['id']}/enrolment-code")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_keys")


def test_another_communes_receiver_does_not_exist(
    centre: Centre, admin: TestClient, receiver: dict[str, Any], stranger: TestClient, places: Any
) -> None:
    report(centre, receiver["id"], 1, "a1")
    them, path = stranger, f"/api/v1/receivers/{receiver['id']}"
    answers = [
        them.get(path),
        them.get(f"{path}/reports"),
        them.get("/api/v1/receivers", params={"zone_id": places.leng}),
        them.patch(path, json={"note": "x"}, headers=FIRST),
        them.put(f"{path}/volume", json={"volume_by_hour": None}, headers=FIRST),
        them.post(f"{path}/move", json={"zone_id": places.van_1}, headers=FIRST),
        them.get(f"{path}/message-choices"),
        them.post(f"{path}/self-test"),
        them.post(f"{path}/enrolment-code"),
        them.post(f"{path}/revoke", headers=FIRST),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert them.get("/api/v1/receivers").json()["items"] == []
    assert them.get("/api/v1/reports").json()["items"] == []
    assert len(admin.get("/api/v1/reports").json()["items"]) == 1


def test_reports_are_found_by_airing_and_time(centre: Centre, admin: TestClient, receiver: dict[str, Any]) -> None:
    report(centre, receiver["id"], 1, "a1")
    report(centre, receiver["id"], 2, "a2")

    def numbers(**asked: str) -> list[int]:
        return [item["number"] for item in admin.get("/api/v1/reports", params=asked).json()["items"]]

    now = centre.clock.now().isoformat()
    assert numbers(airing_id="a2") == [2]
    assert numbers(broadcast_id="b1") == numbers(since=now) == [2, 1]
    assert numbers(until=now) == numbers(airing_id="a3") == []
    assert admin.get("/api/v1/reports", params={"since": "2026-11-23T08:00"}).status_code == 422


@pytest.mark.parametrize("name", ["", " ", "x" * 121])
def test_a_name_that_is_none_is_refused(admin: TestClient, places: Any, name: str) -> None:
    answer = admin.post("/api/v1/receivers", json={"zone_id": places.leng_1, "name": name})
    assert answer.status_code == 422


def test_nobody_sees_receivers_without_signing_in(client: TestClient, receiver: dict[str, Any]) -> None:
    for path in ("/api/v1/receivers", f"/api/v1/receivers/{receiver['id']}", "/api/v1/reports"):
        assert client.get(path).status_code == 401


def test_health_needs_no_sign_in_and_tells_of_the_broker(client: TestClient) -> None:
    answer = client.get("/api/v1/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "broker_connected": False,
        "documents_waiting": 0,
        "documents_in_trouble": 0,
    }


async def test_watchers_are_told_after_the_change(centre: Centre, admin: TestClient, receiver: dict[str, Any]) -> None:
    centre.changes.attach(asyncio.get_running_loop())
    watching = centre.changes.watch()
    told = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    path = f"/api/v1/receivers/{receiver['id']}"
    await asyncio.to_thread(admin.patch, path, json={"note": "x"}, headers=FIRST)
    assert await told == {f"receiver:{receiver['id']}"}
