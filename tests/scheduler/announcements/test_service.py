import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements import repository, service
from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.announcements.queueing import StoredSound
from scheduler.announcements.schemas import (
    AnnouncementOut,
    CopyOf,
    NewAnnouncement,
    NewUpload,
    SoundRecording,
    TextRecording,
)
from scheduler.broadcasts import aiming
from scheduler.broadcasts import service as broadcasts
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.schemas import BroadcastIn
from scheduler.bulletins import repository as bulletins
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.fleet.models import PreparedMessage, Receiver
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.models import Zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session

SOUND = StoredSound("d" * 64, "C:\\thu am\\..\\Loa.mp3")


@dataclass
class Office:
    store: Store
    now: datetime
    places: Any
    official: Actor
    stranger: Actor
    helper: Actor

    def text(self, *languages: str, title: str = "Tiêm chủng") -> AnnouncementOut:
        recordings = [TextRecording(language=language, text="Ngày 14/6.") for language in languages or ("vi",)]
        new = NewAnnouncement(zone_id=self.places.leng, title=title, recordings=recordings)
        with self.store.writing() as db:
            return service.create(db, self.official, self.now, new)

    def ready(self, made: AnnouncementOut) -> None:
        with self.store.writing() as db:
            for recording in made.recordings:
                row = db.get_one(Recording, recording.id)
                row.state, row.sha256, row.size_bytes, row.duration_us = RecordingState.READY, "e" * 64, 9, 60_000_000

    def used(self, made: AnnouncementOut, *, submit: bool = True) -> str:
        draft = BroadcastIn.model_validate(
            {
                "zone_id": self.places.leng,
                "announcement_id": made.id,
                "zone_ids": [self.places.leng_1],
                "when": {"kind": "at", "starts_local": "2026-11-23T17:00"},
            }
        )
        with self.store.writing() as db:
            broadcast = broadcasts.create(db, self.official, self.now, draft)
            if submit:
                broadcasts.submit(db, self.official, self.now, broadcast.id, version=broadcast.version)
            return broadcast.id


@pytest.fixture
def office(store: Store, now: datetime, places: Any, add_person: Any) -> Office:
    return Office(
        store,
        now,
        places,
        official=add_person("official", places.leng, Role.EDITOR),
        stranger=add_person("stranger", places.van, Role.EDITOR),
        helper=add_person("helper", places.leng_1, Role.VIEWER),
    )


def test_several_languages_in_the_order_in_which_they_were_given(office: Office) -> None:
    made = office.text("vi", "xtd", "en", "lo")
    assert [recording.language for recording in made.recordings] == ["vi", "xtd", "en", "lo"]
    assert {recording.state for recording in made.recordings} == {RecordingState.QUEUED}
    assert (made.version, made.author_name, made.zone_name, made.may_edit) == (1, "Official", "Trà Leng", True)


def test_a_zone_is_no_more_from_its_last_midnight_and_not_before_it_begins(office: Office) -> None:
    office.now += timedelta(hours=19)  # 3:00 of the 24th there, and still the 23rd in UTC
    for first, end in ((date(2026, 11, 24), None), (date(2026, 12, 24), None), (None, date(2026, 11, 25))):
        with office.store.writing() as db:
            zone = db.get_one(Zone, office.places.leng)
            zone.valid_from, zone.valid_until = first, end
        assert office.text().zone_id == office.places.leng
    with office.store.writing() as db:
        db.get_one(Zone, office.places.leng).valid_until = date(2026, 11, 24)
    with pytest.raises(Conflict) as refused:
        office.text()
    assert refused.value.code == "zone_ended"


def test_one_language_twice_is_refused(office: Office) -> None:
    with pytest.raises(Invalid, match="vi is there twice"):
        office.text("vi", "VI")
    made = office.text()
    recording = TextRecording(language="vi", text="Khác.")
    with pytest.raises(Invalid, match="twice"), office.store.writing() as db:
        service.add_text(db, office.official, office.now, made.id, recording, version=1)


def test_html_in_a_title_is_kept_as_typed_and_a_path_in_a_file_name_is_not(office: Office) -> None:
    new = NewUpload(zone_id=office.places.leng, title="<b onmouseover=alert(1)>Lũ</b>")
    with office.store.writing() as db:
        made = service.create_from_sound(db, office.official, office.now, new, SOUND)
    assert made.title == "<b onmouseover=alert(1)>Lũ</b>"
    assert made.recordings[0].original_name == "Loa.mp3"


def test_a_stranger_finds_nothing_and_a_helper_changes_nothing(office: Office) -> None:
    made = office.text()
    with office.store.writing() as db, pytest.raises(NotFound):
        service.view(db, office.stranger, office.now, made.id)
    with office.store.writing() as db, pytest.raises(NotFound):
        service.listenable(db, office.stranger, office.now, made.recordings[0].id)
    with office.store.writing() as db, pytest.raises(NotFound):
        service.delete(db, office.stranger, office.now, made.id, version=1)
    new = NewAnnouncement(zone_id=office.places.leng_1, title="x", recordings=[TextRecording(text="a")])
    with office.store.writing() as db, pytest.raises(Forbidden):
        service.create(db, office.helper, office.now, new)
    with office.store.reading() as db:
        assert service.index(db, office.stranger, office.now).items == []


