"""The inbox, deputies and notices over HTTP: pages, and nothing for those who may not."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.people.actor import Actor
from scheduler.rights import Role
from web.centre import Centre

API = "/api/v1"
UNTIL = "2026-12-05T17:00:00+07:00"


@pytest.fixture
def people(
    centre: Centre, sign_in: Callable[[str], TestClient], add_person: Callable[..., Actor], places: Any
) -> dict[str, TestClient]:
    centre.settings = centre.settings.model_copy(update={"live_relay_hosts": "stream.example"})
    roles = {"viewer": Role.VIEWER, "editor": Role.EDITOR, "approver": Role.APPROVER, "operator": Role.OPERATOR}
    for name, role in (roles | {"administrator": Role.ADMINISTRATOR}).items():
        add_person(name, places.leng, role)
    add_person("elsewhere", places.van, Role.APPROVER, Role.ADMINISTRATOR)
    return {name: sign_in(name) for name in (*roles, "administrator", "elsewhere")}


@pytest.fixture
def ids(people: dict[str, TestClient]) -> dict[str, str]:
    return {name: client.get(f"{API}/me").json()["id"] for name, client in people.items()}


def test_what_waits_is_seen_by_who_may_decide_it(people: dict[str, TestClient], places: Any) -> None:
    editor = people["editor"]
    body = {"zone_id": places.leng, "title": "Họp dân", "recordings": [{"text": "Họp dân"}]}
    announcement = editor.post(f"{API}/announcements", json=body).json()["id"]
    when = {"kind": "at", "starts_local": "2026-11-24T17:00"}
    draft = {"zone_id": places.leng, "announcement_id": announcement, "when": when, "zone_ids": [places.leng]}
    made = editor.post(f"{API}/broadcasts", json=draft).json()
    editor.post(f"{API}/broadcasts/{made['id']}/submit", headers={"If-Match": '"1"'})
    daily = {"kind": "repeat", "starts_local": "2026-11-24T05:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"}
    relay = {
        "zone_id": places.leng, "title": "VOV1", "source_url": "https://stream.example/a", "limit_min": 15,
        "when": daily, "zone_ids": [places.leng],
    }  # fmt: skip
    station = editor.post(f"{API}/relays", json=relay).json()
    editor.post(f"{API}/relays/{station['id']}/submit", headers={"If-Match": '"1"'})
    found = people["approver"].get(f"{API}/inbox").json()
    assert [one["broadcast"]["id"] for one in found["items"]] == [made["id"]]
    assert found["items"][0]["recordings"][0]["text"] == "Họp dân"
    assert ([one["id"] for one in found["relays"]], found["more"]) == ([station["id"]], False)
    nothing = {"items": [], "relays": [], "more": False, "passed": [], "relays_passed": []}
    assert people["elsewhere"].get(f"{API}/inbox").json() == nothing
    for name in people.keys() - {"approver", "elsewhere"}:
        assert people[name].get(f"{API}/inbox").status_code == 403, name


def test_a_deputy_is_named_listed_by_pages_and_ended(
    people: dict[str, TestClient], ids: dict[str, str], places: Any
) -> None:
    approver, made = people["approver"], []
    for name in ("viewer", "operator"):
        body = {"deputy_id": ids[name], "zone_id": places.leng, "until": UNTIL}
        answer = approver.post(f"{API}/deputies", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
    first = approver.get(f"{API}/deputies", params={"limit": 1}).json()
    second = approver.get(f"{API}/deputies", params={"limit": 1, "before": first["next"]}).json()
    listed = [one["id"] for one in (*first["items"], *second["items"])]
    assert (listed, second["next"]) == (sorted(made, reverse=True), None)  # both of one instant: by their ids
    assert {one["id"] for one in approver.get(f"{API}/deputies/candidates").json()["people"]} >= {ids["viewer"]}
    assert people["elsewhere"].get(f"{API}/deputies").json()["items"] == []
    assert people["elsewhere"].delete(f"{API}/deputies/{made[0]}").status_code == 404
    assert people["viewer"].delete(f"{API}/deputies/{made[0]}").status_code == 204
    assert approver.delete(f"{API}/deputies/{made[0]}").status_code == 409
    for name in ("viewer", "editor", "operator"):
        body = {"deputy_id": ids["administrator"], "zone_id": places.leng, "until": UNTIL}
        assert people[name].post(f"{API}/deputies", json=body).status_code == 403, name


def test_ones_own_mail_and_the_programs_of_a_zone(people: dict[str, TestClient], places: Any) -> None:
    viewer, administrator = people["viewer"], people["administrator"]
    chosen = viewer.put(f"{API}/me/notices", json={"address": "lan@leng.example", "kinds": ["fault"]})
    assert (chosen.json()["address"], chosen.json()["kinds"]) == ("lan@leng.example", ["fault"])
    assert viewer.put(f"{API}/me/notices", json={"address": "no address"}).status_code == 422
    assert viewer.post(f"{API}/me/notices/trial").status_code == 204
    assert viewer.post(f"{API}/me/notices/trial").status_code == 409
    hook = {"zone_id": places.leng, "name": "IOC", "url": "https://ioc.example/loa", "kinds": ["emergency"]}
    made = administrator.post(f"{API}/webhooks", json=hook)
    assert made.status_code == 201, made.text
    assert made.json()["secret"]
    assert "secret" not in administrator.get(f"{API}/webhooks").json()["items"][0]
    assert administrator.post(f"{API}/webhooks", json=hook | {"url": "http://10.0.0.1/"}).status_code == 422
    for name in people.keys() - {"administrator"}:
        for listed in ("webhooks", "notices"):
            answer = people[name].get(f"{API}/{listed}")
            assert answer.json()["items"] == [] if name == "elsewhere" else answer.status_code == 403, (name, listed)
        assert people[name].post(f"{API}/webhooks", json=hook).status_code in (403, 404), name
        assert people[name].delete(f"{API}/webhooks/{made.json()['id']}").status_code == 404, name
    log = administrator.get(f"{API}/notices", params={"limit": 1, "state": "waiting"}).json()
    assert [one["kind"] for one in log["items"]] == ["trial"]
    assert administrator.delete(f"{API}/webhooks/{made.json()['id']}").status_code == 204
