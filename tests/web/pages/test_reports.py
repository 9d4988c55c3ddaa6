"""Reports as page, CSV, XLSX and API say the same, in the reader's language."""

import csv
import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import Session, col, select

from broadcast.wire.documents import BroadcastClass
from scheduler.fleet.models import Receiver
from scheduler.notices import rounds
from scheduler.notices.models import Channel, Notice, NoticeChoice
from scheduler.people import signin
from scheduler.people.models import User
from scheduler.reports import book, service
from scheduler.reports.figures import Kind
from scheduler.reports.models import ReportAiring, ReportBook, ReportLine
from scheduler.reports.schemas import LinePage
from scheduler.reports.summing import sum_anew
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones import groups
from scheduler.zones.schemas import GroupNew
from web.notices.words import letter, present
from web.pages import reports

MINUTE_US = 60_000_000
MERGER = date(2025, 7, 1)
XML = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
Browser = Callable[[str], TestClient]


def airing(db: Session, places: Any, start: datetime, heard: dict[str, int], kind: Kind = Kind.BULLETIN) -> None:
    """A settled one with two receivers a village, of which `heard` heard it."""
    row = ReportAiring(
        id=f"A{start.timestamp():.0f}",
        broadcast_id="B",
        kind=kind,
        title="=Lịch tiêm chủng",
        day=(start + timedelta(hours=7)).date(),
        start_at=start,
        duration_us=MINUTE_US,
        zone_ids=[places.province],
        due_at=start,
        settled=True,
    )
    db.add(row)
    db.flush()
    units = {places.leng_1: places.leng, places.leng_2: places.leng, places.van_1: places.van}
    for zone_id, count in heard.items():
        missed = {"not_running": 2 - count} if count < 2 else {}
        db.add(
            ReportLine(
                airing_id=row.id,
                zone_id=zone_id,
                unit_id=units[zone_id],
                day=row.day,
                kind=kind,
                receiver_ids=[f"{zone_id[1:]}{end}" for end in "ab"],
                receivers=2,
                fetched=2,
                started=count,
                heard=count,
                missed=2 - count,
                reason="not_running" if missed else None,
                missed_by=missed,
                error_us=900 if count else None,
                level_dbfs=-21.5 if count else None,
                requested_us=2 * MINUTE_US,
                played_us=count * MINUTE_US,
                settled=True,
            )
        )
    row.unit_ids = sorted({units[zone_id] for zone_id in heard})
    db.flush()
    sum_anew(db, {(row.day, unit_id) for unit_id in row.unit_ids})


@pytest.fixture
def month(store: Store, places: Any, now: datetime, add_person: Any) -> None:
    """Three bulletins and an emergency in November, one bulletin in October."""
    add_person("operator", places.province, Role.OPERATOR)
    add_person("official", places.leng, Role.EDITOR)
    with store.writing() as db:
        for zone_id in (places.leng_1, places.leng_2, places.van_1):
            for end in "ab":
                db.add(Receiver(id=f"{zone_id[1:]}{end}", zone_id=zone_id, name=f"Loa {end}", enrolled_at=now))
        whole = {places.leng_1: 2, places.leng_2: 2, places.van_1: 2}
        airing(db, places, now - timedelta(hours=3), whole)
        airing(db, places, now - timedelta(days=1), whole | {places.leng_1: 1})
        airing(db, places, now - timedelta(days=2), {places.van_1: 0})
        airing(db, places, now - timedelta(days=3), whole | {places.van_1: 0}, Kind.EMERGENCY)
        airing(db, places, now - timedelta(days=40), whole)


