from datetime import date
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from scheduler.announcements.models import Recording
from scheduler.broadcasts import rehearsing
from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.broadcasts.schemas import BroadcastIn
from scheduler.clashes import EffectKind
from scheduler.errors import NotFound, Problem
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep.models import ReceiverSample
from scheduler.zones.models import Holiday, Zone

DAILY = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"}
QUIET = [{"start_minute": 16 * 60, "end_minute": 18 * 60, "weekdays": [5, 6]}]


def rehearsed(commune: Any, draft: BroadcastIn, **more: Any) -> RehearsalOut:
    with commune.store.reading() as db:
        return rehearsing.rehearsal(db, commune.official, commune.now, draft, **more)


def kinds(found: RehearsalOut) -> dict[tuple[str, ...], list[tuple[EffectKind, str]]]:
    return {tuple(p.zone_names): [(e.kind, e.local[5:16]) for e in p.effects] for p in found.places}


def test_seven_days_of_what_repeats_by_the_rules_of_each_village(commune: Any) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_2).quiet_hours = QUIET
    found = rehearsed(commune, commune.draft(when=DAILY))
    assert (str(found.first), str(found.last), found.times) == ("2026-11-23", "2026-11-30", 7)
    assert (found.villages, found.unchanged, found.left_out, found.late) == (2, 1, 0, [])
    quiet = [(EffectKind.QUIET_HOURS, "11-28T17:00"), (EffectKind.QUIET_HOURS, "11-29T17:00")]
    assert kinds(found) == {("Thôn 2",): quiet}


def test_what_is_planned_already_and_loses_by_it_is_told(commune: Any) -> None:
    commune.approved(commune.draft(when="2026-11-25T17:00", zone_ids=[commune.places.leng_1]))
    found = rehearsed(commune, commune.draft(when=DAILY, cls="priority"))
    assert kinds(found) == {("Thôn 1",): [(EffectKind.DROPPED, "11-25T17:00")]}
    assert not found.places[0].effects[0].proposed
    assert found.unchanged == 1


def test_what_it_replaces_is_not_held_against_it(commune: Any) -> None:
    saved = commune.approved(commune.draft(when=DAILY))
    assert rehearsed(commune, commune.draft(when=DAILY), broadcast_id=saved.id).places == []
    assert rehearsed(commune, commune.draft(when=DAILY)).places != []


def test_holidays_are_left_out_where_they_are_kept(commune: Any) -> None:
    with commune.store.writing() as db:
        db.add(Holiday(zone_id=commune.places.leng, day=date(2026, 11, 24), name="Ngày nghỉ"))
    assert rehearsed(commune, commune.draft(when=DAILY | {"skip_holidays": True})).times == 6


def test_a_holiday_of_one_village_is_rehearsed_as_it_will_be_kept(commune: Any) -> None:
    """Silent there and at the commune's own receiver, whose programme the village plays too."""
    with commune.store.writing() as db:
        db.add(Holiday(zone_id=commune.places.leng_2, day=date(2026, 11, 24), name="Lễ hội của thôn"))
        db.add(Receiver(id="R9", zone_id=commune.places.leng, name="Loa của xã", enrolled_at=commune.now))
    for day in (24, 25):
        commune.approved(commune.draft(when=f"2026-11-{day}T17:00", zone_ids=[commune.places.leng]))
    when = DAILY | {"skip_holidays": True}
    found = rehearsed(commune, commune.draft(when=when, cls="priority", zone_ids=[commune.places.leng]))
    later = (EffectKind.DROPPED, "11-25T17:00")
    told = {name: effects for names, effects in kinds(found).items() for name in names}
    assert told == {"Thôn 1": [(EffectKind.DROPPED, "11-24T17:00"), later], "Thôn 2": [later], "Trà Leng": [later]}


def test_a_recording_too_heavy_for_the_link_is_late_where_it_is_not_there_yet(commune: Any) -> None:
    with commune.store.writing() as db:
        recording = db.exec(select(Recording)).one()
        recording.size_bytes = 60 * 60 * rehearsing.BYTES_PER_S
        state = {"ready": [str(recording.sha256)[:12]]}
        db.get_one(Receiver, f"R{commune.places.leng_1[1:]}").state = state
    found = rehearsed(commune, commune.draft(when="2026-11-23T08:30"))
    [late] = found.late
    assert (late.zone_name, late.local, late.proposed) == ("Thôn 2", "2026-11-23T08:30:00", True)
    assert (late.there - commune.now).total_seconds() == 3600


def test_what_a_link_carried_since_yesterday_counts_where_it_is_more(commune: Any) -> None:
    receiver_id = f"R{commune.places.leng_1[1:]}"
    with commune.store.writing() as db:
        db.exec(select(Recording)).one().size_bytes = 60 * 60 * rehearsing.BYTES_PER_S
        for quarter, month_bytes in enumerate((0, 900 * 4 * rehearsing.BYTES_PER_S)):
            at = commune.later(minutes=15 * quarter - 60)
            db.add(ReceiverSample(receiver_id=receiver_id, at=at, month_bytes=month_bytes))
    found = rehearsed(commune, commune.draft(when="2026-11-23T08:30"))
    assert [late.zone_name for late in found.late] == ["Thôn 2"]


def test_what_first_comes_later_is_tried_over_its_own_days(commune: Any) -> None:
    found = rehearsed(commune, commune.draft(when=DAILY | {"starts_local": "2026-12-10T17:00"}))
    assert (str(found.first), found.times) == ("2026-12-10", 7)


def test_it_takes_the_right_to_write_there(commune: Any) -> None:
    with commune.store.reading() as db, pytest.raises((NotFound, Problem)):
        rehearsing.rehearsal(db, commune.stranger, commune.now, commune.draft())


def test_the_database_is_asked_as_often_for_many_as_for_few(commune: Any) -> None:
    def queries() -> int:
        with commune.store.reading() as db:
            asked: list[str] = []
            event.listen(db.connection(), "before_cursor_execute", lambda *args: asked.append(args[2]))
            rehearsing.rehearsal(db, commune.official, commune.now, commune.draft(when=DAILY))
            return len(asked)

    commune.approved()
    few = queries()
    for hour in (18, 19):
        commune.approved(commune.draft(when=f"2026-11-23T{hour}:00"))
    with commune.store.writing() as db:
        db.add(Receiver(id="R9", zone_id=commune.places.leng_2, name="Loa 2"))
    assert queries() == few
