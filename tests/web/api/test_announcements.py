import io
import json
import math
import os
import struct
import subprocess
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.speech.say import all_voices
from scheduler.announcements import addresses
from scheduler.announcements.models import Recording, RecordingState
from scheduler.people.models import ApiToken, RoleGrant, User
from scheduler.people.signin import digest
from scheduler.rights import Action, Role
from scheduler.zones.models import Zone, ZoneKind
from web.app import create_app
from web.centre import Centre

NEW = {
    "zone_id": "leng",
    "title": "Tiêm chủng",
    "recordings": [{"language": "vi", "text": "Ngày 14/6, từ 7h30."}],
}
Browser = Callable[[str], TestClient]


@pytest.fixture
def as_(app: FastAPI, centre: Centre, tmp_path: Path) -> Iterator[Browser]:
    """A client with a token: `as_("official")` of Trà Leng, `as_("stranger")` of Trà Vân."""
    centre.producer = Producer(MediaStore(tmp_path / "media"), MediaStore(tmp_path / "originals"), all_voices())
    with centre.store.writing() as db:
        for zone_id, name in (("leng", "Trà Leng"), ("van", "Trà Vân")):
            db.add(Zone(id=zone_id, path=f"/{zone_id}/", kind=ZoneKind.COMMUNE, name=name))
        db.flush()
        for login, zone_id in (("official", "leng"), ("stranger", "van")):
            now = datetime(2026, 1, 1, tzinfo=UTC)
            db.add(
                User(
                    id=login,
                    login=login,
                    name=login,
                    zone_id=zone_id,
                    password_hash="-",
                    must_change_password=False,
                    created_at=now,
                )
            )
            db.flush()
            db.add(RoleGrant(id=login, user_id=login, zone_id=zone_id, role=Role.EDITOR.value))
            db.add(
                ApiToken(
                    id=login,
                    token_sha256=digest(f"loa_{login}"),
                    user_id=login,
                    name="test",
                    created_at=now,
                    scope=[action.value for action in Action],
                    expires_at=datetime(2099, 1, 1, tzinfo=UTC),
                )
            )
    with TestClient(app, raise_server_exceptions=False) as client:

        def of(login: str) -> TestClient:
            client.headers["authorization"] = f"Bearer loa_{login}"
            return client

        yield of


@pytest.fixture
def beep() -> bytes:
    """A second of a tone as WAV."""
    made = io.BytesIO()
    with wave.open(made, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        tone = (round(9000 * math.sin(2 * math.pi * 440 * k / 16_000)) for k in range(16_000))
        writer.writeframes(b"".join(struct.pack("<h", sample) for sample in tone))
    return made.getvalue()


def upload(client: TestClient, content: bytes, name: str = "loa.wav", **fields: str) -> Any:
    values = {"zone_id": "leng", "title": "Từ tệp"} | {key.replace("__", "."): v for key, v in fields.items()}
    return client.post("/api/v1/uploads/announcements", data=values, files={"file": (name, content)})


def produce(centre: Centre, recording_id: str, tmp_path: Path, seconds: int = 2) -> bytes:
    """Put a produced file to a recording; the bytes."""
    ogg = tmp_path / "made.ogg"
    sine = ["-f", "lavfi", "-i", f"sine=duration={seconds}", "-c:a", "libopus", "-b:a", "24k", str(ogg)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *sine], check=True)
    assert centre.producer is not None
    with centre.store.writing() as db:
        row = db.get_one(Recording, recording_id)
        row.sha256, row.state = centre.producer.media.put(ogg), RecordingState.READY
    return ogg.read_bytes()


def test_created_read_renamed_and_deleted(as_: Browser) -> None:
    client = as_("official")
    made = client.post("/api/v1/announcements", json=NEW)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    path = f"/api/v1/announcements/{made.json()['id']}"
    assert client.get(path).json() == made.json()
    assert [item["id"] for item in client.get("/api/v1/announcements").json()["items"]] == [made.json()["id"]]
    renamed = client.patch(path, json={"title": "<i>Mới</i>"}, headers={"if-match": '"1"'})
    assert (renamed.json()["title"], renamed.headers["etag"]) == ("<i>Mới</i>", '"2"')
    assert client.patch(path, json={"title": "x"}).status_code == 428
    assert client.patch(path, json={"title": "x"}, headers={"if-match": '"1"'}).status_code == 412
    assert client.delete(path, headers={"if-match": '"2"'}).status_code == 204
    assert client.get(path).status_code == 404


def test_the_same_request_twice_makes_one(as_: Browser) -> None:
    client = as_("official")
    first, second = (client.post("/api/v1/announcements", json=NEW, headers={"idempotency-key": "k1"}) for _ in "12")
    assert first.json() == second.json()
    assert len(client.get("/api/v1/announcements").json()["items"]) == 1