def of_xlsx(content: bytes) -> list[list[str | float | None]]:
    """The cells of the only sheet."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        shared = ET.fromstring(parts.read("xl/sharedStrings.xml"))  # noqa: S314 -- our own file
        texts = ["".join(one.itertext()) for one in shared]
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314 -- our own file
    rows: list[list[str | float | None]] = []
    for row in sheet.iter(f"{XML}row"):
        cells: list[str | float | None] = []
        for cell in row:
            value = cell.findtext(f"{XML}v")
            cells.append(None if value is None else texts[int(value)] if cell.get("t") == "s" else float(value))
        rows.append(cells)
    return rows


def of_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.mark.usefixtures("month")
def test_page_csv_xlsx_and_api_say_the_same(browser: Browser, places: Any) -> None:
    client = browser("operator")
    asked = f"zone={places.province}&length=month&day=2026-11-23"
    api = client.get(f"/api/v1/summaries?zone_id={places.province}&day=2026-11-23").json()
    table = of_csv(client.get(f"/reports/stations.csv?{asked}").content)
    sheet = of_xlsx(client.get(f"/reports/stations.xlsx?{asked}").content)[-len(table) :]
    page = client.get(f"/reports/stations?{asked}").text
    shown = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", page, re.DOTALL)]
    names = ("bulletins", "airings", "heard", "emergencies", "emergencies_heard")
    for number, one in enumerate([*api["stations"], api["total"]]):
        cells = table[number + 1]
        assert [int(cell) for cell in cells[6:11]] == [one[name] for name in names]
        assert [float(cell) for cell in cells[11:14]] == [
            one["requested_us"] / 1e6,
            one["played_us"] / 1e6,
            round(one["ratio"], 4),
        ]
        assert sheet[number + 1][6:14] == [float(cell) for cell in cells[6:14]]
        on_page = shown[number * 10 : number * 10 + 10]
        assert [on_page[place] for place in (0, 3, 4, 5)] == [cells[place] for place in (2, 6, 7, 8)]
    assert sheet[0] == table[0]
    assert [row[0] for row in table[1:3]] == ["Trà Leng", "Trà Vân"]
    total = api["total"]
    assert (total["bulletins"], total["airings"], total["heard"], total["clusters"]) == (3, 7, 6, 6)
    assert (total["emergencies"], total["emergencies_heard"]) == (3, 2)


@pytest.mark.usefixtures("month")
def test_villages_add_up_to_communes_and_communes_to_the_province(browser: Browser, places: Any) -> None:
    client = browser("operator")

    def summary(zone_id: str, **other: str) -> Any:
        query = {"zone_id": zone_id, "day": "2026-11-23"} | other
        answer = client.get("/api/v1/summaries", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    communes = {zone_id: summary(zone_id)["total"] for zone_id in (places.leng, places.van)}
    whole = summary(places.province)
    villages = summary(places.province, by="village")
    names = [name for name in whole["total"] if name.startswith(("plays", "airings", "heard", "partly", "emerg"))]
    for name in [*names, "requested_us", "played_us", "clusters"]:
        assert whole["total"][name] == sum(one[name] for one in communes.values()), name
        assert whole["total"][name] == sum(one[name] for one in villages["stations"]), name
        assert whole["total"][name] == sum(one[name] for one in whole["stations"]), name
    assert {one["id"]: one["bulletins"] for one in whole["stations"]} == {places.leng: 2, places.van: 3}
    by_days = [client.get(f"/api/v1/summaries?length=day&day=2026-11-{day:02}").json() for day in range(1, 31)]
    assert sum(one["total"]["played_us"] for one in by_days) == whole["total"]["played_us"]
    lines = client.get("/api/v1/plan-heard?length=month&day=2026-11-01&limit=500").json()["items"]
    assert sum(one["played_us"] for one in lines if one["kind"] != "emergency") == whole["total"]["played_us"]


def as_all_say(client: TestClient, zone_id: str, boundaries: str) -> list[list[str]]:
    """November's rows of the stations and their total, which page, CSV, XLSX and API agree on."""
    asked = f"zone={zone_id}&length=month&day=2026-11-23&boundaries={boundaries}"
    table = of_csv(client.get(f"/reports/stations.csv?{asked}").content)[1:]
    xlsx = of_xlsx(client.get(f"/reports/stations.xlsx?{asked}").content)
    assert [[row[0], *row[6:14]] for row in xlsx[-len(table) :]] == [
        [row[0], *(float(cell) for cell in row[6:14])] for row in table
    ]
    on = f"{date.fromisoformat(boundaries or '2026-11-30'):%-d/%-m/%Y}"
    assert f"Theo địa giới hành chính ngày {on}" in [row[0] for row in xlsx if row]
    query = {"zone_id": zone_id, "day": "2026-11-23"} | ({"boundaries": boundaries} if boundaries else {})
    api = client.get("/api/v1/summaries", params=query).json()
    names = ("bulletins", "airings", "heard", "emergencies", "emergencies_heard")
    said = [[one["code"], *(str(one[name]) for name in names)] for one in api["stations"]]
    assert said == [[row[1], *row[6:11]] for row in table[:-1]]
    assert [str(api["total"][name]) for name in names] == table[-1][6:11]
    page = client.get(f"/reports/stations?{asked}").text
    assert f"ngày {on}" in page
    assert re.findall(r'<tr><th scope="row">(.*?)<small class="muted block">(.*?)</small>', page) == [
        (row[0], row[1]) for row in table[:-1]
    ]
    shown = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", page, re.DOTALL)]
    assert [shown[first + 3 : first + 6] for first in range(0, len(shown), 10)] == [row[6:9] for row in table]
    at = f"boundaries={boundaries}" if boundaries else "day=2026-11-01"
    assert [kind for kind in ("csv", "xlsx") if not re.search(rf'"/reports/stations\.{kind}\?[^"]*{at}"', page)] == []
    return table


