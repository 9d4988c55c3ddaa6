"""A centre on an empty database, and clients of its application."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from broadcast.clock import ManualClock
from broadcast.media import MediaStore
from scheduler.changes import Changes
from scheduler.store.engine import Store
from web.app import create_app
from web.centre import Centre
from web.settings import Settings


@pytest.fixture
def centre(sqlite_store: Store, clock: ManualClock, tmp_path: Path) -> Centre:
    settings = Settings(data_dir=tmp_path, host="testserver", port=80)
    return Centre(
        settings=settings, clock=clock, store=sqlite_store, changes=Changes(), media=MediaStore(tmp_path / "media")
    )


@pytest.fixture
def app(centre: Centre) -> FastAPI:
    return create_app(centre)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Nobody, on a browser that has no cookies yet."""
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened
