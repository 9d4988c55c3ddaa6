"""Rows that grow: reports by their sums, samples by theirs, and what waits for somebody stays."""

import asyncio
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from sqlmodel import SQLModel, select

from broadcast.clock import ManualClock
from broadcast.media import MediaStore
from broadcast.wire.now import Purpose
from scheduler.changes import Changes
from scheduler.emergency.models import EmergencyOrder, OrderProgressRow
from scheduler.fleet.models import StoredReport
from scheduler.fleet.upkeep.models import FaultRecord, ReceiverSample, ReceiverSampleDay
from scheduler.notices.models import Channel, Notice, NoticeState
from scheduler.notices.models import Kind as NoticeKind
from scheduler.reports import service, summing
from scheduler.reports.figures import Kind
from scheduler.reports.models import ReportAiring, ReportDay, ReportLine
from scheduler.reports.schemas import DetailsGone, SummaryOut
from scheduler.reports.spans import Length, span_of
from scheduler.residents.models import Feedback, FeedbackState
from scheduler.residents.models import Subject as About
from scheduler.retention.choosing import Rule, Subject
from scheduler.retention.keeper import LEASE, Keeper, claim
from scheduler.retention.models import RetentionRun
from scheduler.retention.piles import PILES, Share, going
from scheduler.store.batches import batches
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.repository import below
from tests.scheduler.retention.conftest import Attic


def count(attic: Attic, table: type[SQLModel]) -> int:
    with attic.store.reading() as db:
        return len(db.exec(select(table)).all())


def airing(attic: Attic, zone_id: str, unit_id: str, days: int) -> str:
    """One that was heard so many days ago, in the book and as it was reported."""
    key, at = new_id(attic.now), attic.ago(days=days)
    receiver_id = f"R{zone_id[1:]}"
    with attic.store.writing() as db:
        row = ReportAiring(
            id=key, broadcast_id=key, kind=Kind.BULLETIN, title="Bản tin", day=at.date(), start_at=at, settled=True,
            duration_us=1, zone_ids=[zone_id], unit_ids=[unit_id], due_at=at,
        )  # fmt: skip
        db.add(row)
        db.flush()
        db.add(
            ReportLine(
                airing_id=key, zone_id=zone_id, unit_id=unit_id, day=at.date(), kind=Kind.BULLETIN, settled=True,
                receiver_ids=[receiver_id], receivers=1, heard=1, played_us=1, requested_us=1,
            )
        )  # fmt: skip
        db.add(
            StoredReport(
                receiver_id=receiver_id, number=int(at.timestamp()), airing_id=key, broadcast_id=key, outcome="heard",
                planned_start_at=at, planned_duration_us=1, played_us=1, gap_us=0, underruns=0, received_at=at,
            )
        )  # fmt: skip
        db.flush()
        summing.sum_anew(db, {(at.date(), unit_id)})
    return key


def sums(attic: Attic) -> dict[tuple[str, date], int]:
    with attic.store.reading() as db:
        return {(row.unit_id, row.day): row.heard for row in db.exec(select(ReportDay)).all()}


def test_reports_go_and_their_sums_stay(attic: Attic) -> None:
    places = attic.places
    old = airing(attic, places.leng_1, places.leng, 200)
    airing(attic, places.leng_1, places.leng, 20)
    elsewhere = airing(attic, places.van_1, places.van, 200)
    before = sums(attic)
    rule = attic.rule("reports", 100, force=False)
    found = attic.tried(rule.id)
    assert found.count == 2  # a line and a report
    assert (found.oldest or attic.now) < attic.ago(days=199)
    attic.force(rule)
    attic.night()
    assert sums(attic) == before
    with attic.store.reading() as db:
        assert {row.airing_id for row in db.exec(select(ReportLine)).all()} >= {elsewhere}
        assert old not in {row.airing_id for row in db.exec(select(StoredReport)).all()}
        assert db.get(ReportAiring, old) is not None  # that it was on the air
    assert (count(attic, ReportLine), count(attic, StoredReport)) == (2, 2)
    with attic.store.writing() as db:
        summing.sum_anew(db, {(attic.ago(days=200).date(), places.leng)})
    assert sums(attic) == before
    assert attic.audited("retention") == ["retention.create", "retention.force", "retention.run"]


