"""The pages of the message bank as a browser without script meets them."""

import io
import re
import struct
import wave
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlmodel import select

from broadcast.clock import ManualClock
from broadcast.speech.voice import VoiceInfo
from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.bank import repository, service
from scheduler.bank.models import BankMedia
from scheduler.emergency.life import State
from scheduler.emergency.models import EmergencyOrder
from scheduler.people.models import AuditEntry
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.centre import Centre

Browser = Callable[[str], TestClient]
Coded = Callable[[TestClient, str], TestClient]
BANK = "/emergency/bank"
BRIDGE = {"title_vi": "Cấm cầu", "text_vi": "Cầu treo đang nguy hiểm. Bà con không qua cầu.", "siren": "siren-steady"}
PAGE_BYTES = 60_000

pytestmark = pytest.mark.usefixtures("full_bank")


@pytest.fixture
def operator(browser: Browser, add_person: Callable[..., Any], with_codes: Coded, places: Any) -> TestClient:
    add_person("hanh", places.province, Role.OPERATOR)
    return with_codes(browser("hanh"), "hanh")


def post(client: TestClient, path: str, **fields: object) -> Response:
    answer: Response = client.post(path, data={"csrf_token": client.headers["x-csrf-token"], **fields})
    return answer


def newest(store: Store, name: str) -> Any:
    with store.reading() as db:
        return repository.newest(db, name)


def produced(store: Store) -> None:
    """Whatever waits is made."""
    with store.writing() as db:
        for media in db.exec(select(BankMedia).where(BankMedia.state == RecordingState.QUEUED)).all():
            media.state, media.sha256 = RecordingState.READY, f"{abs(hash((media.entry_id, media.language))):064x}"
            media.size_bytes, media.duration_us = 48_000, 14_000_000


def test_a_message_is_added_with_its_drill_seen_in_production_and_listened_to(
    operator: TestClient, store: Store
) -> None:
    assert f'href="{BANK}/new"' in operator.get(BANK).text
    made = post(operator, f"{BANK}/new", **BRIDGE, title_en="Bridge closed", text_en="Do not cross.")
    assert made.url.path == f"{BANK}/cam-cau"
    assert "Đã tạo 0/4 âm thanh" in made.text
    assert 'max="4" value="0"' in made.text
    assert newest(store, "drill-cam-cau").media[0].text.count("Cầu treo") == 1
    produced(store)
    page = operator.get(f"{BANK}/cam-cau").text
    assert "sẵn sàng" in page
    held = newest(store, "cam-cau").media[0]
    for ending in ("audio", "audio.mp3"):
        assert f"/api/v1/bank/cam-cau.1/{ending}?language={held.language}&amp;v={held.sha256[:12]}" in page
    assert "/api/v1/bank/drill-cam-cau.1/audio?language=en" in page
    with store.reading() as db:
        assert "bank.create" in [row.action for row in db.exec(select(AuditEntry)).all()]


def test_what_is_missing_is_said_beside_its_field_and_nothing_typed_is_lost(operator: TestClient) -> None:
    answer = post(operator, f"{BANK}/new", text_vi="Cầu treo đang nguy hiểm.")
    assert answer.status_code == 422
    assert 'href="#title_vi"' in answer.text
    assert "Cầu treo đang nguy hiểm." in answer.text
    assert 'href="#text_vi"' in post(operator, f"{BANK}/new", title_vi="Cấm cầu").text
    long = post(operator, f"{BANK}/new", title_vi="Cấm cầu", text_en="x" * 601)
    assert 'href="#text_en"' in long.text
    assert "x" * 601 in long.text


def test_two_messages_of_one_title_have_names_of_their_own(operator: TestClient) -> None:
    post(operator, f"{BANK}/new", **BRIDGE)
    assert post(operator, f"{BANK}/new", **BRIDGE).url.path == f"{BANK}/cam-cau-2"


