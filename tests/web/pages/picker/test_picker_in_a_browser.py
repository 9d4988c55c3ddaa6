"""Places that are fetched when they are wanted, in a real browser: by keyboard, by name, in a draft, on a dead line."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone

PASSWORD = "một mật khẩu đủ dài"
Communes = dict[str, dict[str, str]]


def signed_in(browser: Browser, address: str) -> Page:
    page = browser.new_context(base_url=address, viewport={"width": 360, "height": 800}, locale="vi-VN").new_page()
    page.goto("/sign-in")
    page.fill("#login", "truc")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)
    return page


@pytest.mark.usefixtures("duty")
def test_villages_come_where_a_commune_is_opened_and_by_their_names(
    communes: Communes, address: str, chromium: Browser
) -> None:
    opened, other = communes["Xã 1"], communes["Xã 6"]
    page = signed_in(chromium, address)
    page.goto("/live")
    fold = page.locator(f"button[aria-controls='under-{opened['']}']")
    fold.press("Enter")
    village = page.locator(f"#zone-{opened['Nóc 1.2']}")
    expect(village).to_be_visible()
    expect(fold).to_have_attribute("aria-expanded", "true")
    village.check()
    page.fill("#zone-find", "noc 6.3")
    found = page.locator(f"#zone-{other['Nóc 6.3']}")
    expect(found).to_be_visible()
    expect(page.locator("[data-search-note]")).to_have_text("1 nơi")
    found.check()
    page.fill("#zone-find", "")
    page.locator(f"#under-{other['']} .rest button").click()
    expect(page.locator(f"#under-{other['']} > li[data-name]")).to_have_count(len(other) - 1)
    expect(village).to_be_checked()
    expect(found).to_be_checked()
    page.locator(f"#zone-{other['']}").check()
    expect(found).to_be_disabled()
    page.context.set_offline(True)
    third = page.locator(f"button[aria-controls='under-{communes['Xã 2']['']}']")
    third.click()
    expect(page.locator("[data-search-note]")).to_contain_text("Chưa tải được")
    expect(third).to_have_attribute("aria-expanded", "false")
    page.locator(f"#zone-{communes['Xã 2']['']}").check()


@pytest.mark.usefixtures("duty")
def test_a_draft_keeps_a_village_that_was_fetched(communes: Communes, address: str, chromium: Browser) -> None:
    commune = communes["Xã 4"]
    page = signed_in(chromium, address)
    page.goto("/broadcasts/new")
    page.fill("textarea[name=text]", "Mời bà con họp thôn.")
    page.evaluate(
        "id => document.querySelector(`button[aria-controls='under-${id}']`).click()", commune[""]
    )  # its step is folded
    village = page.locator(f"#zone-{commune['Nóc 4.0']}")
    village.evaluate("box => box.click()")
    page.reload()
    expect(page.locator("[data-restored]")).to_be_visible()
    expect(village).to_be_checked()


def test_both_spellings_of_a_tone_mark_show_a_place(
    store: Store, places: Any, add_person: Callable[..., Any], address: str, chromium: Browser
) -> None:
    add_person("truc", places.province, Role.OPERATOR, Role.ADMINISTRATOR)
    with store.writing() as db:
        db.get_one(Zone, places.leng_1).name = "Hoà Bình"
        db.get_one(Zone, places.leng_2).name = "Thôn Hòa Khánh"
    page = signed_in(chromium, address)
    page.goto("/live")
    first, second = (page.locator(f"#zone-{one}") for one in (places.leng_1, places.leng_2))
    note = page.locator("[data-search-note]")
    for typed, shown in (
        ("Hòa Bình", {"first"}),
        ("xã trà leng hòa bì", {"first"}),
        ("hoà kh", {"second"}),
        ("hò", {"first", "second"}),
        ("hoa", {"first", "second"}),
        ("trà leng hò", {"first", "second"}),
    ):
        page.fill("#zone-find", typed)
        expect(note).to_have_text(f"{len(shown)} nơi")
        assert {name for name, box in (("first", first), ("second", second)) if box.is_visible()} == shown
    page.fill("#zone-find", "hóa")
    expect(note).to_have_text(note.get_attribute("data-near") or "-")
