"""The bank and the rehearsals over HTTP: who may do what, and what a browser hears."""

import io
import struct
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.speech.say import all_voices
from broadcast.speech.voice import VoiceInfo
from scheduler.announcements.models import RecordingState
from scheduler.bank import entries
from scheduler.bank.models import BankMedia
from scheduler.people.actor import Actor
from scheduler.rights import Role
from web.centre import Centre

Coded = Callable[[TestClient, str], TestClient]
FIRST = {"If-Match": '"1"'}
NEW = {"name": "bridge", "titles": {"vi": "Cấm cầu"}, "texts": {"vi": "Cầu bị cấm."}}
WEEKLY = {"weekday": 0, "at": "16:30", "silent": True}


@pytest.fixture
def stocked(centre: Centre, tmp_path: Path, places: Any) -> str:
    """The SHA-256 of the one sound of the bank, that of `storm.1` in Vietnamese."""
    media, originals = MediaStore(tmp_path / "media"), MediaStore(tmp_path / "originals")
    centre.producer = Producer(media, originals, all_voices())
    sound = tmp_path / "x"
    sound.write_bytes(b"OggS not really")
    sha256 = media.put(sound)
    with centre.store.writing() as db:
        drafts = entries.Draft("storm", {"vi": "Bão"}, entries.texts({"vi": "Bão.", "en": "Storm."}))
        entries.add(db, drafts, centre.clock.now(), None)
        row = db.get_one(BankMedia, ("storm.1", "vi"))
        row.state, row.sha256, row.size_bytes, row.duration_us = RecordingState.READY, sha256, 15, 1_000_000
        db.get_one(BankMedia, ("storm.1", "en")).state = RecordingState.FAILED
    return sha256


def wav() -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as writer:
        writer.setparams((1, 2, 8000, 0, "NONE", ""))
        writer.writeframes(struct.pack("<8000h", *([4000, -4000] * 4000)))
    return content.getvalue()


def upload(client: TestClient, name: str = "storm", headers: dict[str, str] = FIRST) -> Any:
    files = {"file": ("bao.wav", wav(), "audio/wav")}
    return client.post(f"/api/v1/uploads/bank/{name}", data={"language": "sed"}, files=files, headers=headers)


MATRIX = {
    #                     read, change, read weekly, set weekly
    Role.VIEWER: (200, 403, 200, 403),
    Role.EDITOR: (200, 403, 200, 403),
    Role.APPROVER: (200, 403, 200, 403),
    Role.OPERATOR: (200, 201, 200, 200),
    Role.ADMINISTRATOR: (200, 403, 200, 403),
}


@pytest.mark.parametrize("role", list(Role))
def test_the_matrix(
    role: Role,
    stocked: str,
    places: Any,
    add_person: Callable[..., Actor],
    sign_in: Callable[[str], TestClient],
    *,
    with_codes: Coded,
) -> None:
    add_person("me", places.province, role)
    me = with_codes(sign_in("me"), "me")
    reads, changes, reads_weekly, sets_weekly = MATRIX[role]
    for path in ("/bank", "/bank/storm.1", "/bank/storm.1/audio", "/bank/receivers"):
        assert me.get(f"/api/v1{path}").status_code == reads, path
    assert me.get(f"/api/v1/zones/{places.leng}/rehearsal").status_code == reads_weekly
    assert me.get(f"/api/v1/zones/{places.leng}/rehearsal/runs").status_code == reads_weekly
    put = me.put(f"/api/v1/zones/{places.leng}/rehearsal", json=WEEKLY, headers={"If-Match": '"0"'})
    assert put.status_code == sets_weekly
    run = me.post(f"/api/v1/zones/{places.leng}/rehearsal/runs", json={})
    assert run.status_code == (201 if sets_weekly == 200 else 403)
    assert me.post("/api/v1/bank", json=NEW).status_code == changes
    assert upload(me).status_code == changes
    assert me.post("/api/v1/bank/bridge/revisions", json={}, headers=FIRST).status_code == changes


