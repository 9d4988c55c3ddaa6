"""Editing a broadcast: its text is there to be changed, and what somebody else saved meanwhile is not written over."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from scheduler.announcements.models import Announcement, Recording
from scheduler.broadcasts.models import Broadcast
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone

TEXT = "Mời bà con ra nhà văn hóa nhận giống lúa."


@pytest.fixture
def lan(browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("lan", places.leng, Role.EDITOR)
    return browser("lan")


class Draft:
    """A draft of Lan's, as a browser without script edits it."""

    def __init__(self, lan: TestClient, store: Store, places: Any) -> None:
        self.lan, self.store, self.places = lan, store, places
        self.path = self.post("/broadcasts/new", source="text", text=TEXT).url.path

    def post(self, path: str, **changed: str) -> Any:
        when = {"when": "at", "date": "2026-11-24", "time": "17:00", "zone": self.places.leng_1, "intent": "draft"}
        return self.lan.post(path, data={"csrf_token": self.lan.headers["x-csrf-token"]} | when | changed)

    def shown(self) -> dict[str, str]:
        """What stands in the first step of the form."""
        page = self.lan.get(f"{self.path}/edit").text
        source = re.search(r'name="source"[^>]*value="(\w+)" checked', page)
        text = re.search(r"<textarea[^>]*>([^<]*)</textarea>", page)
        hidden = dict(re.findall(r'type="hidden" name="(announcement_id|version)" value="(\w+)"', page))
        assert source is not None
        assert text is not None
        return {"source": source[1], "text": text[1], "title": "", "speed": "1.0"} | hidden

    def row(self) -> Broadcast:
        with self.store.reading() as db:
            return db.get_one(Broadcast, self.path.rpartition("/")[2])

    def kept(self, text: str) -> str:
        """The id of an announcement in the library that no broadcast has."""
        made = self.post("/broadcasts/new/announcement", source="text", text=text, title="Tiêm chủng").text
        announcement_id: str = made.partition('data-announcement-id="')[2].partition('"')[0]
        return announcement_id

    def texts(self) -> list[str | None]:
        with self.store.reading() as db:
            return list(db.exec(select(Recording.text).order_by(Recording.text)))


@pytest.fixture
def draft(lan: TestClient, store: Store, places: Any) -> Draft:
    return Draft(lan, store, places)


def test_its_text_is_there_and_stays_the_same_announcement(draft: Draft) -> None:
    before, shown = draft.row(), draft.shown()
    assert (shown["source"], shown["text"]) == ("text", TEXT)
    assert "<title>Sửa" in draft.lan.get(f"{draft.path}/edit").text
    saved = draft.post(f"{draft.path}/edit", **shown | {"time": "18:00"})
    assert saved.url.path == draft.path
    assert draft.row().announcement_id == before.announcement_id
    assert draft.texts() == [TEXT]


def test_a_changed_word_makes_another_announcement(draft: Draft) -> None:
    before, changed = draft.row(), TEXT.replace("giống lúa", "giống ngô")
    draft.post(f"{draft.path}/edit", **draft.shown() | {"text": changed})
    assert draft.row().announcement_id != before.announcement_id
    assert draft.texts() == [TEXT, changed]


@pytest.mark.parametrize("tried", [True, False], ids=["with script", "without"])
def test_what_was_picked_from_the_library_stays_there_as_it_is(
    draft: Draft, store: Store, places: Any, *, tried: bool
) -> None:
    kept = draft.kept("Lịch tiêm chủng.")
    draft.path = draft.post("/broadcasts/new", source="existing", existing=kept, zone=places.leng_2).url.path
    typed = draft.shown() | {"text": "Họp thôn tối nay.", "title": "Tiêm chủng"}
    if tried:
        made = draft.post(f"{draft.path}/announcement", **typed).text
        typed["announcement_id"] = made.partition('data-announcement-id="')[2].partition('"')[0]
    assert draft.post(f"{draft.path}/edit", **typed).url.path == draft.path
    assert "Họp thôn tối nay." in draft.lan.get(draft.path).text
    assert "Lịch tiêm chủng." in draft.lan.get(f"/announcements/{kept}").text
    with store.reading() as db:
        assert db.get_one(Announcement, kept).version == 1


def test_a_new_broadcast_begun_from_the_library_leaves_it_as_it_is(draft: Draft) -> None:
    kept = draft.kept("Lịch tiêm chủng.")
    begun = draft.post("/broadcasts/new", source="text", text="Họp thôn tối nay.", announcement_id=kept)
    assert "Họp thôn tối nay." in begun.text
    assert "Lịch tiêm chủng." in draft.lan.get(f"/announcements/{kept}").text