def test_a_new_revision_takes_the_place_of_the_old_which_stays_as_history(operator: TestClient, store: Store) -> None:
    form = operator.get(f"{BANK}/storm/edit").text
    assert 'name="revision" value="1"' in form
    said = re.findall(r"<textarea[^>]*>([^<]+)</textarea>", form)
    answer = post(operator, f"{BANK}/storm/edit", revision="1", title_vi="Bão", text_vi="Bão số 5.")
    assert answer.url.path == f"{BANK}/storm"
    assert "bản 1" in answer.text
    assert said[0] in answer.text
    assert 'name="revision" value="2"' in operator.get(f"{BANK}/storm/edit").text
    late = post(operator, f"{BANK}/storm/edit", revision="1", title_vi="Bão", text_vi="Bão số 6.")
    assert late.status_code == 422
    assert "Bão số 6." in late.text
    assert newest(store, "drill-storm").entry.revision == 2


def test_a_confirmed_order_keeps_what_it_confirmed(
    operator: TestClient, store: Store, now: datetime, clock: ManualClock
) -> None:
    with store.writing() as db:
        parts = [{"kind": "bank", "id": "storm.1"}]
        db.add(
            EmergencyOrder(
                id="O1", purpose=Purpose.REAL, state=State.ISSUED, parts=parts, reason="x", asked_at=now, lapses_at=now
            )
        )
    post(operator, f"{BANK}/storm/edit", revision="1", title_vi="Bão", text_vi="Bão số 5.")
    produced(store)
    post(operator, f"{BANK}/storm/retire", revision="2", sure="true")
    clock.step_wall(timedelta(hours=2))
    with store.writing() as db:
        assert service.drop_unused(db, clock.now())
        assert service.get(db, "storm.1").media[0].text != "Bão số 5."
        assert [held.entry.id for held in repository.held(db, ["storm"]) if held.ready] == ["storm.1"]


def test_a_message_is_taken_out_and_put_back(operator: TestClient, store: Store) -> None:
    unsure = post(operator, f"{BANK}/storm/retire", revision="1")
    assert unsure.status_code == 422
    assert 'href="#sure"' in unsure.text
    gone = post(operator, f"{BANK}/storm/retire", revision="1", sure="true")
    assert "không chọn được nữa" in gone.text
    assert "Đã bỏ khỏi kho" in operator.get(BANK).text
    assert 'value="storm.1"' not in operator.get("/emergency").text
    assert newest(store, "drill-storm").retired
    back = post(operator, f"{BANK}/storm/restore", revision="2")
    assert back.url.path == f"{BANK}/storm"
    held = newest(store, "storm")
    assert (held.entry.revision, len(held.media)) == (3, 2)
    with store.reading() as db:
        audited = {row.action for row in db.exec(select(AuditEntry)).all()}
    assert {"bank.retire", "bank.restore"} <= audited


@pytest.mark.parametrize("name", ["false-alarm", "all-clear", "test-announcement"])
def test_what_takes_an_alarm_back_is_edited_but_never_taken_out(operator: TestClient, store: Store, name: str) -> None:
    page = operator.get(f"{BANK}/{name}").text
    assert f'href="{BANK}/{name}/edit"' in page
    assert f"{BANK}/{name}/retire" not in page
    assert post(operator, f"{BANK}/{name}/retire", revision="1", sure="true").status_code == 422
    assert newest(store, name).entry.revision == 1


