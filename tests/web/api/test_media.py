import hashlib
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.rights import Role
from web.centre import Centre

SOUND = bytes(range(256)) * 400
SHA256 = hashlib.sha256(SOUND).hexdigest()
PATH = f"/media/{SHA256}"


@pytest.fixture
def stored(centre: Centre, tmp_path: Path, places: Any, add_person: Any) -> str:
    """A produced recording, and beside it a file that was not made for receivers; that one's hash."""
    author_id = add_person("editor", places.leng, Role.EDITOR).user_id
    now = centre.clock.now()
    assert centre.media is not None
    for name, content in (("sound", SOUND), ("original", b"private")):
        (tmp_path / name).write_bytes(content)
    assert centre.media.put(tmp_path / "sound") == SHA256
    (tmp_path / "loa.sqlite3").write_bytes(b"private")
    with centre.store.writing() as db:
        db.add(Announcement(id="a1", zone_id=places.leng, title="t", author_id=author_id, created_at=now))
        db.flush()
        db.add(
            Recording(
                id="r1",
                announcement_id="a1",
                language="vi",
                source=Source.TEXT,
                state=RecordingState.READY,
                sha256=SHA256,
                size_bytes=len(SOUND),
                duration_us=1,
                created_at=now,
            )
        )
    return centre.media.put(tmp_path / "original")


def test_a_recording_comes_whole_and_may_be_kept_for_ever(client: TestClient, stored: str) -> None:
    answer = client.get(PATH)
    assert answer.content == SOUND
    assert answer.headers["content-type"] == "audio/ogg"
    assert answer.headers["etag"] == f'"{SHA256}"'
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "content-encoding" not in answer.headers
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, SOUND[:10]),
        ("bytes=100-", 206, SOUND[100:]),
        ("bytes=-5", 206, SOUND[-5:]),
        (f"bytes={len(SOUND)}-", 416, None),
        ("bytes=9-1", 400, None),
    ],
)
def test_a_part_is_had_by_range(client: TestClient, stored: str, asked: str, status: int, part: bytes | None) -> None:
    answer = client.get(PATH, headers={"Range": asked})
    assert answer.status_code == status
    if part is not None:
        assert answer.content == part
        assert answer.headers["etag"] == f'"{SHA256}"'


def test_the_rest_is_had_after_a_cut_if_it_is_the_same(client: TestClient, stored: str) -> None:
    same = client.get(PATH, headers={"Range": "bytes=100-", "If-Range": f'"{SHA256}"'})
    other = client.get(PATH, headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert (same.status_code, same.content) == (206, SOUND[100:])
    assert (other.status_code, other.content) == (200, SOUND)


def test_what_many_want_is_looked_up_once_and_a_large_one_is_not_kept(
    client: TestClient, stored: str, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept() -> bytes:
        return centre.kept_sounds.get(SHA256, centre.clock.monotonic_us(), lambda: b"made anew")

    assert [client.get(PATH).content for _ in range(2)] == [SOUND] * 2
    assert kept() == SOUND
    centre.kept_sounds.clear()
    monkeypatch.setattr("web.api.media.SMALL_BYTES", len(SOUND) - 1)
    assert client.get(PATH).content == SOUND
    assert kept() == b""


def test_who_has_it_gets_nothing_again(client: TestClient, stored: str) -> None:
    for known in (f'"{SHA256}"', f'W/"{SHA256}", "x"', "*"):
        answer = client.get(PATH, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == f'"{SHA256}"'
    assert client.get(PATH, headers={"If-None-Match": '"x"'}).status_code == 200


def test_its_size_is_had_without_it(client: TestClient, stored: str) -> None:
    answer = client.head(PATH)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(SOUND))


def test_only_what_was_made_for_receivers_is_there(client: TestClient, stored: str) -> None:
    """The file is in the store, but no recording names it as produced."""
    assert client.get(f"/media/{stored}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/media",
        "/media/",
        f"/media/{SHA256.upper()}",
        f"/media/{'0' * 64}",
        f"/media/{SHA256[:-1]}",
        "/media/..%2f..%2floa.sqlite3",
        "/media/incoming",
        f"/media/{SHA256}%00",
        f"/media/{SHA256}/x",
    ],
)
def test_nothing_else_is_there(client: TestClient, stored: str, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.head(path).status_code == 404
