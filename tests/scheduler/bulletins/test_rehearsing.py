"""What a daily bulletin would change in the coming days, told before its template is saved and an edition is sent."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import event

from scheduler.announcements import repository as announcements
from scheduler.announcements.models import RecordingState
from scheduler.broadcasts import service as broadcasts
from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.bulletins import rehearsing, service
from scheduler.bulletins.schemas import BulletinIn, FillIn
from scheduler.clashes import EffectKind
from scheduler.errors import Forbidden
from scheduler.zones.models import Zone

AT = (date(2026, 11, 25), "17:00")
EVENING = [{"start_minute": 16 * 60, "end_minute": 18 * 60, "weekdays": [6]}]


def asked(commune: Any, **other: Any) -> BulletinIn:
    values = {
        "zone_id": commune.places.leng, "name": "Bản tin chiều", "slots": [{"name": "Thời sự"}, {"name": "Thông báo"}],
        "times": ["17:00"], "zone_ids": [commune.places.leng],
    }  # fmt: skip
    return BulletinIn.model_validate(values | other)


def tried(commune: Any, new: BulletinIn, **more: Any) -> RehearsalOut | None:
    with commune.store.reading() as db:
        return rehearsing.template(db, commune.official, commune.now, new, **more)


def kinds(found: RehearsalOut | None) -> dict[tuple[str, ...], list[tuple[EffectKind, str, str]]]:
    assert found is not None
    return {tuple(one.zone_names): [(e.kind, e.local[5:16], e.title) for e in one.effects] for one in found.places}


def test_seven_days_of_a_template_by_what_is_planned_and_by_the_rules_of_each_village(commune: Any) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_2).quiet_hours = EVENING
    commune.approved(commune.draft(when="2026-11-25T17:01", zone_ids=[commune.places.leng_1], cls="priority"))
    found = tried(commune, asked(commune))
    assert found is not None
    assert (found.times, found.villages, found.unchanged) == (7, 2, 0)
    told = kinds(found)
    assert told["Thôn 2",] == [(EffectKind.QUIET_HOURS, "11-29T17:00", "Bản tin chiều")]
    assert {at[:5] for _kind, at, _title in told["Thôn 1",]} == {"11-25"}
    with commune.store.reading() as db:
        assert service.index(db, commune.official, commune.now).items == []


def test_an_edition_is_not_held_against_itself_once_it_was_approved(commune: Any) -> None:
    with commune.store.writing() as db:
        made = service.create(db, commune.official, commune.now, asked(commune))
        which = service.Which(made.id, *AT)
        fill = FillIn(filled={"s1": commune.announcement_id})
        held = service.fill(db, commune.official, commune.now, which, fill, version=0)
        sent = service.send(db, commune.official, commune.now, which, version=held.version)
        [whole] = announcements.recordings_of(db, [sent.announcement_id or ""])[sent.announcement_id or ""]
        whole.state, whole.sha256, whole.duration_us = RecordingState.READY, "b" * 64, 130_000_000
        saved = broadcasts.view(db, commune.leader, commune.now, sent.broadcast_id or "")
        broadcasts.approve(db, commune.leader, commune.now, saved.id, version=saved.version)
    commune.approved(commune.draft(when="2026-11-26T17:00", cls="priority"))
    with commune.store.reading() as db:
        once = rehearsing.edition(db, commune.official, commune.now, which)
        assert once is not None
        assert (once.times, kinds(once)) == (1, {})
        tomorrow = service.Which(made.id, date(2026, 11, 26), "17:00")
        assert kinds(rehearsing.edition(db, commune.official, commune.now, tomorrow)) != {}
        all_days = {
            at[:5]
            for one in kinds(rehearsing.saved(db, commune.official, commune.now, made.id)).values()
            for _kind, at, _title in one
        }
    assert all_days == {"11-26"}


def test_it_takes_the_right_to_write_there_and_keeps_to_the_seven_days(commune: Any) -> None:
    with pytest.raises(Forbidden), commune.store.reading() as db:
        rehearsing.template(db, commune.stranger, commune.now, asked(commune))
    with commune.store.reading() as db:
        made = asked(commune, weekdays=[0], times=["05:00"])
        later = rehearsing.template(db, commune.official, commune.now, made)
        assert later is not None
        assert later.times == 1


def test_the_database_is_asked_as_often_for_many_as_for_few(commune: Any) -> None:
    def queries(new: BulletinIn) -> int:
        with commune.store.reading() as db:
            counted: list[str] = []
            event.listen(db.connection(), "before_cursor_execute", lambda *args: counted.append(args[2]))
            rehearsing.template(db, commune.official, commune.now, new)
            return len(counted)

    assert queries(asked(commune)) == queries(asked(commune, times=["05:00", "11:00", "17:00"]))
