from datetime import date, datetime
from typing import Any

import pytest
from sqlmodel import col, select

from broadcast.wire.documents import AfterCut, Late
from scheduler.announcements import repository as announcements
from scheduler.announcements import service as writing
from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.broadcasts import moving, planning
from scheduler.broadcasts import service as broadcasts
from scheduler.broadcasts.schemas import ApproveIn
from scheduler.bulletins import service
from scheduler.bulletins.schemas import BulletinIn, BulletinOut, EditionOut, FillIn
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.people.models import AuditEntry
from scheduler.workflow import State
from scheduler.zones.models import Holiday

TODAY = date(2026, 11, 23)
AT = (TODAY, "17:00")


@pytest.fixture
def stand_in(commune: Any) -> str:
    made: str = commune.announce("Lịch phát thanh")
    return made


@pytest.fixture
def bulletin(commune: Any, stand_in: str) -> BulletinOut:
    with commune.store.writing() as db:
        return service.create(db, commune.official, commune.now, asked(commune, stand_in))


def asked(commune: Any, stand_in: str | None = None, **other: Any) -> BulletinIn:
    slots = [{"name": "Thời sự"}, {"name": "Thông báo xã", "stand_in_id": stand_in}, {"name": "Nông nghiệp"}]
    values = {
        "zone_id": commune.places.leng, "name": "Bản tin hằng ngày", "slots": slots, "times": ["17:00", "05:00"],
        "zone_ids": [commune.places.leng_1, commune.places.leng_2], "between": "normal",
    }  # fmt: skip
    return BulletinIn.model_validate(values | other)


def filled(commune: Any, bulletin: BulletinOut, version: int = 0, **slots: str) -> EditionOut:
    with commune.store.writing() as db:
        return service.fill(
            db, commune.official, commune.now, service.Which(bulletin.id, *AT), FillIn(filled=slots), version=version
        )


def sent(commune: Any, bulletin: BulletinOut, version: int) -> EditionOut:
    with commune.store.writing() as db:
        return service.send(db, commune.official, commune.now, service.Which(bulletin.id, *AT), version=version)


def test_a_day_of_it_is_one_recording_that_is_approved_before_it_sounds(
    commune: Any, bulletin: BulletinOut, stand_in: str
) -> None:
    crop = commune.announce("Lịch cấy")
    made = sent(commune, bulletin, filled(commune, bulletin, s3=crop).version)
    assert [(slot.source, slot.announcement_id) for slot in made.slots] == [
        ("skipped", None), ("stand_in", stand_in), ("filled", crop),
    ]  # fmt: skip
    assert (made.state, made.filled, made.changed) == (State.SUBMITTED, 1, False)
    assert made.announcement_id
    assert made.broadcast_id
    with commune.store.writing() as db:
        [whole] = announcements.recordings_of(db, [made.announcement_id])[made.announcement_id]
        assert [part.title for _row, _recording, part in announcements.parts_of(db, [whole.id])] == [
            "Lịch phát thanh", "Lịch cấy",
        ]  # fmt: skip
        whole.state, whole.sha256, whole.duration_us = RecordingState.READY, "b" * 64, 130_000_000
    with commune.store.writing() as db:
        assert planning.programme_for(db, commune.places.leng_1, commune.now) == ()
        saved = broadcasts.view(db, commune.leader, commune.now, made.broadcast_id)
        broadcasts.approve(db, commune.leader, commune.now, saved.id, version=saved.version)
        [airing] = planning.programme_for(db, commune.places.leng_1, commune.now)
        assert airing.media[0].sha256 == "b" * 64
        assert saved.starts_local == "2026-11-23T17:00:00"


def test_what_is_changed_after_it_was_approved_is_approved_again(commune: Any, bulletin: BulletinOut) -> None:
    first = sent(commune, bulletin, filled(commune, bulletin, s1=commune.announcement_id).version)
    assert first.broadcast_id
    with commune.store.writing() as db:
        saved = broadcasts.view(db, commune.leader, commune.now, first.broadcast_id)
        broadcasts.approve(db, commune.leader, commune.now, saved.id, version=saved.version)
    other = filled(commune, bulletin, first.version, s1=commune.announce("Tin khác"))
    assert (other.state, other.changed) == (State.APPROVED, True)
    again = sent(commune, bulletin, other.version)
    assert (again.state, again.changed, again.broadcast_id) == (State.SUBMITTED, False, first.broadcast_id)
    with commune.store.reading() as db:
        assert db.get_one(Announcement, first.announcement_id).deleted_at is not None
        assert db.get_one(Announcement, again.announcement_id).deleted_at is None
        said = select(AuditEntry.action).where(AuditEntry.subject == f"bulletin:{bulletin.id}")
        acts = db.exec(said.order_by(col(AuditEntry.id))).all()
        assert [act.partition(".")[2] for act in acts] == ["create", "fill", "send", "fill", "send"]