@pytest.mark.parametrize("members", [("leng", "van"), ("leng_1", "leng_2", "van_1", "van_2")])
@pytest.mark.usefixtures("month")
def test_old_communes_and_what_they_were_merged_into_are_other_rows_of_the_same_total(
    browser: Browser, store: Store, places: Any, now: datetime, members: tuple[str, ...]
) -> None:
    merged = [getattr(places, name) for name in members]
    new = GroupNew(zone_id=places.province, name="Xã Trà", code="20938", member_ids=merged, valid_from=MERGER)
    with store.writing() as db:
        groups.create_group(db, signin.machine(db), now, new)
    client = browser("operator")
    page = client.get(f"/reports/stations?zone={places.province}&length=month&day=2026-11-23").text
    eras = page.partition('<select id="boundaries"')[2].partition("</select>")[0]
    assert re.findall(r'<option value="(.*?)".*?>(.*?)</option>', eras)[1:] == [("2025-06-30", "trước ngày 1/7/2025")]
    before, since, at_its_end = (as_all_say(client, places.province, on) for on in ("2025-06-30", str(MERGER), ""))
    assert [row[:2] for row in before[:-1]] == [["Trà Leng", "20935"], ["Trà Vân", "20959"]]
    assert [row[:2] for row in since[:-1]] == [["Xã Trà", "20938"]]
    assert [row[6] for row in (*before, *since)] == ["2", "3", "3", "3", "3"]  # one that both heard counts once
    assert before[-1] == since[-1]
    assert since == at_its_end


@pytest.mark.usefixtures("month")
def test_nobody_sees_reports_of_another_commune(browser: Browser, places: Any) -> None:
    client = browser("official")
    mine = client.get("/api/v1/summaries?day=2026-11-23").json()
    assert (mine["zone_id"], [one["name"] for one in mine["stations"]]) == (places.leng, ["Trà Leng"])
    for path in (f"summaries?zone_id={places.van}&day=2026-11-23", f"zones/{places.van_1}/plan-heard/2026-11-23"):
        assert client.get(f"/api/v1/{path}").status_code == 404
    assert client.get(f"/reports?zone={places.van}").status_code == 404
    lines = client.get("/api/v1/plan-heard?length=month&day=2026-11-01").json()["items"]
    assert {one["zone_id"] for one in lines} == {places.leng_1, places.leng_2}