def test_a_helper_hears_what_is_approved_for_the_own_village(office: Office) -> None:
    made = office.text()
    office.ready(made)
    broadcast_id = office.used(made)
    with office.store.writing() as db, pytest.raises(NotFound):
        service.view(db, office.helper, office.now, made.id)
    with office.store.writing() as db:
        db.get_one(Broadcast, broadcast_id).state = "approved"
        db.flush()
        assert not service.view(db, office.helper, office.now, made.id).may_edit
        assert service.listenable(db, office.helper, office.now, made.recordings[0].id).sha256 == "e" * 64


def test_elsewhere_only_what_was_approved_is_read_and_not_what_its_own_people_write_later(office: Office) -> None:
    made, later = office.text(), office.now + timedelta(hours=1)
    office.ready(made)
    recording_id, draft = made.recordings[0].id, TextRecording(text="Bản nháp chưa duyệt của Trà Leng.")
    broadcast_id = office.used(made)
    with office.store.writing() as db:
        aiming.set_targets(db, broadcast_id, [office.places.van_1], [])
        db.get_one(Broadcast, broadcast_id).state = "done"
        assert service.view(db, office.stranger, later, made.id).recordings[0].text == "Ngày 14/6."
        theirs = BroadcastIn.model_validate(
            {
                "zone_id": office.places.van, "announcement_id": made.id, "zone_ids": [office.places.van_1],
                "when": {"kind": "at", "starts_local": "2026-11-23T17:00"},
            }
        )  # fmt: skip
        chosen = broadcasts.create(db, office.stranger, office.now, theirs)
        service.edit_text(db, office.official, later, recording_id, draft, version=1)
    with office.store.writing() as db:
        with pytest.raises(NotFound):
            service.view(db, office.stranger, later, made.id)
        with pytest.raises(NotFound):
            service.listenable(db, office.stranger, later, recording_id)
        with pytest.raises(Conflict, match="another place's"):
            broadcasts.submit(db, office.stranger, later, chosen.id, version=chosen.version)
        assert service.view(db, office.official, later, made.id).recordings[0].text == draft.text
    with office.store.writing() as db:  # approved anew
        row = db.get_one(Broadcast, broadcast_id)
        row.submitted_at = later + timedelta(hours=1)
        assert service.view(db, office.stranger, later, made.id).recordings[0].text == draft.text


def test_editing_a_text_queues_it_again(office: Office) -> None:
    made = office.text()
    office.ready(made)
    changed = TextRecording(language="vi", text="Ngày 15/6.", voice="vi-south", speed=0.9)
    with office.store.writing() as db:
        edited = service.edit_text(db, office.official, office.now, made.recordings[0].id, changed, version=1)
    [recording] = edited.recordings
    assert (edited.version, recording.state, recording.sha256) == (2, RecordingState.QUEUED, None)
    assert (recording.text, recording.voice, recording.speed) == ("Ngày 15/6.", "vi-south", 0.9)
    with office.store.writing() as db, pytest.raises(Stale):
        service.edit_text(db, office.official, office.now, recording.id, changed, version=1)


def test_what_a_broadcast_holds_is_changed_by_copying_it(office: Office) -> None:
    made = office.text("vi", "xtd")
    office.ready(made)
    broadcast_id = office.used(made)
    first, changed = made.recordings[0].id, TextRecording(language="vi", text="Khác.")
    changes: tuple[Callable[[Session], Any], ...] = (
        lambda db: service.edit_text(db, office.official, office.now, first, changed, version=1),
        lambda db: service.remove_recording(db, office.official, office.now, first, version=1),
        lambda db: service.add_sound(
            db, office.official, office.now, made.id, version=1, recording=SoundRecording(language="en"), sound=SOUND
        ),
    )
    for change in changes:
        with office.store.writing() as db, pytest.raises(Conflict, match=broadcast_id):
            change(db)
    with office.store.writing() as db:
        copied = service.copy(db, office.official, office.now, made.id, CopyOf(title="Bản mới"))
        assert [(r.language, r.state, r.sha256) for r in copied.recordings] == [
            ("vi", RecordingState.READY, "e" * 64),
            ("xtd", RecordingState.READY, "e" * 64),
        ]
        assert (copied.copied_from_id, copied.title, copied.in_use) == (made.id, "Bản mới", False)
        edited = service.edit_text(
            db, office.official, office.now, copied.recordings[0].id, changed, version=copied.version
        )
        assert edited.recordings[0].state is RecordingState.QUEUED
        assert service.view(db, office.official, office.now, made.id).recordings[0].sha256 == "e" * 64