@pytest.mark.parametrize("kind", ["Application/JSON", "application/vnd.loa+json"])
def test_one_key_for_two_bodies_is_refused_however_they_are_sent(as_: Browser, kind: str) -> None:
    client = as_("official")
    headers = {"idempotency-key": "k1", "content-type": kind}
    first, again, other = (
        client.post("/api/v1/announcements", content=json.dumps(sent).encode(), headers=headers)
        for sent in (NEW, NEW, NEW | {"title": "Khác"})
    )
    assert (first.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": "x" * 201}, "title"),
        ({"title": " \u200b "}, "title"),
        ({"recordings": []}, "recordings"),
        ({"recordings": [{"text": "a " * 40_001}]}, "text"),
        ({"recordings": [{"text": "…"}]}, "text"),
        ({"recordings": [{"text": "a", "speed": 9}]}, "recordings.0.speed"),
        ({"zone_id": "nowhere"}, None),
    ],
)
def test_what_cannot_be_is_a_problem_that_names_the_field(as_: Browser, change: Any, field: str | None) -> None:
    answer = as_("official").post("/api/v1/announcements", json=NEW | change)
    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert field is None or [error["field"] for error in answer.json()["errors"]] == [field]


def test_ten_thousand_words_are_taken(as_: Browser) -> None:
    words = {"recordings": [{"text": " ".join(["nghiêng"] * 10_000)}]}
    assert as_("official").post("/api/v1/announcements", json=NEW | words).status_code == 201


def test_another_commune_s_announcement_is_not_there(as_: Browser, centre: Centre, tmp_path: Path) -> None:
    made = as_("official").post("/api/v1/announcements", json=NEW).json()
    recording_id = made["recordings"][0]["id"]
    produce(centre, recording_id, tmp_path)
    stranger = as_("stranger")
    for path in ("audio", "audio.mp3", "original"):
        assert stranger.get(f"/api/v1/recordings/{recording_id}/{path}").status_code == 404
    assert stranger.get(f"/api/v1/announcements/{made['id']}").status_code == 404
    assert stranger.post("/api/v1/announcements", json=NEW).status_code == 403
    assert upload(stranger, b"x").status_code == 403
    stranger.headers.pop("authorization")
    assert stranger.get("/api/v1/announcements").status_code == 401
    assert upload(stranger, b"x").status_code == 401


def test_an_upload_is_kept_as_it_came_and_named_without_its_path(as_: Browser, centre: Centre, beep: bytes) -> None:
    client = as_("official")
    answer = upload(
        client, beep, name="../../etc/Loa xã.wav", recording__source="microphone", recording__recipe__opening="none"
    )
    assert answer.status_code == 201, answer.text
    [recording] = answer.json()["recordings"]
    assert (recording["original_name"], recording["source"]) == ("Loa xã.wav", "microphone")
    assert recording["recipe"]["opening"] is None
    original = client.get(f"/api/v1/recordings/{recording['id']}/original")
    assert (original.content, original.headers["content-type"]) == (beep, "audio/wav")
    assert centre.producer is not None
    with centre.store.reading() as db:
        sha256 = db.exec(select(Recording.original_sha256)).one()
    assert list(centre.producer.originals) == [sha256]


def test_another_language_is_uploaded_to_it(as_: Browser, beep: bytes) -> None:
    client = as_("official")
    made = client.post("/api/v1/announcements", json=NEW).json()
    path = f"/api/v1/uploads/announcements/{made['id']}"
    both = client.post(path, data={"language": "xtd"}, files={"file": ("a.wav", beep)}, headers={"if-match": '"1"'})
    assert [recording["language"] for recording in both.json()["recordings"]] == ["vi", "xtd"]


def test_an_upload_repeated_with_its_key_is_one_announcement(as_: Browser, beep: bytes) -> None:
    client = as_("official")
    client.headers["idempotency-key"] = "k1"
    first, again = (upload(client, beep) for _ in "12")
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.headers["idempotent-replayed"] == "true"
    assert upload(client, beep + b"\0").json()["code"] == "idempotency_key_reused"
    assert upload(client, beep, title="Khác").json()["code"] == "idempotency_key_reused"


def test_uploads_that_are_refused_leave_nothing(as_: Browser, centre: Centre, beep: bytes) -> None:
    client = as_("official")
    assert upload(client, b"").json()["code"] == "empty_file"
    missing = client.post("/api/v1/uploads/announcements", data={"zone_id": "leng", "title": "x"}, files={"f": b""})
    assert missing.json()["code"] == "file_missing"
    assert upload(client, beep, title="").status_code == 422
    assert upload(client, beep, zone_id="van").status_code in {403, 404}
    assert upload(client, beep, recording__source="text").status_code == 422
    assert centre.producer is not None
    assert list(centre.producer.originals) == []
    assert client.get("/api/v1/announcements").json()["items"] == []


def test_an_upload_past_the_limit_is_stopped_while_it_comes(as_: Browser, centre: Centre) -> None:
    headers = dict(as_("official").headers) | {"content-type": "multipart/form-data; boundary=b"}

    def long() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        yield from (bytes(1 << 20) for _ in range(4))

    small = replace(centre, settings=centre.settings.model_copy(update={"upload_max_bytes": 3 << 20}))
    with TestClient(create_app(small), raise_server_exceptions=False, headers=headers) as client:
        stopped = client.post("/api/v1/uploads/announcements", content=long())
        declared = client.post("/api/v1/uploads/announcements", content=b"x", headers={"content-length": str(4 << 20)})
    for answer in (stopped, declared):
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert centre.producer is not None
    assert list(centre.producer.originals) == []


