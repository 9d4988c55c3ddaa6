"""Bulletins, playlists, relays and the library over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.rights import Role
from web.centre import Centre

API = "/api/v1"


@pytest.fixture
def official(centre: Centre, sign_in: Callable[[str], TestClient], add_person: Any, places: Any) -> TestClient:
    centre.settings = centre.settings.model_copy(update={"live_relay_hosts": "stream.example"})
    add_person("official", places.leng, Role.EDITOR)
    return sign_in("official")


def announced(client: TestClient, places: Any, title: str) -> str:
    body = {"zone_id": places.leng, "title": title, "recordings": [{"text": title}]}
    made: str = client.post(f"{API}/announcements", json=body).json()["id"]
    return made


def test_a_playlist_and_a_bulletin(official: TestClient, places: Any) -> None:
    one, two = announced(official, places, "Lịch cấy"), announced(official, places, "Họp dân")
    body = {"zone_id": places.leng, "title": "Danh sách", "announcement_ids": [two, one]}
    made = official.post(f"{API}/playlists", json=body)
    assert made.status_code == 201, made.text
    original = official.get(f"{API}/recordings/{made.json()['recordings'][0]['id']}/original")
    assert (original.status_code, original.json()["code"]) == (404, "no_original")
    changed = official.put(
        f"{API}/playlists/{made.json()['id']}", json={"announcement_ids": [one]}, headers={"If-Match": '"1"'}
    )
    assert changed.json()["recordings"][0]["text"] == "Lịch cấy"
    template = {
        "zone_id": places.leng, "name": "Bản tin", "slots": [{"name": "Thời sự"}], "times": ["17:00"],
        "zone_ids": [places.leng],
    }  # fmt: skip
    bulletin = official.post(f"{API}/bulletins", json=template).json()
    path = f"{API}/bulletins/{bulletin['id']}/editions/2026-11-23/17:00"
    assert official.get(path).headers["etag"] == '"0"'
    filled = official.put(path, json={"filled": {"s1": one}}, headers={"If-Match": '"0"'})
    assert filled.status_code == 200, filled.text
    sent = official.post(f"{path}/send", headers={"If-Match": filled.headers["etag"]})
    assert sent.json()["state"] == "submitted"
    assert official.post(f"{path}/send", headers={"If-Match": '"0"'}).status_code == 412
    assert official.get(f"{API}/bulletins").json()["items"][0]["next"]["filled"] == 1
    assert official.get(f"{API}/bulletins/{bulletin['id']}/editions/2026-11-23/25:00").status_code == 422


def test_the_library_by_words_and_labels(official: TestClient, places: Any) -> None:
    one = announced(official, places, "Họp dân Trà Dơn")
    labelled = official.put(
        f"{API}/announcements/{one}/labels", json={"category": "notice", "tags": ["họp"]}, headers={"If-Match": '"1"'}
    )
    assert labelled.json()["tags"] == ["họp"]
    found = official.get(f"{API}/library", params={"q": "tra don", "category": "notice", "tag": "họp"}).json()
    assert [item["title"] for item in found["items"]] == ["Họp dân Trà Dơn"]
    assert official.get(f"{API}/library", params={"q": "Trà Don"}).json()["items"] == []
    assert official.get(f"{API}/announcements/{one}/history").json() == {"items": [], "more": False}
    assert official.get(f"{API}/library", params={"limit": 0}).status_code == 422


def test_a_relay_is_planned_and_sent(official: TestClient, places: Any) -> None:
    body = {
        "zone_id": places.leng, "title": "VOV1", "source_url": "https://stream.example/vov1.mp3", "limit_min": 15,
        "when": {"kind": "repeat", "starts_local": "2026-11-24T05:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"},
        "zone_ids": [places.leng],
    }  # fmt: skip
    made = official.post(f"{API}/relays", json=body)
    assert made.status_code == 201, made.text
    path = f"{API}/relays/{made.json()['id']}"
    sent = official.post(f"{path}/submit", headers={"If-Match": '"1"'})
    assert (sent.status_code, sent.json()["state"]) == (200, "submitted")
    assert official.post(f"{path}/approve", headers={"If-Match": '"2"'}).status_code == 403
    refused = official.post(f"{API}/relays", json=body | {"source_url": "https://elsewhere.example/a"})
    assert (refused.status_code, refused.json()["code"]) == (422, "host_not_allowed")
    assert official.get(f"{API}/relays").json()["items"][0]["coming"][0] == "2026-11-23T22:00:00Z"