def test_deleting_is_refused_while_even_a_draft_uses_it(office: Office) -> None:
    made = office.text()
    broadcast_id = office.used(made, submit=False)
    with office.store.writing() as db, pytest.raises(Conflict, match=broadcast_id):
        service.delete(db, office.official, office.now, made.id, version=1)
    with office.store.writing() as db:
        broadcasts.cancel(db, office.official, office.now, broadcast_id)
        service.delete(db, office.official, office.now, made.id, version=1)
    with office.store.reading() as db:
        assert service.index(db, office.official, office.now).items == []
        with pytest.raises(NotFound):
            service.view(db, office.official, office.now, made.id)


def test_the_last_recording_stays_and_a_good_one_is_not_tried_again(office: Office) -> None:
    made = office.text()
    with office.store.writing() as db, pytest.raises(Conflict, match="at least one"):
        service.remove_recording(db, office.official, office.now, made.recordings[0].id, version=1)
    with office.store.writing() as db, pytest.raises(Conflict, match="that failed"):
        service.produce_again(db, office.official, office.now, made.recordings[0].id)


def test_pages_newest_first(office: Office) -> None:
    ids = sorted((office.text().id for _ in range(3)), reverse=True)
    with office.store.reading() as db:
        first = service.index(db, office.official, office.now, limit=2)
        rest = service.index(db, office.official, office.now, limit=2, before=first.next)
    assert [item.id for item in first.items] == ids[:2]
    assert ([item.id for item in rest.items], rest.next) == (ids[2:], None)


def test_two_officials_edit_one_announcement(office: Any, add_person: Any) -> None:
    other, made = add_person("other", office.places.leng, Role.EDITOR), office.text()
    barrier = threading.Barrier(2)
    outcomes: list[object] = []

    def edit(actor: Actor) -> None:
        text, recording_id = TextRecording(text=f"Của {actor.login}."), made.recordings[0].id
        barrier.wait()
        try:
            with office.store.writing() as db:
                outcomes.append(
                    service.edit_text(db, actor, office.now, recording_id, text, version=made.version).version
                )
        except Stale as stale:
            outcomes.append(stale.code)

    threads = [threading.Thread(target=edit, args=(actor,)) for actor in (office.official, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [made.version + 1, "stale"]


def test_what_a_zone_falls_back_on_is_changed_only_in_a_copy(office: Any) -> None:
    made = office.text()
    with office.store.writing() as db:
        db.get_one(Zone, office.places.leng).fallback_recording_id = made.recordings[0].id
    text = TextRecording(text="Khác.")
    acts: tuple[Callable[[Session], Any], ...] = (
        lambda db: service.edit_text(
            db, office.official, office.now, made.recordings[0].id, text, version=made.version
        ),
        lambda db: service.delete(db, office.official, office.now, made.id, version=made.version),
    )
    for act in acts:
        with pytest.raises(Conflict, match="Trà Leng falls back"), office.store.writing() as db:
            act(db)
    with office.store.writing() as db:
        copied = service.copy(db, office.official, office.now, made.id, CopyOf())
        service.edit_text(db, office.official, office.now, copied.recordings[0].id, text, version=copied.version)


@pytest.mark.parametrize(("by", "told"), [("official", "Loa Trà Leng, 1 other place"), ("village", "2 other places")])
def test_what_holds_it_elsewhere_is_counted_and_not_named(office: Office, add_person: Any, by: str, told: str) -> None:
    made, person = office.text(), office.official
    with office.store.writing() as db:
        if by == "village":
            db.get_one(Announcement, made.id).zone_id = office.places.leng_2
        for name, zone_id in (("Loa kín Trà Vân", office.places.van), ("Loa Trà Leng", office.places.leng_1)):
            receiver = Receiver(id=new_id(office.now), zone_id=zone_id, name=name)
            db.add(receiver)
            db.flush()
            db.add(
                PreparedMessage(
                    receiver_id=receiver.id, name="1", recording_id=made.recordings[0].id,
                    broadcast_class=BroadcastClass.NORMAL,
                )
            )  # fmt: skip
    if by == "village":
        person = add_person("village", office.places.leng_2, Role.EDITOR)
    with office.store.writing() as db, pytest.raises(Conflict) as refused:
        service.delete(db, person, office.now, made.id, version=1)
    assert str(refused.value) == f"{told} keeps this announcement to be started there. Copy it to change it."


def test_what_holds_it_is_named_by_its_own_place(office: Office) -> None:
    """Whatever is of a zone that is not seen has no name."""
    made, van = office.text(), office.places.van
    holding = SimpleNamespace(id=van, zone_id=van, name="Trà Vân kín", title="Trà Vân kín")
    asked = [
        (repository, "zones_falling_back_on"), (repository, "relays_falling_back_on"), (bulletins, "templates_with"),
        (repository, "put_together_from"), (repository, "talks_playing"),
    ]  # fmt: skip
    for module, name in asked:
        with pytest.MonkeyPatch.context() as patched, office.store.writing() as db:
            patched.setattr(module, name, lambda *_args, **_kwargs: [holding])
            with pytest.raises(Conflict, match="1 other place") as refused:
                service.delete(db, office.official, office.now, made.id, version=1)
            assert "kín" not in str(refused.value)
