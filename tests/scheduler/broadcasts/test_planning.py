from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from broadcast.clock import from_us, to_us
from scheduler.announcements import service as announcements
from scheduler.announcements.models import Recording, RecordingState
from scheduler.announcements.schemas import NewAnnouncement, TextRecording
from scheduler.broadcasts import board, onair, planning, recorded, service, span
from scheduler.broadcasts.models import Broadcast, BroadcastTarget
from scheduler.broadcasts.schemas import CancelIn
from scheduler.clashes import EffectKind
from scheduler.errors import Forbidden, Invalid, NotFound
from scheduler.fleet import builders
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.people import signin
from scheduler.timeline import resolve
from scheduler.zones import calendar
from scheduler.zones import service as zones
from scheduler.zones.models import Group, GroupMember, Holiday, Zone
from scheduler.zones.schemas import HolidayNew, ZoneSettings

DAILY = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"}
START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def days_of(commune: Any, zone_id: str, now: datetime | None = None) -> list[int]:
    with commune.store.reading() as db:
        planned = planning.programme_for(db, zone_id, now or commune.now)
    return [from_us(airing.start_us).day for airing in planned]


def test_a_programme_runs_seven_days_ahead_from_the_start_of_the_day(commune: Any) -> None:
    commune.approved(commune.draft(when=DAILY))
    assert days_of(commune, commune.places.leng_1) == [23, 24, 25, 26, 27, 28, 29]
    late = datetime(2026, 11, 24, 16, 59, tzinfo=UTC)
    assert days_of(commune, commune.places.leng_1, late) == [24, 25, 26, 27, 28, 29, 30, 1]
    assert days_of(commune, commune.places.leng) == []
    assert days_of(commune, "nowhere") == []


def test_what_is_done_today_stays_until_the_day_is_over(commune: Any) -> None:
    commune.approved()
    after = START + timedelta(hours=2)
    with commune.store.writing() as db:
        onair.tick(db, START)
        onair.tick(db, after)
    assert days_of(commune, commune.places.leng_1, after) == [23]
    assert days_of(commune, commune.places.leng_1, after + timedelta(days=1)) == []


def test_what_sounded_counts_for_the_day_though_it_was_cancelled_or_changed_since(commune: Any) -> None:
    """Else a quota of one session a day is gone round by cancelling what has played."""
    cancelled, changed = (
        commune.approved(commune.draft(when=DAILY | {"starts_local": f"2026-11-23T{h}:00"})) for h in ("09", "10")
    )
    coming = commune.approved()
    noon = commune.later(hours=4)
    with commune.store.writing() as db:
        onair.tick(db, noon)
        db.get_one(Zone, commune.places.leng_1).quota = {
            "sessions_per_day": 2,
            "session_us": 3_600_000_000,
            "gap_us": 0,
        }
        with pytest.raises(Invalid, match="over"):
            service.cancel(db, commune.official, noon, cancelled.id, CancelIn(occurrence=commune.later(hours=1)))
        service.cancel(db, commune.official, noon, cancelled.id)
        service.edit(db, commune.official, noon, changed.id, commune.draft(when=DAILY), version=changed.version)
    with commune.store.reading() as db:
        resolution = board.timeline(db, commune.official, noon, commune.places.leng_1)
        shown = board.board(db, commune.official, noon).villages[0].airings
    assert [segment.broadcast_id for segment in resolution.segments] == [cancelled.id, changed.id]
    assert [dropped.airing_id.partition(".")[0] for dropped in resolution.silent] == [coming.id]
    assert [airing.broadcast_id for airing in shown] == [cancelled.id, changed.id, coming.id]
    assert days_of(commune, commune.places.leng_1, commune.later(days=1)) == []


def test_what_is_not_approved_is_in_no_programme(commune: Any) -> None:
    commune.submitted()
    assert days_of(commune, commune.places.leng_1) == []


def test_a_group_puts_it_into_the_programmes_of_its_zones_once(commune: Any) -> None:
    with commune.store.writing() as db:
        db.add(Group(id="G1", zone_id=commune.places.leng, name="Ven suối"))
        db.flush()
        db.add(GroupMember(group_id="G1", zone_id=commune.places.leng_1))
    commune.approved(commune.draft(group_ids=["G1"], zone_ids=[commune.places.leng_1]))
    assert days_of(commune, commune.places.leng_1) == [23]
    assert days_of(commune, commune.places.leng_2) == []


