"""A form whose answer was lost is sent again: what it did the first time is shown, and nothing is done twice."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from scheduler.announcements.models import Recording, RecordingState
from scheduler.broadcasts.models import Broadcast
from scheduler.people.models import Invitation
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.auth import CSRF_HEADER

Browser = Callable[[str], TestClient]
Code = Callable[[str], str]


def form(client: TestClient, path: str, **fields: Any) -> dict[str, Any]:
    """`fields` with what the form at `path` carries by itself."""
    key = re.search(r'name="once" value="([0-9a-f]{16})"', client.get(path).text)
    assert key is not None
    return {"csrf_token": client.headers[CSRF_HEADER], "once": key[1], **fields}


@pytest.fixture
def keeper(browser: Browser, places: Any, add_person: Any) -> TestClient:
    add_person("quan", places.province, Role.ADMINISTRATOR)
    return browser("quan")


def test_an_invitation_is_made_once(keeper: TestClient, typed_code: Code, store: Store, places: Any) -> None:
    person = form(keeper, "/people/invite", name="Lê Thị Mai", role="viewer", zone_id=places.leng)
    assert keeper.post("/people/invite", data=person | {"code": typed_code("quan")}).status_code == 200
    again = keeper.post("/people/invite", data=person | {"code": typed_code("quan")}, follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, "/people")
    with store.reading() as db:
        assert len(db.exec(select(Invitation)).all()) == 1


def test_what_was_refused_can_be_sent_again(keeper: TestClient, typed_code: Code, places: Any) -> None:
    wrong = form(keeper, "/people/invite", name="", role="viewer", zone_id=places.leng)
    assert [keeper.post("/people/invite", data=wrong).status_code for _ in range(2)] == [422, 422]
    wrong |= {"name": "Lê Thị Mai", "code": typed_code("quan")}
    assert keeper.post("/people/invite", data=wrong).status_code == 200


def test_a_broadcast_is_sent_once(browser: Browser, store: Store, places: Any, add_person: Any) -> None:
    add_person("lan", places.leng, Role.EDITOR)
    lan = browser("lan")
    sent = form(lan, "/broadcasts/new", source="text", text="Họp thôn.", zone=places.leng_1, when="at")
    sent |= {"date": "2026-11-24", "time": "17:00", "intent": "draft"}
    made = lan.post("/broadcasts/new/announcement", data=sent)
    sent["announcement_id"] = re.findall(r'data-announcement-id="(\w+)"', made.text)[0]
    with store.writing() as db:
        row = db.exec(select(Recording)).one()
        row.state, row.sha256, row.duration_us = RecordingState.READY, "a" * 64, 60_000_000
    first, second = (lan.post("/broadcasts/new", data=sent, follow_redirects=False) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    other = lan.post("/broadcasts/new", data=sent | {"time": "17:30"}, follow_redirects=False)
    assert other.headers["location"] != first.headers["location"]
    with store.reading() as db:
        assert len(db.exec(select(Broadcast)).all()) == 2
