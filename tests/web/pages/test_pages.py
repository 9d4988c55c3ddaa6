"""The pages as a browser without script meets them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from broadcast.wire import topics
from scheduler.fleet import outbox
from scheduler.fleet.models import Receiver
from scheduler.rights import Role
from scheduler.zones.models import Zone
from web.centre import Centre

Browser = Callable[[str], TestClient]
FIRST_PAGE_BYTES = 60_000
TEXT = "Sáng thứ Bảy, ngày 28/11, từ 7h30, Trạm Y tế xã tiêm chủng cho trẻ."
LISTS = ("/", "/broadcasts", "/announcements", "/receivers", "/account")
OFFICE = ("/people", "/people/new", "/zones", "/groups/new", "/receivers/new")


@pytest.fixture
def official(browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("lan", places.leng, Role.EDITOR)
    return browser("lan")


@pytest.fixture
def leader(browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("minh", places.leng, Role.APPROVER)
    return browser("minh")


@pytest.fixture
def administrator(browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("quan", places.province, Role.ADMINISTRATOR)
    return browser("quan")


def send(client: TestClient, places: Any, **changed: object) -> Response:
    """The form of a new broadcast, filled in for 17:00 in one village."""
    fields: dict[str, object] = {
        "source": "text",
        "text": TEXT,
        "zone": [places.leng_1],
        "when": "at",
        "date": "2026-11-23",
        "time": "17:00",
        "cls": "normal",
        "intent": "send",
        "csrf_token": client.headers["x-csrf-token"],
    }
    answer: Response = client.post("/broadcasts/new", data=fields | changed)
    return answer


def test_documents_in_trouble_are_told_to_who_minds_the_centre_and_to_nobody_else(
    store: Any, now: Any, places: Any, official: TestClient, administrator: TestClient
) -> None:
    assert "kế hoạch" not in administrator.get("/").text
    with store.writing() as db:
        outbox.mark_dirty(db, [topics.now(places.leng)], now)
        outbox.note_trouble(db, topics.now(places.leng), "a receiver would refuse it")
    assert "không lập được đầy đủ 1 kế hoạch" in administrator.get("/").text
    assert "kế hoạch" not in official.get("/").text
    health = official.get("/api/v1/health").json()
    assert (health["status"], health["documents_in_trouble"]) == ("degraded", 1)


@pytest.mark.parametrize("path", [*LISTS, *OFFICE, "/broadcasts/new", "/events"])
def test_who_is_not_signed_in_is_led_to_the_door_and_back(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=/")


@pytest.mark.parametrize("path", LISTS)
def test_pages_open_for_everyone_who_may_look(official: TestClient, path: str) -> None:
    answer = official.get(path)
    assert answer.status_code == 200
    assert '<html lang="vi">' in answer.text
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", answer.text)


def test_pages_show_the_time_that_the_loudspeakers_of_the_readers_place_play_by(
    centre: Centre, official: TestClient, administrator: TestClient, client: TestClient, places: Any
) -> None:
    centre.settings.timezone = "Asia/Seoul"
    with centre.store.writing() as db:
        db.get_one(Zone, places.leng).timezone = "Asia/Tokyo"
    asked = {official: "/receivers", administrator: "/receivers", client: "/sign-in"}
    shown = [re.findall(r"Giờ hiển thị: ([^<]+)", who.get(path).text) for who, path in asked.items()]
    assert shown == [["Giờ Nhật Bản"], ["Giờ Việt Nam"], ["Giờ Hàn Quốc"]]


@pytest.mark.parametrize("path", OFFICE)
def test_office_pages_are_for_administrators(administrator: TestClient, path: str) -> None:
    assert administrator.get(path).status_code == 200


def test_an_official_may_not_add_people_or_reach_another_commune(official: TestClient, places: Any) -> None:
    csrf = official.headers["x-csrf-token"]
    new = {"name": "X", "login": "x.y", "zone_id": places.leng, "role": "administrator", "csrf_token": csrf}
    assert official.post("/people/new", data=new).status_code in (403, 404)
    assert official.get(f"/zones/{places.van}").status_code == 404
    assert send(official, places, zone=[places.van_1]).status_code == 422


def test_a_broadcast_goes_from_the_form_through_approval(official: TestClient, leader: TestClient, places: Any) -> None:
    sent = send(official, places)
    assert sent.status_code == 200
    path = sent.url.path
    assert re.fullmatch(r"/broadcasts/[0-9A-Z]{26}", path)
    assert "chờ duyệt" in sent.text
    assert "Thứ Hai 23/11, 17:00" in sent.text
    assert "/approve" not in sent.text  # not by whoever wrote it
    inbox = leader.get("/broadcasts?state=waiting").text
    assert path in inbox
    page = leader.get(path).text
    version = re.search(r'/approve">.*?name="version" value="(\d+)"', page, re.DOTALL)
    assert version is not None
    form = {"csrf_token": leader.headers["x-csrf-token"], "version": version[1]}
    approved = leader.post(f"{path}/approve", data=form)
    assert "đã duyệt" in approved.text
    assert "Minh" in official.get(path).text


def test_a_return_needs_a_reason_and_keeps_it(official: TestClient, leader: TestClient, places: Any) -> None:
    path = send(official, places).url.path
    version = re.search(r'name="version" value="(\d+)"', leader.get(path).text)
    assert version is not None
    form = {"csrf_token": leader.headers["x-csrf-token"], "version": version[1]}
    refused = leader.post(f"{path}/return", data=form | {"reason": " "})
    assert refused.status_code == 422
    assert "Hãy ghi lý do" in refused.text
    leader.post(f"{path}/return", data=form | {"reason": "Ghi rõ ngày"})
    assert "Ghi rõ ngày" in official.get(path).text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"text": " "}, "text"),
        ({"zone": []}, "zones"),
        ({"when": ""}, "when"),
        ({"date": "2026-11-22"}, "when"),
        ({"source": "existing"}, "existing"),
        ({"when": "repeat", "repeat_time": "17:00"}, "weekdays"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_typed_is_lost(
    official: TestClient, places: Any, changed: dict[str, object], field: str
) -> None:
    answer = send(official, places, **changed)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}-error"' in answer.text
    if "text" not in changed:
        assert TEXT in answer.text


def test_a_draft_is_kept_and_sent_later(official: TestClient, places: Any) -> None:
    saved = send(official, places, intent="draft")
    assert "Lưu nháp" not in saved.text
    assert "nháp" in saved.text
    edit = official.get(f"{saved.url.path}/edit").text
    assert f'value="{places.leng_1}" checked' in edit
    assert 'value="17:00"' in edit


def test_an_uploaded_file_becomes_an_announcement_under_its_own_name(official: TestClient, places: Any) -> None:
    csrf = official.headers["x-csrf-token"]
    form = {"source": "file", "csrf_token": csrf, "zone": [places.leng_1]}
    file = {"file": ("../../Thông báo họp.mp3", b"not really sound", "audio/mpeg")}
    answer = official.post("/broadcasts/new/announcement", data=form, files=file)
    assert answer.status_code == 200
    assert "Thông báo họp" in answer.text
    assert "data-announcement-id=" in answer.text
    empty = official.post("/broadcasts/new/announcement", data=form, files={"file": ("x.mp3", b"", "audio/mpeg")})
    assert empty.status_code == 422
    assert 'data-error="file"' in empty.text


def test_announcements_are_found_with_and_without_diacritics(official: TestClient, places: Any) -> None:
    for title in ("Họp ở Trà Don", "Họp ở Trà Dơn"):
        send(official, places, title=title, intent="draft")
    for typed, found in (("tra don", {"Don", "Dơn"}), ("trà dơn", {"Dơn"}), ("trà dòn", set())):
        page = official.get("/announcements", params={"q": typed}).text
        assert {name for name in ("Don", "Dơn") if f"Họp ở Trà {name}<" in page} == found


def test_what_people_type_is_shown_and_never_run(official: TestClient, places: Any) -> None:
    page = send(official, places, title="<script>alert(1)</script>").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_preview_reads_the_whole_back_and_offers_ways_out_of_quiet_hours(
    official: TestClient, administrator: TestClient, typed_code: Any, places: Any, centre: Centre
) -> None:
    with centre.store.writing() as db:
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Nhà văn hóa", enrolled_at=centre.clock.now()))
    settings = {"quiet_hours": [{"start": "21:00", "end": "05:00"}]}
    zone = administrator.get(f"/api/v1/zones/{places.leng}")
    headers = {"if-match": zone.headers["etag"], "X-Second-Factor": typed_code("quan")}
    changed = administrator.patch(f"/api/v1/zones/{places.leng}/settings", json=settings, headers=headers)
    assert changed.status_code == 200, changed.text
    form = {"source": "text", "text": TEXT, "csrf_token": official.headers["x-csrf-token"]}
    made = official.post("/broadcasts/new/announcement", data=form).text
    announcement = re.search(r'data-announcement-id="(\w+)"', made)
    assert announcement is not None
    when = {"when": "at", "date": "2026-11-23", "time": "22:00", "zone": [places.leng_1], "step": "check"}
    plan = official.post("/broadcasts/new/preview", data=form | when | {"announcement_id": announcement[1]}).text
    assert "Thứ Hai 23/11, 22:00" in plan
    assert "giờ yên lặng" in plan
    assert "1 cụm loa" in plan
    assert 'name="clash"' in plan
    assert "Thứ Ba 24/11, 05:00" in plan


@pytest.mark.parametrize("year", ["0001", "0202", "2026", "9999"])
@pytest.mark.parametrize("field", ["until", "from_date", "date"])
def test_a_year_that_is_being_typed_is_no_fault(official: TestClient, places: Any, field: str, year: str) -> None:
    form = {"source": "text", "text": TEXT, "csrf_token": official.headers["x-csrf-token"], "zone": [places.leng_1]}
    days = {"from_date": "2026-11-24", "until": "2026-12-31", "date": "2026-12-31", field: f"{year}-12-31"}
    when = {"when": "at" if field == "date" else "repeat", "weekday": ["MO"], "repeat_time": "17:45", "time": "17:45"}
    assert official.post("/broadcasts/new/preview", data=form | when | days).status_code == 200


def test_a_one_time_password_must_be_changed_before_anything_else(
    administrator: TestClient, client: TestClient, typed_code: Callable[[str], str], places: Any
) -> None:
    csrf = administrator.headers["x-csrf-token"]
    new = {"name": "Đinh Thị Thu", "login": "thu.dinh", "zone_id": places.leng, "role": "editor", "csrf_token": csrf}
    shown = administrator.post("/people/new", data=new | {"code": typed_code("quan")}).text
    password = re.search(r'id="password-once">([^<]+)<', shown)
    assert password is not None
    client.headers["accept"] = "text/html"
    inside = client.post("/sign-in", data={"login": "thu.dinh", "password": password[1], "next": "//evil.example"})
    assert inside.url.path == "/account/first-password"
    token = re.search(r'name="csrf_token" value="([^"]+)"', inside.text)
    assert token is not None
    form = {"old_password": password[1], "new_password": "ngắn", "csrf_token": token[1]}
    short = client.post("/account/password", data=form)
    assert short.status_code == 422
    done = client.post("/account/password", data=form | {"new_password": "suối nước trong veo"})
    assert done.url.path == "/"
    assert "Đã đổi mật khẩu" in done.text


def test_a_form_without_its_token_changes_nothing(official: TestClient, places: Any) -> None:
    del official.headers["x-csrf-token"]
    answer = official.post("/broadcasts/new", data={"source": "text", "text": TEXT, "zone": places.leng_1})
    assert answer.status_code == 403
    assert "Trang này đã cũ" in answer.text


def test_wrong_passwords_are_told_without_telling_who_exists(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"login": "nobody", "password": "x"}, headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert "Tên đăng nhập hoặc mật khẩu không đúng" in answer.text


def test_unknown_pages_and_other_people_s_things_look_the_same(official: TestClient) -> None:
    for path in ("/nothing", "/broadcasts/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/receivers/x"):
        answer = official.get(path)
        assert answer.status_code == 404
        assert "Không có gì ở đây" in answer.text


def test_the_language_is_kept_with_the_person(official: TestClient) -> None:
    form = {"language": "en", "back": "/broadcasts", "csrf_token": official.headers["x-csrf-token"]}
    assert '<html lang="en">' in official.post("/language", data=form).text
    assert official.post("/language", data=form | {"back": "//evil.example/"}).url.path == "/"


@pytest.mark.parametrize("path", ["/", "/broadcasts/new"])
def test_the_first_page_with_all_it_loads_is_light(
    official: TestClient, path: str, weight: Callable[[TestClient, str], int]
) -> None:
    assert weight(official, path) <= FIRST_PAGE_BYTES