def test_nobody_reads_or_changes_it_without_signing_in(stocked: str, client: TestClient, places: Any) -> None:
    for path in ("/bank", "/bank/storm.1", "/bank/storm.1/audio", f"/zones/{places.leng}/rehearsal"):
        assert client.get(f"/api/v1{path}").status_code == 401
    assert client.post("/api/v1/bank", json=NEW).status_code == 401
    assert client.get(f"/media/{stocked}").status_code == 200  # receivers fetch it like any other sound


@pytest.fixture
def operator(
    stocked: str, places: Any, add_person: Callable[..., Actor], sign_in: Callable[[str], TestClient], with_codes: Coded
) -> TestClient:
    add_person("operator", places.province, Role.OPERATOR)
    return with_codes(sign_in("operator"), "operator")


def test_an_operator_of_one_commune_does_not_change_what_all_hear(
    operator: TestClient, places: Any, add_person: Callable[..., Actor], sign_in: Callable[[str], TestClient]
) -> None:
    add_person("local", places.leng, Role.OPERATOR)
    local = sign_in("local")
    assert local.post("/api/v1/bank", json=NEW).json()["code"] == "bank_is_everyones"
    assert local.get(f"/api/v1/bank?zone_id={places.van}").status_code == 404
    assert local.get(f"/api/v1/zones/{places.van}/rehearsal").status_code == 404


def test_a_message_is_listed_heard_and_revised(operator: TestClient, stocked: str) -> None:
    listed = operator.get("/api/v1/bank").json()
    assert (listed["total_bytes"], listed["bytes_by_language"], listed["failed"]) == (15, {"vi": 15}, 1)
    (item,) = listed["items"]
    assert (item["state"], item["purpose"], item["duration_us"]) == ("ready", "real", 1_000_000)
    heard = operator.get(item["media"][0]["audio_url"])
    assert (heard.status_code, heard.content) == (200, b"OggS not really")
    assert operator.get("/api/v1/bank/storm.1/audio?language=en").json()["code"] == "not_ready"
    assert operator.get("/api/v1/bank/storm.1/audio?language=fr").json()["code"] == "no_such_language"
    assert operator.get("/api/v1/bank/storm.2").status_code == 404
    body = {"texts": {"vi": "Bão số 5."}}
    assert operator.post("/api/v1/bank/storm/revisions", json=body).status_code == 428
    made = operator.post("/api/v1/bank/storm/revisions", json=body, headers=FIRST)
    assert (made.status_code, made.json()["id"], made.headers["etag"]) == (201, "storm.2", '"2"')
    assert made.json()["state"] == "producing"
    assert operator.post("/api/v1/bank/storm/revisions", json=body, headers=FIRST).status_code == 412


def test_a_language_without_a_voice_is_uploaded(operator: TestClient) -> None:
    assert upload(operator, "nothing").status_code == 404
    assert upload(operator, headers={}).status_code == 428
    made = upload(operator)
    assert made.status_code == 201
    assert [media["language"] for media in made.json()["media"]] == ["vi", "en", "sed"]
    assert upload(operator).status_code == 412
    spoken = {"texts": {"sed": "…"}}
    refused = operator.post("/api/v1/bank/storm/revisions", json=spoken, headers={"If-Match": '"2"'})
    assert (refused.status_code, refused.json()["code"]) == (422, "no_voice")


@pytest.mark.parametrize(
    "body",
    [
        NEW | {"name": "drill-x"},
        NEW | {"name": "Bridge"},
        NEW | {"texts": {}},
        NEW | {"texts": {"vi": "x" * 601}},
        NEW | {"titles": {}},
        NEW | {"purpose": "drill"},
        NEW | {"siren": "siren-of-mine"},
    ],
)
def test_what_makes_no_message_is_refused(operator: TestClient, body: dict[str, Any]) -> None:
    assert operator.post("/api/v1/bank", json=body).status_code == 422