def test_the_sums_of_villages_are_those_of_their_commune_once_its_lines_are_gone(attic: Attic) -> None:
    places, now = attic.places, attic.now
    for days in (200, 199, 20):
        airing(attic, places.leng_1, places.leng, days)
    airing(attic, places.leng_2, places.leng, 200)

    def year() -> SummaryOut:
        with attic.store.reading() as db:
            span = span_of(Length.YEAR, now.date())
            return service.summary(db, attic.commune.operator, now, places.leng, span, by="village")

    before = year()
    attic.rule("reports", 100)
    attic.night()
    after = year()
    assert after.total.model_copy(update={"area": before.total.area}) == before.total
    assert after.total.bulletins == 4
    assert {one.id: one.airings for one in before.stations} == {places.leng_1: 3, places.leng_2: 1}
    assert {one.id: one.airings for one in after.stations} == {places.leng: 3, places.leng_1: 1, places.leng_2: 0}
    assert after.gone == DetailsGone(before=attic.ago(days=198).date(), total_whole=True)


def test_what_is_closed_elsewhere_is_not_read_for_a_village(attic: Attic, monkeypatch: pytest.MonkeyPatch) -> None:
    places, now, both = attic.places, attic.now, (attic.places.leng, attic.places.van)
    for village, commune in ((places.leng_1, places.leng), (places.van_1, places.van)):
        airing(attic, village, commune, 200)
    attic.rule("reports", 100, zone_id=places.province)
    attic.night()
    rows: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        rows.extend([statement] if "FROM report_" in statement else [])

    span = span_of(Length.YEAR, now.date())
    with attic.store.reading() as db:
        event.listen(Engine, "before_cursor_execute", note)
        try:
            found = service.summary(db, attic.commune.operator, now, places.leng_1, span, by="village")
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert found.gone == DetailsGone(before=attic.ago(days=199).date(), total_whole=False)
        assert [one for one in rows if "FROM report_airing" in one] == []
        days = [one for one in rows if "FROM report_day" in one and "FROM report_line" not in one]
        assert [one for one in days if "unit_id IN" not in one and "LIMIT" not in one] == []
        monkeypatch.setattr(summing, "batches", partial(batches, size=1))
        assert summing.last_closed(db, span, both) == dict.fromkeys(both, attic.ago(days=200).date())
        assert summing.last_closed(db, span, [places.van]).keys() == {places.van}


def test_closed_days_are_found_by_their_unit(sqlite_store: Store, now: datetime) -> None:
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_others: object) -> None:
        asked.append((statement, parameters))

    span = span_of(Length.YEAR, now.date())
    with sqlite_store.reading() as db:
        event.listen(Engine, "before_cursor_execute", note)
        try:
            assert not summing.any_closed(db)
            assert summing.last_closed(db, span, ["a", "b"]) == {}
            assert summing.by_unit(db, span, below(["/a/"]), only_closed=True) == {}
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        plans = [
            db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[arg-type]
            for statement, parameters in asked
        ]
    ways = [row[3] for plan in plans for row in plan if "report_day" in row[3]]
    assert len(ways) == 3
    assert [way for way in ways if "INDEX ix_report_day_closed" not in way] == []


def test_what_was_told_of_a_real_emergency_stays(attic: Attic) -> None:
    at = attic.ago(days=300)
    with attic.store.writing() as db:
        for purpose in (Purpose.REAL, Purpose.DRILL):
            db.add(
                EmergencyOrder(
                    id=purpose.value, purpose=purpose, state="over", reason="Lũ", asked_at=at, lapses_at=at, parts=[]
                )
            )
            receiver_id = f"R{attic.places.leng_1[1:]}"
            db.add(OrderProgressRow(order_id=purpose.value, receiver_id=receiver_id, received_at=at, told_at=at))
    attic.rule("reports", 100)
    attic.night()
    with attic.store.reading() as db:
        assert [row.order_id for row in db.exec(select(OrderProgressRow)).all()] == ["real"]


def sample(attic: Attic, at: datetime, temperature_c: float | None) -> None:
    with attic.store.writing() as db:
        receiver_id = f"R{attic.places.leng_1[1:]}"
        db.add(ReceiverSample(receiver_id=receiver_id, at=at, temperature_c=temperature_c, month_bytes=5))


def test_measurements_are_summed_by_day_before_they_go(attic: Attic) -> None:
    for hours, value in ((0, 20.0), (1, 40.0), (2, None)):
        sample(attic, attic.ago(days=100, hours=hours), value)
    sample(attic, attic.ago(days=3), 30.0)
    sample(attic, attic.now, 50.0)
    attic.night()  # by what holds without a rule
    assert count(attic, ReceiverSample) == 2
    with attic.store.reading() as db:
        first, second = db.exec(select(ReceiverSampleDay).order_by("day")).all()
    assert (first.samples, first.temperature_c_min, first.temperature_c_mean, first.temperature_c_max) == (
        3,
        20,
        30,
        40,
    )
    assert (first.level_dbfs_mean, first.month_bytes) == (None, 5)
    assert (second.samples, second.temperature_c_mean) == (1, 30)  # today is not over
    attic.night(at=attic.now + timedelta(days=200))
    assert (count(attic, ReceiverSample), count(attic, ReceiverSampleDay)) == (0, 3)