def test_each_village_hears_the_recording_in_its_own_language(commune: Any) -> None:
    """From what was typed to the documents, and through the timeline that receivers play by."""
    words = {"vi": "Sáng mai tiêm chủng.", "SED": "Hdai tiem."}
    recordings = [TextRecording(language=language, text=text) for language, text in words.items()]
    new = NewAnnouncement(zone_id=commune.places.leng, title="Tiêm chủng", recordings=recordings)
    settings = ZoneSettings.model_validate({"languages": ["Sed", "vi"]})
    with commune.store.writing() as db:
        made = announcements.create(db, commune.official, commune.now, new)
        for digit, shown in enumerate(made.recordings):
            row = db.get_one(Recording, shown.id)
            row.state, row.sha256, row.size_bytes = RecordingState.READY, f"{digit}" * 64, 9
            row.duration_us = 60_000_000
        zones.change_settings(db, signin.machine(db), commune.now, commune.places.leng_2, version=1, settings=settings)
    commune.approved(commune.draft(made.id))
    heard = {}
    with commune.store.reading() as db:
        for zone_id in (commune.places.leng_1, commune.places.leng_2):
            programme = builders.programme(db, zone_id, commune.now)
            told = builders.receiver_settings(db, f"R{zone_id[1:]}", commune.now)
            assert programme is not None
            assert told is not None
            plan, rules = programme.document.airings, told.document  # type: ignore[union-attr]
            [segment] = resolve(plan, rules.rules, rules.languages).segments  # type: ignore[union-attr]
            heard[zone_id] = segment.media.language
    assert heard == {commune.places.leng_1: "vi", commune.places.leng_2: "sed"}


def test_a_holiday_counts_where_it_is_kept_and_below(commune: Any) -> None:
    with commune.store.writing() as db:
        db.add(Holiday(zone_id=commune.places.leng, day=date(2026, 11, 24), name="Lễ"))
        db.add(Holiday(zone_id=commune.places.leng_2, day=date(2026, 11, 25), name="Lễ của thôn"))
    skipping = commune.approved(commune.draft(when=DAILY | {"skip_holidays": True}))
    assert days_of(commune, commune.places.leng_1) == [23, 25, 26, 27, 28, 29]
    assert days_of(commune, commune.places.leng_2) == [23, 26, 27, 28, 29]
    with commune.store.reading() as db:
        rows = {row.start_at.day: row.zone_ids for row in recorded.planned_of(db, skipping.id, commune.now)}
    assert rows[25] == [commune.places.leng_1]
    assert 24 not in rows


SKIPPING = DAILY | {"skip_holidays": True}


def keep_the_25th(commune: Any, zone_id: str) -> None:
    with commune.store.writing() as db:
        calendar.add_holiday(
            db, signin.machine(db), commune.now, HolidayNew(zone_id=zone_id, day=date(2026, 11, 25), name="Lễ hội")
        )


def heard_on(commune: Any, zone_id: str, day: date) -> list[str]:
    with commune.store.reading() as db:
        found = board.timeline(db, commune.operator, commune.now, zone_id, day)
    return [segment.airing_id for segment in found.segments]


def test_a_holiday_below_the_place_aimed_at_silences_only_where_it_is_kept(commune: Any) -> None:
    """And receivers that stand at a zone above it: what they play would sound there too."""
    places = commune.places
    keep_the_25th(commune, places.leng_2)
    made = commune.approved(commune.draft(when=SKIPPING, zone_ids=[places.leng]))
    assert days_of(commune, places.leng) == [23, 24, 26, 27, 28, 29]
    assert days_of(commune, places.leng_1) == [25]
    assert days_of(commune, places.leng_2) == []
    [airing_id] = heard_on(commune, places.leng_1, date(2026, 11, 25))
    assert [heard_on(commune, zone_id, date(2026, 11, 25)) for zone_id in (places.leng, places.leng_2)] == [[], []]
    assert heard_on(commune, places.leng_2, date(2026, 11, 26)) == heard_on(commune, places.leng, date(2026, 11, 26))
    with commune.store.reading() as db:
        rows = {row.start_at.day: row for row in recorded.planned_of(db, made.id, commune.now)}
        month = span.span(db, commune.official, commune.now, places.leng, first=date(2026, 11, 23), count=4)
        shown = board.board(db, commune.official, commune.now, date(2026, 11, 25), zone_id=places.leng).villages
    assert (rows[25].id, rows[25].zone_ids) == (airing_id, [places.leng_1])
    assert rows[26].zone_ids == [places.leng]
    assert [[count.times for count in village.days] for village in month.villages] == [[1, 1, 1, 1], [1, 1, 0, 1]]
    assert [[one.airing_id for one in village.airings] for village in shown] == [[airing_id], []]
    after = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    assert days_of(commune, places.leng_1, after) == [25]


