"""Choosing places on the map of the emergency desk, in a real browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from sqlmodel import select

from scheduler.emergency.models import OrderTarget
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone
from web.auth import SESSION_COOKIE

FLOOD = "siren-rise-fall.1 flash-flood.1"


@pytest.fixture
def operator(
    full_bank: None, browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any
) -> TestClient:
    add_person("hanh", places.province, Role.OPERATOR)
    return browser("hanh")


def test_a_place_chosen_on_the_map_is_ticked_in_the_list_and_asked_for(
    operator: TestClient, *, places: Any, store: Store, address: str, chromium: Browser
) -> None:
    shown = (places.leng, places.leng_1, places.leng_2, places.van)
    with store.writing() as db:
        for number, zone_id in enumerate(shown):
            zone = db.get_one(Zone, zone_id)
            zone.latitude, zone.longitude = 15.1 + number / 50, 108.1 + number % 2 / 50
    context = chromium.new_context(base_url=address, viewport={"width": 360, "height": 800})
    context.add_cookies([{"name": SESSION_COOKIE, "value": operator.cookies[SESSION_COOKIE], "url": address}])
    page = context.new_page()
    page.goto("/emergency")
    page.locator("#more-map > summary").click()
    dots = {zone_id: page.locator(f'[data-dot="{zone_id}"]') for zone_id in shown}
    boxes = {zone_id: page.locator(f"#zone-{zone_id}") for zone_id in shown}
    page.locator(f"button[aria-controls='under-{places.leng}']").click()
    expect(boxes[places.leng_1]).to_be_hidden()
    dots[places.leng_1].locator("circle").click()
    expect(boxes[places.leng_1]).to_be_checked()
    expect(boxes[places.leng_1]).to_be_visible()  # its commune is unfolded again
    expect(dots[places.leng_1]).to_have_class("on")
    for click in range(2):  # the second takes back what the first chose
        dots[places.van].locator("text").click()
        expect(boxes[places.van]).to_be_checked(checked=click == 0)
        expect(dots[places.van]).to_have_class("" if click else "on")
    for zone_id in (places.leng, places.leng_2):  # the second lies in the first, which takes it in as it is
        dots[zone_id].locator("circle").click()
    expect(boxes[places.leng_2]).to_be_checked()
    dots[places.leng].locator("circle").click()
    expect(boxes[places.leng_2]).not_to_be_checked()
    page.locator(f'input[name=message][value="{FLOOD}"]').check()
    page.locator('button[value="read"]').click()
    page.locator('button[value="send"], button[value="ask"]').first.click()
    page.wait_for_url(re.compile(r"/emergency/[0-9A-Z]{26}"))
    with store.reading() as db:
        assert list(db.exec(select(OrderTarget.zone_id))) == [places.leng_1]
