"""The day board, weeks and months, moving, and what a village hears, as a browser without script meets them."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, delete, event

from scheduler.fleet.models import Receiver
from scheduler.people.actor import Actor
from scheduler.reports.figures import Kind
from scheduler.reports.models import ReportAiring, ReportLine
from scheduler.rights import Role
from scheduler.zones.models import Holiday, Zone
from web.pages.rehearsed import WIDE

DAILY = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"}


def cells(page: str, zone_id: str) -> dict[str, str]:
    """The cells of a village's row by their hours."""
    row = re.search(rf'<tr data-row="{zone_id}".*?</tr>', page, re.DOTALL)
    assert row is not None
    return dict(re.findall(r'data-hour="([^"]+)">(.*?)</td>', row[0], re.DOTALL))


def test_the_board_shows_class_state_quiet_hours_sessions_and_what_waits(office: Any, official: TestClient) -> None:
    office.planned("Lịch tiêm chủng", "2026-11-23T17:00", cls="priority")
    office.planned("Họp thôn", "2026-11-23T18:00", approve=False, zone_ids=[office.places.leng_1])
    with office.store.writing() as db:
        db.add(Holiday(zone_id=office.places.leng, day=date(2026, 11, 23), name="Ngày Di sản"))
    page = official.get("/board").text
    first, second = cells(page, office.places.leng_1), cells(page, office.places.leng_2)
    assert list(first)[:2] == ["00–05", "05"]
    assert list(first)[-1] == "21–24"
    assert "Lịch tiêm chủng" in first["17"]
    assert "Ưu tiên" in first["17"]
    assert "đang tải" in first["17"]
    assert "Họp thôn" in first["18"]
    assert "chờ duyệt" in first["18"]
    assert "Họp thôn" not in second["18"]
    assert "yên lặng" in first["21–24"]
    assert "1/3 buổi" in page
    assert "Ngày Di sản" in page
    assert "Trà Vân" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page)


def test_a_free_hour_leads_to_a_new_broadcast_with_place_and_time(office: Any, official: TestClient) -> None:
    office.planned("Lịch tiêm chủng", "2026-11-23T17:00")
    row = cells(official.get("/board").text, office.places.leng_1)
    free = {hour: re.findall(r'at=([^"]+)"', cell) for hour, cell in row.items()}
    assert free["07"] == []  # it is eight
    assert free["08"] == ["2026-11-23T08:10"]
    assert free["09"] == ["2026-11-23T09:00"]
    assert free["17"] == ["2026-11-23T17:05"]
    assert free["21–24"] == []
    page = official.get(f"/broadcasts/new?zone={office.places.leng_1}&at=2026-11-23T09:00").text
    assert re.search(rf'name="zone"[^>]* value="{office.places.leng_1}" checked', page)
    assert 'name="date" value="2026-11-23"' in page
    assert 'name="time" value="09:00"' in page
    assert re.search(r'id="said-when">Thứ Hai 23/11, 09:00<', page)
    assert official.get("/broadcasts/new?zone=nowhere&at=rubbish").status_code == 200
    assert official.get("/broadcasts/new?at=0001-01-01T00:00").status_code == 200


def test_a_free_hour_of_a_village_with_another_clock_is_that_moment_by_the_senders(
    office: Any, official: TestClient
) -> None:
    there = office.places.leng_2
    with office.store.writing() as db:
        db.get_one(Zone, there).timezone = "Asia/Singapore"  # an hour ahead of the commune
    assert f"zone={there}&amp;at=2026-11-23T10:00" in cells(official.get("/board").text, there)["10"]
    page = official.get(f"/broadcasts/new?zone={there}&at=2026-11-23T10:00").text
    assert 'name="time" value="09:00"' in page
    assert re.search(r'id="said-when">Thứ Hai 23/11, 09:00<', page)
    page = official.get(f"/broadcasts/new?zone={there}&at=2026-11-24T00:30").text
    assert 'name="date" value="2026-11-23"' in page
    assert 'name="time" value="23:30"' in page


