"""The live pages over a studio that runs: a relay that is begun there, and who may stop it."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import select

from broadcast.clock import SystemClock
from scheduler.changes import Changes
from scheduler.people.models import User
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.app import create_app
from web.auth import CSRF_HEADER
from web.centre import Centre
from web.live.placing import RATE_HZ
from web.pages.errors import problem_page
from web.pages.router import router
from web.settings import Settings

SAID = {
    "vi": ("Tiếp sóng đài khác", "DỪNG", "Đã có người dừng."),
    "en": ("Relay of another station", "STOP", "Somebody stopped it."),
}


@pytest.fixture(scope="module")
def one_app(empty_sqlite: Path) -> FastAPI:
    """As a centre that serves pages has it."""
    settings = Settings(data_dir=empty_sqlite.parent, host="testserver", port=80)
    store = Store(f"sqlite:///{empty_sqlite}")
    app = create_app(Centre(settings=settings, clock=SystemClock(), store=store, changes=Changes()), problem_page)
    app.include_router(router)
    return app


async def person(air: Any, login: str, language: str) -> httpx.AsyncClient:
    with air.centre.store.writing() as db:
        db.exec(select(User).where(User.login == login)).one().language = language
    client: httpx.AsyncClient = air.browser()
    await air.sign_in(client, login)
    client.headers["accept"], client.follow_redirects = "text/html", True
    return client


async def post(client: httpx.AsyncClient, path: str, **fields: Any) -> httpx.Response:
    return await client.post(path, data={"csrf_token": client.headers[CSRF_HEADER], **fields})


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_a_relay_begun_on_the_page_is_on_the_air_until_somebody_who_may_stops_it(
    air: Any, station: str, add_person: Any, language: str
) -> None:
    kind, stop, stopped = SAID[language]
    add_person("bo", air.places.leng_1, Role.VIEWER)
    air.centre.settings = air.centre.settings.model_copy(update={"live_relay_hosts": "127.0.0.1"})
    begins, helper, official = [await person(air, login, language) for login in ("operator", "bo", "official")]

    way = {"mode": "relay", "source_url": station, "minutes": "3", "code": air.code()}
    asked = await post(begins, "/live", zone=[air.places.leng], **way)
    found = re.search(r"/live/([0-9A-Z]{26})$", str(asked.url))
    assert found, asked.text
    await air.until(lambda: air.sent)
    feed = air.studio.desk.get(found[1])
    await air.until(lambda: feed.frames > 2 * RATE_HZ)
    page = (await begins.get(f"/live/{found[1]}")).text
    assert 'data-state="on_air"' in page
    assert kind in page
    assert station in page

    end = f"/live/{found[1]}/end"
    assert f'action="{end}"' not in (await helper.get(f"/live/{found[1]}")).text
    refused = await post(helper, end)
    assert refused.status_code == 403
    assert not feed.ended

    page = (await official.get("/live")).text
    assert stop in page.split(f'action="{end}"')[1].split("</form>")[0]
    over = await post(official, end)
    assert 'data-state="ended"' in over.text
    assert stopped in over.text
    await air.until(lambda: feed.ended)
    assert air.ends() == {found[1]: "stopped"}
    for client in (begins, helper, official):
        await client.aclose()
