"""The fleet's pages: list, map, faults, trends, photo, restart, and the village helper's page."""

import re
import struct
import subprocess
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlmodel import select

from broadcast.wire.documents import Fault, PowerState, ReceiverState, SignalState
from scheduler.announcements.models import Announcement
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.fleet import intake as states
from scheduler.fleet.models import DirtyTopic, Receiver
from scheduler.fleet.upkeep import intake, village
from scheduler.people.models import AuditEntry, User
from scheduler.rights import Role
from web import photos
from web.centre import Centre

Browser = Callable[[str], TestClient]


@pytest.fixture
def fleet(centre: Centre, places: Any, add_person: Callable[..., Any], now: datetime) -> Centre:
    """One receiver in each village: well, faulty, silent for half an hour, never installed; and people."""
    with centre.store.writing() as db:
        for number, zone_id in enumerate((places.leng_1, places.leng_2, places.van_1, places.van_2)):
            seen_at = now - timedelta(minutes=30 if number == 2 else 1)
            db.add(
                Receiver(
                    id=f"R{number}",
                    zone_id=zone_id,
                    name=f"Loa số {number}",
                    code=f"L-{number}",
                    latitude=15.2 + number / 100,
                    longitude=108.1,
                    enrolled_at=now if number < 3 else None,
                    online=number < 3,
                    seen_at=seen_at if number < 3 else None,
                )
            )
    says(centre, "R0")
    says(centre, "R1", Fault(code="horn_not_heard", detail="nothing"))
    for login, zone_id, role in (
        ("truc", places.province, Role.OPERATOR),
        ("thon", places.leng_1, Role.VIEWER),
        ("xa", places.van, Role.OPERATOR),
    ):
        add_person(login, zone_id, role)
    return centre


def says(centre: Centre, receiver_id: str, *faults: Fault, at: timedelta = timedelta(0), **more: Any) -> None:
    said = {receiver_id: ReceiverState(online=True, at_us=1, faults=faults, **more)}
    with centre.store.writing() as db:
        states.write_states(db, said)
        intake.write_said(db, said, centre.clock.now() + at)


def questions(client: TestClient) -> int:
    """How often the database is asked for the list."""
    asked: list[str] = []

    def note(*args: Any) -> None:
        asked.append(args[2])

    event.listen(Engine, "before_cursor_execute", note)
    client.get("/receivers")
    event.remove(Engine, "before_cursor_execute", note)
    return len(asked)


def csrf(client: TestClient) -> dict[str, Any]:
    return {"csrf_token": client.headers["x-csrf-token"]}


def names(text: str) -> set[str]:
    return set(re.findall(r"Loa số \d", text))


def test_the_list_is_filtered_by_state_place_fault_and_what_is_typed(
    fleet: Centre, browser: Browser, places: Any
) -> None:
    operator = browser("truc")
    found = {
        query: names(operator.get(f"/receivers?{query}").text)
        for query in (
            "",
            "show=fault",
            "show=offline",
            f"zone={places.van}",
            "fault=horn_not_heard",
            "q=tra+leng",
            "q=l-3",
        )
    }
    every = {f"Loa số {number}" for number in range(4)}
    assert found[""] == every
    assert found["show=fault"] == found["fault=horn_not_heard"] == {"Loa số 1"}
    assert found["show=offline"] == {"Loa số 2"}
    assert found[f"zone={places.van}"] == {"Loa số 2", "Loa số 3"}
    assert found["q=tra+leng"] == {"Loa số 0", "Loa số 1"}
    assert found["q=l-3"] == {"Loa số 3"}
    assert "2/4 cụm loa trực tuyến" in operator.get("/receivers").text
    assert "không tìm thấy" in operator.get("/receivers?q=Trà+Đơn").text.lower()


def test_one_page_has_a_hundred_and_as_many_questions_whatever_there_is(
    fleet: Centre, browser: Browser, places: Any, now: datetime
) -> None:
    operator = browser("truc")
    few = questions(operator)
    with fleet.store.writing() as db:
        db.add_all(Receiver(id=f"S{n:03d}", zone_id=places.van_2, name=f"Cụm {n:03d}") for n in range(240))
    assert questions(operator) == few
    first = operator.get("/receivers")
    assert first.text.count('<th scope="row">') == 100
    assert 'rel="next" href="/receivers?page=2"' in first.text
    last = operator.get("/receivers?page=3").text
    assert (last.count('<th scope="row">'), 'rel="next"' in last) == (44, False)


