"""Deciding what waits: the inbox, deputies and notices as pages."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from sqlalchemy import event
from sqlmodel import col, select

from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.approval import inbox
from scheduler.broadcasts import service
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.schemas import BroadcastIn
from scheduler.deputies import service as deputies
from scheduler.deputies.models import Deputy
from scheduler.fleet.models import Receiver
from scheduler.notices.models import Kind, NoticeEvent
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.models import Zone
from web.auth import SESSION_COOKIE
from web.pages import inbox as inbox_page

SINCE = "Thay đổi so với lần trước"


class Commune:
    def __init__(self, store: Store, now: datetime, places: Any, lan: Actor) -> None:
        self.store, self.now, self.places, self.lan = store, now, places, lan
        with store.writing() as db:
            db.add(Receiver(id="R1", zone_id=places.leng_1, name="Loa 1", enrolled_at=now))
            for number, zone_id in enumerate((places.leng_1, places.leng_2)):
                zone = db.get_one(Zone, zone_id)
                zone.latitude, zone.longitude = 15.1 + number / 100, 108.1

    def waiting(self, title: str, at: str = "2026-11-24T17:00") -> Any:
        with self.store.writing() as db:
            announcement = Announcement(
                id=new_id(self.now),
                zone_id=self.places.leng,
                title=title,
                author_id=self.lan.user_id,
                created_at=self.now,
            )
            db.add(announcement)
            db.flush()
            db.add(
                Recording(
                    id=new_id(self.now), announcement_id=announcement.id, language="vi", source=Source.TEXT,
                    text=f"Nội dung {title}.", state=RecordingState.READY, sha256=new_id(self.now).ljust(64, "0"),
                    size_bytes=9, duration_us=60_000_000, created_at=self.now,
                )
            )  # fmt: skip
            db.flush()
            when = {"kind": "at", "starts_local": at}
            draft = BroadcastIn.model_validate(
                {
                    "zone_id": self.places.leng,
                    "announcement_id": announcement.id,
                    "zone_ids": [self.places.leng_1],
                    "when": when,
                }
            )
            made = service.create(db, self.lan, self.now, draft)
            return service.submit(db, self.lan, self.now, made.id, version=made.version)

    def row(self, broadcast_id: str) -> Broadcast:
        with self.store.reading() as db:
            return db.get_one(Broadcast, broadcast_id)


@pytest.fixture
def commune(store: Store, now: datetime, places: Any, add_person: Any) -> Commune:
    lan = add_person("lan", places.leng, Role.EDITOR)
    add_person("minh", places.leng, Role.APPROVER)
    return Commune(store, now, places, lan)


@pytest.fixture
def minh(commune: Commune, browser: Any) -> TestClient:
    opened: TestClient = browser("minh")
    return opened


def test_what_waits_is_there_to_be_decided_soonest_first(commune: Commune, minh: TestClient) -> None:
    commune.waiting("Sau", "2026-11-25T17:00")
    commune.waiting("Trước", "2026-11-24T17:00")
    page = minh.get("/inbox").text
    assert page.index("Trước") < page.index("Sau")
    assert "Nội dung Trước." in page
    assert page.count("<audio") == page.count('<svg viewBox="0 0 360') == 2
    assert 'class="on"' in page


def test_a_player_is_given_the_sound_of_the_text_beside_it(commune: Commune, minh: TestClient) -> None:
    made = commune.waiting("Họp")
    with commune.store.reading() as db:
        row = db.exec(select(Recording)).one()
    assert row.sha256 is not None
    sound = f"/api/v1/recordings/{row.id}/audio"
    sources = [f"{sound}?v={row.sha256[:12]}", f"{sound}.mp3?v={row.sha256[:12]}"]
    for path in ("/inbox", f"/broadcasts/{made.id}", f"/announcements/{row.announcement_id}"):
        assert re.findall(r'<source src="([^"]+)"', minh.get(path).text) == sources


def test_several_are_approved_each_by_itself(commune: Commune, minh: TestClient) -> None:
    one, two = commune.waiting("Một"), commune.waiting("Hai", "2026-11-24T18:00")
    ticked = [f"{one.id}:{one.version}", f"{two.id}:1"]
    answer = minh.post("/inbox/approve", data={"which": ticked}, follow_redirects=False)
    assert answer.status_code == 422
    assert f"b-{two.id}" in answer.text
    assert (commune.row(one.id).state, commune.row(two.id).state) == ("approved", "submitted")
    rest = minh.post("/inbox/approve", data={"which": f"{two.id}:{two.version}"}, follow_redirects=False)
    assert rest.status_code == 303
    assert commune.row(two.id).state == "approved"


def test_another_time_a_number_and_what_was_typed_stays(commune: Commune, minh: TestClient) -> None:
    made = commune.waiting("Một")
    typed = {"version": made.version, "day": "2026-11-20", "time": "17:00", "document_no": "45/TB-UBND"}
    late = minh.post(f"/inbox/{made.id}/approve", data=typed, follow_redirects=False)
    assert late.status_code == 422
    assert 'value="45/TB-UBND"' in late.text
    assert f'id="starts_local-{made.id}"' in late.text
    for half in ("day", "time"):
        assert (
            minh.post(f"/inbox/{made.id}/approve", data=typed | {half: ""}, follow_redirects=False).status_code == 422
        )
    assert commune.row(made.id).state == "submitted"
    done = minh.post(f"/inbox/{made.id}/approve", data=typed | {"day": "2026-11-26"}, follow_redirects=False)
    assert done.status_code == 303
    row = commune.row(made.id)
    assert (row.starts_local, row.asked_local, row.document_no) == (
        "2026-11-26T17:00:00",
        "2026-11-24T17:00:00",
        "45/TB-UBND",
    )
    with commune.store.reading() as db:
        assert [one.kind for one in db.exec(select(NoticeEvent).order_by(col(NoticeEvent.id)))] == [
            Kind.WAITING,
            Kind.RETIMED,
        ]


def test_returned_with_a_reason_and_not_without(commune: Commune, minh: TestClient) -> None:
    made = commune.waiting("Một")
    path, data = f"/inbox/{made.id}/return", {"version": made.version}
    assert minh.post(path, data=data | {"reason": " "}, follow_redirects=False).status_code == 422
    assert minh.post(path, data=data | {"reason": "Sai ngày"}, follow_redirects=False).status_code == 303
    assert commune.row(made.id).return_reason == "Sai ngày"


def test_what_was_returned_edited_and_sent_again_shows_what_changed(
    commune: Commune, minh: TestClient, browser: Any
) -> None:
    title, lan = "Lịch <cắt> điện & nước", browser("lan")
    made, same = commune.waiting(title), commune.waiting("Một")
    assert SINCE not in minh.get("/inbox").text  # seen for the first time
    for one in (made, same):
        data = {"version": one.version, "reason": "Sai giờ"}
        assert minh.post(f"/inbox/{one.id}/return", data=data, follow_redirects=False).status_code == 303
    typed = {
        "announcement_id": commune.row(made.id).announcement_id, "source": "text", "title": title,
        "text": "Nội dung <mất> điện & nước.", "zone": [commune.places.leng_2], "when": "at", "date": "2026-11-24",
        "time": "18:00", "cls": "priority", "version": commune.row(made.id).version, "intent": "send",
        "csrf_token": lan.headers["x-csrf-token"],
    }  # fmt: skip
    assert lan.post(f"/broadcasts/{made.id}/edit", data=typed, follow_redirects=False).status_code == 303
    again = {"version": commune.row(same.id).version, "csrf_token": lan.headers["x-csrf-token"]}
    assert lan.post(f"/broadcasts/{same.id}/submit", data=again, follow_redirects=False).status_code == 303
    page = minh.get("/inbox").text
    cards = {one: page.partition(f'id="b-{one}"')[2].partition("</article>")[0] for one in (made.id, same.id)}
    assert page.count(SINCE) == 2
    told = cards[made.id].partition(SINCE)[2].partition("</div>")[0]
    assert "Nội dung <del>Lịch &lt;cắt&gt; </del><ins>&lt;mất&gt; </ins>điện &amp; nước." in told
    assert re.findall("<li>(.*?)</li>", told) == [
        "Giờ phát trước đó: Thứ Ba 24/11, 17:00",
        "Loại trước đó: Thông thường",
        "Thêm địa bàn: Thôn 2",
        "Bỏ địa bàn: Thôn 1",
    ]
    assert "Không có gì thay đổi." in cards[same.id]
    assert "<ins>" not in cards[same.id]


def test_the_number_of_queries_is_that_of_one(commune: Commune, minh: TestClient, store: Store) -> None:
    with store.reading() as db:
        engine = db.get_bind().engine
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    def queries() -> int:
        minh.get("/inbox")
        asked.clear()
        assert minh.get("/inbox").status_code == 200
        return len(asked)

    commune.waiting("Một")
    few = queries()
    for number in range(6):
        commune.waiting(f"Bài {number}", f"2026-11-{24 + number}T18:00")
    assert queries() == few


def test_a_deputy_is_named_sees_what_waits_and_is_ended(commune: Commune, minh: TestClient, browser: Any) -> None:
    commune.waiting("Một")
    typed = {"deputy_id": commune.lan.user_id, "zone_id": commune.places.leng, "until": "2026-11-30"}
    for no_day in ("", "abc", "9999-12-31"):
        refused = minh.post("/deputies", data=typed | {"until": no_day})
        assert refused.status_code == 422
        assert "Hãy chọn ngày cuối" in refused.text
    assert minh.post("/deputies", data=typed, follow_redirects=False).status_code == 303
    page = minh.get("/deputies").text
    lan = browser("lan")
    assert "Một" not in lan.get("/inbox").text  # their own
    ended = re.search(r'action="(/deputies/[^"]+/end)"', page)
    assert ended is not None
    assert minh.post(ended[1], follow_redirects=False).status_code == 303
    assert ended[1] not in minh.get("/deputies").text


def test_somebody_whom_the_list_has_no_room_for_is_found_without_script(
    commune: Commune, minh: TestClient, add_person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deputies, "MOST_CANDIDATES", 2)
    last = add_person("zơ râm", commune.places.leng_1, Role.VIEWER)
    option = f'value="{last.user_id}"'
    assert option not in minh.get("/deputies").text
    found = minh.post("/deputies", data={"find": "1", "q": "zo ram", "until": "2026-11-30", "zone_id": ""})
    assert (found.status_code, option in found.text, 'value="2026-11-30"' in found.text) == (200, True, True)
    assert 'value="zo ram"' in found.text
    assert "Không có ai tên như vậy." in minh.post("/deputies", data={"find": "1", "q": "chẳng ai"}).text
    typed = {"deputy_id": last.user_id, "zone_id": commune.places.leng, "until": "2026-11-30", "q": "zo ram"}
    assert minh.post("/deputies", data=typed, follow_redirects=False).status_code == 303


def test_enter_finds_a_name_that_was_typed_and_else_names_the_deputy(
    commune: Commune, minh: TestClient, *, add_person: Any, monkeypatch: pytest.MonkeyPatch, address: str,
    chromium: Browser,
) -> None:  # fmt: skip
    monkeypatch.setattr(deputies, "MOST_CANDIDATES", 2)
    last = add_person("zơ râm", commune.places.leng_1, Role.VIEWER)
    context = chromium.new_context(base_url=address, viewport={"width": 360, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": minh.cookies[SESSION_COOKIE], "url": address}])
    page = context.new_page()
    page.goto("/deputies")
    page.locator("#until").fill("2026-11-30")
    page.locator("#q").fill("zo ram")
    page.locator("#q").press("Enter")
    expect(page.locator(f'#deputy_id option[value="{last.user_id}"]')).to_be_attached()
    expect(page.locator("#until")).to_have_value("2026-11-30")
    page.locator("#deputy_id").select_option(last.user_id)
    page.locator("#until").press("Enter")
    page.wait_for_url("**/deputies?said=deputy-named")
    with commune.store.reading() as db:
        assert list(db.exec(select(Deputy.deputy_id))) == [last.user_id]


def test_notices_are_chosen_and_wrong_addresses_stay_to_be_mended(commune: Commune, minh: TestClient) -> None:
    wrong = minh.post("/notices", data={"address": "không phải thư", "kinds": ["waiting"]})
    assert wrong.status_code == 422
    assert 'value="không phải thư"' in wrong.text
    right = minh.post("/notices", data={"address": "minh@x.example", "kinds": ["waiting"]}, follow_redirects=False)
    assert right.status_code == 303
    assert 'value="minh@x.example"' in minh.get("/notices").text
    assert "/notices/programs" not in minh.get("/notices").text


def test_administrators_add_programs_and_see_what_was_delivered(
    commune: Commune, add_person: Any, browser: Any
) -> None:
    add_person("boss", commune.places.leng, Role.ADMINISTRATOR)
    boss = browser("boss")
    asked = {"name": "IOC", "url": "http://ioc.example/", "zone_id": commune.places.leng, "kinds": ["emergency"]}
    assert boss.post("/notices/programs", data=asked).status_code == 422
    made = boss.post("/notices/programs", data=asked | {"url": "https://ioc.example/"})
    assert made.status_code == 200
    assert 'id="secret-once"' in made.text
    assert 'id="secret-once"' not in boss.get("/notices").text
    assert boss.get("/notices/log").status_code == 200


@pytest.mark.parametrize("way", ["/inbox/{}/return", "/broadcasts/{}/return"])
def test_what_was_typed_is_shown_again_where_another_decided_meanwhile(
    commune: Commune, minh: TestClient, way: str
) -> None:
    made = commune.waiting("Họp dân")
    fields = {"csrf_token": minh.headers["x-csrf-token"], "version": made.version}
    minh.post(f"/inbox/{made.id}/approve", data=fields)
    late = minh.post(way.format(made.id), data=fields | {"reason": "Ghi rõ giờ từng thôn"})
    assert (late.status_code, "Ghi rõ giờ từng thôn" in late.text, 'id="errors"' in late.text) == (422, True, True)


LATE = "Quá giờ rồi, gửi lại nếu còn cần"


def at(commune: Commune, *, hours: float) -> str:
    """Wall time there, so long before or after now."""
    return (commune.now + timedelta(hours=7 + hours)).replace(tzinfo=None).isoformat(timespec="minutes")


@pytest.fixture
def overdue(commune: Commune) -> list[Any]:
    """Two bulletins a day of sixteen days that nobody decided, and tonight's."""
    passed = [commune.waiting(f"Dự báo {day}.{half}", "2026-11-24T17:00") for day in range(16) for half in (1, 2)]
    commune.waiting("Tối nay", at(commune, hours=9))
    with commune.store.writing() as db:
        for number, one in enumerate(passed):
            db.get_one(Broadcast, one.id).starts_local = at(commune, hours=-12 * number - 1) + ":00"
    return passed


