"""The page of what was kept of a talk or a relay says that it was heard live, and leads to its log."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.announcements.models import Announcement
from scheduler.live import keeping, service
from scheduler.live.models import LiveEnd
from scheduler.people.actor import Actor
from scheduler.reports.figures import Kind
from scheduler.reports.models import ReportAiring, ReportLine
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.centre import Centre

NOT_YET = "Chưa phát lần nào."
WAYS = {
    "microphone": ({}, "Đã phát trực tiếp", "Broadcast live"),
    "relay": ({"source_url": "https://vov.example/vov1.mp3"}, "Đã tiếp sóng", "Relayed"),
}


@pytest.fixture
def operator(
    centre: Centre,
    browser: Callable[[str], TestClient],
    add_person: Callable[..., Actor],
    with_codes: Callable[[TestClient, str], TestClient],
    places: Any,
) -> TestClient:
    centre.settings = centre.settings.model_copy(update={"live_relay_hosts": "vov.example"})
    add_person("hoa", places.province, Role.OPERATOR)
    return with_codes(browser("hoa"), "hoa")


@pytest.fixture
def own(browser: Callable[[str], TestClient], add_person: Callable[..., Actor], places: Any) -> TestClient:
    add_person("an", places.leng, Role.EDITOR)
    return browser("an")


def kept(store: Store, operator: TestClient, place: str, now: datetime, **asked: Any) -> tuple[str, str]:
    """(talk, announcement) of a minute on the air to that place."""
    token = {"csrf_token": operator.headers["x-csrf-token"]}
    answer = operator.post("/live", data=token | {"zone": [place], **asked})
    found = re.search(r"/live/([0-9A-Z]{26})$", str(answer.url))
    assert found, answer.text
    with store.writing() as db:
        service.begin(db, now, found[1], service.Air(1, "k", ("http://centre/live/x",)))
        service.end(db, now, found[1], LiveEnd.FINISHED, frames=48_000)
        made = keeping.keep(db, now, found[1], keeping.OffAir("ab" * 32, 1000, 1_000_000), 30)
        assert made is not None
        return found[1], made.id


@pytest.mark.parametrize("mode", WAYS)
def test_what_was_kept_tells_where_and_when_it_was_live_and_leads_to_its_log(
    operator: TestClient, store: Store, places: Any, now: datetime, mode: str
) -> None:
    asked, vietnamese, english = WAYS[mode]
    talk_id, announcement_id = kept(store, operator, places.leng, now, mode=mode, **asked)
    with store.writing() as db:
        db.add(
            ReportAiring(
                id=talk_id, broadcast_id=talk_id, kind=Kind.LIVE, title="Xã", day=now.date(),
                start_at=now, duration_us=1_000_000, zone_ids=[places.leng], due_at=now,
            )
        )  # fmt: skip
        db.flush()
        for zone_id, heard in ((places.leng_1, 3), (places.leng_2, 1)):
            db.add(line(talk_id, zone_id, places.leng, now.date(), heard))
    page = operator.get(f"/announcements/{announcement_id}").text
    assert NOT_YET not in page
    row = page.split('id="h-used"')[1].split("</ul>")[0]
    assert f'<a href="/live/{talk_id}">Thứ Hai 23/11, 08:00</a>' in row
    assert f"{vietnamese} · Trà Leng" in row
    assert "nghe được trên 4/8 cụm loa" in row
    assert operator.get(f"/live/{talk_id}").status_code == 200
    assert "đã phát 1 lần" in operator.get("/announcements").text
    [use] = operator.get(f"/api/v1/announcements/{announcement_id}/history").json()["items"]
    assert (use["live"], use["talk_id"], use["broadcast_id"]) == (mode, talk_id, None)
    assert (use["zone_names"], use["heard"], use["receivers"]) == (["Trà Leng"], 4, 8)
    operator.patch("/api/v1/me", json={"language": "en"})
    assert f"{english} · Trà Leng" in operator.get(f"/announcements/{announcement_id}").text


def test_who_may_not_see_the_talk_is_not_led_to_it(
    operator: TestClient, own: TestClient, store: Store, places: Any, now: datetime
) -> None:
    talk_id, announcement_id = kept(store, operator, places.van, now, mode="microphone")
    with store.writing() as db:
        db.get_one(Announcement, announcement_id).zone_id = places.leng
    assert own.get(f"/live/{talk_id}").status_code == 404
    page = own.get(f"/announcements/{announcement_id}").text
    assert talk_id not in page
    assert "Đã phát trực tiếp · 1 nơi khác" in page
    assert "Trà Vân" not in page


def line(talk_id: str, zone_id: str, unit_id: str, day: date, heard: int) -> ReportLine:
    """Of four loudspeakers."""
    return ReportLine(
        airing_id=talk_id, zone_id=zone_id, unit_id=unit_id, day=day, kind=Kind.LIVE, receiver_ids=[], receivers=4,
        heard=heard,
    )  # fmt: skip
