"""A centre on an empty SQLite database, clients of its application, and its emergency desk."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from broadcast.clock import ManualClock, SystemClock
from broadcast.media import MediaStore
from scheduler.changes import Changes
from scheduler.people import recovery
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry, User
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.app import create_app
from web.auth import CSRF_HEADER
from web.centre import Centre
from web.settings import Settings

PASSWORD = "một mật khẩu đủ dài"
API = "/api/v1"
LIMIT_S = 60
SIREN, FLOOD, FLOOD_DRILL = "siren-rise-fall.1", "flash-flood.1", "drill-flash-flood.1"


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    """What HTTP adds is the same on every database."""
    return sqlite_store


@pytest.fixture
def centre(store: Store, clock: ManualClock, tmp_path: Path) -> Centre:
    settings = Settings(data_dir=tmp_path, host="testserver", port=80)
    return Centre(settings=settings, clock=clock, store=store, changes=Changes(), media=MediaStore(tmp_path / "media"))


@pytest.fixture(scope="session")
def one_app(empty_sqlite: Path) -> FastAPI:
    """Made once, since describing every endpoint takes a while; it knows its centre only by `app.state`."""
    settings = Settings(data_dir=empty_sqlite.parent, host="testserver", port=80)
    return create_app(
        Centre(settings=settings, clock=SystemClock(), store=Store(f"sqlite:///{empty_sqlite}"), changes=Changes())
    )


@pytest.fixture
def app(one_app: FastAPI, centre: Centre) -> FastAPI:
    """The application over this test's `centre`; a test that adds to it makes its own."""
    one_app.state.centre = centre
    return one_app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Nobody, on a browser that has no cookies yet."""
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def sign_in(app: FastAPI) -> Iterator[Callable[[str], TestClient]]:
    """`sign_in(login)`: a browser of its own in which the person has signed in, CSRF token included."""
    with ExitStack() as opened:

        def browser(login: str) -> TestClient:
            client = opened.enter_context(TestClient(app, raise_server_exceptions=False))
            answer = client.post("/api/v1/session", json={"login": login, "password": PASSWORD})
            assert answer.status_code == 201, answer.text
            client.headers[CSRF_HEADER] = answer.json()["csrf_token"]
            return client

        yield browser


@pytest.fixture
def typed_code(store: Store) -> Callable[[str], str]:
    """`typed_code(login)`: a code of somebody's second factor, another each time; set up when first asked for."""

    def code_of(login: str) -> str:
        with store.writing() as db:
            user = db.exec(select(User).where(User.login == login)).one()
            user.totp_secret, user.totp_confirmed = user.totp_secret or pyotp.random_base32(), True
            return recovery.make(db, user.id)[0]

    return code_of


@pytest.fixture
def with_codes(typed_code: Callable[[str], str]) -> Callable[[TestClient, str], TestClient]:
    """`with_codes(client, login)`: the same browser, where a code is typed wherever one may be asked for."""

    def give(client: TestClient, login: str) -> TestClient:
        send = client.request

        def coded(method: str, url: str, **sent: Any) -> Any:
            if method != "GET":
                code = typed_code(login)
                sent["headers"] = {"X-Second-Factor": code} | dict(sent.get("headers") or {})
                if "csrf_token" in (sent.get("data") or {}):  # a page's form
                    sent["data"] = {"code": code} | sent["data"]
            return send(method, url, **sent)

        client.request = coded  # type: ignore[method-assign]
        return client

    return give


@dataclass
class Alarm:
    """Two operators of the province with a browser each, and what they send."""

    app: FastAPI
    store: Store
    places: Any
    operator: Actor
    second: Actor
    sign_in: Callable[[str], TestClient]

    def draft(self, *parts: Any, **other: Any) -> dict[str, Any]:
        shown = [{"kind": "bank", "id": part} if isinstance(part, str) else part for part in parts or (SIREN, FLOOD)]
        return {"zone_ids": [self.places.leng], "parts": shown, "reason": "Lũ quét trên sông Tranh"} | other

    def asked(self, client: Any, path: str = "/emergencies", **other: Any) -> dict[str, Any]:
        body = self.draft(*([FLOOD_DRILL] if path == "/drills" else ()), **other)
        answer = client.post(API + path, json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def confirm(
        self, client: Any, order: dict[str, Any], *, word: str = "KHẨN CẤP", code: str = "", path: str = "/emergencies"
    ) -> Any:
        body = {"word": word, "code": code}
        headers = {"If-Match": f'"{order["version"]}"'}
        return client.post(f"{API}{path}/{order['id']}/confirm", json=body, headers=headers)

    async def passes(self, browsers: dict[str, httpx.AsyncClient]) -> dict[str, Any]:
        """An emergency from asking to its confirmation, looked at in between, and then STOP ALL."""
        async with asyncio.timeout(LIMIT_S):
            one, two = browsers["operator"], browsers["second"]
            asked = await one.post(f"{API}/emergencies", json=self.draft())
            assert asked.status_code == httpx.codes.CREATED, asked.text
            path = f"{API}/emergencies/{asked.json()['id']}"
            seen = await two.get(path)
            headers = {"If-Match": seen.headers["etag"]}
            done = await two.post(f"{path}/confirm", json={"word": "KHẨN CẤP"}, headers=headers)
            assert done.status_code == httpx.codes.OK, done.text
            order: dict[str, Any] = done.json()
            assert order["state"] == "issued"
            stopped = await one.post(f"{API}/stop", json={"zone_ids": [self.places.leng]})
            assert stopped.json()["cancelled"] == [order["id"]]
            return order

    def refused(self) -> list[tuple[str | None, str]]:
        """Whose acts were refused for what, by the audit record."""
        with self.store.reading() as db:
            rows = db.exec(select(AuditEntry).where(AuditEntry.action == "urgent.refused")).all()
        return [(row.user_id, row.detail["code"]) for row in rows]


@pytest.fixture
def alarm(
    app: FastAPI,
    places: Any,
    message_bank: None,
    add_person: Callable[..., Actor],
    sign_in: Callable[[str], TestClient],
) -> Alarm:
    operator, second = (add_person(login, places.province, Role.OPERATOR) for login in ("operator", "second"))
    return Alarm(app, app.state.centre.store, places, operator, second, sign_in)


@pytest.fixture
async def browsers(alarm: Any) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """The two operators, in this event loop."""
    made = {}
    for login in ("operator", "second"):
        signed = await asyncio.to_thread(alarm.sign_in, login)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=alarm.app), base_url="http://testserver", cookies=dict(signed.cookies)
        )
        client.headers["X-CSRF-Token"] = signed.headers["X-CSRF-Token"]
        made[login] = client
    yield made
    for client in made.values():
        await client.aclose()
