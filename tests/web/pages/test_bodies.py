"""How much of what is sent to each address is read: of a stranger's or a looker-on's no more than fits into memory."""

import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from scheduler.people.actor import Actor
from scheduler.rights import Role
from web.middleware import BODY_LIMIT_BYTES

PIECE = bytes(64 * 1024)
PIECES = 2 * BODY_LIMIT_BYTES // len(PIECE)
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
FORM = {"content-type": "multipart/form-data; boundary=b", "if-match": '"1"'}
SIGN_OUT = {("POST", "/sign-out"), ("DELETE", "/api/v1/session")}
REFUSED = {401, 403, 413}
OF_OTHER_KIND = {404, 415}  # a page of practice centres alone, and what takes no form

TAKING = {
    "POST /api/v1/uploads/announcements",
    "POST /api/v1/uploads/announcements/{announcement_id}",
    "POST /api/v1/uploads/bank/{name}",
    "PUT /api/v1/receivers/{receiver_id}/photo",
    "POST /receivers/{receiver_id}/photo",
    "POST /broadcasts/new",
    "POST /broadcasts/new/announcement",
    "POST /broadcasts/{broadcast_id}/edit",
    "POST /broadcasts/{broadcast_id}/announcement",
    "POST /announcements/{announcement_id}/recordings",
    "POST /live/recordings",
    "POST /emergency/bank/recordings/{name}",
}


class Body:
    """A sound of 2 MB in a form, and how much of it was taken."""

    def __init__(self) -> None:
        self.taken = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        yield HEAD
        for _ in range(PIECES):
            self.taken += len(PIECE)
            yield PIECE
        yield b"\r\n--b--\r\n"


@pytest.fixture
def spooled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what was written to the disk while it came."""
    sizes: list[int] = []
    rollover = tempfile.SpooledTemporaryFile.rollover

    def noted(file: Any) -> None:
        sizes.append(file.tell())
        rollover(file)

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", noted)
    return sizes


async def sent(app: FastAPI, browser: TestClient, *, declared: bool = False) -> dict[str, tuple[int, int]]:
    """What each address that something can be sent to answers, and how much of 2 MB it took."""
    got = {}
    inside = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=inside, base_url="http://testserver", cookies=browser.cookies) as client:
        client.headers["x-csrf-token"] = browser.headers.get("x-csrf-token", "")
        for route in iter_route_contexts(app.routes):
            for method in (route.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"} if route.path else ():
                if (method, route.path) in SIGN_OUT:
                    continue
                body = Body()
                length = {"content-length": str(2 * BODY_LIMIT_BYTES)} if declared else {}
                address = str(route.path).replace("{name}", "storm")
                answer = await client.request(method, address, content=body.pieces(), headers=FORM | length)
                got[f"{method} {route.path}"] = answer.status_code, body.taken
    assert len(got) > 200
    return got


@pytest.mark.parametrize("declared", [False, True])
async def test_nobody_has_anything_spooled_anywhere(
    app: FastAPI, client: TestClient, spooled: list[int], *, declared: bool
) -> None:
    got = await sent(app, client, declared=declared)
    most = 0 if declared else BODY_LIMIT_BYTES + len(PIECE)
    assert {name: one for name, one in got.items() if one[1] > most} == {}
    assert {name: one for name, one in got.items() if one[0] not in REFUSED | OF_OTHER_KIND} == {}
    assert {got[name] for name in TAKING} == {(401, 0)}
    assert spooled == []


async def test_a_village_helper_neither(
    app: FastAPI,
    browser: Callable[[str], TestClient],
    add_person: Callable[..., Actor],
    places: Any,
    spooled: list[int],
) -> None:
    add_person("thon", places.leng_1, Role.VIEWER)
    got = await sent(app, browser("thon"))
    assert {name: one for name, one in got.items() if one[1] > BODY_LIMIT_BYTES + len(PIECE)} == {}
    assert {got[name] for name in TAKING} == {(403, 0)}
    assert spooled == []


async def test_a_file_is_taken_where_one_belongs_and_nowhere_else(
    app: FastAPI, browser: Callable[[str], TestClient], *, add_person: Callable[..., Actor], places: Any,
    full_bank: None,
) -> None:  # fmt: skip
    add_person("lan", places.province, *Role)
    got = await sent(app, browser("lan"))
    assert {name for name, (_status, taken) in got.items() if taken > BODY_LIMIT_BYTES + len(PIECE)} == TAKING
