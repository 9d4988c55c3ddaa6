from datetime import date
from typing import Any

import pytest

from scheduler.broadcasts import board, moving, service
from scheduler.broadcasts.schemas import BoardVillage
from scheduler.errors import Conflict, Forbidden, Stale
from scheduler.fleet.models import Receiver
from scheduler.workflow import State
from scheduler.zones.models import Holiday, Zone

QUOTA = {"sessions_per_day": 2, "session_us": 1_800_000_000, "gap_us": 600_000_000}
NIGHT = [{"start_minute": 21 * 60, "end_minute": 5 * 60}]
DAILY = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"}


def villages(commune: Any, actor: Any = None) -> list[BoardVillage]:
    with commune.store.reading() as db:
        return board.board(db, actor or commune.official, commune.now, zone_id=commune.places.leng).villages


def test_the_board_shows_quiet_hours_sessions_and_holidays_by_the_rules_of_the_place(commune: Any) -> None:
    with commune.store.writing() as db:
        zone = db.get_one(Zone, commune.places.leng)
        zone.quiet_hours, zone.quota = NIGHT, QUOTA
        db.add(Holiday(zone_id=commune.places.leng, day=date(2026, 11, 23), name="Ngày Di sản"))
    for minute in ("17:00", "17:05", "18:00"):  # the first two are one session
        commune.approved(commune.draft(when=f"2026-11-23T{minute}", zone_ids=[commune.places.leng_1]))
    first, second = villages(commune)
    assert [(s.start.hour, s.end.hour) for s in first.quiet] == [(17, 22), (14, 17)]  # UTC
    assert [(s.start.minute, s.end.minute) for s in first.sessions] == [(0, 6), (0, 1)]
    assert (first.sessions_per_day, first.session_minutes, first.holidays) == (2, 30, ["Ngày Di sản"])
    assert (second.sessions, second.airings) == ([], [])


def test_a_loudspeaker_that_is_not_installed_yet_is_not_waited_for(commune: Any) -> None:
    with commune.store.writing() as db:
        db.add(Receiver(id="R8", zone_id=commune.places.leng_1, name="Loa mới"))
        db.add(Receiver(id="R9", zone_id=commune.places.leng, name="Loa của xã"))
    commune.approved()
    assert [(village.zone_name, village.total) for village in villages(commune)] == [("Thôn 1", 1), ("Thôn 2", 1)]


def test_what_waits_shows_to_those_of_the_place_that_sends_it(commune: Any) -> None:
    commune.submitted(commune.draft(zone_ids=[commune.places.leng_1]))
    commune.saved(commune.draft(when="2026-11-24T17:00"))
    first, second = villages(commune)
    assert [(item.local, item.state) for item in first.waiting] == [("17:00", State.SUBMITTED)]
    assert second.waiting == []
    assert [len(village.waiting) for village in villages(commune, commune.leader)] == [1, 0]


def test_moving_what_was_approved_sends_it_for_approval_again(commune: Any) -> None:
    made = commune.approved()
    with commune.store.reading() as db:
        found = moving.movable(db, commune.official, commune.now, [made.id])[made.id]
        assert moving.movable(db, commune.leader, commune.now, [made.id]) == {}
    assert (found.starts_local, found.places, found.approved) == ("2026-11-23T17:00:00", 2, True)
    with commune.store.writing() as db:
        moved = moving.move(db, commune.official, commune.now, made.id, "2026-11-23T17:30", version=found.version)
    assert (moved.state, moved.starts_local) == (State.SUBMITTED, "2026-11-23T17:30:00")
    assert [target.zone_id for target in moved.targets] == [target.zone_id for target in made.targets]
    with commune.store.writing() as db, pytest.raises(Stale):
        moving.move(db, commune.official, commune.now, made.id, "2026-11-23T18:00", version=found.version)


def test_moving_plans_at_once_where_nothing_needs_approval(commune: Any) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng).approval_classes = []
    made = commune.submitted(commune.draft(cls="priority", order=-3, late="whole", window_s=600))
    with commune.store.writing() as db:
        moved = moving.move(db, commune.official, commune.now, made.id, "2026-11-23T18:00", version=made.version)
    assert moved.state is State.APPROVED
    same = {"cls", "order", "late", "after_cut", "window_s", "public", "targets", "title"}
    assert moved.model_dump(include=same) == made.model_dump(include=same)
    assert villages(commune)[0].airings[0].local == "18:00"


def test_what_repeats_or_has_begun_is_not_moved(commune: Any) -> None:
    daily, today = commune.approved(commune.draft(when=DAILY)), commune.approved()
    later = commune.later(days=1)
    with commune.store.reading() as db:
        assert moving.movable(db, commune.official, commune.now, [daily.id]) == {}
        assert moving.movable(db, commune.official, later, [today.id]) == {}
        with pytest.raises(Conflict):
            moving.moved(service.view(db, commune.official, commune.now, daily.id), "2026-11-23T18:00")


def test_it_takes_the_right_to_edit(commune: Any) -> None:
    made = commune.approved()
    with commune.store.writing() as db, pytest.raises(Forbidden):
        moving.move(db, commune.leader, commune.now, made.id, "2026-11-23T18:00", version=made.version)
