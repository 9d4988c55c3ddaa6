"""A bulletin on pages: its template, a day that is filled in and sent; the library's labels and history."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.announcements import service as announcements
from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.announcements.schemas import NewAnnouncement, TextRecording
from scheduler.fleet.models import Receiver
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Holiday, Zone
from web.auth import CSRF_HEADER


@pytest.fixture
def official(browser: Callable[[str], TestClient], add_person: Callable[..., Actor], places: Any) -> TestClient:
    add_person("official", places.leng, Role.EDITOR)
    return browser("official")


@pytest.fixture
def announced(store: Store, now: Any, places: Any, official: TestClient, add_person: Callable[..., Actor]) -> str:
    writer = add_person("writer", places.leng, Role.EDITOR)
    text = TextRecording(text="Lịch cấy vụ đông xuân.")
    with store.writing() as db:
        new = NewAnnouncement(zone_id=places.leng, title="Lịch cấy", recordings=[text])
        made = announcements.create(db, writer, now, new)
        row = db.get_one(Recording, made.recordings[0].id)
        row.state, row.sha256, row.duration_us = RecordingState.READY, "a" * 64, 60_000_000
        return made.id


def template(places: Any, **other: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": "Bản tin chiều", "slot_key": ["", ""], "slot_name": ["Thời sự", "Nông nghiệp"],
        "slot_stand_in": ["", ""], "times": "17:00", "weekday": ["MO", "TU"], "zone": [places.leng],
    }  # fmt: skip
    return fields | other


def post(client: TestClient, path: str, fields: dict[str, Any]) -> Any:
    token = {"csrf_token": client.headers[CSRF_HEADER]}
    return client.post(path, data=fields | token, follow_redirects=False)


def test_a_day_of_a_bulletin_is_filled_in_and_sent(official: TestClient, places: Any, announced: str) -> None:
    assert "Chưa có bản tin nào" in official.get("/bulletins").text
    made = post(official, "/bulletins/new", template(places))
    assert made.status_code == 303, made.text
    address = made.headers["location"].partition("?")[0]
    assert f"{address}/2026-11-23/17:00" in official.get(address).text
    day = f"{address}/2026-11-23/17:00"
    empty = post(official, day, {"version": "0", "intent": "send"})
    assert (empty.status_code, "Chưa có nội dung nào" in empty.text) == (422, True)
    sent = post(official, day, {"version": "0", "intent": "send", "slot-s2": announced})
    assert sent.status_code == 303, sent.text
    shown = official.get(day).text
    assert "Nghe cả bản tin" in shown
    assert f'value="{announced}" selected' in shown
    assert "Chờ duyệt" in shown or "chờ duyệt" in shown


def test_what_was_sent_for_a_day_declared_off_stays_listed_and_says_so(
    official: TestClient, places: Any, announced: str, store: Store
) -> None:
    made = post(official, "/bulletins/new", template(places, skip_holidays="1"))
    address = made.headers["location"].partition("?")[0]
    day = f"{address}/2026-11-23/17:00"
    assert post(official, day, {"version": "0", "intent": "send", "slot-s2": announced}).status_code == 303
    assert "không phát" not in official.get(day).text
    with store.writing() as db:
        db.add(Holiday(zone_id=places.leng, day=date(2026, 11, 23), name="Quốc tang"))
    listed = official.get(address).text
    assert (day in listed, "ngày nghỉ: không phát" in listed) == (True, True)
    assert "mẫu bản tin này không phát vào ngày nghỉ" in official.get(day).text


def test_what_was_typed_stays_where_something_is_wrong(official: TestClient, places: Any) -> None:
    refused = post(official, "/bulletins/new", template(places, times="25:00", name="Bản tin rất riêng"))
    assert refused.status_code == 422
    assert "Bản tin rất riêng" in refused.text
    assert 'value="25:00"' in refused.text
    assert post(official, "/bulletins/new", template(places, zone=[])).status_code == 422


def test_a_part_that_is_there_no_more_shuts_no_page(
    official: TestClient, places: Any, announced: str, store: Store, now: Any
) -> None:
    parts = template(places, slot_stand_in=[announced, ""])
    path = post(official, "/bulletins/new", parts).headers["location"].partition("?")[0]
    day = f"{path}/2026-11-23/17:00"
    assert post(official, day, {"version": "0", "slot-s2": announced}).status_code == 303
    refused = post(official, f"/announcements/{announced}/delete", {"version": "1"})
    assert (refused.status_code, "Đang là một phần của Bản tin chiều; Bản tin chiều, 23/11" in refused.text) == (
        422,
        True,
    )
    with store.writing() as db:
        db.get_one(Announcement, announced).deleted_at = now
    for page in (path, f"{path}/edit", day):
        assert official.get(page).status_code == 200
    assert post(official, f"{path}/edit", template(places, version="1")).status_code == 303


def test_what_the_page_has_no_field_for_stays_and_the_tick_for_residents_is_kept(
    official: TestClient, places: Any
) -> None:
    closing = {"cls": "priority", "closing": "normal", "pause_ms": 3000}
    slots = [{"name": "Thời sự"}]
    new = {"zone_id": places.leng, "name": "Bản tin", "slots": slots, "times": ["17:00"], "zone_ids": [places.leng]}
    made = official.post("/api/v1/bulletins", json=new | closing).json()
    assert made["public"] is True
    page, ticked = f"/bulletins/{made['id']}/edit", 'name="public" value="1" checked'
    assert ticked in official.get(page).text
    assert ticked in official.get("/bulletins/new").text
    for version, public in ((1, {}), (2, {"public": "1"})):
        assert post(official, page, template(places, version=str(version)) | public).status_code == 303
        saved = official.get(f"/api/v1/bulletins/{made['id']}").json()
        assert {name: saved[name] for name in closing} == closing
        assert saved["public"] is bool(public)
        assert (ticked in official.get(page).text) is bool(public)


def test_labels_and_filters(official: TestClient, announced: str) -> None:
    made = post(
        official, f"/announcements/{announced}/labels", {"version": "1", "category": "farming", "tags": "lúa, vụ xuân"}
    )
    assert made.status_code == 303, made.text
    page = official.get(f"/announcements/{announced}").text
    assert "#vụ xuân" in page
    assert "Chưa phát lần nào" in page
    assert (
        "Lịch cấy" in official.get("/announcements", params={"category": "farming", "tag": "lúa", "q": "lich cay"}).text
    )
    for wrong in ({"category": "health"}, {"tag": "vụ"}, {"q": "lích cấy"}):
        assert f"/announcements/{announced}" not in official.get("/announcements", params=wrong).text


def test_the_coming_days_are_tried_before_a_template_is_saved_and_an_edition_is_sent(
    official: TestClient, places: Any, store: Store, now: datetime
) -> None:
    tried = ">Thử trước</h3>"
    assert "Không có gì để thử" in post(official, "/bulletins/rehearse", template(places)).text
    with store.writing() as db:
        zone = db.get_one(Zone, places.leng_1)
        zone.quiet_hours, zone.version = [{"start_minute": 1000, "end_minute": 1100}], zone.version + 1
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Loa 1", enrolled_at=now))
    quiet = "Rơi vào giờ yên lặng"
    shown = post(official, "/bulletins/rehearse", template(places, name="Còn đây")).text
    assert (tried in shown, quiet in shown, 'value="Còn đây"' in shown) == (True, True, True)
    assert "Chưa có bản tin nào" in official.get("/bulletins").text
    path = post(official, "/bulletins/new", template(places)).headers["location"].partition("?")[0]
    for page in (path, f"{path}/2026-11-23/17:00"):
        assert quiet in official.get(page).text
    again = template(places, times="12:00", bulletin=path.rpartition("/")[2])
    assert quiet not in post(official, "/bulletins/rehearse", again).text
    assert post(official, "/bulletins/rehearse", template(places, times="25:00")).status_code == 422


def test_what_was_left_empty_is_named_in_one_round(official: TestClient, places: Any) -> None:
    empty = template(places, name="", slot_name=["", ""], times="", zone=[])
    refused = post(official, "/bulletins/new", empty).text
    said = re.findall(r'<li><a href="#(\w+)">([^<]+)</a>', refused)
    assert said == [
        ("name", "Tên: cần nhập mục này."),
        ("slots", "Các mục, theo thứ tự phát: cần nhập mục này."),
        ("zones", "Hãy chọn ít nhất một nơi phát."),
        ("times", "Giờ phát: cần nhập mục này."),
    ]
    assert "Chưa có bản tin nào" in official.get("/bulletins").text