def test_what_passed_stands_behind_what_still_comes(commune: Commune, minh: TestClient, overdue: list[Any]) -> None:
    page = minh.get("/inbox").text
    cards, _, folded = page.partition('id="passed"')
    assert "Tối nay" in cards
    assert "Dự báo" not in cards
    assert folded.count("<li id=") == len(overdue)
    assert "32 mục đã qua giờ phát" in folded
    assert "1 mục đang chờ bạn duyệt" in minh.get("/").text


def test_what_passed_goes_back_at_once_with_one_reason(
    commune: Commune, minh: TestClient, overdue: list[Any], browser: Any
) -> None:
    assert minh.post("/inbox/passed/return", data={"reason": " "}).status_code == 422
    assert {commune.row(one.id).state for one in overdue} == {"submitted"}
    answer = minh.post("/inbox/passed/return", data={"reason": LATE}, follow_redirects=False)
    assert answer.headers["location"] == "/inbox?said=returned-all"
    rows = [commune.row(one.id) for one in overdue]
    assert {(row.state, row.return_reason) for row in rows} == {("returned", LATE)}
    page = minh.get("/inbox").text
    assert ("Tối nay" in page, 'id="passed"' in page) == (True, False)
    with commune.store.reading() as db:
        told = [one.data["reason"] for one in db.exec(select(NoticeEvent).where(NoticeEvent.kind == Kind.RETURNED))]
        noted = db.exec(select(AuditEntry).where(AuditEntry.action == "broadcast.return")).all()
    assert told == [LATE] * len(overdue)
    assert {(one.detail["reason"], one.subject) for one in noted} == {(LATE, f"broadcast:{one.id}") for one in overdue}