@pytest.mark.usefixtures("month")
def test_the_list_goes_on_where_a_page_ended(browser: Browser) -> None:
    client = browser("operator")
    seen, after = [], ""
    while after is not None:
        query = {"length": "month", "day": "2026-11-01", "limit": "3"} | ({"after": after} if after else {})
        answer = client.get("/api/v1/plan-heard", params=query).json()
        seen += [(one["airing_id"], one["zone_id"]) for one in answer["items"]]
        after = answer.get("next")
    assert len(seen) == len(set(seen)) == 10
    assert client.get("/api/v1/plan-heard?day=2026-11-01&after=rubbish").status_code == 422


@pytest.mark.usefixtures("month")
def test_a_file_has_all_lines_however_many_are_read_together(
    browser: Browser, places: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, asked = browser("operator"), f"/reports/heard.csv?zone={places.province}&length=month&day=2026-11-23"
    whole = of_csv(client.get(asked).content)
    assert len(whole) == 1 + 10
    monkeypatch.setattr(reports, "AT_ONCE", 3)
    most: list[int] = []
    lines = service.lines

    def counted(*args: Any, limit: int, **more: Any) -> LinePage:
        most.append(limit)
        return lines(*args, limit=limit, **more)

    monkeypatch.setattr(service, "lines", counted)
    assert of_csv(client.get(asked).content) == whole
    assert most == [3] * 4
    assert len(of_csv(client.get(f"{asked}&missed=1").content)) == 1 + 3
    assert client.get(f"{asked[:-2]}xx").status_code == 422


@pytest.mark.usefixtures("month")
def test_pages_show_what_was_missed_and_why(browser: Browser, places: Any) -> None:
    client = browser("operator")
    page = client.get("/reports?length=month&day=2026-11-23&missed=1").text
    assert "cụm loa đang tắt" in page
    assert 'href="/reports/villages/' in page
    village = client.get(f"/reports/villages/{places.van_1}/2026-11-21").text
    assert "Trà Vân" in village
    assert client.get("/reports?day=rubbish").status_code == 422
    lines = of_csv(client.get("/reports/heard.csv?length=month&day=2026-11-23").content)
    assert len(lines) == 11
    assert lines[1][4] == "'=Lịch tiêm chủng"  # a spreadsheet would take it for a formula


@pytest.mark.usefixtures("month")
def test_a_drill_is_called_one_and_not_by_its_class(browser: Browser, store: Store, places: Any, now: datetime) -> None:
    with store.writing() as db:
        airing(db, places, now - timedelta(days=4), {places.leng_1: 2}, Kind.DRILL)
        for row in db.exec(select(ReportAiring).where(col(ReportAiring.kind) == Kind.DRILL)):
            row.cls = BroadcastClass.PRIORITY
    client, day = browser("operator"), (now - timedelta(days=4)).date()
    for path in (f"/reports?day={day}", f"/reports/villages/{places.leng_1}/{day}"):
        page = client.get(path).text
        assert '<span class="tag">Diễn tập</span>' in page
        assert "Ưu tiên</span>" not in page


@pytest.mark.usefixtures("month")
def test_a_page_asks_the_database_as_often_for_much_as_for_little(
    browser: Browser, store: Store, places: Any, now: datetime
) -> None:
    client = browser("operator")
    asked: list[str] = []
    engine = store._engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    paths = ("/reports?length=month", "/reports/stations?length=year", f"/reports/villages/{places.leng_1}/2026-11-22")

    def counts() -> list[int]:
        found = []
        for path in paths:
            asked.clear()
            assert client.get(path).status_code == 200
            found.append(len(asked))
        return found

    counts()
    few = counts()
    with store.writing() as db:
        for number in range(12):
            start = now - timedelta(days=1, hours=number + 1)
            airing(db, places, start, {places.leng_1: 2, places.leng_2: 1, places.van_1: 0})
    assert counts() == few


@pytest.mark.usefixtures("month")
def test_a_morning_mail_is_asked_for_and_says_what_was_missed(
    browser: Browser, store: Store, places: Any, now: datetime
) -> None:
    client = browser("operator")
    sent = client.post(
        "/reports/digest", data={"zone": places.province, "wanted": "1"}, headers={"origin": "http://testserver"}
    )
    assert sent.status_code == 200
    began = now - service.BRING_WITHIN
    with store.writing() as db:
        assert service.digests_due(db, now, 6, began) == []  # there is no book yet
        db.add(ReportBook(id=1, opened_until=now, reported_until=now, claimed_until=now))
        assert service.digests_due(db, now, 9, began) == []  # it is eight there
        [(held, day)] = service.digests_due(db, now, 6, began)
        operator = db.exec(select(User).where(col(User.login) == "operator")).one()
        assert (held.user_id, str(day)) == (operator.id, "2026-11-22")
        db.add(NoticeChoice(user_id=operator.id, address="a@b.example", kinds=[]))
    assert [rounds.digests(store, now, [Channel.MAIL], began) for _look in range(2)] == [1, 0]
    with store.reading() as db:
        assert service.digests_due(db, now, 6, began) == []
        [notice] = db.exec(select(Notice))
    told = letter(present("vi", "Asia/Ho_Chi_Minh", now), notice.kind, notice.subject, notice.data, "https://c.example")
    assert told.subject == "Đà Nẵng, Chủ Nhật 22/11: nghe được 3/3 lượt phát"
    assert "08:00 Thôn 1: =Lịch tiêm chủng – 1/2 cụm loa không phát ra tiếng: cụm loa đang tắt" in told.text
    assert f"https://c.example/reports?zone={places.province}&length=day&day=2026-11-22" in told.text
    assert client.delete(f"/api/v1/zones/{places.province}/digest").status_code == 204
    assert client.get(f"/api/v1/zones/{places.province}/digest").json()["subscribed"] is False


@pytest.mark.usefixtures("month")
def test_the_morning_mail_is_switched_on_and_off_on_the_page_of_notices(browser: Browser, places: Any) -> None:
    client = browser("official")
    for wanted, told in (("1", ">đang nhận<"), ("", ">không nhận<")):
        assert told not in client.get("/notices").text
        form = {"zone": places.leng, "wanted": wanted, "back": "notices"}
        switched = client.post("/reports/digest", data=form, headers={"origin": "http://testserver"})
        assert switched.url.path == "/notices"
        assert told in switched.text


def test_an_empty_centre_has_reports_too(
    browser: Browser, store: Store, places: Any, add_person: Any, now: datetime
) -> None:
    add_person("operator", places.province, Role.OPERATOR)
    assert book.keep_all(store, now) == 0
    client = browser("operator")
    for path in ("/reports", "/reports/stations", f"/reports/villages/{places.leng_1}/2026-11-22"):
        assert client.get(path).status_code == 200, path
    assert of_csv(client.get("/reports/stations.csv").content)[-1][6] == "0"


@pytest.mark.usefixtures("month")
def test_a_village_without_a_position_lies_between_its_loudspeakers(
    browser: Browser, places: Any, store: Store
) -> None:
    with store.writing() as db:
        for end, north in (("a", 15.1), ("b", 15.3)):
            receiver = db.get_one(Receiver, f"{places.leng_1[1:]}{end}")
            receiver.latitude, receiver.longitude = north, 108.0
    query = {"zone_id": places.leng, "day": "2026-11-23", "by": "village"}
    rows = browser("official").get("/api/v1/summaries", params=query).json()["stations"]
    assert {row["name"]: (row["latitude"], row["longitude"]) for row in rows} == {
        "Thôn 1": (15.2, 108.0),
        "Thôn 2": (None, None),
    }