def test_who_only_looks_is_offered_no_gap_and_no_moving(
    office: Any, browser: Callable[[str], TestClient], add_person: Callable[..., Actor]
) -> None:
    office.planned("Lịch tiêm chủng", "2026-11-23T17:00")
    add_person("nga", office.places.leng_1, Role.VIEWER)
    page = browser("nga").get("/board").text
    assert "Lịch tiêm chủng" in page
    assert 'class="gap"' not in page
    assert "data-move=" not in page


def test_an_item_is_moved_and_moved_back_without_script(office: Any, official: TestClient) -> None:
    made = office.planned("Lịch tiêm chủng", "2026-11-23T17:00")
    path = f"/broadcasts/{made.id}/move"
    page = cells(official.get("/board").text, office.places.leng_1)["17"]
    assert f'href="{path}?zone=' in page
    assert "data-again" in page
    asked = official.get(f"{path}?date=2026-11-23&time=22:00").text
    assert "giờ yên lặng" in asked
    assert "phải được duyệt lại" in asked
    assert "Said(" not in asked
    form = {"csrf_token": official.headers["x-csrf-token"], "version": str(made.version), "date": "2026-11-23"}
    bad = official.post(path, data=form | {"time": "25:00"})
    assert bad.status_code == 422
    past = official.post(path, data=form | {"time": "07:00"})
    assert past.status_code == 422
    assert 'id="time-error"' in past.text
    moved = official.post(path, data=form | {"time": "17:30"})
    assert moved.url.path == "/board"
    assert "17:30" in moved.text
    assert "chờ duyệt" in cells(moved.text, office.places.leng_1)["17"]
    again = office.seen(made.id)
    assert (again.starts_local, again.state) == ("2026-11-23T17:30:00", "submitted")
    undo = dict(re.findall(r'name="(version|date|time)" value="([^"]+)"', moved.text))
    assert undo == {"version": str(again.version), "date": "2026-11-23", "time": "17:00"}
    back = official.post(path, data=undo | {"csrf_token": form["csrf_token"]})
    assert back.status_code == 200
    assert office.seen(made.id).starts_local == "2026-11-23T17:00:00"
    stale = official.post(path, data=form | {"time": "18:00"})
    assert stale.status_code in (412, 422)
    assert "18:00" in stale.text  # what was typed


def test_what_an_item_meets_is_said_while_it_is_held(office: Any, official: TestClient) -> None:
    office.planned("Thời tiết", "2026-11-23T18:00", zone_ids=[office.places.leng_2])
    made = office.planned("Lịch tiêm chủng", "2026-11-23T17:00")
    path = f"/broadcasts/{made.id}/move/preview?date=2026-11-23&time="
    assert "Không vướng gì" in official.get(f"{path}17:30").text
    assert "Thời tiết" in official.get(f"{path}18:00").text
    assert "data-no" in official.get(f"{path}06:00").text
    daily = office.planned("Hằng ngày", DAILY)
    assert official.get(f"/broadcasts/{daily.id}/move").status_code == 409


def test_a_village_with_another_clock_is_asked_and_moved_by_its_own(office: Any, official: TestClient) -> None:
    there = office.places.leng_2
    with office.store.writing() as db:
        db.get_one(Zone, there).timezone = "Asia/Singapore"  # an hour ahead of the commune
    made = office.planned("Lịch tiêm chủng", "2026-11-23T17:00", zone_ids=[there])
    assert 'data-minute="1080"' in cells(official.get("/board").text, there)["18"]
    path = f"/broadcasts/{made.id}/move"
    assert "Thứ Hai 23/11, 17:05" in official.get(f"{path}/preview?date=2026-11-23&time=18:05&place={there}").text
    assert official.get(f"{path}/preview?date=2026-11-23&time=18:05&place=nowhere").status_code == 404
    form = {"csrf_token": official.headers["x-csrf-token"], "version": str(made.version), "place": there}
    moved = official.post(path, data=form | {"date": "2026-11-23", "time": "18:05"})
    assert "18:05" in cells(moved.text, there)["18"]
    again = office.seen(made.id)
    assert again.starts_local == "2026-11-23T17:05:00"
    night = official.post(path, data=form | {"version": str(again.version), "date": "2026-11-25", "time": "00:10"})
    assert night.url.params["day"] == "2026-11-25"
    assert office.seen(made.id).starts_local == "2026-11-24T23:10:00"