def test_what_passed_and_comes_once_is_approved_for_another_time(
    commune: Commune, minh: TestClient, overdue: list[Any]
) -> None:
    one, repeated = overdue[:2]
    with commune.store.writing() as db:
        db.get_one(Broadcast, repeated.id).rrule = "FREQ=DAILY;COUNT=1"
    page = minh.get("/inbox").text
    action = f'action="/inbox/{one.id}/approve"'
    folded = page.partition('id="passed"')[2]
    assert action in folded
    assert f'id="b-{repeated.id}"' in folded
    assert f'action="/inbox/{repeated.id}/approve"' not in folded
    form = folded.partition(action)[2].partition("</form>")[0]
    assert set(re.findall('name="([a-z]+)"', form)) >= {"version", "day", "time"}
    typed = {"version": one.version, "day": "2026-11-20", "time": "17:00"}
    late = minh.post(f"/inbox/{one.id}/approve", data=typed)
    folded = late.text.partition('id="passed"')[2]
    assert (late.status_code, folded.startswith(" open>")) == (422, True)
    assert f'id="starts_local-{one.id}-error"' in folded
    assert 'value="2026-11-20"' in folded
    answer = minh.post(f"/inbox/{one.id}/approve", data=typed | {"day": "2026-11-26"}, follow_redirects=False)
    assert answer.headers["location"] == "/inbox?said=approved"
    row = commune.row(one.id)
    assert (row.state, row.starts_local) == ("approved", "2026-11-26T17:00:00")