@pytest.mark.parametrize("name", ["drill-storm", "siren-steady"])
def test_a_drill_s_words_become_no_real_message_by_any_request(operator: TestClient, store: Store, name: str) -> None:
    """Hawaii 2018: nothing that is sent says what a message is for."""
    before = newest(store, name)
    page = operator.get(f"{BANK}/{name}").text
    assert "/edit" not in page
    assert operator.get(f"{BANK}/{name}/edit").status_code == 404
    said = {"title_vi": "Bão", "text_vi": "Đây không phải là diễn tập.", "purpose": "real", "name": "storm"}
    for act in ("edit", "retire", "restore"):
        assert post(operator, f"{BANK}/{name}/{act}", revision="1", sure="true", **said).status_code in (404, 422)
    assert newest(store, name) == before
    made = post(operator, f"{BANK}/new", **said | {"title_vi": "Drill Storm", "name": "drill-storm"})
    assert made.url.path == f"{BANK}/message-drill-storm"  # a message of its own, with a drill of its own
    assert newest(store, "storm").entry.revision == 1
    assert newest(store, name) == before


def test_a_language_without_a_voice_is_sent_as_a_recording_and_left_out_again(
    operator: TestClient, store: Store
) -> None:
    content = io.BytesIO()
    with wave.open(content, "wb") as writer:
        writer.setparams((1, 2, 8000, 0, "NONE", ""))
        writer.writeframes(struct.pack("<8000h", *([4000, -4000] * 4000)))
    fields = {"csrf_token": operator.headers["x-csrf-token"], "revision": "1", "language": "sed"}
    nothing = operator.post(f"{BANK}/recordings/storm", data=fields)
    assert nothing.status_code == 422
    assert 'href="#file"' in nothing.text
    files = {"file": ("bao.wav", content.getvalue(), "audio/wav")}
    made = operator.post(f"{BANK}/recordings/storm", data=fields, files=files)
    assert made.url.path == f"{BANK}/storm"
    assert [media.language for media in newest(store, "storm").media] == ["vi", "en", "sed"]
    texts = {"title_vi": "Bão", "text_vi": "Bão số 5."}
    post(operator, f"{BANK}/storm/edit", revision="2", **texts)
    assert [media.language for media in newest(store, "storm").media] == ["vi", "sed"]
    assert 'name="without" value="sed"' in operator.get(f"{BANK}/storm/edit").text
    post(operator, f"{BANK}/storm/edit", revision="3", without="sed", **texts)
    assert [media.language for media in newest(store, "storm").media] == ["vi"]


@pytest.mark.parametrize(
    ("role", "place"),
    [
        (Role.OPERATOR, "leng"),
        (Role.ADMINISTRATOR, "province"),
        (Role.APPROVER, "province"),
        (Role.EDITOR, "province"),
        (Role.VIEWER, "province"),
    ],
)
def test_others_read_and_change_nothing(
    browser: Browser, add_person: Callable[..., Any], places: Any, store: Store, *, role: Role, place: str
) -> None:
    add_person("me", getattr(places, place), role)
    me = browser("me")
    page = me.get(f"{BANK}/storm")
    assert page.status_code == 200
    assert "/edit" not in page.text
    assert "<textarea" not in page.text
    assert f"{BANK}/new" not in me.get(BANK).text
    assert me.get(f"{BANK}/new").status_code == 404
    for path in ("new", "storm/edit", "storm/retire", "storm/restore", "recordings/storm"):
        assert post(me, f"{BANK}/{path}", revision="1", sure="true", **BRIDGE).status_code in (403, 404, 422)
    with store.reading() as db:
        assert repository.newest(db, "cam-cau") is None
    assert newest(store, "storm").entry.revision == 1


def test_the_pages_are_small_and_bind_no_script_to_themselves(operator: TestClient) -> None:
    for path in (f"{BANK}/new", f"{BANK}/storm", f"{BANK}/storm/edit"):
        answer = operator.get(path)
        assert answer.status_code == 200
        assert len(answer.content) < PAGE_BYTES
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", answer.text)
    assert operator.get(f"{BANK}/nothing").status_code == 404


def fail(store: Store, language: str, why: str = "produce_failed", states: str = "queued") -> None:
    """What of a language waits could not be produced, and the rest is made."""
    with store.writing() as db:
        for media in db.exec(select(BankMedia).where(BankMedia.state == RecordingState(states))).all():
            if media.language == language:
                media.state, media.error_code, media.sha256 = RecordingState.FAILED, why, None
    produced(store)