def test_another_text_is_tried_beside_the_one_that_is_saved(draft: Draft) -> None:
    """As a page with script does it; two tabs that try do not change what the other has."""
    shown, before = draft.shown(), draft.row().announcement_id
    tried = [draft.post(f"{draft.path}/announcement", **shown | {"text": f"Bản của thẻ {tab}."}).text for tab in (1, 2)]
    ids = [match[1] for page in tried if (match := re.search(r'data-announcement-id="(\w+)"', page))]
    assert len({before, *ids}) == 3
    assert draft.row().announcement_id == before
    draft.post(f"{draft.path}/edit", **shown | {"announcement_id": ids[0], "text": "Bản của thẻ 1."})
    assert draft.row().announcement_id == ids[0]
    assert "Bản của thẻ 1." in draft.lan.get(draft.path).text
    assert draft.lan.get(f"/announcements/{before}").status_code == 200


def test_its_own_title_and_its_chime_stay(draft: Draft, store: Store) -> None:
    with store.writing() as db:
        made = db.exec(select(Announcement)).one()
        made.title = "Giống lúa đông xuân"
        db.exec(select(Recording)).one().recipe = {"opening": "priority", "repeat_count": 2}
    page = draft.lan.get(f"{draft.path}/edit").text
    assert 'value="Giống lúa đông xuân"' in page
    shown = draft.shown() | {"title": "Giống lúa đông xuân"}
    draft.post(f"{draft.path}/edit", **shown | {"text": "Một văn bản khác."})
    with store.reading() as db:
        said = db.get_one(Announcement, draft.row().announcement_id)
        assert said.title == "Giống lúa đông xuân"
        of_it = select(Recording).where(Recording.announcement_id == said.id)
        assert db.exec(of_it).one().recipe["repeat_count"] == 2


def test_what_was_saved_meanwhile_is_not_written_over(draft: Draft) -> None:
    mine, theirs = draft.shown(), draft.shown()
    draft.post(f"{draft.path}/edit", **theirs | {"text": "Bản của thẻ một."})
    typed = {"text": "Bản của thẻ hai."}
    late = draft.post(f"{draft.path}/edit", **mine | typed)
    assert late.status_code == 422
    assert f'href="{draft.path}" target="_blank">Mở bản mới nhất' in late.text
    assert "Bản của thẻ hai." in late.text
    again = re.search(r'name="version" value="(\d+)"', late.text)
    assert again is not None
    assert again[1] == mine["version"]
    announced = draft.post(f"{draft.path}/announcement", **mine | typed)
    assert announced.status_code == 422
    assert "Mở bản mới nhất" in announced.text
    assert draft.texts() == ["Bản của thẻ một.", TEXT]


def test_a_time_that_has_passed_is_told_in_the_words_of_the_page(draft: Draft) -> None:
    late = draft.post("/broadcasts/new", source="text", text=TEXT, date="2026-11-22")
    assert "ở đó bây giờ là Thứ Hai 23/11, 08:00" in late.text


def test_what_was_only_tried_is_marked_in_both_lists(draft: Draft) -> None:
    pages = ("/announcements", "/broadcasts/new")
    assert [draft.lan.get(path).text.count("chưa gửi") for path in pages] == [0, 0]
    draft.post("/broadcasts/new/announcement", source="text", text="Viết dở")
    for path in pages:
        page = draft.lan.get(path).text
        assert page.count("chưa gửi") == 1
        after, mark, _rest = page.partition("Viết dở")[2].partition("chưa gửi")
        assert mark  # in which order the two are listed is chance: they were made at the same moment
        assert TEXT not in after


def test_what_another_place_changed_since_is_not_shown_and_another_announcement_can_be_chosen(
    draft: Draft, store: Store, places: Any
) -> None:
    with store.writing() as db:
        said = db.exec(select(Announcement)).one()
        said.zone_id, said.title = places.van, "Giống lúa"
        said.changed_at = said.created_at + timedelta(hours=1)
    page = draft.lan.get(draft.path)
    assert (page.status_code, TEXT in page.text, f"/announcements/{said.id}" in page.text) == (200, False, False)
    assert "Bản tin đã được sửa hoặc xóa sau đó." in page.text
    edit = draft.lan.get(f"{draft.path}/edit")
    assert (edit.status_code, TEXT in edit.text, said.id in edit.text) == (200, False, False)
    kept = draft.kept("Lịch tiêm chủng.")
    typed = {"version": str(draft.row().version), "source": "existing", "existing": kept}
    assert draft.post(f"{draft.path}/edit", **typed).url.path == draft.path
    assert draft.row().announcement_id == kept


def test_what_another_place_holds_is_said_without_its_name(draft: Draft, store: Store, places: Any) -> None:
    kept = draft.kept("Lịch tiêm chủng.")
    with store.writing() as db:
        recording = db.exec(select(Recording).where(Recording.announcement_id == kept)).one()
        db.get_one(Zone, places.van).fallback_recording_id = recording.id
    said = "1 nơi khác dùng bản tin này để phát thay"
    page = draft.post(f"/announcements/{kept}/delete", version="1")
    problem = draft.lan.delete(f"/api/v1/announcements/{kept}", headers={"if-match": '"1"'})
    assert (page.status_code, problem.status_code) == (422, 409)
    for refused in (page.text, problem.json()["detail"]):
        assert said in refused
        assert "Trà Vân" not in refused