def test_what_is_aimed_far_above_a_holiday_is_said_by_the_largest_zones_beside_it(commune: Any) -> None:
    """Where two zones aimed at hold one another it is one airing still; who keeps more days is not played to more."""
    places = commune.places
    keep_the_25th(commune, places.leng_2)
    draft = commune.draft(when=SKIPPING, zone_ids=[places.leng, places.leng_1])
    made = commune.approved(draft)
    with commune.store.writing() as db:
        db.add(BroadcastTarget(broadcast_id=made.id, zone_id=places.province))
        db.flush()
        row = db.get_one(Broadcast, made.id)
        onair.replan(db, row, commune.now)
        rows = {one.start_at.day: one for one in recorded.planned_of(db, row.id, commune.now)}
    assert rows[25].zone_ids == sorted([places.leng_1, places.van])
    aired = {zone_id: 25 in days_of(commune, zone_id) for zone_id in vars(places).values()}
    assert {zone_id for zone_id, there in aired.items() if there} == {places.leng_1, places.van}
    assert len(heard_on(commune, places.van_1, date(2026, 11, 25))) == 1
    keep_the_25th(commune, places.leng)
    assert 25 not in days_of(commune, places.leng_1)
    assert 25 in days_of(commune, places.van)


def test_a_zone_that_is_no_more_keeps_no_holiday(commune: Any) -> None:
    keep_the_25th(commune, commune.places.leng_2)
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_2).valid_until = date(2026, 11, 25)
    commune.approved(commune.draft(when=SKIPPING, zone_ids=[commune.places.leng]))
    assert 25 in days_of(commune, commune.places.leng)
    assert days_of(commune, commune.places.leng_1) == []


def test_receivers_beside_a_holiday_are_told_of_it_and_of_what_changes(commune: Any) -> None:
    topics = {zone_id: f"loa/v1/zones/{zone_id}/programme" for zone_id in vars(commune.places).values()}
    commune.dirty()
    keep_the_25th(commune, commune.places.leng_2)
    with commune.store.writing() as db:
        calendar.remove_holiday(db, signin.machine(db), commune.now, commune.places.leng_2, date(2026, 11, 25))
    told = commune.dirty()
    keep_the_25th(commune, commune.places.leng_2)
    assert commune.dirty() == told
    assert set(topics.values()) - told == {topics[commune.places.van_1], topics[commune.places.van_2]}
    made = commune.approved(commune.draft(when=SKIPPING, zone_ids=[commune.places.leng]))
    assert topics[commune.places.leng_1] in commune.dirty()
    with commune.store.writing() as db:
        service.cancel(db, commune.official, commune.now, made.id)
    assert topics[commune.places.leng_1] in commune.dirty()
    assert days_of(commune, commune.places.leng_1) == []


def test_what_waits_is_drawn_on_no_holiday_that_it_leaves_out(commune: Any) -> None:
    keep_the_25th(commune, commune.places.leng_2)
    commune.submitted(commune.draft(when=SKIPPING, zone_ids=[commune.places.leng]))
    with commune.store.reading() as db:
        days = [
            board.board(db, commune.official, commune.now, date(2026, 11, day), zone_id=commune.places.leng)
            for day in (25, 26)
        ]
    assert [[len(village.waiting) for village in day.villages] for day in days] == [[1, 0], [1, 1]]


def test_a_village_hears_what_is_aimed_at_it_and_above(commune: Any) -> None:
    commune.approved(commune.draft(zone_ids=[commune.places.leng], when="2026-11-23T17:00"))
    commune.approved(commune.draft(zone_ids=[commune.places.leng, commune.places.leng_1], when="2026-11-23T18:00"))
    with commune.store.reading() as db:
        day = board.timeline(db, commune.official, commune.now, commune.places.leng_1)
        other = board.timeline(db, commune.official, commune.now, commune.places.leng_2, date(2026, 11, 24))
        with pytest.raises(NotFound):
            board.timeline(db, commune.stranger, commune.now, commune.places.leng_1)
    assert [(s.start.hour, s.end - s.start) for s in day.segments] == [
        (10, timedelta(minutes=1)),
        (11, timedelta(minutes=1)),
    ]
    assert (other.segments, other.day) == ([], date(2026, 11, 24))


