"""A playlist on pages: filled, put into order by its buttons, made and changed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from scheduler.announcements.models import Recording, RecordingState
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.auth import CSRF_HEADER


@pytest.fixture
def official(browser: Callable[[str], TestClient], add_person: Callable[..., Actor], places: Any) -> TestClient:
    add_person("official", places.leng, Role.EDITOR)
    return browser("official")


@pytest.fixture
def three(official: TestClient, places: Any) -> list[str]:
    made = []
    for title in ("Lịch cấy", "Họp dân", "Tiêm chủng"):
        body = {"zone_id": places.leng, "title": title, "recordings": [{"text": title}]}
        made.append(official.post("/api/v1/announcements", json=body).json()["id"])
    return made


def post(client: TestClient, path: str, **fields: Any) -> Any:
    return client.post(path, data=fields | {"csrf_token": client.headers[CSRF_HEADER]}, follow_redirects=False)


def order(page: str) -> list[str]:
    return re.findall(r'name="part" value="(\w+)"', page)


def test_it_is_put_into_order_by_its_buttons_and_made(official: TestClient, three: list[str]) -> None:
    one, two, last = three
    path, held = "/playlists/new", {"title": "Bản tin tối", "pause_ms": "3000"}
    assert order(post(official, path, intent="add", add=one, **held).text) == [one]
    up = post(official, path, intent="up-2", part=three, **held)
    assert (up.status_code, order(up.text), "Bản tin tối" in up.text) == (200, [one, last, two], True)
    assert order(post(official, path, intent="down-2", part=three, **held).text) == three
    assert order(post(official, path, intent="remove-0", part=three, **held).text) == [two, last]
    nothing = post(official, path, intent="save", **held)
    assert (nothing.status_code, "Hãy thêm ít nhất một bản tin" in nothing.text) == (422, True)
    unnamed = post(official, path, intent="save", title="").text
    assert re.findall(r'class="wrong" id="(\w+)-error"', unnamed) == ["title", "parts"]
    made = post(official, path, intent="save", part=[last, one], add=two, **held)
    assert made.status_code == 303, made.text
    assert "Bản tin tối" in official.get("/playlists").text
    edit = made.headers["location"].partition("?")[0].replace("/announcements/", "/playlists/") + "/edit"
    shown = official.get(edit).text
    assert order(shown) == [last, one, two]
    assert 'value="3000" selected' in shown
    changed = post(official, edit, intent="save", part=[two], version="1", pause_ms="0")
    assert changed.status_code == 303, changed.text
    assert order(official.get(edit).text) == [two]
    assert post(official, edit, intent="save", part=[one], version="1").status_code == 422


def test_a_part_that_was_deleted_is_shown_and_taken_out(official: TestClient, three: list[str], store: Store) -> None:
    made = post(official, "/playlists/new", intent="save", title="Bản tin tối", pause_ms="0", part=three)
    playlist = made.headers["location"].partition("?")[0]
    edit = playlist.replace("/announcements/", "/playlists/") + "/edit"
    with store.writing() as db:
        for recording in db.exec(select(Recording)):  # what is still put together is not deleted
            recording.state, recording.sha256 = RecordingState.READY, "a" * 64
            recording.duration_us, recording.size_bytes = 1_000_000, 10
    version = official.get(f"/api/v1/announcements/{three[1]}").headers["etag"]
    gone = official.delete(f"/api/v1/announcements/{three[1]}", headers={"if-match": version})
    assert gone.status_code == 204
    shown = official.get(edit)
    assert (shown.status_code, order(shown.text)) == (200, three)
    assert "Họp dân (không còn)" in shown.text
    assert f'href="/announcements/{three[1]}"' not in official.get(playlist).text
    kept = post(official, edit, intent="save", part=three, version="1", pause_ms="0")
    assert (kept.status_code, "Có bản tin đã chọn nay không còn" in kept.text) == (422, True)
    assert order(post(official, edit, intent="remove-1", part=three, version="1").text) == [three[0], three[2]]
    assert post(official, edit, intent="save", part=three[::2], version="1", pause_ms="0").status_code == 303
    assert order(official.get(edit).text) == three[::2]


def test_a_part_that_nobody_has_or_may_see_is_refused(
    official: TestClient, three: list[str], browser: Callable[[str], TestClient], add_person: Any, places: Any
) -> None:
    add_person("stranger", places.van, Role.EDITOR)
    body = {"zone_id": places.van, "title": "Của xã khác", "recordings": [{"text": "Khác"}]}
    hidden = browser("stranger").post("/api/v1/announcements", json=body).json()["id"]
    for unknown in ("x" * 26, hidden):
        for intent, status in (("add", 200), ("save", 422)):
            answer = post(official, "/playlists/new", intent=intent, title="Tối", part=[three[0], unknown])
            assert (answer.status_code, order(answer.text)) == (status, [three[0], unknown])
            assert "Bản tin không còn" in answer.text
            assert "Của xã khác" not in answer.text
