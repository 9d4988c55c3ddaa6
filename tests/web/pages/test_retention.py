"""How long things are kept, on pages and by the API: looked at first, then in force."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep.models import ReceiverSampleDay
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.auth import CSRF_HEADER

RULES = "/api/v1/retention/rules"


@pytest.fixture
def administrator(browser: Callable[[str], TestClient], add_person: Callable[..., Actor], places: Any) -> TestClient:
    add_person("quantri", places.leng, Role.ADMINISTRATOR)
    return browser("quantri")


@pytest.fixture
def old(store: Store, now: datetime, places: Any, add_person: Callable[..., Actor]) -> str:
    """An announcement of two years ago."""
    writer, at = add_person("writer", places.leng, Role.EDITOR), now - timedelta(days=700)
    with store.writing() as db:
        db.add(
            Announcement(id="OLD", zone_id=places.leng, title="Lịch cấy vụ cũ", author_id=writer.user_id, created_at=at)
        )
        db.flush()
        db.add(
            Recording(
                id="SOUND", announcement_id="OLD", language="vi", source=Source.TEXT, text="Cấy từ mồng năm.",
                state=RecordingState.READY, sha256="a" * 64, created_at=at, size_bytes=1, duration_us=1,
            )
        )  # fmt: skip
    return "OLD"


def post(client: TestClient, path: str, **fields: Any) -> Any:
    token = {"csrf_token": client.headers[CSRF_HEADER]}
    return client.post(path, data=fields | token, follow_redirects=False)


def hidden(text: str) -> dict[str, str]:
    return dict(re.findall(r'name="(seen|version)" value="([^"]*)"', text))


def test_a_rule_is_asked_for_looked_at_and_put_in_force(
    administrator: TestClient, places: Any, old: str, store: Store
) -> None:
    assert "Chưa có quy tắc nào" in administrator.get("/retention").text
    wrong = post(administrator, "/retention/new", subject="announcements", zone_id=places.leng, days="mười", tag="lúa")
    assert wrong.status_code == 422
    assert 'value="lúa"' in wrong.text
    assert "Hãy nhập số ngày" in wrong.text
    short = post(administrator, "/retention/new", subject="announcements", zone_id=places.leng, days="10")
    assert "ít nhất 30 ngày" in short.text
    made = post(administrator, "/retention/new", subject="announcements", zone_id=places.leng, days="365")
    assert made.status_code == 303
    address = made.headers["location"]
    looked = administrator.get(address).text
    assert "1 bản tin" in looked
    assert old in looked
    assert "chưa áp dụng" in administrator.get("/retention").text
    stale = post(administrator, f"{address}/in-force", seen="another", version="1")
    assert (stale.status_code, "Hãy xem lại" in stale.text) == (422, True)
    held = post(administrator, f"{address}/in-force", **hidden(looked))
    assert held.status_code == 303, held.text
    assert "đang áp dụng" in administrator.get("/retention").text
    ended = post(administrator, f"{address}/end", **hidden(administrator.get(f"{address}?ends=1").text))
    assert ended.headers["location"] == "/retention?said=rule-ended"
    with store.reading() as db:
        kinds = [row.action for row in db.exec(select(AuditEntry).order_by("id")) if "retention" in row.action]
    assert kinds == ["retention.create", "retention.force", "retention.end"]


def test_the_api_does_the_same_and_refuses_who_did_not_look(
    administrator: TestClient, browser: Callable[[str], TestClient], add_person: Any, places: Any, old: str
) -> None:
    asked = {"zone_id": places.leng, "subject": "announcements", "days": 365}
    made = administrator.post(RULES, json=asked, headers={"Idempotency-Key": "a"})
    assert made.status_code == 201, made.text
    rule = made.json()
    assert (rule["in_force"], rule["asked"]) == (None, {"days": 365})
    assert administrator.post(RULES, json=asked, headers={"Idempotency-Key": "a"}).json() == rule
    address = f"{RULES}/{rule['id']}"
    tried = administrator.get(f"{address}/dry-run").json()
    assert (tried["count"], tried["examples"][0]["id"]) == (1, old)
    match = {"If-Match": made.headers["etag"]}
    assert administrator.post(f"{address}/in-force", json={"seen": "x"}, headers=match).status_code == 412
    assert administrator.post(f"{address}/in-force", json={"seen": tried["seen"]}).status_code == 428
    held = administrator.post(f"{address}/in-force", json={"seen": tried["seen"]}, headers=match)
    assert held.json()["in_force"] == {"days": 365}
    assert administrator.delete(address, headers={"If-Match": held.headers["etag"]}).status_code == 412
    add_person("lanhdao", places.leng, Role.APPROVER)
    add_person("ngoai", places.van, Role.ADMINISTRATOR)
    leader, stranger = browser("lanhdao"), browser("ngoai")
    assert [one["id"] for one in leader.get(RULES).json()["items"]] == [rule["id"]]
    assert leader.put(address, json={"days": 99}, headers={"If-Match": held.headers["etag"]}).status_code == 403
    assert stranger.get(address).status_code == stranger.get(f"{address}/dry-run").status_code == 404
    assert stranger.get(RULES).json()["items"] == leader.get("/api/v1/retention/runs").json()["items"] == []


def test_sound_that_was_let_go_is_told_as_such(administrator: TestClient, store: Store, old: str) -> None:
    with store.writing() as db:
        row = db.get_one(Recording, "SOUND")
        row.state, row.sha256 = RecordingState.EXPIRED, None
    page = administrator.get(f"/announcements/{old}").text
    assert "không còn lưu" in page
    assert "Cấy từ mồng năm." in page
    assert "<audio" not in page
    assert "không còn lưu" in administrator.get("/announcements").text


def test_a_year_is_drawn_from_the_sums_of_days(
    administrator: TestClient, store: Store, places: Any, now: datetime
) -> None:
    with store.writing() as db:
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Loa", enrolled_at=now))
        db.flush()
        for ago in (1, 2, 3, 200):
            spread = {f"temperature_c_{part}": ago + n for n, part in enumerate(("min", "mean", "max"))}
            day = (now - timedelta(days=ago)).date()
            db.add(ReceiverSampleDay(receiver_id="R1", day=day, samples=96, month_bytes=ago * 1000, **spread))
    page = administrator.get("/receivers/R1/year").text
    assert page.count('class="band"') == 1
    assert re.search(r'class="band" d="M[^"]+ZM[^"]+Z"', page)  # two pieces
    assert len(re.findall(r"<rect [^>]*width=.20.6.", page)) == 2
    items = administrator.get("/api/v1/receivers/R1/samples/daily").json()["items"]
    assert [item["temperature_c"]["mean"] for item in items] == [201, 4, 3, 2]