def test_quiet_hours_of_one_village_silence_only_it(commune: Any) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_2).quiet_hours = [{"start_minute": 16 * 60, "end_minute": 18 * 60}]
    commune.approved(commune.draft(zone_ids=[commune.places.leng]))
    with commune.store.reading() as db:
        one = board.timeline(db, commune.official, commune.now, commune.places.leng_1)
        two = board.timeline(db, commune.official, commune.now, commune.places.leng_2)
    assert (len(one.segments), one.silent) == (1, [])
    assert ([s.reason for s in two.silent], two.segments) == (["quiet_hours"], [])


def test_a_clash_is_shown_before_saving_with_the_ways_out(commune: Any) -> None:
    commune.approved(commune.draft(commune.announce("Tiêm chủng", seconds=600)))
    draft = commune.draft(commune.announce("Cúp điện", seconds=120), when="2026-11-23T17:05")
    with commune.store.reading() as db:
        shown = service.preview(db, commune.official, commune.now, draft)
    [place] = shown.places
    assert sorted(place.zone_ids) == sorted([commune.places.leng_1, commune.places.leng_2])
    [effect] = [effect for effect in place.effects if effect.proposed]
    assert (effect.title, effect.other_title) == ("Cúp điện", "Tiêm chủng")
    choices = {choice.kind: choice for choice in reversed(shown.choices)}
    assert choices["replace"].order == -1
    assert choices["play_after"].starts_local == "2026-11-23T17:10:00"
    assert next(c.starts_local for c in shown.choices if c.kind == "another_time") == "2026-11-23T18:05:00"
    for choice in shown.choices:
        again = commune.draft(
            draft.announcement_id,
            when=choice.starts_local or "2026-11-23T17:05",
            order=choice.order or 0,
        )
        with commune.store.reading() as db:
            effects = [e for p in service.preview(db, commune.official, commune.now, again).places for e in p.effects]
        assert not [effect for effect in effects if effect.proposed]


def test_a_quiet_hour_in_one_village_is_shown_there_and_a_free_time_is_free_in_both(commune: Any) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_2).quiet_hours = [{"start_minute": 16 * 60, "end_minute": 18 * 60}]
    commune.approved(
        commune.draft(commune.announce("Tiêm", seconds=3600), zone_ids=[commune.places.leng_1], when="2026-11-23T18:00")
    )
    with commune.store.reading() as db:
        shown = service.preview(db, commune.official, commune.now, commune.draft())
    assert [(p.zone_names, [e.kind for e in p.effects]) for p in shown.places] == [
        (["Thôn 2"], [EffectKind.QUIET_HOURS])
    ]
    [after] = [choice for choice in shown.choices if choice.kind == "play_after"]
    assert after.starts_local == "2026-11-23T19:00:00"


def test_nothing_clashes_and_nothing_is_saved(commune: Any) -> None:
    with commune.store.reading() as db:
        shown = service.preview(db, commune.official, commune.now, commune.draft())
        assert service.index(db, commune.official, commune.now).items == []
        with pytest.raises(Forbidden):
            service.preview(db, commune.leader, commune.now, commune.draft())
    assert (shown.places, shown.choices, shown.notices) == ([], [], [])
    assert shown.occurrences == [START]
    assert shown.occurrences_local == ["2026-11-23T17:00:00"]


def test_an_edit_is_not_compared_with_itself_and_its_approver_sees_the_same(commune: Any) -> None:
    commune.approved(commune.draft(commune.announce("Tiêm chủng", seconds=600), when="2026-11-23T17:00"))
    waiting = commune.submitted(commune.draft(when="2026-11-23T17:05"))
    with commune.store.reading() as db:
        seen = service.preview_saved(db, commune.leader, commune.now, waiting.id)
        moved = commune.draft(when="2026-11-23T17:20")
        free = service.preview(db, commune.official, commune.now, moved, broadcast_id=waiting.id)
    assert [effect.broadcast_id for place in seen.places for effect in place.effects if effect.proposed] == [waiting.id]
    assert free.places == []


def state_of(commune: Any, now: datetime) -> list[tuple[str, str, int, int]]:
    with commune.store.reading() as db:
        shown = board.board(db, commune.official, now)
    return [(v.zone_name, a.state, a.count, a.total) for v in shown.villages for a in v.airings]


