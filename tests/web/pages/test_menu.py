"""The menu marks where a page belongs, also where its address does not begin with that of the item."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.rights import Role

PLACES = {
    "/": "/",
    "/board": "/",
    "/broadcasts": "/broadcasts",
    "/broadcasts/new": "/broadcasts/new",
    "/announcements": "/announcements",
    "/bulletins": "/announcements",
    "/playlists/new": "/announcements",
    "/relays": "/announcements",
    "/faults": "/receivers",
    "/drills": "/emergency",
    "/rehearsals": "/emergency",
}


@pytest.mark.parametrize(("path", "item"), PLACES.items())
def test_each_page_is_marked_under_its_item(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any, path: str, item: str
) -> None:
    add_person("trucban", places.province, Role.OPERATOR)
    page = browser("trucban").get(path)
    menu = re.search(r'<nav class="nav".*?</nav>', page.text, re.DOTALL)
    assert page.status_code == 200
    assert re.findall(r'href="([^"]+)" aria-current="page"', menu[0] if menu else "") == [item]


def test_the_account_belongs_nowhere(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any
) -> None:
    add_person("trucban", places.province, Role.OPERATOR)
    assert 'aria-current="page"' not in browser("trucban").get("/account").text