def test_weeks_and_months_count_by_day_and_village(office: Any, official: TestClient) -> None:
    office.planned("Hằng ngày", DAILY, zone_ids=[office.places.leng_1])
    with office.store.writing() as db:
        db.add(Holiday(zone_id=office.places.leng, day=date(2026, 11, 24), name="Ngày Di sản"))
    week = official.get("/board/week").text
    assert week.count('class="card day') == 7
    assert week.count("1 lần, 2 phút") == 7
    assert "Ngày Di sản" in week
    month = official.get("/board/month?day=2026-12-05").text
    assert month.count('class="day') == 31
    assert month.count('class="blank"') == 1 + 3  # the first of December is a Tuesday
    assert month.count("1 lần, 2 phút") == 31
    assert "Thôn 1: 1, Thôn 2: 0" in month


def test_what_a_village_hears_tomorrow_as_page_and_text(office: Any, official: TestClient) -> None:
    office.planned("Hằng ngày", DAILY)
    office.planned("Ban đêm", "2026-11-24T22:00")
    path = f"/zones/{office.places.leng_1}/day"
    page = official.get(path).text
    assert "Thứ Ba 24/11" in page
    assert "17:00–17:02  Hằng ngày (2 phút)" in page
    text = official.get(f"{path}.txt")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.splitlines()[1] == "17:00–17:02  Hằng ngày (2 phút)"
    assert "Ban đêm (giờ yên lặng)" in text.text
    assert official.get(path, headers={"accept": "text/plain"}).text == text.text
    assert "Hằng ngày" not in official.get(f"{path}.txt?date=2026-11-22").text
    assert official.get(f"/zones/{office.places.van_1}/day").status_code == 404


def test_the_text_of_a_day_names_its_holiday(office: Any, official: TestClient) -> None:
    path = f"/zones/{office.places.leng_1}/day"
    assert "Ngày nghỉ" not in official.get(f"{path}.txt").text
    with office.store.writing() as db:
        db.add(Holiday(zone_id=office.places.leng, day=date(2026, 11, 24), name="Ngày Di sản"))
    assert "Ngày nghỉ: Ngày Di sản" in official.get(f"{path}.txt").text.splitlines()
    assert official.get(path).text.count("Ngày nghỉ: Ngày Di sản") == 2
    official.patch("/api/v1/me", json={"language": "en"})
    assert "Holiday: Ngày Di sản" in official.get(f"{path}.txt").text.splitlines()


def test_a_place_without_a_loudspeaker_hears_nothing(office: Any, official: TestClient) -> None:
    path, said = f"/zones/{office.places.leng_1}/day", "không ai nghe được"
    assert said not in official.get(f"{path}.txt").text
    with office.store.writing() as db:
        db.execute(delete(Receiver))
    assert said in official.get(f"{path}.txt").text
    assert official.get(path).text.count(said) == 2


def test_a_repeating_broadcast_is_rehearsed_before_it_is_sent(office: Any, official: TestClient) -> None:
    made = office.planned("Thời tiết", "2026-11-25T17:00", zone_ids=[office.places.leng_2])
    fields: dict[str, object] = {
        "announcement_id": made.announcement_id, "source": "existing", "existing": made.announcement_id,
        "zone": [office.places.leng_1, office.places.leng_2], "when": "repeat", "weekday": ["MO", "WE"],
        "repeat_time": "17:00", "until": "2026-12-31", "cls": "priority", "step": "check",
        "csrf_token": official.headers["x-csrf-token"],
    }  # fmt: skip
    page = official.post("/broadcasts/new/preview", data=fields).text
    assert "2 lần, ở 2 thôn" in page
    assert "“Thời tiết” (Thứ Tư 25/11, 17:00)" in page
    once = official.post("/broadcasts/new/preview", data=fields | {"when": "at", "date": "2026-11-25", "time": "17:00"})
    assert "Thử trước" not in once.text