def test_what_waits_for_somebody_stays(attic: Attic) -> None:
    at, places = attic.ago(days=400), attic.places
    receiver_id = f"R{places.leng_1[1:]}"
    with attic.store.writing() as db:
        for reset_at in (None, at):
            db.add(FaultRecord(id=new_id(attic.now), receiver_id=receiver_id, code="disk", since=at, reset_at=reset_at))
        for state, answered in ((FeedbackState.NEW, None), (FeedbackState.ANSWERED, at)):
            db.add(
                Feedback(
                    id=new_id(attic.now), zone_id=places.leng_1, about=About.OTHER, text="Loa nhỏ", created_at=at,
                    state=state, answered_at=answered,
                )
            )  # fmt: skip
        for notice in (NoticeState.WAITING, NoticeState.SENT):
            db.add(
                Notice(
                    id=new_id(attic.now), key=notice.value, channel=Channel.MAIL, kind=NoticeKind.APPROVED, subject="b",
                    zone_path=f"/{places.province}/{places.leng}/", created_at=at, next_at=at, at=at, state=notice,
                )
            )  # fmt: skip
    for subject in ("faults", "feedback", "notices"):
        attic.rule(subject, 100)
    attic.night()
    with attic.store.reading() as db:
        assert [row.reset_at for row in db.exec(select(FaultRecord)).all()] == [None]
        assert [row.state for row in db.exec(select(Feedback)).all()] == ["new"]
        assert [row.state for row in db.exec(select(Notice)).all()] == ["waiting"]


def test_notices_of_what_moved_and_of_no_place_go_by_rule(attic: Attic) -> None:
    """What a moved village is noted with is the path that it had; what is of no one place goes by the root's rule."""
    at, places = attic.ago(days=400), attic.places
    paths = {"moved": f"/{places.province}/{places.van}/{places.leng_1}/", "elsewhere": f"/{places.van}/", "none": ""}
    with attic.store.writing() as db:
        for key, path in paths.items():
            db.add(
                Notice(
                    id=new_id(attic.now), key=key, channel=Channel.MAIL, kind=NoticeKind.APPROVED, subject="b",
                    zone_path=path, created_at=at, next_at=at, at=at, state=NoticeState.SENT,
                )
            )  # fmt: skip

    def left() -> set[str]:
        with attic.store.reading() as db:
            return set(db.exec(select(Notice.key)).all())

    attic.rule("notices", 100)
    attic.night()
    assert left() == {"elsewhere", "none"}
    attic.rule("notices", 500, zone_id=places.province)
    attic.night(at=attic.now + timedelta(days=1))
    assert left() == {"elsewhere", "none"}
    attic.night(at=attic.now + timedelta(days=200))
    assert left() == set()


def test_a_night_has_one_keeper_and_is_done_once(attic: Attic) -> None:
    day, now = attic.now.date(), attic.now
    assert claim(attic.store, day, now)
    assert not claim(attic.store, day, now)
    assert claim(attic.store, day, now + LEASE)
    attic.night(at=now + LEASE * 3)
    assert not claim(attic.store, day, now + LEASE * 9)


def test_no_batch_reads_a_whole_table_of_reports(sqlite_store: Store, now: datetime) -> None:
    scanned: list[str] = []
    share = Share(Rule("r", Subject.REPORTS, "/a/", 100, "Asia/Ho_Chi_Minh"), ("a", "b"), now)
    with sqlite_store.reading() as db:
        for pile in (pile for held in PILES.values() for pile in held):
            made = going(pile, share).compile(db.connection(), compile_kwargs={"literal_binds": True})
            scanned += [row[3] for row in db.execute(text(f"EXPLAIN QUERY PLAN {made}")) if "SCAN" in row[3]]
    assert scanned == ["SCAN emergency_order"]


async def test_the_keeper_does_one_night_after_the_other(
    sqlite_store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    shelves = MediaStore(tmp_path / "media"), MediaStore(tmp_path / "originals")
    changes = Changes()
    keeper = Keeper(sqlite_store, clock, changes, *shelves, timezone="Asia/Ho_Chi_Minh")
    task = asyncio.create_task(keeper.run())
    async with asyncio.timeout(60):
        for nights in (1, 2):
            while ended(sqlite_store) < nights:
                await clock.advance(timedelta(hours=1))
    task.cancel()
    with sqlite_store.reading() as db:
        days = [run.day for run in db.exec(select(RetentionRun).order_by("day")).all()]
    assert days[0] == date(2026, 11, 23)
    assert len(days) >= 2


def ended(store: Store) -> int:
    with store.reading() as db:
        return len([run for run in db.exec(select(RetentionRun)).all() if run.ended_at is not None])