def test_listening_in_parts_and_as_mp3(as_: Browser, centre: Centre, tmp_path: Path) -> None:
    client = as_("official")
    recording_id = client.post("/api/v1/announcements", json=NEW).json()["recordings"][0]["id"]
    path = f"/api/v1/recordings/{recording_id}"
    assert client.get(f"{path}/audio").json()["code"] == "not_ready"
    assert client.get(f"{path}/original").text == "Ngày 14/6, từ 7h30."
    whole = produce(centre, recording_id, tmp_path)
    heard = client.get(f"{path}/audio")
    assert (heard.content, heard.headers["content-type"], heard.headers["accept-ranges"]) == (
        whole,
        "audio/ogg",
        "bytes",
    )
    part = client.get(f"{path}/audio", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    mp3 = client.get(f"{path}/audio.mp3")
    assert mp3.headers["content-type"] == "audio/mpeg"
    probe = ["ffprobe", "-v", "error", "-show_entries", "format=format_name,duration", "-of", "csv=p=0", "-i", "-"]
    name, duration = (
        subprocess.run(probe, input=mp3.content, capture_output=True, check=True).stdout.decode().split(",")
    )
    assert (name, mp3.headers["etag"] != heard.headers["etag"]) == ("mp3", True)
    assert duration.strip()
    assert client.get(f"{path}/audio.mp3", headers={"range": "bytes=0-3"}).content == mp3.content[:4]


@pytest.mark.parametrize("ending", ["audio", "audio.mp3"])
def test_a_browser_keeps_the_sound_that_an_address_names_and_no_other(
    as_: Browser, centre: Centre, tmp_path: Path, ending: str
) -> None:
    client = as_("official")
    made = client.post("/api/v1/announcements", json=NEW).json()
    recording_id = made["recordings"][0]["id"]

    def address() -> str:
        [recording] = client.get(f"/api/v1/announcements/{made['id']}").json()["recordings"]
        return addresses.of_recording(recording_id, recording["sha256"]).replace("/audio?", f"/{ending}?")

    produce(centre, recording_id, tmp_path)
    before = address()
    old = client.get(before)
    assert "immutable" in old.headers["cache-control"]
    body = {"language": "vi", "text": "Ngày 15/6."}
    again = client.put(f"/api/v1/recordings/{recording_id}", json=body, headers={"if-match": '"1"'})
    assert again.status_code == 200, again.text
    produce(centre, recording_id, tmp_path, seconds=3)
    assert address() != before
    assert "immutable" in client.get(address()).headers["cache-control"]
    for other in (before, before.partition("?")[0], f"{before.partition('?')[0]}?v="):
        new = client.get(other, headers={"if-none-match": old.headers["etag"]})
        assert (new.status_code, new.headers["cache-control"]) == (200, "private, no-cache")
        same = client.get(other, headers={"if-none-match": new.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")


def test_those_who_wait_for_an_mp3_keep_nobody_else_waiting(as_: Browser, centre: Centre, tmp_path: Path) -> None:
    """A pipe that nobody writes to stands for two hours of sound."""
    client = as_("official")
    recording_id = client.post("/api/v1/announcements", json=NEW).json()["recordings"][0]["id"]
    produce(centre, recording_id, tmp_path)
    assert centre.producer is not None
    [sound] = (centre.producer.media.path(sha256) for sha256 in centre.producer.media)
    sound.unlink()
    os.mkfifo(sound)
    with ThreadPoolExecutor(50) as browsers:
        listening = [browsers.submit(client.get, f"/api/v1/recordings/{recording_id}/audio.mp3") for _ in range(45)]
        try:
            assert browsers.submit(client.get, "/api/v1/me").result(timeout=60).status_code == 200
        finally:
            with sound.open("wb"):
                sound.unlink()
    answers = [(answer.status_code, answer.json()["code"]) for answer in (future.result() for future in listening)]
    assert set(answers) == {(409, "no_mp3"), (404, "sound_missing")}


def test_voices_and_how_a_text_will_be_read(as_: Browser) -> None:
    client = as_("official")
    assert {"vi-north", "vi-central", "vi-south"} <= {voice["id"] for voice in client.get("/api/v1/voices").json()}
    spoken = client.post("/api/v1/speech/preview", json={"text": "Lúc 7h30"}).json()["spoken_text"]
    assert "7" not in spoken
    assert "bảy giờ ba mươi" in spoken
    unknown = client.post("/api/v1/speech/preview", json={"text": "a", "voice": "x"})
    assert unknown.json()["errors"][0]["field"] == "voice"


def test_the_description_says_what_an_upload_is(as_: Browser) -> None:
    document = as_("official").get("/api/v1/openapi.json").json()
    form = document["paths"]["/api/v1/uploads/announcements"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert {"zone_id", "title", "file", "recording.language", "recording.recipe.opening"} <= set(
        form["schema"]["properties"]
    )
