"""What a broadcast's page says of its airings: also of the loudspeakers that told nothing."""

import re
from datetime import timedelta
from typing import Any

from broadcast.clock import to_us
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.fleet.models import Receiver, StoredReport


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