def test_sent_again_it_keeps_what_was_decided_on_its_broadcast(commune: Any, bulletin: BulletinOut) -> None:
    first = sent(commune, bulletin, filled(commune, bulletin, s1=commune.announcement_id).version)
    assert first.broadcast_id
    decided = {"order": -2, "late": Late.WHOLE, "after_cut": AfterCut.RESTART, "window_s": 600}
    with commune.store.writing() as db:
        saved = broadcasts.view(db, commune.official, commune.now, first.broadcast_id)
        changed = moving.moved(saved, "2026-11-23T17:00").model_copy(update=decided)
        saved = broadcasts.edit(db, commune.official, commune.now, saved.id, changed, version=saved.version)
        saved = broadcasts.submit(db, commune.official, commune.now, saved.id, version=saved.version)
        later = ApproveIn(starts_local="2026-11-23T17:30")
        broadcasts.approve(db, commune.leader, commune.now, saved.id, version=saved.version, asked=later)
        broadcasts.hide(db, commune.leader, commune.now, saved.id)
    other = filled(commune, bulletin, first.version, s1=commune.announce("Tin khác"))
    again = sent(commune, bulletin, other.version)
    assert again.broadcast_id == first.broadcast_id
    with commune.store.writing() as db:
        saved = broadcasts.view(db, commune.leader, commune.now, first.broadcast_id)
        assert (saved.starts_local, saved.public, saved.state) == ("2026-11-23T17:30:00", False, State.SUBMITTED)
        assert {name: getattr(saved, name) for name in decided} == decided
        broadcasts.cancel(db, commune.official, commune.now, saved.id)
    anew = sent(commune, bulletin, again.version)
    assert anew.broadcast_id
    with commune.store.reading() as db:
        saved = broadcasts.view(db, commune.leader, commune.now, anew.broadcast_id)
        assert (saved.starts_local, saved.public, saved.order) == ("2026-11-23T17:00:00", True, 0)


def test_a_template_says_whether_residents_hear_of_it(commune: Any) -> None:
    with commune.store.writing() as db:
        private = service.create(db, commune.official, commune.now, asked(commune, public=False))
    assert (private.public, asked(commune).public) == (False, True)
    made = sent(commune, private, filled(commune, private, s1=commune.announcement_id).version)
    assert made.broadcast_id
    with commune.store.reading() as db:
        assert broadcasts.view(db, commune.leader, commune.now, made.broadcast_id).public is False


def test_an_edition_of_nothing_is_not_sent(commune: Any) -> None:
    with commune.store.writing() as db:
        made = service.create(db, commune.official, commune.now, asked(commune))
    begun = filled(commune, made)
    with pytest.raises(Conflict, match="Nothing is filled in"):
        sent(commune, made, begun.version)


def test_when_it_comes(commune: Any, bulletin: BulletinOut) -> None:
    with commune.store.writing() as db:
        db.add(Holiday(zone_id=commune.places.leng, day=date(2026, 11, 25), name="Nghỉ"))
        weekdays = asked(commune, weekdays=[0, 1, 2, 3, 4], skip_holidays=True)
        service.edit(db, commune.official, commune.now, bulletin.id, weekdays, version=bulletin.version)
        coming = service.editions(db, commune.official, commune.now, bulletin.id)
        assert [(one.day.day, one.at) for one in coming[:4]] == [
            (23, "17:00"), (24, "05:00"), (24, "17:00"), (26, "05:00"),
        ]  # fmt: skip
        with pytest.raises(NotFound):
            service.edition(db, commune.official, commune.now, service.Which(bulletin.id, date(2026, 11, 25), "17:00"))
        with pytest.raises(Conflict, match="passed"):
            service.fill(
                db,
                commune.official,
                commune.now,
                service.Which(bulletin.id, TODAY, "05:00"),
                FillIn(filled={}),
                version=0,
            )


