"""What was planned and reported is in the book once, on both databases."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from broadcast.clock import ManualClock, to_us
from broadcast.wire.documents import Hearing, Late, Outcome
from broadcast.wire.now import Purpose
from scheduler.aside import ASIDE_US
from scheduler.bank.models import BankEntry
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.changes import Changes
from scheduler.emergency.models import EmergencyOrder, OrderTarget
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep import village
from scheduler.fleet.upkeep.schemas import Confirmed, HeardIn
from scheduler.reports import book, service
from scheduler.reports.models import ReportAiring, ReportBook, ReportLine
from scheduler.reports.schemas import LineOut
from scheduler.reports.spans import Length, span_of
from scheduler.zones.models import Zone

EVENING = datetime(2026, 11, 30, 16, 59, 30, tzinfo=UTC)  # 23:59:30 on the last day of November in Vietnam
DAY = date(2026, 11, 30)
LIMIT_S = 60


def lines(ledger: Any, day: date = DAY) -> dict[str, LineOut]:
    """Of that day in Trà Leng, by village."""
    commune = ledger.commune
    with commune.store.reading() as db:
        span = span_of(Length.DAY, day)
        found = service.lines(db, commune.official, commune.now, commune.places.leng, span).items
    return {one.zone_id: one for one in found}


def test_an_airing_past_midnight_and_the_months_end_counts_once_where_it_began(ledger: Any) -> None:
    places = ledger.commune.places
    airing_id = ledger.plan(EVENING)
    later = EVENING + timedelta(minutes=3)
    for receiver_id in ledger.receivers.values():
        ledger.report(airing_id, receiver_id, at=later)
    assert ledger.keep(later) == 2
    november, december = ledger.month(DAY).total, ledger.month(date(2026, 12, 1)).total
    assert (november.bulletins, november.airings, november.heard, november.ratio) == (1, 2, 2, 1.0)
    assert (december.bulletins, december.airings) == (0, 0)
    assert lines(ledger).keys() == {places.leng_1, places.leng_2}
    assert lines(ledger, date(2026, 12, 1)) == {}


def test_what_is_waited_for_is_neither_heard_nor_missed(ledger: Any) -> None:
    one, two = ledger.receivers.items()
    airing_id = ledger.plan(EVENING)
    assert ledger.keep(EVENING - timedelta(minutes=1)) == 0
    ledger.keep(EVENING + timedelta(seconds=5))
    assert {line.waiting for line in lines(ledger).values()} == {1}
    ledger.report(airing_id, one[1], at=EVENING + timedelta(seconds=61))
    ledger.keep(EVENING + timedelta(seconds=70))
    assert (lines(ledger)[one[0]].heard, lines(ledger)[two[0]].waiting) == (1, 1)
    assert ledger.month(DAY).total.airings == 0  # sums are of what is settled
    ledger.keep(EVENING + timedelta(minutes=3))
    assert lines(ledger)[two[0]].missed_by == {"no_report": 1}
    summed = ledger.month(DAY).total
    assert (summed.airings, summed.heard, summed.plays_missed, summed.ratio) == (2, 1, 1, 0.5)


def test_a_report_of_a_node_that_was_away_for_weeks_still_counts(ledger: Any) -> None:
    zone_id, receiver_id = next(iter(ledger.receivers.items()))
    airing_id = ledger.plan(EVENING)
    ledger.keep(EVENING + timedelta(minutes=3))
    assert lines(ledger)[zone_id].heard == 0
    back = EVENING + timedelta(days=20)
    ledger.report(airing_id, receiver_id, at=back)
    assert ledger.keep(back + timedelta(seconds=1)) == 1
    assert (lines(ledger)[zone_id].heard, lines(ledger)[zone_id].missed) == (1, 0)
    assert ledger.keep(back + timedelta(seconds=2)) == 0


def test_who_moves_or_comes_later_changes_no_past(ledger: Any) -> None:
    commune, places = ledger.commune, ledger.commune.places
    ledger.plan(EVENING, places.leng_1)
    ledger.keep(EVENING + timedelta(minutes=3))
    moved = ledger.receivers[places.leng_1]
    with commune.store.writing() as db:
        db.get_one(Receiver, moved).zone_id = places.van_2
        db.add(Receiver(id="R-new", zone_id=places.leng_1, name="Loa mới", enrolled_at=EVENING + timedelta(days=1)))
    ledger.report(f"{ledger.broadcast_id}.{int(EVENING.timestamp() * 1e6)}", moved, at=EVENING + timedelta(days=2))
    ledger.keep(EVENING + timedelta(days=2))
    [line] = lines(ledger).values()
    assert (line.zone_id, line.receivers, line.heard) == (places.leng_1, 1, 1)


def test_who_played_without_being_expected_counts_where_it_stands(ledger: Any) -> None:
    commune, places = ledger.commune, ledger.commune.places
    airing_id = ledger.plan(EVENING, places.leng_1)
    with commune.store.writing() as db:
        db.add(Receiver(id="R-early", zone_id=places.leng_2, name="Loa"))  # nobody noted that it was installed
    ledger.report(airing_id, "R-early", at=EVENING + timedelta(minutes=2))
    ledger.keep(EVENING + timedelta(minutes=3))
    assert {zone_id: line.heard for zone_id, line in lines(ledger).items()} == {places.leng_1: 0, places.leng_2: 1}


def test_what_was_stopped_asks_for_no_more_than_until_then(ledger: Any) -> None:
    places = ledger.commune.places
    ledger.plan(EVENING - timedelta(hours=2), places.leng_1, withdrawn_at=EVENING - timedelta(hours=3))
    airing_id = ledger.plan(EVENING, places.leng_1, withdrawn_at=EVENING + timedelta(seconds=20))
    receiver_id = ledger.receivers[places.leng_1]
    late = EVENING + timedelta(minutes=3)
    ledger.report(airing_id, receiver_id, Outcome.CUT, at=late, played_us=21_000_000, reason="withdrawn")
    ledger.keep(late)
    [line] = lines(ledger).values()
    assert (line.requested_us, line.played_us, line.missed_by) == (20_000_000, 20_000_000, {"withdrawn": 1})


@pytest.mark.parametrize("whole_before", [False, True])
def test_other_rules_for_what_comes_change_no_past(ledger: Any, whole_before: bool) -> None:
    """How long the day before may sound late is known from its broadcast, which plays tomorrow by other rules."""
    places, airing_id = ledger.commune.places, ledger.plan(EVENING)
    over = EVENING + timedelta(hours=1)

    def ruled(*, whole: bool) -> None:
        with ledger.commune.store.writing() as db:
            broadcast = db.get_one(Broadcast, ledger.broadcast_id)
            broadcast.late, broadcast.window_s = (Late.WHOLE, 1800) if whole else (Late.JOIN, 0)

    ruled(whole=whole_before)
    if whole_before:
        with ledger.commune.store.writing() as db:
            db.get_one(PlannedAiring, airing_id).end_at += timedelta(seconds=1800)
    ledger.keep(EVENING + timedelta(seconds=5))
    ruled(whole=not whole_before)
    ledger.keep(over)
    ledger.report(airing_id, ledger.receivers[places.leng_1], at=over)
    ledger.keep(over + timedelta(seconds=1))
    found = {zone_id: (line.requested_us, line.played_us) for zone_id, line in lines(ledger).items()}
    assert found == {places.leng_1: (60_000_000, 60_000_000), places.leng_2: (60_000_000, 0)}


def test_what_was_planned_longer_while_it_sounded_asks_for_that(ledger: Any) -> None:
    airing_id = ledger.plan(EVENING)
    ledger.keep(EVENING + timedelta(seconds=5))
    with ledger.commune.store.writing() as db:  # its sound was produced only then
        db.get_one(PlannedAiring, airing_id).end_at += timedelta(minutes=1)
    ledger.keep(EVENING + timedelta(minutes=4))
    assert {line.requested_us for line in lines(ledger).values()} == {120_000_000}


def test_the_microphone_is_told_beside_the_device(ledger: Any) -> None:
    places, late = ledger.commune.places, EVENING + timedelta(minutes=3)
    airing_id = ledger.plan(EVENING)
    ledger.report(airing_id, ledger.receivers[places.leng_1], at=late, microphone=Hearing.FAINT)
    ledger.report(airing_id, ledger.receivers[places.leng_2], at=late, microphone=Hearing.NOT_HEARD)
    ledger.keep(late)
    heard, unheard = lines(ledger)[places.leng_1], lines(ledger)[places.leng_2]
    assert (heard.heard, heard.level_dbfs, heard.microphone_dbfs, heard.error_us) == (1, -21.0, -34.0, 1500)
    assert (unheard.heard, unheard.missed_by) == (0, {"not_heard_by_microphone": 1})
    with ledger.commune.store.reading() as db:
        day = service.village_day(db, ledger.commune.official, ledger.commune.now, places.leng_1, DAY)
    [airing] = day.airings
    assert (airing.results[0].result, airing.results[0].microphone_dbfs) == ("faint", -34.0)
    assert (day.figures.plays_heard, day.place) == (1, ["Đà Nẵng", "Trà Leng"])


def test_a_past_before_the_book_was_kept_is_made_up_for_in_rounds(ledger: Any) -> None:
    for number in range(450):
        ledger.plan(EVENING - timedelta(hours=number), ledger.commune.places.leng_1)
    assert ledger.keep(EVENING + timedelta(minutes=3)) == 450
    assert ledger.keep(EVENING + timedelta(minutes=4)) == 0
    with ledger.commune.store.reading() as db:
        assert len(db.exec(select(ReportAiring)).all()) == len(db.exec(select(ReportLine)).all()) == 450


def test_one_process_keeps_the_book_and_another_takes_over_from_a_dead_one(ledger: Any) -> None:
    late = EVENING + timedelta(minutes=3)
    ledger.plan(EVENING)
    ledger.keep(EVENING - timedelta(days=1))
    with ledger.commune.store.writing() as db:
        db.get_one(ReportBook, 1).claimed_until = late + timedelta(minutes=1)
    assert book.keep(ledger.commune.store, late).lines == 0
    assert book.keep(ledger.commune.store, late + timedelta(minutes=1)).lines == 2


def test_the_book_makes_way_for_what_is_urgent_and_loses_nothing(ledger: Any) -> None:
    store, late = ledger.commune.store, EVENING + timedelta(minutes=3)
    ledger.keep(EVENING - timedelta(days=9))
    for number in range(60):
        airing_id = ledger.plan(EVENING - timedelta(hours=number))
        for receiver_id in ledger.receivers.values():
            ledger.report(airing_id, receiver_id, at=late)
    urgent = iter([True, False, True, False, False, False])
    made = [book.keep(store, late, lambda: next(urgent)) for _round in range(3)]
    assert [(one.airings, one.lines, one.aside) for one in made] == [(0, 0, True), (25, 50, True), (60, 70, False)]
    assert book.keep(store, late).lines == 0
    total = ledger.month(DAY).total
    assert (total.bulletins, total.plays_heard) == (60, 120)


def test_receivers_are_worked_out_a_few_at_a_time(ledger: Any) -> None:
    asked = 0

    def looked() -> bool:
        nonlocal asked
        asked += 1
        return False

    leng_1, commune = ledger.commune.places.leng_1, ledger.commune
    with commune.store.writing() as db:
        for number in range(book.MOST_RECEIVERS):
            at = commune.now - timedelta(days=400)
            db.add(Receiver(id=f"R-{number}", zone_id=leng_1, name=f"Loa {number}", enrolled_at=at))
    ledger.keep(EVENING - timedelta(days=9))
    for number in range(3):
        ledger.plan(EVENING - timedelta(hours=number), leng_1)
    assert (book.keep(commune.store, EVENING + timedelta(minutes=3), looked).lines, asked) == (3, 3)


class Told(Changes):
    """It says when something was told."""

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()

    def tell(self, words: Iterable[str]) -> None:
        super().tell(words)
        self.event.set()


async def test_the_book_is_kept_although_one_emergency_follows_the_other(ledger: Any) -> None:
    clock, told = ManualClock(EVENING), Told()
    ledger.keep(EVENING - timedelta(days=9))
    ledger.plan(EVENING - timedelta(minutes=30))
    kept = asyncio.create_task(book.BookKeeper(ledger.commune.store, clock, told, lambda: True).run())
    await clock.advance(timedelta(microseconds=ASIDE_US - 1))
    assert _airings(ledger) == 0
    await clock.advance(timedelta(seconds=1))
    async with asyncio.timeout(LIMIT_S):
        await told.event.wait()
    kept.cancel()
    assert _airings(ledger) == 1


def _airings(ledger: Any) -> int:
    with ledger.commune.store.reading() as db:
        return len(db.exec(select(ReportAiring)).all())


def test_the_signed_paper_and_what_people_say_stand_beside_what_was_measured(ledger: Any) -> None:
    commune, places = ledger.commune, ledger.commune.places
    airing_id = ledger.plan(EVENING)
    later = EVENING + timedelta(minutes=3)
    ledger.keep(later)
    with commune.store.writing() as db:
        db.get_one(Broadcast, ledger.broadcast_id).document_no = "45/TB-UBND"
        for actor, heard in ((commune.official, True), (commune.leader, False), (commune.operator, True)):
            village.say_heard(db, actor, later, airing_id, HeardIn(zone_id=places.leng_1, heard=heard))
    found = lines(ledger)
    assert {line.document_no for line in found.values()} == {"45/TB-UBND"}
    assert found[places.leng_1].confirmed == Confirmed(yes=2, no=1)
    assert found[places.leng_1].heard == 0
    assert found[places.leng_2].confirmed is None


def test_orders_are_called_by_what_was_said_and_by_their_reason_only_where_nothing_was(ledger: Any) -> None:
    store, places = ledger.commune.store, ledger.commune.places
    said = {
        "A": [{"kind": "bank", "id": "siren-rise-fall.1"}, {"kind": "bank", "id": "drill-storm.1"}],
        "B": [{"kind": "text", "text": "Diễn tập.  Nước lên.", "language": "vi"}],
        "C": [{"kind": "live"}],
    }
    with store.writing() as db:
        db.add(
            BankEntry(
                id="drill-storm.1", name="drill-storm", revision=1, titles={"vi": "Diễn tập: Bão"}, made_at=EVENING
            )
        )
        for key, parts in said.items():
            db.add(
                EmergencyOrder(
                    id=key, purpose=Purpose.DRILL, state="issued", parts=parts, reason="Diễn tập quý IV",
                    asked_at=EVENING, lapses_at=EVENING, issued_at=EVENING, start_us=to_us(EVENING),
                )
            )  # fmt: skip
            db.flush()
            db.add(OrderTarget(order_id=key, zone_id=places.leng))
    ledger.keep(EVENING + timedelta(minutes=3))
    with store.reading() as db:
        titles = {row.id: row.title for row in db.exec(select(ReportAiring))}
    assert titles == {"A": "Diễn tập: Bão", "B": "Diễn tập. Nước lên.", "C": "Diễn tập quý IV"}


def test_an_airing_s_villages_are_listed_by_name_on_one_page_or_on_several(ledger: Any) -> None:
    commune, places = ledger.commune, ledger.commune.places
    with commune.store.writing() as db:
        db.get_one(Zone, places.leng_1).name = "Thôn Tư"
        db.get_one(Zone, places.leng_2).name = "Thôn Ba"
    for early in (timedelta(0), timedelta(hours=1)):
        ledger.plan(EVENING - early)
    ledger.keep(EVENING + timedelta(minutes=3))
    span, found, after = span_of(Length.DAY, DAY), [], None
    with commune.store.reading() as db:
        while True:
            page = service.lines(db, commune.official, commune.now, places.leng, span, after=after, limit=1)
            found += [(one.start, one.zone_name) for one in page.items]
            after = page.next
            if after is None:
                break
        whole = service.lines(db, commune.official, commune.now, places.leng, span).items
    starts = (EVENING, EVENING - timedelta(hours=1))
    assert found == [(start, name) for start in starts for name in ("Thôn Ba", "Thôn Tư")]
    assert [(one.start, one.zone_name) for one in whole] == found
