"""Reports of a time whose details a rule of retention has let go of: the totals stay, and what is gone is said."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select

from broadcast.media import MediaStore
from scheduler.fleet.models import Receiver
from scheduler.people import signin
from scheduler.reports.figures import Kind
from scheduler.reports.models import ReportDay, ReportLine
from scheduler.retention.choosing import Subject
from scheduler.retention.models import RetentionRule
from scheduler.retention.night import Night
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones import service as zone_service
from scheduler.zones.models import Zone
from tests.web.pages.test_reports import Browser, airing, of_csv, of_xlsx

YEAR = "length=year&day=2026-11-23"
FIGURES = ("bulletins", "airings", "heard", "emergencies", "emergencies_heard", "requested_us", "played_us")
GONE = "Chi tiết trước ngày 16/8/2026 không còn được lưu, chỉ còn tổng của từng xã"
WHOLE = f"{GONE}; dòng “Tổng cộng” vẫn đầy đủ."


class Year:
    """Bulletins of May and August, older than the rule, and of November; an emergency in June."""

    def __init__(self, store: Store, places: Any, now: datetime, user_id: str, folder: Path) -> None:
        self.store, self.places, self.now, self._user_id, self._folder = store, places, now, user_id, folder
        whole = {places.leng_1: 2, places.leng_2: 2, places.van_1: 2}
        with store.writing() as db:
            for zone_id in whole:
                for end in "ab":
                    db.add(Receiver(id=f"{zone_id[1:]}{end}", zone_id=zone_id, name=f"Loa {end}", enrolled_at=now))
            airing(db, places, now - timedelta(days=1), whole | {places.leng_2: 1})
            airing(db, places, now - timedelta(days=2), {places.leng_2: 2})
            airing(db, places, now - timedelta(days=100), whole | {places.leng_1: 0})
            airing(db, places, now - timedelta(days=150), whole | {places.van_1: 0}, Kind.EMERGENCY)
            airing(db, places, now - timedelta(days=200), {places.van_1: 2, places.leng_2: 1})
            airing(db, places, now - timedelta(days=201), {places.leng_2: 2})

    def rule(self, zone_id: str) -> None:
        with self.store.writing() as db:
            db.add(
                RetentionRule(
                    id=f"R{zone_id[1:]}", zone_id=zone_id, subject=Subject.REPORTS, days=92, set_by=self._user_id,
                    set_at=self.now, in_force_since=self.now,
                )
            )  # fmt: skip

    def night(self) -> None:
        shelves = MediaStore(self._folder / "media"), MediaStore(self._folder / "originals")
        list(Night(self.store, shelves, self.now.date(), self.now).rows())

    def move(self, zone_id: str, parent_id: str) -> None:
        with self.store.writing() as db:
            version = db.get_one(Zone, zone_id).version
            zone_service.move_zone(db, signin.machine(db), self.now, zone_id, version=version, parent_id=parent_id)

    def lines(self) -> int:
        with self.store.reading() as db:
            return len(db.exec(select(ReportLine)).all())


@pytest.fixture
def year(store: Store, places: Any, now: datetime, add_person: Any, tmp_path: Path) -> Year:
    operator = add_person("operator", places.province, Role.OPERATOR)
    return Year(store, places, now, operator.user_id, tmp_path)


def summary(client: TestClient, zone_id: str, by: str = "station", span: str = YEAR) -> Any:
    answer = client.get(f"/api/v1/summaries?zone_id={zone_id}&{span}&by={by}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def as_all_say(client: TestClient, zone_id: str, by: str, warning: str = "") -> Any:
    """The year's summary from the API, which page, CSV and XLSX agree with, in what they say of what is gone too."""
    api = summary(client, zone_id, by)
    said = [[one["name"], *(one[name] for name in FIGURES[:5])] for one in api["stations"]]
    said.append(["Tổng cộng", *(api["total"][name] for name in FIGURES[:5])])
    seconds = [[one["requested_us"] / 1e6, one["played_us"] / 1e6] for one in (*api["stations"], api["total"])]
    table = of_csv(client.get(f"/reports/stations.csv?zone={zone_id}&{YEAR}").content)[1:]
    if warning:
        assert table.pop() == [warning, *[""] * 13]
    assert [[row[0], *map(int, row[6:11])] for row in table] == said
    assert [[float(cell) for cell in row[11:13]] for row in table] == seconds
    sheet = of_xlsx(client.get(f"/reports/stations.xlsx?zone={zone_id}&{YEAR}").content)
    assert [[row[0], *row[6:11]] for row in sheet[-len(table) :]] == said
    assert [row[11:13] for row in sheet[-len(table) :]] == seconds
    assert (warning in [row[0] for row in sheet[:5] if row]) is bool(warning)
    page = client.get(f"/reports/stations?zone={zone_id}&{YEAR}").text
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", page, re.DOTALL)]
    emergencies = [f"{row[5]}/{row[4]}" for row in said]
    assert [cells[first + 3 : first + 6] for first in range(0, len(cells), 10)] == [
        list(map(str, row[1:4])) for row in said
    ]
    assert cells[6::10] == emergencies
    assert warning in page
    assert ("không còn được lưu" in page) is bool(warning)
    return api


def figures(one: Any) -> list[int]:
    return [one[name] for name in FIGURES]


def added(rows: Any) -> list[int]:
    """Without bulletins, of which one is heard in many places."""
    return [sum(one[name] for one in rows) for name in FIGURES[1:]]