@pytest.mark.parametrize(("loudspeakers", "rehearsed"), [(WIDE - 1, False), (WIDE, True)])
def test_a_single_broadcast_is_rehearsed_where_many_loudspeakers_play_it(
    office: Any, official: TestClient, loudspeakers: int, rehearsed: bool
) -> None:
    with office.store.writing() as db:
        for number in range(3, loudspeakers + 1):  # one stands in each village already
            one = Receiver(id=f"R{number}", zone_id=office.places.leng_2, name=f"Loa {number}", enrolled_at=office.now)
            db.add(one)
    made = office.planned("Thời tiết", "2026-11-25T17:00", zone_ids=[office.places.leng_2])
    fields: dict[str, object] = {
        "announcement_id": made.announcement_id, "source": "existing", "existing": made.announcement_id,
        "zone": [office.places.leng_1, office.places.leng_2], "when": "at", "date": "2026-11-25", "time": "17:00",
        "cls": "priority", "step": "check", "csrf_token": official.headers["x-csrf-token"],
    }  # fmt: skip
    page = official.post("/broadcasts/new/preview", data=fields).text
    assert f"{loudspeakers} cụm loa" in page
    assert (">Thử trước</h3>" in page) is rehearsed
    assert ("1 lần, ở 2 thôn" in page) is rehearsed
    assert page.count("“Thời tiết” (Thứ Tư 25/11, 17:00)") == 1  # what is in the way is said either way, once


@pytest.mark.parametrize("path", ["/board", "/board/week", "/board/month"])
def test_the_database_is_asked_as_often_for_many_as_for_few(office: Any, official: TestClient, path: str) -> None:
    def queries() -> int:
        asked: list[str] = []

        def note(*args: Any) -> None:
            asked.append(args[2])

        event.listen(Engine, "before_cursor_execute", note)
        assert official.get(path).status_code == 200
        event.remove(Engine, "before_cursor_execute", note)
        return len(asked)

    office.planned("Lịch tiêm chủng", "2026-11-23T17:00")
    official.get(path)
    few = queries()
    for hour in (18, 19):
        office.planned(f"Bản tin {hour}", f"2026-11-23T{hour}:00")
    office.planned("Họp thôn", "2026-11-23T20:00", approve=False)
    assert queries() == few


def test_days_at_the_ends_of_the_calendar_are_refused_in_words(official: TestClient) -> None:
    for view in ("/board", "/board/week", "/board/month"):
        for day in ("9999-12-31", "0001-01-01"):
            assert official.get(f"{view}?day={day}").status_code == 422


def test_what_sounded_beside_the_plan_stands_above_it(office: Any, official: TestClient) -> None:
    at: dict[str, Any] = {
        "day": office.now.date(),
        "zone_ids": [],
        "unit_ids": [],
        "start_at": office.now,
        "due_at": office.now,
    }
    none: dict[str, Any] = {
        "receiver_ids": [],
        "missed_by": {},
        **dict.fromkeys(("receivers", "requested_us", "played_us"), 0),
    }

    def book(airing_id: str, kind: Kind, title: str, zone_id: str) -> None:
        with office.store.writing() as db:
            db.add(ReportAiring(id=airing_id, broadcast_id=airing_id, kind=kind, title=title, duration_us=1, **at))
            db.flush()
            db.add(ReportLine(airing_id=airing_id, zone_id=zone_id, unit_id=zone_id, day=at["day"], kind=kind, **none))

    book("order-1", Kind.EMERGENCY, "Lũ về", office.places.leng_1)
    book("talk-1", Kind.LIVE, "Chủ tịch nói", office.places.leng_2)
    book("order-2", Kind.EMERGENCY, "Của xã khác", office.places.van_1)
    page = official.get("/board").text
    shown = page[page.index("Cũng phát trong ngày") : page.index('id="board"')]
    assert re.findall(r'href="([^"]+)"', shown) == ["/emergency/order-1", "/live/talk-1"]
    assert "Lũ về" in shown
    assert "Của xã khác" not in page
