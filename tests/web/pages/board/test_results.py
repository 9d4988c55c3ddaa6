"""What a broadcast's page says of its airings: also of the loudspeakers that told nothing."""

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import event

from broadcast.clock import to_us
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.reports.figures import Kind
from scheduler.reports.models import ReportAiring, ReportLine
from scheduler.workflow import State


def test_who_told_nothing_is_named_first(official: Any, office: Any) -> None:
    made = office.planned("Lịch tiêm", "2026-11-24T17:00")
    start = office.now - timedelta(hours=2)
    airing_id = f"{made.id}.{to_us(start)}"
    report: dict[str, Any] = {
        "receiver_id": "R0", "broadcast_id": made.id, "outcome": "heard", "planned_start_at": start,
        "received_at": start, "planned_duration_us": 1, "played_us": 1, "gap_us": 0, "underruns": 0, "rms_dbfs": -19.0,
    }  # fmt: skip
    with office.store.writing() as db:
        for receiver_id in ("R0", "R1"):
            db.get_one(Receiver, receiver_id).enrolled_at = start
        for later, minutes in (("R8", None), ("R9", 1)):  # not installed, or only since
            at = start + timedelta(minutes=minutes) if minutes else None
            db.add(Receiver(id=later, zone_id=office.places.leng_1, name=later, enrolled_at=at))
        zone_ids = [office.places.leng_1, office.places.leng_2]
        end_at = start + timedelta(minutes=2)
        db.add(PlannedAiring(id=airing_id, broadcast_id=made.id, start_at=start, end_at=end_at, zone_ids=zone_ids))
        db.flush()
        db.add(StoredReport(**report, number=1, airing_id=airing_id))
    page = official.get(f"/broadcasts/{made.id}").text
    assert re.findall(r'<th scope="row"><a href="/receivers/(\w+)"', page) == ["R1", "R0"]
    assert "không báo về" in page
    assert "Thôn 2 · Lần kết nối cuối" in re.sub(r"\s+", " ", page)


def test_what_has_begun_without_sound_is_not_on_the_air(official: Any, office: Any) -> None:
    made = office.planned("Lịch tiêm", "2026-11-24T17:00")
    start = office.now - timedelta(minutes=1)
    end_at = office.now + timedelta(minutes=1)
    with office.store.writing() as db:
        one = PlannedAiring(
            id=f"{made.id}.{to_us(start)}", broadcast_id=made.id, start_at=start, end_at=end_at, zone_ids=[]
        )
        db.add(one)
    page = official.get(f"/broadcasts/{made.id}").text
    results = page[page.index('id="results"') :]
    assert "chưa có âm thanh" in results
    assert "đang phát" not in results


def test_the_list_is_searched_by_words_and_by_the_number_of_the_paper(official: Any, office: Any) -> None:
    spoken = office.planned("Lịch tiêm chủng", "2026-11-24T17:00")
    other = office.planned("Họp thôn", "2026-11-25T17:00")
    with office.store.writing() as db:
        db.get_one(Broadcast, other.id).document_key = "45/tb-ubnd"

    def found(typed: str) -> list[str]:
        page = official.get("/broadcasts", params={"q": typed}).text
        return re.findall(r'<h2><a href="/broadcasts/(\w+)"', page)

    assert found("tiem chung") == [spoken.id]
    assert found("45/TB") == [other.id]
    assert set(found("")) == {other.id, spoken.id}
    nothing = official.get("/broadcasts", params={"q": "bò tót"}).text
    assert "Không tìm thấy" in nothing
    assert "Chưa có lịch phát" not in nothing
    assert official.get("/api/v1/broadcasts", params={"q": "họp"}).json()["items"][0]["id"] == other.id


class Past:
    """Broadcasts of two villages that are over, and what the book has of them."""

    def __init__(self, office: Any) -> None:
        self.office = office

    def over(self, heard: dict[str, tuple[int, int]], *, settled: bool = True) -> str:
        """The id of one; `heard` is by village of how many receivers how many heard it."""
        made, start = self.office.planned("Lịch tiêm", "2026-11-24T17:00"), self.office.now - timedelta(hours=2)
        key, day = f"{made.id}.{to_us(start)}", start.date()
        with self.office.store.writing() as db:
            db.get_one(Broadcast, made.id).state = State.DONE
            row = {"duration_us": 1, "zone_ids": [], "due_at": start, "title": "", "kind": Kind.BULLETIN, "day": day}
            db.add(ReportAiring(id=key, broadcast_id=made.id, start_at=start, settled=settled, **row))
            db.flush()
            for zone_id, (count, receivers) in heard.items():
                missed = receivers - count if settled else 0
                db.add(
                    ReportLine(
                        airing_id=key, zone_id=zone_id, unit_id=self.office.places.leng, day=day, kind=Kind.BULLETIN,
                        receiver_ids=[], missed_by={}, receivers=receivers, heard=count, missed=missed,
                    )
                )  # fmt: skip
        return str(made.id)

    def listed(self, official: Any) -> dict[str, str]:
        """What stands beside each in the list."""
        page = official.get("/broadcasts").text
        rows = re.findall(r'/broadcasts/(\w{26})">.*?<span class="state (\w+)">(.*?)</li>', page, re.DOTALL)
        return {key: f"{tone}: {' '.join(re.sub(r'<[^>]+>', ' ', text).split())}" for key, tone, text in rows}


def test_what_is_over_says_in_the_list_whether_it_was_heard(official: Any, office: Any) -> None:
    past, one, two = Past(office), office.places.leng_1, office.places.leng_2
    part, whole = past.over({one: (3, 3), two: (2, 4)}), past.over({one: (3, 3), two: (4, 4)})
    none, waited = past.over({one: (0, 3)}), past.over({one: (1, 3)}, settled=False)
    unknown = past.over({})
    assert past.listed(official) == {
        part: "warn: nghe một phần 5/7", whole: "good: đã nghe", none: "warn: không nghe",
        waited: "busy: chờ báo cáo", unknown: "plain: đã phát",
    }  # fmt: skip


def test_the_list_asks_the_database_as_often_for_many_that_are_over_as_for_one(official: Any, office: Any) -> None:
    past, asked = Past(office), list[str]()
    event.listen(office.store._engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    def count() -> int:
        past.listed(official)
        asked.clear()
        past.listed(official)
        return len(asked)

    past.over({office.places.leng_1: (1, 2)})
    one = count()
    for _ in range(8):
        past.over({office.places.leng_1: (1, 2), office.places.leng_2: (0, 2)})
    assert count() == one


def test_the_head_of_a_broadcast_that_is_over_says_what_came_of_it(official: Any, office: Any) -> None:
    made, start = office.planned("Lịch tiêm", "2026-11-24T17:00"), office.now - timedelta(hours=2)
    with office.store.writing() as db:
        db.get_one(Broadcast, made.id).state = State.DONE
        key, end_at = f"{made.id}.{to_us(start)}", start + timedelta(minutes=2)
        zones = [office.places.leng_1]
        db.add(PlannedAiring(id=key, broadcast_id=made.id, start_at=start, end_at=end_at, zone_ids=zones))
    head = official.get(f"/broadcasts/{made.id}").text.partition('id="state"')[2].partition("</div>")[0]
    assert "không nghe" in head
    assert "đã phát" not in head
