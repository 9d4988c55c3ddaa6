"""What is over stays as it was planned, whatever is changed about it afterwards."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from broadcast.clock import from_us, to_us
from scheduler.announcements import service as announcements
from scheduler.announcements.models import Recording, RecordingState
from scheduler.broadcasts import board, onair, planning, recorded, service, span
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.schemas import BoardAiring, BroadcastOut
from scheduler.clashes import EffectKind
from scheduler.fleet.models import StoredReport
from scheduler.library import repository as library
from scheduler.library.using import used
from scheduler.people import signin
from scheduler.reports import book, sources
from scheduler.reports.figures import Kind
from scheduler.reports.models import ReportAiring, ReportLine
from scheduler.retention import needs
from scheduler.store.engine import Store
from scheduler.zones import calendar, groups
from scheduler.zones import service as zones
from scheduler.zones.models import Holiday, Zone
from scheduler.zones.schemas import GroupChange, GroupNew, HolidayNew, ZoneChange, ZoneSettings

DAILY = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2027-06-30"}
LATER = DAILY | {"starts_local": "2026-11-23T17:30"}
START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
YESTERDAY = START.date()
CHANGED = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
LONG_AFTER = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)


def played(commune: Any, now: datetime) -> None:
    """Time goes on to `now`, an hour at a time."""
    while commune.now < now:
        commune.now += timedelta(hours=1)
        with commune.store.writing() as db:
            onair.tick(db, commune.now)


def edited(commune: Any, made: BroadcastOut, draft: Any) -> None:
    """Changed, and approved again."""
    with commune.store.writing() as db:
        version = service.view(db, commune.official, commune.now, made.id).version
        version = service.edit(db, commune.official, commune.now, made.id, draft, version=version).version
        version = service.submit(db, commune.official, commune.now, made.id, version=version).version
        service.approve(db, commune.leader, commune.now, made.id, version=version)


def report(commune: Any, broadcast_id: str, *zone_ids: str) -> None:
    """The receivers of these villages tell that they heard the airing of the first day."""
    with commune.store.writing() as db:
        for zone_id in zone_ids:
            db.add(
                StoredReport(
                    receiver_id=f"R{zone_id[1:]}", number=1, airing_id=f"{broadcast_id}.{to_us(START)}",
                    broadcast_id=broadcast_id, outcome="heard", planned_start_at=START, planned_duration_us=60_000_000,
                    played_us=60_000_000, gap_us=0, underruns=0, received_at=START,
                )
            )  # fmt: skip


def on_board(commune: Any, day: date = YESTERDAY) -> dict[str, list[BoardAiring]]:
    with commune.store.reading() as db:
        shown = board.board(db, commune.official, commune.now, day)
    return {village.zone_name: village.airings for village in shown.villages}


def told(commune: Any) -> dict[str, list[tuple[str, str, str]]]:
    found = on_board(commune)
    return {name: [(one.local, one.title, one.state) for one in airings] for name, airings in found.items()}


def test_another_time_announcement_and_place_do_not_change_the_days_before(commune: Any) -> None:
    made = commune.approved(commune.draft(when=DAILY, zone_ids=[commune.places.leng_1]))
    report(commune, made.id, commune.places.leng_1)
    played(commune, CHANGED)
    edited(commune, made, commune.draft(commune.announce("Tiêm chủng", seconds=600), when=LATER))
    assert told(commune) == {"Thôn 1": [("17:00", "Lịch cúp điện", "heard")], "Thôn 2": []}
    assert [one.title for one in on_board(commune, CHANGED.date())["Thôn 2"]] == ["Tiêm chủng"]
    with commune.store.reading() as db:
        counts = span.span(db, commune.official, commune.now, commune.places.leng, first=YESTERDAY, count=2)
        [segment] = board.timeline(db, commune.official, commune.now, commune.places.leng_1, YESTERDAY).segments
    assert [[(day.times, day.sound_us // 60_000_000) for day in village.days] for village in counts.villages] == [
        [(1, 1), (1, 10)],
        [(0, 0), (1, 10)],
    ]
    assert (segment.title, segment.start, segment.end - segment.start) == (
        "Lịch cúp điện",
        START,
        timedelta(minutes=1),
    )


def test_what_was_said_is_told_of_what_said_it_though_its_broadcast_says_another_thing_now(commune: Any) -> None:
    """In the library, to the nights that let go of sound, and in the book."""
    first, second = commune.announcement_id, commune.announce("Tiêm chủng")
    made = commune.approved(commune.draft(when=DAILY))
    played(commune, CHANGED)
    edited(commune, made, commune.draft(second, when=LATER))
    with commune.store.reading() as db:
        uses = library.uses(db, [first, second], commune.now)
        aired = {key: [one.start_at for one in library.airings(db, key, commune.now, 9)] for key in (first, second)}
        assert needs.last_used(db, [first], commune.now) == {first: START + timedelta(minutes=1)}
        assert used(db, [first], commune.now) == {first}
        [begun] = sources.begun(db, START - timedelta(hours=1), START)
    assert {key: (use.times, use.last_at) for key, use in uses.items()} == {first: (1, START)}
    assert aired == {first: [START], second: []}
    assert begun.title == "Lịch cúp điện"


def test_another_title_is_not_that_of_the_days_before(commune: Any) -> None:
    commune.approved()
    played(commune, CHANGED)
    book.keep_all(commune.store, commune.now)
    with commune.store.writing() as db:
        said = commune.announcement_id
        announcements.rename(db, commune.official, commune.now, said, "Họp dân tháng 12", version=1)
    assert {one.title for airings in on_board(commune).values() for one in airings} == {"Lịch cúp điện"}
    with commune.store.reading() as db:
        [segment] = board.timeline(db, commune.official, commune.now, commune.places.leng_1, YESTERDAY).segments
    assert segment.title == "Lịch cúp điện"


def test_a_village_that_is_left_out_from_now_on_keeps_what_it_heard(commune: Any) -> None:
    made = commune.approved(commune.draft(when=DAILY))
    report(commune, made.id, commune.places.leng_1, commune.places.leng_2)
    played(commune, CHANGED)
    edited(commune, made, commune.draft(when=DAILY, zone_ids=[commune.places.leng_1]))
    assert told(commune)["Thôn 2"] == [("17:00", "Lịch cúp điện", "heard")]
    assert on_board(commune, CHANGED.date())["Thôn 2"] == []


def test_what_waits_to_be_approved_fills_no_day_that_is_over(commune: Any) -> None:
    commune.submitted(commune.draft(when=DAILY))
    once = commune.submitted(commune.draft(when="2026-11-23T18:00"))
    played(commune, CHANGED)
    with commune.store.reading() as db:
        days = [board.board(db, commune.official, commune.now, day) for day in (YESTERDAY, CHANGED.date())]
    assert [one.broadcast_id for one in days[0].villages[0].waiting] == [once.id]
    assert [one.local for one in days[1].villages[0].waiting] == ["17:00"]


def test_what_sounded_this_morning_counts_though_it_was_changed_and_approved_again(commune: Any) -> None:
    with commune.store.writing() as db:
        quota = {"sessions_per_day": 1, "session_us": 3_600_000_000, "gap_us": 0}
        db.get_one(Zone, commune.places.leng).quota = quota
    made = commune.approved(commune.draft(when=DAILY | {"starts_local": "2026-11-23T09:00"}))
    played(commune, commune.later(hours=4))
    with commune.store.reading() as db:
        draft = commune.draft(when=DAILY)
        shown = service.preview(db, commune.official, commune.now, draft, broadcast_id=made.id)
    first = [(effect.kind, effect.at) for effect in shown.places[0].effects]
    assert first == [(EffectKind.QUOTA, START)]
    edited(commune, made, draft)
    with commune.store.reading() as db:
        planned = planning.programme_for(db, commune.places.leng_1, commune.now)
    assert [from_us(airing.start_us).hour for airing in planned[:2]] == [2, 10]
    states = [(one.local, one.state, one.reason) for one in on_board(commune)["Thôn 1"]]
    assert states == [("09:00", "not_heard", None), ("17:00", "not_played", "quota")]


@pytest.mark.parametrize(("late", "window_s"), [("join", 0), ("whole", 36_000)])
def test_what_is_over_is_not_played_late_by_rules_that_came_later(commune: Any, late: str, window_s: int) -> None:
    nine = DAILY | {"starts_local": "2026-11-23T09:00"}
    made = commune.approved(commune.draft(when=nine))
    played(commune, commune.later(hours=4))
    with commune.store.writing() as db:
        db.exec(select(Recording)).one().duration_us = 36_000_000_000
    edited(commune, made, commune.draft(when=DAILY, late=late, window_s=window_s))
    with commune.store.reading() as db:
        first = planning.programme_for(db, commune.places.leng_1, commune.now)[0]
    assert (first.start_us, first.media[0].duration_us, first.window_us) == (
        to_us(START) - 8 * 3_600_000_000,
        60_000_000,
        0,
    )


def test_what_was_stopped_counts_as_long_as_it_sounded_and_receivers_are_not_told_of_it(commune: Any) -> None:
    made = commune.approved(commune.draft(when=DAILY))
    commune.now = START + timedelta(seconds=20)
    with commune.store.writing() as db:
        onair.tick(db, commune.now)
        service.stop(db, commune.leader, commune.now, made.id)
    with commune.store.reading() as db:
        [segment] = board.timeline(db, commune.official, commune.now, commune.places.leng_1).segments
        planned = planning.programme_for(db, commune.places.leng_1, commune.now)
        said = commune.announcement_id
        [use] = library.uses(db, [said], commune.now).values()
        assert needs.last_used(db, [said], commune.now) == {said: commune.now}
    assert (segment.start, segment.end) == (START, commune.now)
    assert from_us(planned[0].start_us) == START + timedelta(days=1)
    assert [(one.state, one.end) for one in on_board(commune)["Thôn 1"]] == [("stopped", commune.now)]
    assert (use.times, use.last_at) == (1, START)


def test_what_was_heard_stays_when_its_sound_is_kept_no_more(commune: Any) -> None:
    made = commune.approved(commune.draft(late="whole", window_s=600))
    report(commune, made.id, commune.places.leng_1)
    played(commune, START + timedelta(hours=1))
    with commune.store.writing() as db:
        recording = db.exec(select(Recording)).one()
        recording.state, recording.sha256 = RecordingState.EXPIRED, None
    [airing] = on_board(commune)["Thôn 1"]
    assert (airing.state, airing.end - airing.start) == ("heard", timedelta(minutes=1))
    with commune.store.reading() as db:
        assert planning.programme_for(db, commune.places.leng_1, commune.now) == ()


def test_reports_that_were_let_go_of_do_not_mean_that_nothing_was_heard(commune: Any) -> None:
    made = commune.approved()
    report(commune, made.id, commune.places.leng_1)
    played(commune, CHANGED)
    assert [(one.state, one.count) for airings in on_board(commune).values() for one in airings] == [
        ("heard", 1),
        ("not_heard", 0),
    ]
    commune.now = LONG_AFTER
    airing_id = f"{made.id}.{to_us(START)}"
    with commune.store.writing() as db:  # of the second village the book still has that it was missed
        db.add(
            ReportAiring(
                id=airing_id, broadcast_id=made.id, kind=Kind.BULLETIN, title="Lịch cúp điện", day=YESTERDAY,
                start_at=START, duration_us=60_000_000, zone_ids=[], due_at=START, settled=True,
            )
        )  # fmt: skip
        db.flush()
        db.add(
            ReportLine(
                airing_id=airing_id, zone_id=commune.places.leng_2, unit_id=commune.places.leng, day=YESTERDAY,
                kind=Kind.BULLETIN, receiver_ids=[], receivers=1, missed=1, settled=True,
            )
        )  # fmt: skip
    assert [one.state for airings in on_board(commune).values() for one in airings] == ["heard", "not_heard"]
    with commune.store.writing() as db:
        db.delete(db.exec(select(StoredReport)).one())
    assert [one.state for airings in on_board(commune).values() for one in airings] == ["not_kept", "not_heard"]
    with commune.store.writing() as db:
        shown = board.airings_shown(db, made.id, START)
        assert board.reports_gone(db, shown, commune.now) == set()
        db.delete(db.exec(select(ReportLine)).one())
        db.flush()
        assert board.reports_gone(db, shown, commune.now) == {airing_id}
        assert board.reports_gone(db, shown, CHANGED) == set()


def test_a_day_that_is_over_is_read_by_as_many_queries_for_many_as_for_few(commune: Any) -> None:
    def queries() -> int:
        with commune.store.reading() as db:
            asked: list[str] = []
            event.listen(db.connection(), "before_cursor_execute", lambda *args: asked.append(args[2]))
            board.board(db, commune.official, LONG_AFTER, YESTERDAY)
            return len(asked)

    none = queries()
    for hour in (17, 18, 19):
        commune.approved(commune.draft(commune.announce(f"{hour}"), when=f"2026-11-23T{hour}:00"))
    assert queries() == none


SKIPPING = DAILY | {"skip_holidays": True}


def half_past_four(commune: Any) -> None:
    """The plans have just been made anew: nothing else is to plan them again before what comes at five is over."""
    commune.now = START - timedelta(minutes=30)
    with commune.store.writing() as db:
        onair.tick(db, commune.now)


def five_is_over(commune: Any) -> None:
    with commune.store.writing() as db:
        onair.tick(db, commune.now + timedelta(seconds=1))
        commune.now = START + timedelta(minutes=2)
        onair.tick(db, commune.now)


def named(commune: Any) -> dict[str, list[str]]:
    return {name: [one.local for one in airings] for name, airings in on_board(commune).items()}


def keep_today(commune: Any, zone_id: str) -> None:
    with commune.store.writing() as db:
        today = HolidayNew(zone_id=zone_id, day=YESTERDAY, name="Lễ hội")
        calendar.add_holiday(db, signin.machine(db), commune.now, today)


def test_members_that_change_shortly_before_an_airing_are_where_it_sounded(commune: Any) -> None:
    places = commune.places
    with commune.store.writing() as db:
        new = GroupNew(zone_id=places.leng, name="Ven suối", member_ids=[places.leng_1])
        group_id = groups.create_group(db, signin.machine(db), commune.now, new).id
    commune.approved(commune.draft(when=DAILY, group_ids=[group_id]))
    half_past_four(commune)
    with commune.store.writing() as db:
        change = GroupChange(member_ids=[places.leng_2])
        groups.change_group(db, signin.machine(db), commune.now, group_id, version=1, change=change)
    five_is_over(commune)
    assert named(commune) == {"Thôn 1": [], "Thôn 2": ["17:00"]}


def test_a_holiday_that_is_added_shortly_before_an_airing_leaves_the_quota_to_others(commune: Any) -> None:
    places = commune.places
    with commune.store.writing() as db:
        quota = {"sessions_per_day": 1, "session_us": 3_600_000_000, "gap_us": 0}
        db.get_one(Zone, places.leng).quota = quota
    commune.approved(commune.draft(when=SKIPPING))
    commune.approved(commune.draft(when="2026-11-23T19:00"))
    half_past_four(commune)
    keep_today(commune, places.leng)
    five_is_over(commune)
    shown = {name: [(one.local, one.reason) for one in airings] for name, airings in on_board(commune).items()}
    assert shown == {"Thôn 1": [("19:00", None)], "Thôn 2": [("19:00", None)]}
    with commune.store.reading() as db:
        first = planning.programme_for(db, places.leng_1, commune.now)[0]
    assert from_us(first.start_us) == START + timedelta(hours=2)


def test_a_holiday_that_is_kept_below_or_kept_no_more_is_planned_at_once_too(commune: Any) -> None:
    places = commune.places
    keep_today(commune, places.leng_1)
    commune.approved(commune.draft(when=SKIPPING, zone_ids=[places.leng]))
    half_past_four(commune)
    keep_today(commune, places.leng_2)
    with commune.store.writing() as db:
        calendar.remove_holiday(db, signin.machine(db), commune.now, places.leng_1, YESTERDAY)
    five_is_over(commune)
    with commune.store.reading() as db:
        sounded = {zone_id: planning.programme_for(db, zone_id, commune.now) for zone_id in vars(places).values()}
    today = {zone_id for zone_id, found in sounded.items() if found and from_us(found[0].start_us) == START}
    assert today == {places.leng_1}


def test_a_village_that_goes_away_with_its_holiday_leaves_the_day_to_what_was_around_it(commune: Any) -> None:
    places = commune.places
    keep_today(commune, places.leng_2)
    made = commune.approved(commune.draft(when=SKIPPING, zone_ids=[places.leng]))
    half_past_four(commune)
    commune.dirty()
    with commune.store.writing() as db:
        zones.move_zone(db, signin.machine(db), commune.now, places.leng_2, version=1, parent_id=places.van)
    assert {f"loa/v1/zones/{zone_id}/programme" for zone_id in vars(places).values()} <= commune.dirty()
    five_is_over(commune)
    with commune.store.reading() as db:
        first = recorded.planned_of(db, made.id, START)[0]
    assert first.zone_ids == [places.leng]


@pytest.mark.parametrize("change", ["moved", "ended", "another clock"])
def test_a_village_that_ends_or_comes_to_a_holiday_is_not_where_it_sounded(commune: Any, change: str) -> None:
    places = commune.places
    with commune.store.writing() as db:
        db.add(Holiday(zone_id=places.van, day=YESTERDAY, name="Lễ hội"))
        db.get_one(Zone, places.leng_2).valid_until = CHANGED.date()
    made = commune.approved(commune.draft(when=SKIPPING))
    half_past_four(commune)
    with commune.store.writing() as db:
        machine = signin.machine(db)
        if change == "moved":
            zones.move_zone(db, machine, commune.now, places.leng_2, version=1, parent_id=places.van)
        elif change == "ended":
            ended = ZoneChange(valid_until=YESTERDAY)
            zones.change_zone(db, machine, commune.now, places.leng_2, version=1, change=ended)
        else:
            far_east = ZoneSettings(timezone="Pacific/Kiritimati")
            zones.change_settings(db, machine, commune.now, places.leng_2, version=1, settings=far_east)
    five_is_over(commune)
    with commune.store.reading() as db:
        first = recorded.planned_of(db, made.id, START)[0]
    assert first.zone_ids == [places.leng_1]


def test_of_many_that_change_at_once_the_soonest_is_planned_first(commune: Any) -> None:
    """And one that does not keep holidays is left as it is."""
    made = []
    for when, time in ((SKIPPING, "19:00"), (SKIPPING, "18:00"), (DAILY, "17:00")):
        made.append(commune.approved(commune.draft(when=when | {"starts_local": f"2026-11-23T{time}"})))
        commune.now += timedelta(seconds=1)  # by their ids the latest is the last
    late, soon, other = made
    half_past_four(commune)
    keep_today(commune, commune.places.leng)
    with commune.store.writing() as db:
        found = recorded.to_plan_further(db, commune.now + onair.AHEAD - onair.PLANNED_AGAIN_AFTER, 5)
        assert [row.id for row in found] == [soon.id, late.id]
        assert db.get_one(Broadcast, other.id).planned_until == commune.now + onair.AHEAD


@pytest.mark.parametrize(
    ("starts_local", "seconds", "policy", "ends"),
    [
        ("20:00", 60, {"late": "whole", "window_s": 21_600}, timedelta(hours=9, minutes=1)),
        ("23:55", 600, {}, timedelta(hours=7, minutes=5)),
    ],
)
def test_what_may_still_sound_after_midnight_is_in_the_day_before(
    commune: Any, starts_local: str, seconds: int, policy: dict[str, Any], ends: timedelta
) -> None:
    long = commune.announce("Tiêm chủng", seconds=seconds)
    commune.approved(commune.draft(long, when=f"2026-11-23T{starts_local}", **policy))
    for after in (timedelta(hours=6), timedelta(hours=7), timedelta(hours=7, minutes=1), ends, timedelta(days=3)):
        commune.now = START + after
        assert named(commune) == {"Thôn 1": [starts_local], "Thôn 2": [starts_local]}, after


def test_a_day_is_read_by_what_was_in_it_not_by_all_that_was_ever_aimed_there(
    sqlite_store: Store, now: datetime
) -> None:
    with sqlite_store.reading() as db:
        asked: list[tuple[str, Any]] = []
        event.listen(db.connection(), "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
        recorded.played(db, ["a"], now - timedelta(days=1), now, now, above=["b"])
        [(query, values)] = asked
        plan = [row[3] for row in db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)]
    steps = [step for step in plan if step.startswith("SEARCH")]
    assert steps[0] == "SEARCH plannedairing USING INDEX ix_plannedairing_start_at (start_at>? AND start_at<?)"
    assert not [step for step in plan if "broadcasttarget" in step and "broadcast_id=?" not in step], plan