def test_the_map_shows_states_as_shapes_and_asks_nobody_for_pictures(fleet: Centre, browser: Browser) -> None:
    page = browser("truc").get("/receivers?view=map")
    tones = re.findall(r'<a href="/receivers/R\d" aria-label="[^"]+" class="(\w+)">', page.text)
    assert sorted(tones) == ["good", "lost", "plain", "warn"]
    assert "<image" not in page.text
    assert "img-src 'self' data: blob:;" in page.headers["content-security-policy"]


def test_tiles_are_taken_from_the_server_that_is_set(fleet: Centre, browser: Browser) -> None:
    fleet.settings.map_tiles = "https://tiles.example/{z}/{x}/{y}.png"
    page = browser("truc").get("/receivers?view=map").text
    assert re.search(r'<image href="https://tiles\.example/\d+/\d+/\d+\.png"', page)
    assert fleet.settings.map_tiles_origin == "https://tiles.example"


def test_faults_are_acknowledged_silenced_and_reset_each_by_name(fleet: Centre, browser: Browser) -> None:
    operator = browser("truc")
    page = operator.get("/faults").text
    fault_id = re.search(r'name="fault" value="(\w+)"', page)
    assert fault_id is not None
    assert "1 sự cố đang báo" in operator.get("/receivers").text
    form = csrf(operator) | {"fault": fault_id[1]}
    assert "chưa hết thì chưa đặt lại được" in operator.post("/faults", data=form | {"act": "reset"}).text
    assert operator.post("/faults", data=csrf(operator) | {"act": "silence"}).status_code == 422
    assert "Truc đã xác nhận" in operator.post("/faults", data=form | {"act": "acknowledge"}).text
    assert "Truc đã tắt báo" in operator.post("/faults", data=form | {"act": "silence"}).text
    assert "sự cố đang báo" not in operator.get("/receivers").text
    says(fleet, "R1")
    assert "đã hết" in operator.get("/faults").text
    operator.post("/faults", data=csrf(operator) | {"act": "reset-over"})
    assert fault_id[1] not in operator.get("/faults").text
    assert "Truc đã đặt lại" in operator.get("/faults?show=reset").text


def test_trends_are_drawn_and_told_in_numbers(fleet: Centre, browser: Browser) -> None:
    for hours in range(30):
        measured = {"signal": SignalState(kind="lte", percent=40.0 + hours), "temperature_c": 30.0 + hours / 10}
        says(fleet, "R0", at=timedelta(hours=hours - 30), power=PowerState(on_mains=True), **measured)
    page = browser("truc").get("/receivers/R0").text
    lines = re.findall(r'<path d="(M\d+ [\d.]+h\.1L[^"]+)"', page)
    assert len(lines) == 2
    assert page.count("<h3>Tín hiệu</h3>") == 1
    assert "từ 40% đến 69%" in page
    assert "<h3>Ắc quy</h3>" not in page


