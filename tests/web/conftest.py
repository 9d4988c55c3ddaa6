"""A centre on an empty SQLite database, and clients of its application."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from broadcast.clock import ManualClock, SystemClock
from broadcast.media import MediaStore
from scheduler.changes import Changes
from scheduler.store.engine import Store
from web.app import create_app
from web.auth import CSRF_HEADER
from web.centre import Centre
from web.settings import Settings

PASSWORD = "một mật khẩu đủ dài"


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
