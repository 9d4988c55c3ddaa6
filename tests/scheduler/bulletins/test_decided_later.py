"""What is decided after an edition was sent: its day is declared off, or whoever approves it chooses another time."""

from datetime import date
from typing import Any

import pytest

from broadcast.wire.documents import AfterCut, Late
from scheduler.announcements import repository as announcements
from scheduler.announcements.models import RecordingState
from scheduler.approval import differences
from scheduler.approval.differences import Edition
from scheduler.broadcasts import moving, onair, planning
from scheduler.broadcasts import service as broadcasts
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.schemas import ApproveIn, At
from scheduler.bulletins import rehearsing, service
from scheduler.bulletins.schemas import BulletinIn, EditionOut, FillIn
from scheduler.errors import Conflict
from scheduler.people import signin
from scheduler.workflow import State
from scheduler.zones import calendar
from scheduler.zones.schemas import HolidayNew

DAY, NEXT = date(2026, 11, 24), date(2026, 11, 25)


@pytest.fixture
def which(commune: Any) -> service.Which:
    """Tomorrow's edition of a bulletin for the whole commune that leaves days off out."""
    asked = {
        "zone_id": commune.places.leng, "name": "Bản tin", "slots": [{"name": "Tin xã"}], "times": ["17:00"],
        "zone_ids": [commune.places.leng], "skip_holidays": True,
    }  # fmt: skip
    with commune.store.writing() as db:
        made = service.create(db, commune.official, commune.now, BulletinIn.model_validate(asked))
    return service.Which(made.id, DAY, "17:00")


def sent(commune: Any, which: service.Which) -> str:
    """Filled, put together and waiting for approval; the id of its broadcast."""
    with commune.store.writing() as db:
        filled = FillIn(filled={"s1": commune.announcement_id})
        begun = service.fill(db, commune.official, commune.now, which, filled, version=0)
        made = service.send(db, commune.official, commune.now, which, version=begun.version)
        assert made.announcement_id
        assert made.broadcast_id
        [whole] = announcements.recordings_of(db, [made.announcement_id])[made.announcement_id]
        whole.state, whole.sha256, whole.duration_us, whole.size_bytes = RecordingState.READY, "b" * 64, 10**8, 1000
        return made.broadcast_id


def approved(commune: Any, broadcast_id: str, at: str | None = None) -> None:
    with commune.store.writing() as db:
        saved = broadcasts.view(db, commune.leader, commune.now, broadcast_id)
        asked = ApproveIn(starts_local=f"{DAY}T{at}") if at else None
        broadcasts.approve(db, commune.leader, commune.now, broadcast_id, asked=asked, version=saved.version)


def keep(commune: Any, zone_id: str) -> None:
    with commune.store.writing() as db:
        new = HolidayNew(zone_id=zone_id, day=DAY, name="Quốc tang")
        calendar.add_holiday(db, signin.machine(db), commune.now, new)


def planned(commune: Any, zone_id: str) -> int:
    with commune.store.reading() as db:
        return len(planning.programme_for(db, zone_id, commune.now))


def listed(commune: Any, which: service.Which, hours: float = 0) -> list[EditionOut]:
    with commune.store.reading() as db:
        return service.editions(db, commune.official, commune.later(hours=hours), which.bulletin_id)


def test_an_edition_is_silent_on_a_day_declared_off_after_it_was_approved(commune: Any, which: service.Which) -> None:
    broadcast_id = sent(commune, which)
    approved(commune, broadcast_id)
    assert planned(commune, commune.places.leng) == 1
    keep(commune, commune.places.leng)
    assert planned(commune, commune.places.leng) == 0
    with commune.store.writing() as db:
        onair.tick(db, commune.later(hours=1))
        onair.tick(db, commune.later(hours=33.01))
        assert db.get_one(Broadcast, broadcast_id).state == State.APPROVED
    with commune.store.writing() as db:
        calendar.remove_holiday(db, signin.machine(db), commune.now, commune.places.leng, DAY)
    assert planned(commune, commune.places.leng) == 1


def test_it_goes_on_beside_a_village_that_keeps_the_day(commune: Any, which: service.Which) -> None:
    approved(commune, sent(commune, which))
    keep(commune, commune.places.leng_1)
    found = [planned(commune, getattr(commune.places, name)) for name in ("leng", "leng_1", "leng_2")]
    assert found == [0, 0, 1]
    with commune.store.reading() as db:
        tried = rehearsing.edition(db, commune.official, commune.now, which)
        assert tried is not None
        assert tried.times == 1
    keep(commune, commune.places.leng_2)
    with commune.store.reading() as db:
        tried = rehearsing.edition(db, commune.official, commune.now, which)
        assert tried is not None
        assert tried.times == 0


