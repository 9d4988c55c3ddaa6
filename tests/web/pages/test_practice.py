"""The banner of a practice centre, on every page there is, and the button on it."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute

from broadcast.trustroot.folder import load_or_make
from scheduler.fleet.models import Receiver
from scheduler.notices.models import Channel, Kind, Notice, NoticeState, Webhook
from scheduler.rights import Role
from web import practice
from web.centre import Centre
from web.pages.frame import TEMPLATES

OTHER = re.compile(r"[{]|^/api/|^/media|^/events$")  # which never end, or are no pages
BANNER = "LUYỆN TẬP – không phát ra loa"


@pytest.fixture
def everything(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any, full_bank: None
) -> TestClient:
    """Somebody who may do everything, so that no page is refused them."""
    add_person("lan", places.province, *Role)
    return browser("lan")


def pages(routes: Sequence[BaseRoute]) -> Iterator[str]:
    """Every page whose address says all."""
    for route in iter_route_contexts(routes):
        if "GET" in (route.methods or ()) and route.path and not OTHER.search(route.path):
            yield route.path


def test_every_page_says_that_nothing_sounds(everything: TestClient, app: FastAPI, centre: Centre) -> None:
    shown = {path: everything.get(path) for path in pages(app.routes)}
    html = [path for path, answer in shown.items() if "<body" in answer.text]
    assert len(html) > 25
    assert [path for path in html if BANNER in shown[path].text] == []
    centre.settings = centre.settings.model_copy(update={"practice": True})
    centre.kept.clear()
    assert [path for path in html if BANNER not in everything.get(path).text] == []
    assert BANNER in everything.get("/nothing-like-this").text


def test_no_frame_of_a_page_is_without_it() -> None:
    frames = [path for path in TEMPLATES.rglob("*.html") if "<body" in path.read_text()]
    assert frames
    assert [path for path in frames if '{%- include "practice/banner.html" %}' not in path.read_text()] == []


def test_the_button_asks_to_begin_anew(everything: TestClient, centre: Centre) -> None:
    form = {"csrf_token": everything.headers["x-csrf-token"]}
    asked = centre.settings.data_dir / practice.AGAIN
    assert everything.post("/practice/again", data=form).status_code == 404
    assert not asked.exists()
    centre.settings = centre.settings.model_copy(update={"practice": True})
    assert "Đang làm lại" in everything.post("/practice/again", data=form).text
    assert asked.exists()


def test_who_one_may_be_is_said_where_one_signs_in(client: TestClient, centre: Centre) -> None:
    assert practice.PASSWORD not in client.get("/sign-in").text
    centre.settings = centre.settings.model_copy(update={"practice": True})
    page = client.get("/sign-in").text
    assert all(word in page for word in ("bientap", "lanhdao", "trucban", "quantri", practice.PASSWORD))


def test_the_real_centre_shows_the_way_there(everything: TestClient, centre: Centre) -> None:
    assert "https://practice.example" not in everything.get("/").text
    centre.settings = centre.settings.model_copy(update={"practice_url": "https://practice.example"})
    assert 'href="https://practice.example"' in everything.get("/").text


def test_what_a_program_would_have_been_told_is_said_not_to_have_been_sent(
    everything: TestClient, centre: Centre, now: datetime, places: Any
) -> None:
    with centre.store.writing() as db:
        path = f"/{places.province}/"
        hook = Webhook(
            id="H", zone_id=places.province, name="IOC", url="https://ioc.example", secret="s", kinds=["emergency"],
            created_at=now, created_by="x",
        )  # fmt: skip
        row = Notice(id="N", key="k", channel=Channel.HOOK, hook_id="H", kind=Kind.EMERGENCY, subject="order:1",
                     zone_path=path, at=now, data={}, created_at=now, next_at=now, state=NoticeState.SENT, sent_at=now,
                     tries=1)  # fmt: skip
        db.add(hook)
        db.flush()
        db.add(row)
    assert "lẽ ra đã gửi" not in everything.get("/notices/log").text
    centre.settings = centre.settings.model_copy(update={"practice": True})
    assert "lẽ ra đã gửi" in everything.get("/notices/log").text


def test_the_code_that_is_shown_to_install_a_loudspeaker_is_an_invented_one(
    everything: TestClient, centre: Centre, now: datetime, places: Any, tmp_path: Path
) -> None:
    centre.settings = centre.settings.model_copy(update={"practice": True})
    centre.trust = load_or_make(tmp_path / "keys", now)
    with centre.store.writing() as db:
        db.add(Receiver(id="R", zone_id=places.leng_1, name="Loa 1"))
    form = {"csrf_token": everything.headers["x-csrf-token"]}
    page = everything.post("/receivers/R/code", data=form).text
    assert f"receiver enrol {centre.settings.base_url} {practice.CODE} " in page
    assert "Mã này là mã giả" in page
