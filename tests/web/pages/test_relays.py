"""Relays on pages: planned by an official, decided by a leader, paused and ended; what was typed is never lost."""

import re
import threading
import wave
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from broadcast.live.lab import HOST
from scheduler.announcements.models import Recording, RecordingState
from scheduler.fleet.models import Receiver
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.auth import CSRF_HEADER
from web.centre import Centre

DROPPED = "Không phát được vì “Thời sự VOV2” đang phát."


@pytest.fixture
def people(
    centre: Centre, browser: Callable[[str], TestClient], add_person: Callable[..., Actor], places: Any
) -> dict[str, TestClient]:
    centre.settings = centre.settings.model_copy(update={"live_relay_hosts": f"stream.example, {HOST}"})
    add_person("official", places.leng, Role.EDITOR)
    add_person("leader", places.leng, Role.APPROVER)
    return {name: browser(name) for name in ("official", "leader")}


def form(places: Any, **other: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "title": "Thời sự VOV1", "source_url": "https://stream.example/vov1.mp3", "limit_min": "15",
        "first": "2026-11-24", "time": "05:00",
        "until": "2026-12-31", "weekday": ["MO", "TU", "WE", "TH", "FR"], "zone": [places.leng],
    }  # fmt: skip
    return fields | other


def post(client: TestClient, path: str, fields: dict[str, Any] | None = None) -> Any:
    token = {"csrf_token": client.headers[CSRF_HEADER]}
    return client.post(path, data=(fields or {}) | token, follow_redirects=False)


def test_a_relay_is_planned_sent_approved_paused_resumed_and_ended(people: dict[str, TestClient], places: Any) -> None:
    official, leader = people["official"], people["leader"]
    assert "Chưa có tiếp sóng nào" in official.get("/relays").text
    made = post(official, "/relays/new", form(places))
    assert made.status_code == 303, made.text
    path = made.headers["location"].partition("?")[0]
    assert "Thứ Hai đến Thứ Sáu" in official.get(path).text
    assert post(official, f"{path}/submit", {"version": "1"}).status_code == 303
    waiting = leader.get("/inbox").text
    assert "Thời sự VOV1" in waiting
    assert f'action="{path}/approve"' in waiting
    assert post(leader, f"{path}/return", {"version": "2", "reason": ""}).status_code == 422
    assert post(leader, f"{path}/approve", {"version": "2", "document_no": "4" * 61}).status_code == 422
    done = post(leader, f"{path}/approve", {"version": "2", "back": "inbox", "document_no": "45/TB-UBND"})
    assert done.headers["location"] == "/inbox?said=relay-approved"
    assert "Đã duyệt. Sẽ tự tiếp sóng" in leader.get(done.headers["location"]).text
    assert "Các lần sắp tới" in official.get(path).text
    assert "Số văn bản 45/TB-UBND" in official.get(path).text
    assert post(leader, f"{path}/pause", {"version": "3"}).status_code == 303
    assert "Vẫn giữ nguyên việc đã duyệt" in official.get(path).text
    assert post(official, f"{path}/pause", {"version": "4"}).status_code == 422
    assert post(official, f"{path}/resume", {"version": "4"}).status_code == 303
    assert post(official, f"{path}/cancel").status_code == 303
    assert "Thời sự VOV1" in official.get("/relays?over=1").text


def test_a_deputy_reads_for_whom_they_approve_and_so_does_everybody_after(
    people: dict[str, TestClient], browser: Callable[[str], TestClient], add_person: Callable[..., Actor], places: Any
) -> None:
    helper, leader = add_person("helper", places.leng, Role.VIEWER), people["leader"]
    named = {"deputy_id": helper.user_id, "zone_id": places.leng, "until": "2026-12-30"}
    assert post(leader, "/deputies", named).status_code == 303
    path = post(people["official"], "/relays/new", form(places)).headers["location"].partition("?")[0]
    post(people["official"], f"{path}/submit", {"version": "1"})
    deputy, said = browser("helper"), "Bạn duyệt thay mặt Leader."
    for shown in ("/inbox", path):
        assert said in deputy.get(shown).text
        assert said not in leader.get(shown).text
    assert post(deputy, f"{path}/approve", {"version": "2"}).status_code == 303
    assert "Helper duyệt thay mặt Leader" in people["official"].get(path).text


def test_what_was_typed_stays_and_the_field_says_what_is_wrong(people: dict[str, TestClient], places: Any) -> None:
    official = people["official"]
    wrong = post(
        official, "/relays/new", form(places, source_url="https://elsewhere.example/a", title="Tên rất riêng", time="")
    )
    assert wrong.status_code == 422
    assert "Tên rất riêng" in wrong.text
    assert 'value="https://elsewhere.example/a"' in wrong.text
    host = post(official, "/relays/new", form(places, source_url="https://elsewhere.example/a"))
    assert 'id="source_url-error"' in host.text
    assert post(official, "/relays/new", form(places, weekday=[])).status_code == 422
    assert people["leader"].get("/relays/new").status_code == 403


