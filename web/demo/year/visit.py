"""Visitors of the pages on a filled database, in this process (does I/O): for benches and tests."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from fastapi import FastAPI

from broadcast.clock import Clock
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.speech.say import all_voices
from scheduler.changes import Changes
from scheduler.store.engine import Store
from web.app import create_app
from web.centre import Centre
from web.pages.errors import problem_page
from web.pages.router import router
from web.settings import Settings

_BASE = "http://testserver"
_LIMIT_S = 60.0


def application(store: Store, folder: Path, clock: Clock) -> FastAPI:
    """The pages and the API of a centre of which nothing else runs."""
    media = MediaStore(folder / "media")
    centre = Centre(
        settings=Settings(data_dir=folder, host="testserver", port=80), clock=clock, store=store,
        changes=Changes(), media=media, originals=media, producer=Producer(media, media, all_voices(None)),
    )  # fmt: skip
    app = create_app(centre, problem_page)
    app.include_router(router)
    return app


class Visitors:
    """People with a browser each, by login; the one without a login signs in as nobody."""

    def __init__(self, app: FastAPI, password: str, logins: Sequence[str]) -> None:
        self._password = password
        self._clients = {
            login: httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app),
                base_url=_BASE,
                headers={"accept": "text/html,application/json;q=0.9", "accept-encoding": "gzip"},
                timeout=_LIMIT_S,
            )
            for login in logins
        }

    async def __aenter__(self) -> Self:
        for login, client in self._clients.items():
            if login:
                answer = await client.post("/api/v1/session", json={"login": login, "password": self._password})
                answer.raise_for_status()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def get(self, login: str, path: str) -> httpx.Response | None:
        """The page; None where there is none for this person."""
        answer = await self._clients[login].get(path)
        return answer if answer.status_code == HTTPStatus.OK else None
