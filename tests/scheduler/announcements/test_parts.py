from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler.announcements import parts, repository, service
from scheduler.announcements.models import Recording, RecordingState
from scheduler.announcements.schemas import (
    AnnouncementOut,
    CopyOf,
    NewAnnouncement,
    NewPlaylist,
    PlaylistParts,
    TextRecording,
)
from scheduler.errors import Conflict, NotFound
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store


class Desk:
    """An official with announcements to put together, and a colleague who wrote some of them."""

    def __init__(self, store: Store, now: datetime, places: Any, official: Actor, colleague: Actor) -> None:
        self.store, self.now, self.places, self.official, self.colleague = store, now, places, official, colleague

    def text(self, title: str, *languages: str, by: Actor | None = None) -> AnnouncementOut:
        self.now += timedelta(seconds=1)
        recordings = [TextRecording(language=language, text=f"{title}.") for language in languages or ("vi",)]
        new = NewAnnouncement(zone_id=self.places.leng, title=title, recordings=recordings)
        with self.store.writing() as db:
            return service.create(db, by or self.official, self.now, new)

    def produced(self, *made: AnnouncementOut) -> None:
        with self.store.writing() as db:
            for recording in (recording for one in made for recording in one.recordings):
                row = db.get_one(Recording, recording.id)
                row.state, row.sha256, row.original_sha256 = RecordingState.READY, "e" * 64, f"{row.id:0>64}"

    def playlist(self, *of: AnnouncementOut) -> AnnouncementOut:
        new = NewPlaylist(zone_id=self.places.leng, title="Bản tin", announcement_ids=[one.id for one in of])
        with self.store.writing() as db:
            return parts.create(db, self.official, self.now + timedelta(seconds=1), new)


@pytest.fixture
def desk(store: Store, now: datetime, places: Any, add_person: Any) -> Desk:
    official = add_person("official", places.leng, Role.EDITOR)
    return Desk(store, now, places, official, add_person("colleague", places.leng, Role.EDITOR))


def test_a_playlist_is_produced_after_its_parts_from_their_originals(desk: Desk) -> None:
    one, two = desk.text("Lúa"), desk.text("Họp", by=desk.colleague)
    made = desk.playlist(two, one, two)
    [whole] = made.recordings
    assert whole.text == "Họp.\n\nLúa.\n\nHọp."
    with desk.store.writing() as db:
        claimed = [repository.claim(db, f"J{n}", desk.now, urgent_only=False) for n in range(3)]
    assert [row.id if row else None for row in claimed] == [one.recordings[0].id, two.recordings[0].id, None]
    desk.produced(one, two)
    with desk.store.writing() as db:
        row = repository.claim(db, "J", desk.now, urgent_only=False)
        assert row is not None
        assert row.id == whole.id
        originals = repository.originals_of_parts(db, row.id)
        assert [sha256.lstrip("0") for sha256 in originals] == [
            one.recordings[0].id.lstrip("0") if n == 1 else two.recordings[0].id.lstrip("0") for n in range(3)
        ]
        assert [part.title for part in parts.of(db, [made.id])[made.id]] == ["Họp", "Lúa", "Họp"]


def test_whoever_wrote_a_part_wrote_the_whole(desk: Desk) -> None:
    made = desk.playlist(desk.text("Lúa"), desk.text("Họp", by=desk.colleague))
    with desk.store.writing() as db:
        assert service.writers(db, made.id) == {desk.official.user_id, desk.colleague.user_id}


def test_there_is_one_recording_in_each_language_that_all_parts_have(desk: Desk) -> None:
    both = desk.playlist(desk.text("Lúa", "vi", "xtd"), desk.text("Họp", "xtd", "vi", "en"))
    assert [recording.language for recording in both.recordings] == ["vi", "xtd"]
    none = desk.playlist(desk.text("Lúa", "xtd"), desk.text("Họp", "vi"))
    assert [recording.language for recording in none.recordings] == ["xtd"]


def test_a_part_is_not_changed_until_the_whole_is_produced(desk: Desk) -> None:
    one = desk.text("Lúa")
    made = desk.playlist(one)
    changed = TextRecording(language="vi", text="Khác.")
    with pytest.raises(Conflict, match="Bản tin"), desk.store.writing() as db:
        service.edit_text(db, desk.official, desk.now, one.recordings[0].id, changed, version=1)
    desk.produced(one, made)
    with desk.store.writing() as db:
        service.edit_text(db, desk.official, desk.now, one.recordings[0].id, changed, version=1)


def test_other_parts_in_another_order_and_a_copy(desk: Desk) -> None:
    one, two = desk.text("Lúa"), desk.text("Họp")
    made = desk.playlist(one, two)
    with desk.store.writing() as db:
        asked = PlaylistParts(announcement_ids=[two.id])
        changed = parts.change(db, desk.official, desk.now, made.id, asked, version=made.version)
        copied = service.copy(db, desk.official, desk.now, made.id, CopyOf())
        found = parts.of(db, [changed.id, copied.id, one.id])
        assert [[part.id for part in found[one_id]] for one_id in (changed.id, copied.id, one.id)] == [
            [two.id], [two.id], [],
        ]  # fmt: skip
        itself = PlaylistParts(announcement_ids=[made.id])
        with pytest.raises(Conflict, match="itself"):
            parts.change(db, desk.official, desk.now, made.id, itself, version=changed.version)


def test_what_one_does_not_see_or_what_failed_is_no_part(desk: Desk, add_person: Any) -> None:
    stranger = add_person("stranger", desk.places.van, Role.EDITOR)
    one = desk.text("Lúa")
    new = NewPlaylist(zone_id=desk.places.van, title="Của người khác", announcement_ids=[one.id])
    with pytest.raises(NotFound), desk.store.writing() as db:
        parts.create(db, stranger, desk.now, new)
    with desk.store.writing() as db:
        db.get_one(Recording, one.recordings[0].id).state = RecordingState.FAILED
    with pytest.raises(Conflict, match="Lúa"):
        desk.playlist(one)