@pytest.mark.parametrize("word", [None, "", "KHẨN CẤP", "DIỄN TẬP"])
def test_a_test_that_is_heard_takes_its_own_word(operator: TestClient, places: Any, word: str | None) -> None:
    path, typed = f"/api/v1/zones/{places.leng}/rehearsal", {} if word is None else {"word": word}
    heard = {"silent": False, **typed}
    tries = (
        operator.post(f"{path}/runs", json=heard),
        operator.put(path, json=WEEKLY | heard, headers={"If-Match": '"0"'}),
    )
    for answer in tries:
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_word")
    assert (operator.get(path).json()["weekday"], operator.get(f"{path}/runs").json()["items"]) == (None, [])
    assert operator.post(f"{path}/runs", json={"silent": False, "word": "THỬ LOA"}).status_code == 201


def test_the_weekly_test_is_set_run_reported_and_removed(operator: TestClient, places: Any) -> None:
    path = f"/api/v1/zones/{places.leng}/rehearsal"
    none = operator.get(path)
    assert (none.json()["weekday"], none.headers["etag"]) == (None, '"0"')
    assert operator.put(path, json=WEEKLY).status_code == 428
    made = operator.put(path, json=WEEKLY, headers={"If-Match": '"0"'})
    assert (made.json()["at"], made.json()["next_at"]) == ("16:30", "2026-11-23T09:30:00Z")
    run = operator.post(f"{path}/runs", json={"silent": True})
    assert (run.status_code, run.json()["trouble"]) == (201, "no_receivers")
    (listed,) = operator.get(f"{path}/runs").json()["items"]
    assert operator.get(f"/api/v1/rehearsal-runs/{listed['id']}").json() == run.json()
    assert operator.get("/api/v1/rehearsal-runs/none").status_code == 404
    assert operator.delete(path, headers=FIRST).status_code == 204


def test_what_failed_is_tried_again_by_whoever_may_change_the_bank(
    stocked: str, centre: Centre, places: Any, add_person: Callable[..., Actor], sign_in: Callable[[str], TestClient]
) -> None:
    with centre.store.writing() as db:
        db.get_one(BankMedia, ("storm.1", "en")).error_code = "produce_failed"
    for login, role, answer in (("mai", Role.EDITOR, 403), ("hanh", Role.OPERATOR, 200), ("hoa", Role.OPERATOR, 409)):
        add_person(login, places.province, role)
        assert sign_in(login).post("/api/v1/bank/again").status_code == answer
    with centre.store.reading() as db:
        assert db.get_one(BankMedia, ("storm.1", "en")).state is RecordingState.QUEUED


def test_of_a_message_whose_first_language_failed_the_other_is_listened_to(
    stocked: str, centre: Centre, places: Any, add_person: Callable[..., Actor], sign_in: Callable[[str], TestClient]
) -> None:
    with centre.store.writing() as db:
        failed, ready = (db.get_one(BankMedia, ("storm.1", language)) for language in ("vi", "en"))
        ready.state, ready.sha256, ready.size_bytes, ready.duration_us = RecordingState.READY, stocked, 15, 1_000_000
        failed.state, failed.sha256, failed.error_code = RecordingState.FAILED, None, "produce_failed"
    add_person("hanh", places.province, Role.OPERATOR)
    me = sign_in("hanh")
    assert me.get("/api/v1/bank/storm.1/audio").content == b"OggS not really"
    assert me.get("/api/v1/bank/storm.1/audio?language=vi").status_code == 409


def test_what_another_voice_reads_is_read_anew_for_a_code(
    stocked: str, centre: Centre, places: Any, add_person: Callable[..., Actor], sign_in: Callable[[str], TestClient],
    *, with_codes: Coded,
) -> None:  # fmt: skip
    assert centre.producer is not None
    neural = SimpleNamespace(info=VoiceInfo("neural-mai", "Mai", "vi", "north", "piper"))
    centre.producer = replace(centre.producer, voices=(neural, *centre.producer.voices))
    add_person("hanh", places.province, Role.OPERATOR)
    me = sign_in("hanh")
    assert me.post("/api/v1/bank/voice").status_code == 403
    coded = with_codes(me, "hanh")
    read = coded.post("/api/v1/bank/voice").json()["items"]
    assert {one["id"]: [media["state"] for media in one["media"]] for one in read if one["name"] == "storm"} == {
        "storm.2": ["queued", "queued"],
        "storm.1": ["ready", "failed"],
    }
    assert coded.post("/api/v1/bank/voice").json()["code"] == "read_already"