def report(db: Session, receiver_id: str, airing_id: str, outcome: str) -> None:
    db.add(
        StoredReport(
            receiver_id=receiver_id, number=1, airing_id=airing_id, broadcast_id=airing_id.partition(".")[0],
            outcome=outcome, planned_start_at=START, planned_duration_us=60_000_000, played_us=60_000_000,
            gap_us=0, underruns=0, received_at=START,
        )
    )  # fmt: skip


def test_the_board_from_fetching_to_heard(commune: Any) -> None:
    made = commune.approved()
    airing_id = f"{made.id}.{to_us(START)}"
    sha256 = f"{len('Lịch cúp điện'):064x}"
    one, two = (f"R{zone_id[1:]}" for zone_id in (commune.places.leng_1, commune.places.leng_2))
    assert state_of(commune, commune.now) == [("Thôn 1", "fetching", 0, 1), ("Thôn 2", "fetching", 0, 1)]
    with commune.store.writing() as db:
        db.get_one(Receiver, one).state = {
            "airing_id": airing_id,
            "ready": [sha256[:12]],
        }
        db.get_one(Receiver, two).state = {"media": [{"sha256": sha256, "done_bytes": 1, "size_bytes": 5}]}
    assert state_of(commune, commune.now) == [("Thôn 1", "ready", 1, 1), ("Thôn 2", "fetching", 0, 1)]
    assert state_of(commune, START) == [("Thôn 1", "on_air", 1, 1), ("Thôn 2", "on_air", 0, 1)]
    end = START + timedelta(minutes=1)
    with commune.store.writing() as db:
        report(db, one, airing_id, "heard")
        onair.tick(db, end)
    assert state_of(commune, end) == [("Thôn 1", "heard", 1, 1), ("Thôn 2", "waiting_report", 0, 1)]
    assert state_of(commune, end + timedelta(minutes=1)) == [("Thôn 1", "heard", 1, 1), ("Thôn 2", "not_heard", 0, 1)]
    with commune.store.writing() as db:
        report(db, two, airing_id, "silent")
    assert state_of(commune, end)[1] == ("Thôn 2", "not_heard", 0, 1)
    for microphone, expected in (("not_heard", "not_heard"), ("faint", "heard")):
        with commune.store.writing() as db:
            db.exec(select(StoredReport).where(StoredReport.receiver_id == one)).one().microphone = microphone
        assert state_of(commune, end + timedelta(minutes=1))[0][1] == expected
    with commune.store.reading() as db:
        [airing] = board.airings_shown(db, made.id, commune.now)
    assert (airing.heard, airing.reported, airing.withdrawn_at) == (1, 2, None)


def test_the_board_keeps_what_was_stopped_and_says_why_something_is_silent(commune: Any) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_2).quiet_hours = [{"start_minute": 16 * 60, "end_minute": 18 * 60}]
    made = commune.approved()
    assert state_of(commune, commune.now)[1] == ("Thôn 2", "not_played", 0, 1)
    with commune.store.writing() as db:
        onair.tick(db, START)
        service.stop(db, commune.leader, START + timedelta(seconds=10), made.id)
    with commune.store.reading() as db:
        shown = board.board(db, commune.official, START + timedelta(seconds=20), zone_id=commune.places.leng_1)
    [village] = shown.villages
    assert (village.parent_name, village.online, village.total) == ("Trà Leng", 1, 1)
    [airing] = village.airings
    assert (airing.state, airing.end, airing.local) == ("stopped", START + timedelta(seconds=10), "17:00")


def test_the_board_asks_the_database_as_often_for_many_as_for_few(commune: Any) -> None:
    def queries() -> int:
        with commune.store.reading() as db:
            asked: list[str] = []
            event.listen(db.connection(), "before_cursor_execute", lambda *args: asked.append(args[2]))
            board.board(db, commune.official, commune.now)
            return len(asked)

    commune.approved()
    few = queries()
    for hour in (18, 19, 20):
        commune.approved(commune.draft(when=f"2026-11-23T{hour}:00"))
    assert queries() == few
    keep_the_25th(commune, commune.places.leng_2)
    commune.approved(
        commune.draft(when=SKIPPING | {"starts_local": "2026-11-24T05:30"}, zone_ids=[commune.places.leng])
    )
    some = queries()
    keep_the_25th(commune, commune.places.leng_1)
    for hour in (7, 8):
        when = SKIPPING | {"starts_local": f"2026-11-24T0{hour}:30"}
        commune.approved(commune.draft(when=when, zone_ids=[commune.places.leng]))
    assert queries() == some == few + 1