def test_who_approves_only_in_its_place_stands_before_the_inbox_after_returning_it(
    commune: Commune, minh: TestClient, add_person: Any, browser: Any
) -> None:
    add_person("thôn", commune.places.leng_1, Role.APPROVER)
    for client, to in ((browser("thôn"), "/inbox?said=returned"), (minh, "/broadcasts/{}?said=returned")):
        made = commune.waiting("Họp dân")
        assert client.get(f"/broadcasts/{made.id}").status_code == 200
        data = {"version": made.version, "reason": "Sai ngày"}
        answer = client.post(f"/broadcasts/{made.id}/return", data=data, follow_redirects=False)
        assert answer.headers["location"] == to.format(made.id)
        assert client.get(answer.headers["location"]).status_code == 200
        assert commune.row(made.id).state == "returned"


def test_only_who_may_approve_it_returns_what_passed(commune: Commune, overdue: list[Any], browser: Any) -> None:
    assert browser("lan").post("/inbox/passed/return", data={"reason": LATE}).status_code == 403
    assert {commune.row(one.id).state for one in overdue} == {"submitted"}


def test_what_is_more_than_a_page_has_is_on_the_next(
    commune: Commune, minh: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_page, "PER_PAGE", 2)
    made = [commune.waiting(f"Bài {hour}", f"2026-11-24T{hour}:00") for hour in (12, 11, 15, 14, 13)]
    seen, address = [], "/inbox"
    while address:
        page = minh.get(address).text
        assert "5 mục chờ duyệt" in page
        seen += re.findall(r"<h2[^>]*><a [^>]*>Bài (\d+)</a>", page)
        following = re.search(r'href="([^"]+)" rel="next">(.*?) <', page)
        address = following[1] if following else ""
    assert seen == ["11", "12", "13", "14", "15"]
    last = made[2]
    late = minh.post(f"/inbox/{last.id}/return?skip=4", data={"version": last.version, "reason": " "})
    assert (late.status_code, f'id="reason-{last.id}-error"' in late.text) == (422, True)


def test_the_soonest_are_there_however_many_were_made_later(
    commune: Commune, minh: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MOST_LOOKED_AT", 3)
    commune.waiting("Sớm nhất", "2026-11-24T06:00")
    for day in range(25, 29):
        commune.waiting(f"Sau {day}", f"2026-11-{day}T17:00")
    assert "Sớm nhất" in minh.get("/inbox").text
