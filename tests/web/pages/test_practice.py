"""The banner of a practice centre, on every page there is, and the button on it."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute

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
