"""An item of the board moved in a real browser: dragged with the mouse, and by keyboard alone."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from scheduler.zones.models import Zone

PASSWORD = "một mật khẩu đủ dài"
PICTURES = Path(__file__).parents[4] / "build" / "pictures"


def signed_in(browser: Browser, address: str, width: int) -> Page:
    context = browser.new_context(base_url=address, viewport={"width": width, "height": 900}, locale="vi-VN")
    page = context.new_page()
    page.goto("/sign-in")
    page.fill("#login", "lan")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)
    return page


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def test_an_item_is_moved_by_mouse_and_by_keyboard(office: Any, address: str, chromium: Browser) -> None:
    draft = office.planned("Họp thôn", "2026-11-23T09:00", approve=False)
    approved = office.planned("Lịch tiêm chủng mở rộng", "2026-11-23T17:00", cls="priority")
    office.planned("Thời tiết", "2026-11-23T18:00")
    page = signed_in(chromium, address, 1280)
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security" in said.text else None)

    page.goto("/board")
    item = page.locator("[data-item]", has_text="Họp thôn").first
    box, target = item.bounding_box(), page.locator("th[data-from='660']").bounding_box()
    assert box is not None
    assert target is not None
    page.mouse.move(box["x"] + 30, box["y"] + 15)
    page.mouse.down()
    page.mouse.move(target["x"] + target["width"] / 2, box["y"] + 20, steps=8)
    expect(page.locator("#move [data-says]")).to_have_text(re.compile("11:[23]"))
    expect(page.locator("#move .meets-none")).to_be_visible()
    picture(page, "board-dragging-1280")
    page.mouse.up()
    page.wait_for_url(re.compile("moved="))
    assert re.match(r"2026-11-23T11:[23]", office.seen(draft.id).starts_local)

    item = page.locator("[data-item]", has_text="Lịch tiêm chủng").first
    item.locator("a").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(item.locator("time")).to_have_text("17:15")
    page.keyboard.press("Escape")
    expect(item.locator("time")).to_have_text("17:00")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#move .meets")).to_contain_text("Thời tiết")
    expect(page.locator("#move")).to_contain_text("duyệt lại")
    assert item.locator("xpath=..").get_attribute("data-hour") == "18"
    picture(page, "board-keyboard-1280")
    page.keyboard.press("Enter")  # approved: asked once more, beside what it meets
    expect(page.locator("[data-put]")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"moved={approved.id}"))
    assert office.seen(approved.id).starts_local == "2026-11-23T18:00:00"
    assert refused == []


def test_what_is_let_go_onto_another_is_put_there_only_once_that_was_said(
    office: Any, address: str, chromium: Browser
) -> None:
    with office.store.writing() as db:
        db.get_one(Zone, office.places.leng).approval_classes = []  # nothing else asks once more
    dropped = office.planned("Họp thôn", "2026-11-23T09:00", approve=False)
    typed = office.planned("Lịch tiêm chủng mở rộng", "2026-11-23T17:55", approve=False, cls="priority")
    office.planned("Thời tiết", "2026-11-23T18:00", approve=False)
    page = signed_in(chromium, address, 1280)

    page.goto("/board")
    item = page.locator("[data-item]", has_text="Họp thôn").first
    box, target = item.bounding_box(), page.locator("th[data-from='1080']").bounding_box()
    assert box is not None
    assert target is not None
    page.mouse.move(box["x"] + 30, box["y"] + 15)
    page.mouse.down()
    page.mouse.move(target["x"] + 1, box["y"] + 15)
    page.mouse.up()
    expect(page.locator("[data-put]")).to_be_focused()
    expect(page.locator("#move .meets")).to_contain_text("Thời tiết")
    assert office.seen(dropped.id).starts_local == "2026-11-23T09:00:00"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"moved={dropped.id}"))
    assert office.seen(dropped.id).starts_local == "2026-11-23T18:00:00"

    page.locator("[data-item]", has_text="Lịch tiêm chủng").first.locator("a").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("[data-put]")).to_be_focused()
    expect(page.locator("#move .meets")).to_contain_text(re.compile("“(Thời tiết|Họp thôn)”"))
    assert office.seen(typed.id).starts_local == "2026-11-23T17:55:00"
    page.keyboard.press("Escape")
    expect(page.locator("#move")).to_be_hidden()


def test_a_village_with_another_clock_is_moved_by_its_own(office: Any, address: str, chromium: Browser) -> None:
    with office.store.writing() as db:
        db.get_one(Zone, office.places.leng_2).timezone = "Asia/Singapore"  # an hour ahead of the commune
    made = office.planned("Họp thôn", "2026-11-23T17:00", approve=False)
    page = signed_in(chromium, address, 1280)
    page.goto("/board")
    there = page.locator(f"tr[data-row='{office.places.leng_2}'] [data-item]")
    expect(there.locator("time")).to_have_text("18:00")
    there.locator("a").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#move .meets-none")).to_be_visible()
    expect(page.locator("#move [data-meets]")).to_contain_text("17:05")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"moved={made.id}"))
    assert office.seen(made.id).starts_local == "2026-11-23T17:05:00"


def test_a_day_opens_at_this_hour_and_another_at_its_first_item(office: Any, address: str, chromium: Browser) -> None:
    office.planned("Họp thôn", "2026-11-24T17:00", approve=False)
    page = signed_in(chromium, address, 800)
    for path, shown in (("/board", "th.now"), ("/board?day=2026-11-24", ".item")):
        page.goto(path)
        village = page.locator("th.who").first.bounding_box()
        target = page.locator(shown).first.bounding_box()
        assert village is not None
        assert target is not None
        right = village["x"] + village["width"]
        assert right - 2 <= target["x"] < 800 - target["width"]
        stood = page.locator(".board").evaluate("board => board.scrollLeft")
        page.evaluate("document.getElementById('board').replaceWith(document.getElementById('board').cloneNode(true))")
        page.wait_for_function("at => document.querySelector('.board').scrollLeft === at", arg=stood)
        assert stood > 0