def test_the_year_of_a_commune_has_the_same_total_once_its_lines_are_gone(
    browser: Browser, year: Year, places: Any
) -> None:
    client, leng = browser("operator"), places.leng
    before = as_all_say(client, leng, "village")
    assert [one["name"] for one in before["stations"]] == ["Thôn 1", "Thôn 2"]
    by_station = summary(client, leng)
    year.rule(places.province)
    year.night()
    assert year.lines() == 4
    after = as_all_say(client, leng, "village", WHOLE)
    assert figures(before["total"]) == figures(after["total"]) == [5, 7, 6, 2, 2, 14 * 60_000_000, 10 * 60_000_000]
    assert sorted(one["name"] for one in after["stations"]) == ["Thôn 1", "Thôn 2", "Trà Leng"]
    assert added(after["stations"]) == figures(after["total"])[1:]
    assert summary(client, leng) == by_station
    assert figures(by_station["total"]) == figures(after["total"])
    assert client.get(f"/reports?zone={leng}&{YEAR}").text.count(WHOLE) == 1


def test_the_year_of_the_province_after_a_village_moved_has_the_same_total_once_lines_are_gone(
    browser: Browser, year: Year, places: Any
) -> None:
    client, province = browser("operator"), places.province
    as_it_was = as_all_say(client, province, "station")
    year.move(places.leng_2, places.van)
    before = as_all_say(client, province, "station")
    assert {one["name"]: one["airings"] for one in before["stations"]} == {"Trà Leng": 2, "Trà Vân": 8}
    year.rule(province)
    year.night()
    after = as_all_say(client, province, "station", WHOLE)
    assert figures(as_it_was["total"]) == figures(before["total"]) == figures(after["total"])
    assert added(after["stations"]) == figures(after["total"])[1:]
    assert {one["name"]: one["airings"] for one in after["stations"]} == {"Trà Leng": 5, "Trà Vân": 5}
    by_village = summary(client, province, "village")
    assert figures(by_village["total"]) == figures(after["total"])
    assert added(by_village["stations"]) == added(after["stations"])


def test_a_commune_keeps_the_past_of_a_village_that_moved_once_its_lines_are_gone(
    browser: Browser, year: Year, places: Any, add_person: Any
) -> None:
    add_person("official", places.leng, Role.EDITOR)
    clients, may = (browser("operator"), browser("official")), "length=month&day=2026-05-07"
    before = figures(summary(clients[0], places.leng, "village", may)["total"])
    assert before[1] == 2
    year.move(places.leng_2, places.van)

    def after(client: TestClient) -> tuple[Any, list[str], bool]:
        found = summary(client, places.leng, "village", may)
        gone = found["gone"] is not None and found["gone"]["total_whole"]
        return figures(found["total"]), [one["name"] for one in found["stations"] if one["airings"]], gone

    assert [after(client) for client in clients] == [(before, ["Thôn 2"], False), (before, ["Trà Leng"], False)]
    year.rule(places.province)
    year.night()
    assert [after(client) for client in clients] == [(before, ["Trà Leng"], True)] * 2
    assert summary(clients[0], places.van, "village", may)["total"]["airings"] == 1


def test_a_rule_of_one_commune_leaves_the_villages_of_the_other(browser: Browser, year: Year, places: Any) -> None:
    client = browser("operator")
    before = {zone_id: figures(summary(client, zone_id, "village")["total"]) for zone_id in (places.leng, places.van)}
    whole = figures(summary(client, places.province, "village")["total"])
    year.rule(places.leng)
    year.night()
    as_all_say(client, places.van, "village")
    as_all_say(client, places.leng, "village", WHOLE)
    after = {zone_id: figures(summary(client, zone_id, "village")["total"]) for zone_id in (places.leng, places.van)}
    assert after == before
    assert figures(summary(client, places.province, "village")["total"]) == whole


def test_what_is_closed_counts_once_while_its_lines_still_go(browser: Browser, year: Year, places: Any) -> None:
    client = browser("operator")
    before = figures(summary(client, places.leng, "village")["total"])

    def closed(db: Session) -> None:
        for row in db.exec(select(ReportDay).where(col(ReportDay.day) < year.now.date() - timedelta(days=92))):
            row.closed = True

    with year.store.writing() as db:
        closed(db)
    assert figures(summary(client, places.leng, "village")["total"]) == before


def test_a_village_is_not_said_to_have_been_silent(browser: Browser, year: Year, places: Any) -> None:
    client, nothing = browser("operator"), "Ở đây không có lịch phát"
    year.rule(places.province)
    year.night()
    kept = "kết quả ở đây trước ngày đó nằm trong báo cáo của xã khi ấy."
    assert as_all_say(client, places.leng_2, "village", f"{GONE}: {kept}")["total"]["airings"] == 2
    for path in (
        f"/reports/villages/{places.leng_2}/2026-05-07",
        f"/reports?zone={places.leng_2}&length=day&day=2026-05-07",
        f"/reports?zone={places.leng_2}&length=day&day=2026-05-07&missed=1",
    ):
        page = client.get(path).text
        assert "Chi tiết trước ngày 8/5/2026 không còn được lưu" in page, path
        assert nothing not in page, path
    lines = client.get(f"/reports/heard.csv?zone={places.province}&{YEAR}").content
    assert of_csv(lines)[-1][0] == WHOLE
    assert client.get(f"/api/v1/plan-heard?zone_id={places.leng_2}&day=2026-05-07").json()["gone"] == {
        "before": "2026-05-08",
        "total_whole": False,
    }
    fresh = client.get(f"/reports/villages/{places.leng_2}/2026-11-22").text
    assert "không còn được lưu" not in fresh
