"""What a relay would change in the coming days, told before it is saved and to whoever approves it."""

from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from scheduler.announcements.models import Recording
from scheduler.broadcasts import rehearsing as broadcasts
from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.clashes import EffectKind
from scheduler.errors import Forbidden
from scheduler.live.asking import Terms
from scheduler.relays import rehearsing, service
from scheduler.relays.schemas import RelayIn
from scheduler.zones.models import Zone
from tests.scheduler.relays.conftest import Asked, Planned

WEEK = {"starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"}
EVENING = [{"start_minute": 16 * 60, "end_minute": 18 * 60, "weekdays": [5, 6]}]

Told = list[tuple[EffectKind, str, bool, str]]


def kinds(found: RehearsalOut | None) -> dict[tuple[str, ...], Told]:
    assert found is not None
    return {
        tuple(place.zone_names): [(e.kind, e.local[5:16], e.proposed, e.title) for e in place.effects]
        for place in found.places
    }


def tried(commune: Any, draft: RelayIn, terms: Terms, **more: Any) -> RehearsalOut | None:
    with commune.store.reading() as db:
        return rehearsing.rehearsal(db, commune.official, commune.now, draft, terms, **more)


def test_what_it_drops_and_what_drops_it_is_told_before_it_is_saved(commune: Any, asked: Asked, terms: Terms) -> None:
    commune.approved(commune.draft(when="2026-11-25T17:05", zone_ids=[commune.places.leng_1]))
    commune.approved(commune.draft(when="2026-11-26T17:05", zone_ids=[commune.places.leng_2], cls="priority"))
    found = tried(commune, asked(when=WEEK, cls="priority"), terms)
    assert found is not None
    assert (found.times, found.villages, found.unchanged, found.late) == (7, 2, 0, [])
    told = kinds(found)
    assert ("Lịch cúp điện", False) in {(title, proposed) for _k, _at, proposed, title in told["Thôn 1",]}
    normal = kinds(tried(commune, asked(when=WEEK), terms))
    assert ("Thời sự VOV1", True) in {(title, proposed) for _k, _at, proposed, title in normal["Thôn 2",]}


def test_quiet_hours_of_the_seventh_day_and_what_it_replaces(
    commune: Any, asked: Asked, planned: Planned, terms: Terms
) -> None:
    made = planned(asked(when=WEEK))
    assert kinds(tried(commune, asked(when=WEEK), terms)) != {}
    later = asked(when=WEEK | {"starts_local": "2026-11-23T17:05"})
    for draft in (asked(when=WEEK), later):
        assert kinds(tried(commune, draft, terms, relay_id=made.id)) == {}
    with commune.store.writing() as db:
        zone = db.get_one(Zone, commune.places.leng_2)
        zone.quiet_hours, zone.version = EVENING, zone.version + 1
    silent = kinds(tried(commune, asked(when=WEEK), terms, relay_id=made.id))
    quiet, title = EffectKind.QUIET_HOURS, "Thời sự VOV1"
    assert silent == {("Thôn 2",): [(quiet, "11-28T17:00", True, title), (quiet, "11-29T17:00", True, title)]}


def test_whoever_approves_is_told_the_same_of_each(
    commune: Any, asked: Asked, submitted: Planned, planned: Planned, terms: Terms
) -> None:
    commune.approved(commune.draft(when="2026-11-25T17:05", zone_ids=[commune.places.leng_1]))
    first = submitted(asked(when=WEEK, cls="priority"))
    second = submitted(asked(when=WEEK | {"starts_local": "2026-11-23T12:00"}))
    far = submitted(asked(when=WEEK | {"starts_local": "2026-12-28T12:00"}))
    over = planned()
    ids = [first.id, second.id, far.id, over.id]
    with commune.store.reading() as db:
        found = rehearsing.waiting(db, commune.leader, commune.now, ids)
        assert rehearsing.waiting(db, commune.leader, commune.now, [far.id])[far.id].times == 4
        assert rehearsing.waiting(db, commune.stranger, commune.now, ids) == {}
        assert service.view(db, commune.leader, commune.now, first.id, terms).conflicts == []
    assert set(found) == {first.id, second.id}
    assert "Thôn 1" in {name for names in kinds(found[first.id]) for name in names}
    assert kinds(found[second.id]) == {}


def test_nothing_is_saved_by_it_and_it_takes_the_right_to_write_there(commune: Any, asked: Asked, terms: Terms) -> None:
    tried(commune, asked(), terms)
    with commune.store.reading() as db:
        assert service.index(db, commune.official, commune.now, terms).items == []
        with pytest.raises(Forbidden):
            rehearsing.rehearsal(db, commune.stranger, commune.now, asked(), terms)


def test_a_relay_is_never_late_behind_a_heavy_recording(commune: Any, asked: Asked, planned: Planned) -> None:
    planned()
    with commune.store.writing() as db:
        db.exec(select(Recording)).one().size_bytes = 24 * 60 * 60 * broadcasts.BYTES_PER_S
    with commune.store.reading() as db:
        found = broadcasts.rehearsal(db, commune.official, commune.now, commune.draft(when="2026-11-23T16:00"))
    assert {late.title for late in found.late} == {"Lịch cúp điện"}


def test_the_database_is_asked_as_often_for_many_as_for_few(commune: Any, asked: Asked, submitted: Planned) -> None:
    def queries(ids: list[str]) -> int:
        with commune.store.reading() as db:
            counted: list[str] = []
            event.listen(db.connection(), "before_cursor_execute", lambda *args: counted.append(args[2]))
            assert len(rehearsing.waiting(db, commune.leader, commune.now, ids)) == len(ids)
            return len(counted)

    ids = [submitted(asked(when=WEEK)).id for _ in range(2)]
    few = queries(ids)
    ids += [submitted(asked(when=WEEK)).id for _ in range(5)]
    assert queries(ids) == few