def test_days_left_out_stay_and_a_rule_that_says_more_has_its_days_chosen_anew(
    people: dict[str, TestClient], places: Any
) -> None:
    official = people["official"]
    when = {
        "kind": "repeat", "starts_local": "2026-11-25T05:00", "rrule": "FREQ=MONTHLY;BYMONTHDAY=25",
        "until": "2026-12-31", "exdates": ["2026-12-25"],
    }  # fmt: skip
    body = {
        "title": "VOV1", "source_url": "https://stream.example/vov1.mp3", "when": when, "zone_ids": [places.leng],
        "zone_id": places.leng, "limit_min": 15,
    }  # fmt: skip
    made = official.post("/api/v1/relays", json=body)
    assert made.status_code == 201, made.text
    path = f"/relays/{made.json()['id']}"
    assert ' checked><label for="day-' not in official.get(f"{path}/edit").text
    edited = form(places, version="1", weekday=[])
    assert post(official, f"{path}/edit", edited).status_code == 422
    assert post(official, f"{path}/edit", edited | {"weekday": ["MO", "FR"]}).status_code == 303
    kept = official.get(f"/api/v1{path}").json()["when"]
    assert (kept["rrule"], kept["exdates"]) == ("FREQ=WEEKLY;BYDAY=MO,FR", ["2026-12-25"])