def test_what_was_begun_for_a_day_off_stays_listed_with_a_note(commune: Any, which: service.Which) -> None:
    assert [(one.day, one.day_off) for one in listed(commune, which)][:3] == [
        (date(2026, 11, 23), False), (DAY, False), (NEXT, False),
    ]  # fmt: skip
    keep(commune, commune.places.leng)
    assert DAY not in [one.day for one in listed(commune, which)]
    with commune.store.writing() as db:
        calendar.remove_holiday(db, signin.machine(db), commune.now, commune.places.leng, DAY)
    sent(commune, which)
    keep(commune, commune.places.leng)
    assert [(one.day, one.day_off) for one in listed(commune, which)][1:3] == [(DAY, True), (NEXT, False)]
    with commune.store.reading() as db:
        assert service.edition(db, commune.official, commune.now, which).day_off
        [item] = service.index(db, commune.official, commune.later(hours=10), after=None).items
        assert item.next is not None
        assert item.next.day == NEXT
        assert rehearsing.edition(db, commune.official, commune.now, which) is None


def test_that_it_leaves_days_off_out_stays_when_it_is_moved(commune: Any, which: service.Which) -> None:
    broadcast_id = sent(commune, which)
    approved(commune, broadcast_id, "18:30")
    with commune.store.writing() as db:
        saved = broadcasts.view(db, commune.official, commune.now, broadcast_id)
        made = moving.move(db, commune.official, commune.now, saved.id, f"{DAY}T19:00", version=saved.version)
        assert isinstance(made.when, At)
        assert made.when.skip_holidays
    approved(commune, broadcast_id)
    assert planned(commune, commune.places.leng) == 1
    keep(commune, commune.places.leng)
    assert planned(commune, commune.places.leng) == 0


def test_what_was_sent_before_anything_said_so_is_no_other_time() -> None:
    when = {"kind": "at", "starts_local": "2026-11-24T17:00:00"}
    said: dict[str, Any] = {
        "title": "T",
        "cls": "normal",
        "timezone": "Asia/Ho_Chi_Minh",
        "places": (),
        "texts": {},
        "sounds": {},
    }
    before, now = (Edition(when=one, **said) for one in (when, when | {"skip_holidays": False}))
    assert differences.differences(before, now).none
    off = Edition(when=when | {"skip_holidays": True}, **said)
    assert differences.differences(before, off).when_before == when


def test_an_edition_that_was_moved_comes_by_its_new_time_everywhere(commune: Any, which: service.Which) -> None:
    approved(commune, sent(commune, which), "18:30")
    moved = commune.later(hours=34.5)
    assert [one.starts for one in listed(commune, which)][1] == moved
    assert next(one.starts for one in listed(commune, which, 34)) == moved
    assert next(one.day for one in listed(commune, which, 35)) == NEXT
    with commune.store.reading() as db:
        [item] = service.index(db, commune.official, commune.later(hours=34), after=None).items
        assert item.next is not None
        assert item.next.starts == moved


def test_it_is_filled_until_the_time_at_which_it_is_heard(commune: Any, which: service.Which) -> None:
    approved(commune, sent(commune, which), "18:30")
    other = FillIn(filled={})
    with commune.store.writing() as db:
        shown = service.edition(db, commune.official, commune.later(hours=34), which)
        assert shown.may_edit
        made = service.fill(db, commune.official, commune.later(hours=34), which, other, version=shown.version)
        with pytest.raises(Conflict):
            service.fill(db, commune.official, commune.later(hours=35), which, other, version=made.version)


def test_one_that_was_moved_to_be_earlier_is_over_once_it_was_heard(commune: Any, which: service.Which) -> None:
    approved(commune, sent(commune, which), "07:00")
    assert next(one.day for one in listed(commune, which, 24)) == NEXT
    with commune.store.writing() as db:
        shown = service.edition(db, commune.official, commune.later(hours=24), which)
        with pytest.raises(Conflict):
            service.fill(db, commune.official, commune.later(hours=24), which, FillIn(filled={}), version=shown.version)


def test_once_its_broadcast_is_cancelled_it_comes_by_its_own_time(commune: Any, which: service.Which) -> None:
    broadcast_id = sent(commune, which)
    approved(commune, broadcast_id, "18:30")
    with commune.store.writing() as db:
        broadcasts.cancel(db, commune.leader, commune.now, broadcast_id)
    assert [one.starts for one in listed(commune, which)][1] == commune.later(hours=33)


def test_its_rehearsal_is_by_the_time_and_the_policies_that_were_decided(commune: Any, which: service.Which) -> None:
    """Half a minute into it another one begins."""
    broadcast_id = sent(commune, which)
    approved(commune, broadcast_id, "18:30")
    long = commune.announce("Khác dài", seconds=600)
    commune.approved(commune.draft(long, when=f"{DAY}T18:30:30", zone_ids=[commune.places.leng]))
    with commune.store.reading() as db:
        tried = rehearsing.edition(db, commune.official, commune.now, which)
    assert tried is not None
    told = {(effect.title, effect.local[11:]) for place in tried.places for effect in place.effects}
    assert told == {("Khác dài", "18:30:30")}
    with commune.store.writing() as db:
        row = db.get_one(Broadcast, broadcast_id)
        row.late, row.after_cut, row.window_s, row.order = Late.WHOLE, AfterCut.RESTART, 3600, 1
        other = rehearsing.edition(db, commune.official, commune.now, which)
    assert other is not None
    assert other.places != tried.places