def test_who_may_and_what_is_refused(commune: Any, bulletin: BulletinOut) -> None:
    with commune.store.writing() as db:
        with pytest.raises(NotFound):
            service.view(db, commune.stranger, commune.now, bulletin.id)
        with pytest.raises(Forbidden):
            service.create(db, commune.leader, commune.now, asked(commune))
        with pytest.raises(Forbidden):
            service.create(db, commune.official, commune.now, asked(commune, zone_ids=[commune.places.van_1]))
        with pytest.raises(Invalid, match="at least one place"):
            service.create(db, commune.official, commune.now, asked(commune, zone_ids=[]))
        with pytest.raises(Invalid, match="no such slot"):
            service.fill(
                db,
                commune.official,
                commune.now,
                service.Which(bulletin.id, *AT),
                FillIn(filled={"s9": "X"}),
                version=0,
            )
        with pytest.raises(Stale):
            service.end(db, commune.official, commune.now, bulletin.id, version=7)
        assert [one.next.at for one in service.index(db, commune.leader, commune.now).items if one.next] == ["17:00"]
        service.end(db, commune.official, commune.now, bulletin.id, version=bulletin.version)
        assert service.index(db, commune.leader, commune.now).items == []


def deleted(commune: Any, announcement_id: str, *, now: datetime | None = None) -> str:
    """What refuses to have it deleted; nothing where it was."""
    with commune.store.writing() as db:
        version = db.get_one(Announcement, announcement_id).version
        try:
            writing.delete(db, commune.official, now or commune.now, announcement_id, version=version)
        except Conflict as refused:
            return f"{refused.code}: {refused.params['bulletins']}"
    return ""


def test_what_a_template_or_a_coming_edition_names_is_not_deleted(
    commune: Any, bulletin: BulletinOut, stand_in: str
) -> None:
    crop, news = commune.announce("Lịch cấy"), commune.announce("Tin xã")
    begun = filled(commune, bulletin, s1=news, s3=crop)
    assert deleted(commune, stand_in) == "held_as_part_of_bulletin: Bản tin hằng ngày"
    assert deleted(commune, crop) == "held_as_part_of_bulletin: Bản tin hằng ngày, 23/11/2026 17:00"
    sent(commune, bulletin, filled(commune, bulletin, begun.version, s1=news).version)
    assert deleted(commune, crop) == ""
    with commune.store.writing() as db:
        db.exec(select(Recording).where(Recording.source == Source.PARTS)).one().state = RecordingState.READY
    assert deleted(commune, news, now=commune.later(hours=8, minutes=59)) != ""
    with commune.store.writing() as db:
        changed = asked(commune, times=["05:00"])
        service.edit(db, commune.official, commune.now, bulletin.id, changed, version=bulletin.version)
    assert deleted(commune, stand_in) == ""
    with commune.store.writing() as db:
        service.edit(db, commune.official, commune.now, bulletin.id, asked(commune), version=bulletin.version + 1)
    assert deleted(commune, news, now=commune.later(hours=9)) == ""


def test_what_an_ended_template_names_is_deleted(commune: Any, bulletin: BulletinOut, stand_in: str) -> None:
    crop = commune.announce("Lịch cấy")
    filled(commune, bulletin, s3=crop)
    with commune.store.writing() as db:
        service.end(db, commune.official, commune.now, bulletin.id, version=bulletin.version)
    assert [deleted(commune, one) for one in (stand_in, crop)] == ["", ""]


def test_an_edition_that_is_a_part_of_another_stays_when_it_is_sent_again(commune: Any, bulletin: BulletinOut) -> None:
    first = sent(commune, bulletin, filled(commune, bulletin, s1=commune.announcement_id).version)
    assert first.announcement_id
    with commune.store.writing() as db:
        tomorrow = service.Which(bulletin.id, date(2026, 11, 24), "17:00")
        repeated = FillIn(filled={"s1": first.announcement_id})
        service.fill(db, commune.official, commune.now, tomorrow, repeated, version=0)
    again = sent(commune, bulletin, first.version)
    assert again.announcement_id != first.announcement_id
    with commune.store.reading() as db:
        assert db.get_one(Announcement, first.announcement_id).deleted_at is None


def test_a_stand_in_that_is_deleted_is_skipped(commune: Any, bulletin: BulletinOut, stand_in: str) -> None:
    with commune.store.writing() as db:
        db.get_one(Announcement, stand_in).deleted_at = commune.now
        shown = service.edition(db, commune.official, commune.now, service.Which(bulletin.id, *AT))
        assert {slot.source for slot in shown.slots} == {"skipped"}
        assert db.exec(select(Recording).where(Recording.announcement_id == stand_in)).all()


def test_the_list_goes_on_where_a_page_ended(commune: Any) -> None:
    with commune.store.writing() as db:
        for name in "bca":
            service.create(db, commune.official, commune.now, asked(commune, name=f"Bản tin {name}"))
        seen: list[str] = []
        after = None
        while len(seen) < 4:
            page = service.index(db, commune.leader, commune.now, after=after, limit=1)
            seen += [one.name for one in page.items]
            if (after := page.next) is None:
                break
    assert seen == ["Bản tin a", "Bản tin b", "Bản tin c"]