@pytest.fixture
def station(tmp_path: Path) -> Iterator[str]:
    """A station that sends a second of a tone."""
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        tone = np.sin(2 * np.pi * 700 * np.arange(3 * 48_000) / 48_000) * 8000
        file.writeframes(tone.astype("<i2").tobytes())

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), lambda *a: Quiet(*a, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://{HOST}:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_station_is_listened_to_before_it_is_chosen(people: dict[str, TestClient], places: Any, station: str) -> None:
    official = people["official"]
    tried = post(official, "/relays/try", form(places, source_url=f"{station}/tone.wav", title="Còn đây"))
    assert "Hãy nghe thử xem có đúng đài không" in tried.text
    assert 'value="Còn đây"' in tried.text
    assert "Không nghe được gì" in post(official, "/relays/try", form(places, source_url=f"{station}/none")).text
    sound = official.get("/relays/listen", params={"source": f"{station}/tone.wav"})
    assert (sound.headers["content-type"], len(sound.content) > 48_000) == ("audio/wav", True)
    elsewhere = official.get("/relays/listen", params={"source": "http://10.0.0.1/secret"})
    assert elsewhere.status_code == 422


def test_the_coming_days_are_tried_on_the_form_and_told_to_whoever_approves(
    people: dict[str, TestClient], places: Any, store: Store, now: datetime
) -> None:
    official, leader = people["official"], people["leader"]
    assert "Không có gì để thử" in post(official, "/relays/rehearse", form(places)).text
    with store.writing() as db:
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Loa 1", enrolled_at=now))
        db.add(Receiver(id="R2", zone_id=places.leng_2, name="Loa 2", enrolled_at=now))
    other = form(places, title="Thời sự VOV2", cls="priority", zone=[places.leng_1])
    before = post(official, "/relays/new", other).headers["location"].partition("?")[0]
    assert post(official, f"{before}/submit", {"version": "1"}).status_code == 303
    assert "Tất cả đều phát trọn vẹn" in leader.get("/inbox").text
    assert post(leader, f"{before}/approve", {"version": "2"}).status_code == 303
    tried = post(official, "/relays/rehearse", form(places, title="Còn đây"))
    assert 'value="Còn đây"' in tried.text
    assert DROPPED in tried.text
    assert official.get("/api/v1/relays").json()["items"][1:] == []
    path = post(official, "/relays/new", form(places)).headers["location"].partition("?")[0]
    assert DROPPED in official.get(path).text
    assert DROPPED in post(official, "/relays/rehearse", form(places, relay=path.rpartition("/")[2])).text
    assert post(official, f"{path}/submit", {"version": "1"}).status_code == 303
    assert DROPPED in leader.get("/inbox").text
    assert post(official, "/relays/rehearse", form(places, weekday=[])).status_code == 422


def test_who_may_not_hear_the_stand_in_reads_the_page_and_so_does_everybody_once_it_is_gone(
    people: dict[str, TestClient],
    browser: Callable[[str], TestClient],
    add_person: Callable[..., Actor],
    places: Any,
    store: Store,
) -> None:
    add_person("boss", places.province, Role.EDITOR)
    add_person("chief", places.province, Role.APPROVER)
    boss, chief, official = browser("boss"), browser("chief"), people["official"]
    text = {"zone_id": places.province, "title": "Nhạc chờ", "recordings": [{"text": "Mời bà con chờ."}]}
    stand_in = boss.post("/api/v1/announcements", json=text).json()["id"]
    made = post(boss, "/relays/new", form(places, fallback_id=stand_in))
    path = made.headers["location"].partition("?")[0]
    assert post(boss, f"{path}/submit", {"version": "1"}).status_code == 303
    assert post(chief, f"{path}/approve", {"version": "2"}).status_code == 303
    with store.writing() as db:
        sound = db.exec(select(Recording)).one()
        sound.state, sound.sha256, sound.duration_us = RecordingState.READY, "a" * 64, 5_000_000
    assert sound.id in boss.get(path).text
    shown = official.get(path)
    assert (shown.status_code, "“Nhạc chờ”" in shown.text) == (200, True)
    assert (sound.id in shown.text, f"/announcements/{stand_in}" in shown.text) == (False, False)
    assert post(boss, f"{path}/cancel").status_code == 303
    tag = boss.get(f"/api/v1/announcements/{stand_in}").headers["etag"]
    assert boss.delete(f"/api/v1/announcements/{stand_in}", headers={"if-match": tag}).status_code == 204
    assert [one.get(path).status_code for one in (boss, official)] == [200, 200]


def test_one_time_is_left_out_by_a_button_beside_it_and_brought_back(
    people: dict[str, TestClient], places: Any, browser: Callable[[str], TestClient], add_person: Callable[..., Actor]
) -> None:
    official, leader = people["official"], people["leader"]
    path = post(official, "/relays/new", form(places)).headers["location"].partition("?")[0]
    assert "Bỏ buổi này" not in official.get(path).text
    post(official, f"{path}/submit", {"version": "1"})
    post(leader, f"{path}/approve", {"version": "2"})
    assert official.get(path).text.count("Bỏ buổi này") == 5
    time = {"version": "3", "occurrence": "2026-11-23T22:00:00+00:00"}
    assert f'name="occurrence" value="{time["occurrence"]}"' in official.get(path).text
    done = post(official, f"{path}/leave-out", time)
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?said=relay-skipped")
    shown = official.get(path).text
    assert (shown.count("Bỏ buổi này"), shown.count("Vẫn tiếp sóng"), "trừ Thứ Ba 24/11" in shown) == (5, 1, True)
    assert "Bỏ buổi này" in official.get(done.headers["location"]).text
    add_person("helper", places.leng, Role.VIEWER)
    seen = browser("helper").get(path).text
    assert ("bỏ qua" in seen, "Bỏ buổi này" in seen, "Vẫn tiếp sóng" in seen) == (True, False, False)
    assert post(browser("helper"), f"{path}/leave-out", time).status_code == 403
    assert post(official, f"{path}/leave-out", time).status_code == 422
    assert post(official, f"{path}/leave-out", {"occurrence": "2026"}).status_code == 422
    assert post(official, f"{path}/restore", time | {"version": "4"}).status_code == 303
    assert "Vẫn tiếp sóng" not in official.get(path).text


def test_programs_leave_one_time_out_and_bring_it_back(people: dict[str, TestClient], places: Any) -> None:
    official, leader = people["official"], people["leader"]
    path = post(official, "/relays/new", form(places)).headers["location"].partition("?")[0]
    post(official, f"{path}/submit", {"version": "1"})
    post(leader, f"{path}/approve", {"version": "2"})
    first = official.get(f"/api/v1{path}").json()["coming"][0]
    without = official.post(f"/api/v1{path}/cancel", json={"occurrence": first})
    assert (without.json()["state"], without.json()["skipped"]) == ("approved", [first])
    body, tag = {"occurrence": first}, {"if-match": without.headers["etag"]}
    back = official.post(f"/api/v1{path}/restore", json=body, headers=tag)
    assert (back.status_code, back.json()["skipped"], back.json()["coming"][0]) == (200, [], first)
    assert official.post(f"/api/v1{path}/cancel").json()["state"] == "cancelled"


def test_all_that_was_left_empty_is_said_in_one_round_and_nothing_is_made(
    people: dict[str, TestClient], places: Any
) -> None:
    official = people["official"]
    empty = {"title": "", "source_url": "", "first": "", "time": "", "until": "", "weekday": [], "zone": []}
    wrong = post(official, "/relays/new", form(places, **empty))
    said = re.search(r'id="errors">.*?</ul>', wrong.text, re.DOTALL)
    assert (wrong.status_code, said is not None) == (422, True)
    links = dict(re.findall(r'<a href="#(\w+)">([^<]+)</a>', said[0] if said else ""))
    assert links == {
        "title": "Tên: cần nhập mục này.", "source_url": "Địa chỉ luồng phát của đài: cần nhập mục này.",
        "weekdays": "Hãy chọn ít nhất một ngày trong tuần.", "time": "Hãy ghi giờ, ví dụ 17:00.",
        "first": "Hãy chọn ngày bắt đầu.", "until": "Hãy chọn ngày cuối.", "zones": "Hãy chọn ít nhất một nơi phát.",
    }  # fmt: skip
    fields = re.findall(r'class="wrong" id="(\w+)-error"', wrong.text)
    assert list(links) == fields
    only_time = post(official, "/relays/new", form(places, time="")).text
    assert re.findall(r'class="wrong" id="(\w+)-error"', only_time) == ["time"]
    path = post(official, "/relays/new", form(places)).headers["location"].partition("?")[0]
    unsaved = post(official, f"{path}/edit", form(places, title="", version="1"))
    assert (unsaved.status_code, "Thời sự VOV1" in official.get(path).text) == (422, True)