def unfolding(side: int) -> bytes:
    """A PNG of some kilobytes whose picture would take gigabytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1 + side * 3) * 20)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_photo_is_drawn_anew_without_what_it_says(fleet: Centre, browser: Browser) -> None:
    operator = browser("truc")
    made = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=red:s=2000x1000", "-frames:v", "1"]
    made += ["-metadata", "comment=secret place", "-f", "image2pipe", "-c:v", "png", "pipe:1"]
    picture = subprocess.run(made, capture_output=True, check=True).stdout
    sent = operator.post("/receivers/R0/photo", data=csrf(operator), files={"photo": ("x.png", picture)})
    assert "/receivers/R0/photo?" in sent.text
    shown = operator.get("/receivers/R0/photo")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert b"secret" not in shown.content
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", "-"]
    assert subprocess.run(probe, input=shown.content, capture_output=True, check=True).stdout.split() == [b"1280,640"]
    assert browser("xa").get("/receivers/R0/photo").status_code == 404
    assert operator.get("/receivers/R1/photo").status_code == 404
    unreadable = (b"", b"\xff\xd8\xff no picture", b"#EXTM3U\nfile:///etc/passwd", b"\x89PNG\r\n\x1a\n" + b"x" * 99)
    for bad in (*unreadable, unfolding(60_000)):
        answer = operator.post("/receivers/R0/photo", data=csrf(operator), files={"photo": ("x.jpg", bad)})
        assert (answer.status_code, 'id="photo-error"' in answer.text) == (422, True)
        assert ("Hãy chọn ảnh." in answer.text) is (bad == b"")
    too_much = operator.put("/api/v1/receivers/R0/photo", content=b"\xff\xd8\xff" + bytes(photos.MAX_BYTES))
    assert too_much.status_code == 422
    assert operator.delete("/api/v1/receivers/R0/photo").json()["photo_at"] is None
    assert list(photos.store(fleet)) == []


def test_a_restart_is_asked_for_and_said(fleet: Centre, browser: Browser) -> None:
    operator = browser("truc")
    asked = operator.post("/receivers/R0/restart", data=csrf(operator))
    assert "chưa thực hiện" in asked.text
    with fleet.store.reading() as db:
        assert "loa/v1/receivers/R0/settings" in {row.topic for row in db.exec(select(DirtyTopic))}
        assert "receiver.restart" in set(db.exec(select(AuditEntry.action)))
    assert operator.post("/receivers/R3/restart", data=csrf(operator)).status_code == 422
    assert browser("thon").post("/api/v1/receivers/R0/restart").status_code == 403


def test_a_helper_reports_and_staff_see_to_it(fleet: Centre, browser: Browser, places: Any) -> None:
    helper, staff = browser("thon"), browser("truc")
    page = helper.get("/village").text
    assert "Loa số 0" in page
    assert "<audio" not in page
    form = csrf(helper) | {"zone": places.leng_1, "receiver": "R0"}
    empty = helper.post("/village/report", data=form | {"text": "ồ"})
    assert (empty.status_code, 'id="text-error"' in empty.text) == (422, True)
    sent = helper.post("/village/report", data=form | {"text": "Loa rè, nghe không rõ <b>"})
    assert "Loa rè, nghe không rõ &lt;b&gt;" in sent.text
    seen = staff.get("/faults").text
    report_id = re.search(r"/faults/reports/(\w+)", seen)
    assert report_id is not None
    assert "1 phản ánh từ thôn" in staff.get("/receivers").text
    assert staff.post(f"/faults/reports/{report_id[1]}", data=csrf(staff) | {"answer": "Đã thay"}).status_code == 200
    assert "Đã thay" in helper.get("/village").text
    other = csrf(helper) | {"zone": places.van_1, "text": "Không phải thôn tôi"}
    assert helper.post("/village/report", data=other).status_code in {403, 404}
    assert "R2" not in browser("xa").get(f"/village?zone={places.leng_1}").text


def test_what_a_helper_heard_stands_beside_what_was_measured(
    fleet: Centre, browser: Browser, places: Any, now: datetime
) -> None:
    with fleet.store.writing() as db:
        author = db.exec(select(User.id)).first()
        said: dict[str, Any] = {"zone_id": places.leng, "author_id": author, "created_at": now}
        db.add(Announcement(id="n", title="Lịch tiêm chủng", **said))
        db.flush()
        db.add(Broadcast(id="b", announcement_id="n", state="approved", timezone="Asia/Ho_Chi_Minh", **said))
        db.flush()
        for airing_id, start in (("a1", now - timedelta(hours=1)), ("a2", now + timedelta(hours=1))):
            end, zone_ids = start + timedelta(minutes=1), [places.leng]
            db.add(PlannedAiring(id=airing_id, broadcast_id="b", start_at=start, end_at=end, zone_ids=zone_ids))
    helper = browser("thon")
    said = {"zone_id": places.leng_1, "heard": False}
    assert helper.put("/api/v1/airings/a1/heard", json=said).json()["heard"] is False
    assert helper.put("/api/v1/airings/a1/heard", json=said | {"heard": True}).status_code == 200
    assert helper.put("/api/v1/airings/a2/heard", json=said).status_code == 409
    assert helper.put("/api/v1/airings/a1/heard", json=said | {"zone_id": places.van_1}).status_code in {403, 404}
    with fleet.store.reading() as db:
        found = village.confirmed(db, ["a1", "a2"])
    assert {key: (one.yes, one.no) for key, one in found.items()} == {("a1", places.leng_1): (1, 0)}


def test_the_helpers_page_is_light(fleet: Centre, browser: Browser) -> None:
    helper = browser("thon")
    page = helper.get("/village")
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    sizes = [int(helper.get(path).headers.get("content-length", 0)) for path in loaded]
    wire = int(page.headers["content-length"]) + sum(sizes)
    assert "<script" not in page.text
    assert 0 < wire < 20 * 1024
