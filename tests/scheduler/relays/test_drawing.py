"""Relays on the board, in a village's day, in weeks, and in what a broadcast would meet."""

from datetime import date
from typing import Any

from sqlalchemy import Engine, event
from sqlmodel import select

from broadcast.wire.documents import Outcome
from scheduler.broadcasts import board, planning, service, span
from scheduler.broadcasts.schemas import BoardAiring
from scheduler.fleet.models import StoredReport
from scheduler.live.asking import Terms
from scheduler.live.models import LiveState, LiveTalk
from scheduler.relays import passing
from scheduler.zones.models import Holiday, Zone
from tests.scheduler.relays.conftest import Asked, Planned

TODAY, TOMORROW = date(2026, 11, 23), date(2026, 11, 24)


def on_board(commune: Any, hours: float, day: date = TODAY) -> dict[str, list[BoardAiring]]:
    with commune.store.reading() as db:
        found = board.board(db, commune.leader, commune.later(hours=hours), day)
    return {village.zone_name: village.airings for village in found.villages}


def test_a_relay_stands_on_the_board_and_in_the_days_of_villages_but_in_no_programme(
    commune: Any, submitted: Planned, planned: Planned, asked: Asked
) -> None:
    made, waiting = planned(), submitted(asked("18:00", title="Dân ca"))
    [one], _other = on_board(commune, 0).values()
    assert (one.broadcast_id, one.title, one.local, one.state) == (f"relay.{made.id}", made.title, "17:00", "planned")
    with commune.store.reading() as db:
        seen = board.board(db, commune.leader, commune.now, TOMORROW)
        assert [item.broadcast_id for item in seen.villages[0].waiting] == [f"relay.{waiting.id}"]
        day = board.timeline(db, commune.leader, commune.now, commune.places.leng_1, TOMORROW)
        assert [segment.title for segment in day.segments] == [made.title]
        week = span.span(db, commune.leader, commune.now, commune.places.leng, first=TODAY, count=7)
        assert [count.times for count in week.villages[0].days] == [1, 1, 0, 0, 0, 0, 0]
        assert planning.programme_for(db, commune.places.leng, commune.now) == ()


def test_one_that_waits_is_drawn_on_no_holiday_that_it_leaves_out(
    commune: Any, submitted: Planned, asked: Asked
) -> None:
    with commune.store.writing() as db:
        db.add(Holiday(zone_id=commune.places.leng, day=TOMORROW, name="Ngày Di sản"))
    when = {"starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-24", "skip_holidays": True}
    submitted(asked(when=when))
    with commune.store.reading() as db:
        days = [board.board(db, commune.leader, commune.now, day).villages[0] for day in (TODAY, TOMORROW)]
    assert [len(day.waiting) for day in days] == [1, 0]


def test_what_became_of_it_stands_there_afterwards(commune: Any, planned: Planned, terms: Terms) -> None:
    planned()
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).quiet_hours = [{"start_minute": 1030, "end_minute": 300}]
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9, seconds=1), terms)
        [talk] = db.exec(select(LiveTalk)).all()
        talk.state, talk.began_at, talk.ended_at = LiveState.ENDED, commune.later(hours=9), commune.later(hours=9.25)
        db.add(
            StoredReport(
                receiver_id=f"R{commune.places.leng_2[1:]}", number=1, airing_id=f"live.{talk.id}",
                broadcast_id=talk.id, outcome=Outcome.HEARD, planned_start_at=talk.began_at,
                planned_duration_us=900_000_000, played_us=900_000_000, gap_us=0, underruns=0, rms_dbfs=-20.0,
                received_at=commune.later(hours=9.3),
            )
        )  # fmt: skip
    found = on_board(commune, 10)
    assert [(one.state, one.count) for one in found["Thôn 2"]] == [("heard", 1)]
    assert [one.state for one in found["Thôn 1"]] == ["not_played"]


def test_one_that_could_not_come_is_told_where_it_was_to_be_heard(commune: Any, planned: Planned) -> None:
    planned()
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=9, seconds=1), Terms())
    assert [[one.state for one in found] for found in on_board(commune, 10).values()] == [["not_played"]] * 2


def test_a_broadcast_that_meets_one_is_told_so(commune: Any, planned: Planned) -> None:
    made = planned()
    with commune.store.reading() as db:
        met = service.preview(db, commune.official, commune.now, commune.draft(when="2026-11-23T17:05"))
    effects = [effect for place in met.places for effect in place.effects]
    assert {effect.other_title for effect in effects} == {made.title}


def test_relays_cost_the_board_a_fixed_number_of_queries(commune: Any, planned: Planned, asked: Asked) -> None:
    def queries() -> int:
        counted: list[str] = []

        def note(*args: Any) -> None:
            counted.append(args[2])

        event.listen(Engine, "before_cursor_execute", note)
        on_board(commune, 0)
        event.remove(Engine, "before_cursor_execute", note)
        return len(counted)

    planned()
    of_one = queries()
    for clock in ("06:00", "11:00", "13:00"):
        planned(asked(clock, zone_ids=[commune.places.leng_1, commune.places.leng_2]))
    assert queries() == of_one