def test_a_revision_that_lost_a_language_says_which_and_what_to_do(
    operator: TestClient, store: Store, browser: Browser, add_person: Callable[..., Any], places: Any
) -> None:
    texts = {"title_vi": "Bão", "text_vi": "Bão số 5.", "title_en": "Storm", "text_en": "Storm 5."}
    post(operator, f"{BANK}/storm/edit", revision="1", **texts)
    fail(store, "vi")
    page = operator.get(f"{BANK}/storm").text
    assert "Không tạo được âm thanh: Tiếng Việt." in page
    assert "bản 1" in page
    assert "Máy sẽ tự thử lại." in page
    desk = operator.get("/emergency").text
    assert 'value="siren-rise-fall.1 storm.1"' in desk
    assert "storm.2" not in desk
    add_person("lan", places.leng, Role.EDITOR)
    other = browser("lan").get(f"{BANK}/storm").text
    assert "Máy sẽ tự thử lại." in other
    assert f"{BANK}/again" not in other
    assert f'action="{BANK}/again"' in page
    again = post(operator, f"{BANK}/again")
    assert again.url.path == BANK
    produced(store)
    assert "storm.2" in operator.get("/emergency").text


def test_sirens_that_failed_are_tried_again_from_their_page(operator: TestClient, store: Store) -> None:
    fail(store, "vi", states="ready")
    assert "siren-rise-fall" not in operator.get("/emergency").text
    for path in (BANK, f"{BANK}/siren-rise-fall"):
        assert f'action="{BANK}/again"' in operator.get(path).text
    post(operator, f"{BANK}/again")
    produced(store)
    assert "siren-rise-fall.1" in operator.get("/emergency").text
    assert post(operator, f"{BANK}/again").status_code == 422


def test_what_never_can_be_produced_is_said_to_need_other_words(operator: TestClient, store: Store) -> None:
    post(operator, f"{BANK}/new", **BRIDGE)
    fail(store, "vi", "too_long")
    page = operator.get(f"{BANK}/cam-cau").text
    assert "hãy sửa lời" in page
    assert f"{BANK}/again" not in page


def test_a_new_voice_reads_everything_anew_for_a_code(operator: TestClient, centre: Centre, store: Store) -> None:
    assert f"{BANK}/voice" not in operator.get(BANK).text
    assert post(operator, f"{BANK}/voice").status_code == 422  # there is none
    assert centre.producer is not None
    neural = SimpleNamespace(info=VoiceInfo("neural-mai", "Mai", "vi", "north", "piper"))
    centre.producer = replace(centre.producer, voices=(neural,))
    assert f'action="{BANK}/voice"' in operator.get(BANK).text
    assert post(operator, f"{BANK}/voice").url.path == BANK
    assert newest(store, "drill-storm").entry.revision == 2
    assert newest(store, "siren-steady").entry.revision == 1


def test_without_a_code_or_the_right_nothing_is_read_anew(
    browser: Browser, add_person: Callable[..., Any], centre: Centre, places: Any, store: Store
) -> None:
    assert centre.producer is None or not centre.producer.voices
    add_person("hanh", places.province, Role.OPERATOR)
    add_person("lan", places.leng, Role.OPERATOR)
    for login in ("hanh", "lan"):
        me = browser(login)
        neural = SimpleNamespace(info=VoiceInfo("neural-mai", "Mai", "vi", "north", "piper"))
        assert centre.producer is not None
        centre.producer = replace(centre.producer, voices=(neural,))
        assert (f"{BANK}/voice" in me.get(BANK).text) is (login == "hanh")
        assert post(me, f"{BANK}/voice").status_code in (403, 422)
    assert newest(store, "storm").entry.revision == 1
