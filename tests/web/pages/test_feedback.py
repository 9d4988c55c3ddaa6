"""What residents write, how much of it, and who reads it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlmodel import select

from broadcast.clock import ManualClock
from scheduler.people.models import AuditEntry
from scheduler.residents.feedback import PER_DAY, PER_HOUR, PLACE_PER_DAY
from scheduler.residents.models import Feedback, Subject
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.models import Zone
from web.pages.residents_feedback import HONEYPOT

Write = Callable[..., Response]
TEXT = "Loa ở nóc trên không nghe được gì từ hôm qua."


@pytest.fixture
def write(client: TestClient, places: Any) -> Write:
    """A message to Thôn 1 as its form sends it."""

    def send(zone_id: str | None = None, headers: dict[str, str] | None = None, **fields: str) -> Response:
        path = f"/nghe/{zone_id or places.leng_1}/feedback"
        values = {"about": "not_heard", "text": TEXT, "name": "Hồ Văn A", "phone": "0905 123 456"}
        answer: Response = client.post(path, data=values | fields, headers=headers, follow_redirects=False)
        return answer

    return send


@pytest.fixture
def kept(store: Store) -> Callable[[], list[Feedback]]:
    def read() -> list[Feedback]:
        with store.reading() as db:
            return list(db.exec(select(Feedback).order_by(Feedback.id)))

    return read


def test_a_message_reaches_those_of_the_place_and_nobody_else(
    write: Write, browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any
) -> None:
    sent = write()
    assert (sent.status_code, sent.headers["location"][-7:]) == (303, "?sent=1")
    assert "set-cookie" not in sent.headers
    for login, zone_id, role in (
        ("lan", places.leng, Role.EDITOR),
        ("tổ", places.leng_1, Role.VIEWER),
        ("xa", places.van, Role.EDITOR),
    ):
        add_person(login, zone_id, role)
    official = browser("lan")
    page = official.get("/feedback").text
    assert TEXT in page
    assert "0905 123 456" in page
    item = official.get("/api/v1/feedback").json()["items"][0]
    address = f"/api/v1/feedback/{item['id']}"
    for login, refused in (("tổ", 403), ("xa", 404)):  # the first sees the village, but not who wrote
        other = browser(login)
        assert TEXT not in other.get("/feedback?state=all").text
        assert other.get(address).status_code == refused
        answered = other.post(f"{address}/answer", json={"note": "x"}, headers={"If-Match": '"1"'})
        assert answered.status_code == refused
        assert TEXT not in other.get("/api/v1/feedback").text


def test_it_is_marked_as_seen_to_with_what_was_done(
    write: Write, browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any, store: Store
) -> None:
    write()
    add_person("lan", places.leng, Role.EDITOR)
    official = browser("lan")
    page = official.get("/feedback").text
    found = re.search(r'action="(/feedback/\w+)".*?name="version" value="(\d+)"', page, re.DOTALL)
    assert found is not None
    form = {"csrf_token": official.headers["x-csrf-token"], "version": found[2], "note": "Đã thay dây loa"}
    assert official.post(found[1], data=form).status_code == 200
    assert TEXT not in official.get("/feedback").text
    done = official.get("/feedback?state=answered").text
    assert "Đã thay dây loa" in done
    assert "Lan" in done
    stale = official.post(found[1], data=form)
    assert stale.status_code == 422
    with store.reading() as db:
        assert [row.action for row in db.exec(select(AuditEntry)) if row.action.startswith("feedback")] == [
            "feedback.answer"
        ]
    version = official.get(f"/api/v1{found[1]}").headers["etag"]
    assert official.delete(f"/api/v1{found[1]}", headers={"If-Match": version}).status_code == 204
    assert official.get(f"/api/v1{found[1]}").status_code == 404


@pytest.mark.parametrize("fields", [{"text": ""}, {"text": " \u200b "}, {"text": "x" * 2001}, {"about": "other thing"}])
def test_what_cannot_be_kept_is_said_and_nothing_typed_is_lost(
    write: Write, kept: Callable[[], list[Feedback]], fields: dict[str, str]
) -> None:
    answer = write(**fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "Hồ Văn A" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert kept() == []


def test_a_machine_that_fills_every_field_is_thanked_and_forgotten(
    write: Write, kept: Callable[[], list[Feedback]]
) -> None:
    assert write(**{HONEYPOT: "https://x.example"}).status_code == 303
    assert kept() == []


def test_what_is_too_large_or_sent_by_another_site_is_refused(
    write: Write, client: TestClient, kept: Callable[[], list[Feedback]], places: Any
) -> None:
    assert write(text="x" * 20_000).status_code == 413
    many = "&".join(f"f{number}=1" for number in range(100))
    assert client.post(f"/nghe/{places.leng_1}/feedback", content=many).status_code == 400
    assert write(headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert kept() == []


def test_one_address_sends_so_much_to_all_places_and_is_forgotten_after_a_day(
    write: Write, kept: Callable[[], list[Feedback]], clock: ManualClock, places: Any
) -> None:
    for _hour in range(PER_DAY // PER_HOUR):
        assert [write().status_code for _message in range(PER_HOUR)] == [303] * PER_HOUR
        refused = write(text="Một ý kiến nữa")
        assert refused.status_code == 429
        assert "Một ý kiến nữa" in refused.text
        assert 0 < int(refused.headers["retry-after"]) <= 3600
        assert write(places.leng_2).status_code == 429
        clock.step_wall(timedelta(hours=1, seconds=1))
    assert write().status_code == 429
    clock.step_wall(timedelta(days=1))
    assert write().status_code == 303
    assert {row.sender is None for row in kept()[:-1]} == {True}
    assert "testclient" not in str(kept()[-1])


def test_one_place_takes_so_much_from_all_addresses(
    write: Write, store: Store, clock: ManualClock, places: Any
) -> None:
    now = clock.now()
    with store.writing() as db:
        db.add_all(
            Feedback(
                id=new_id(now), zone_id=places.leng_1, about=Subject.OTHER, text=TEXT, created_at=now, sender=str(n)
            )
            for n in range(PLACE_PER_DAY)
        )
    refused = write(text="Một ý kiến nữa")
    assert refused.status_code == 429
    assert "Một ý kiến nữa" in refused.text
    assert write(places.leng_2).status_code == 303


def test_a_place_that_is_off_takes_nothing(write: Write, store: Store, places: Any) -> None:
    with store.writing() as db:
        db.get_one(Zone, places.leng).public_page = False
    assert write().status_code == 404
