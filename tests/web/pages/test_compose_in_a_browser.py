"""Writing a broadcast in a real browser while something comes between: a second tab, a session that ends, a mistake."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from scheduler.rights import Role

PASSWORD = "một mật khẩu đủ dài"
TEXT = "Mời bà con ra nhà văn hóa nhận giống lúa."
MINE = "Mời bà con ra nhà văn hóa nhận giống ngô."
NEXT = "[data-step={}] [data-next]"


@pytest.fixture
def context(
    browser: object, add_person: Callable[..., Any], places: Any, address: str, chromium: Browser
) -> Iterator[BrowserContext]:
    """Lan's telephone, at a centre that takes what is written."""
    del browser
    add_person("lan", places.leng, Role.EDITOR)
    opened = chromium.new_context(
        base_url=address, viewport={"width": 360, "height": 800}, locale="vi-VN", reduced_motion="reduce"
    )
    sign_in(opened.new_page())
    yield opened
    opened.close()


def sign_in(page: Page) -> None:
    if "/sign-in" not in page.url:
        page.goto("/sign-in")
    page.fill("#login", "lan")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)


def drafted(page: Page, places: Any) -> str:
    """Where the draft that was written is."""
    page.goto("/broadcasts/new")
    page.fill("#text", TEXT)
    page.click(NEXT.format("what"))
    page.check(f"#zone-{places.leng_1}")
    page.click(NEXT.format("where"))
    page.click("button[value=draft] >> visible=true")
    page.wait_for_url("**said=draft")
    return page.url.partition("?")[0]


def test_a_second_tab_is_told_and_its_text_is_kept(context: BrowserContext, places: Any) -> None:
    first = context.pages[0]
    path = drafted(first, places)
    second = context.new_page()
    for tab in (first, second):
        tab.goto(f"{path}/edit")
        expect(tab.locator("#text")).to_have_value(TEXT)
    for tab in (first, second):
        for step in ("what", "where", "when"):
            tab.click(NEXT.format(step)) if tab.locator(NEXT.format(step)).is_visible() else None
        expect(tab.locator("button[value=draft] >> visible=true")).to_be_visible()
    first.click("button[value=draft] >> visible=true")
    first.wait_for_url("**said=draft")
    second.click("button[value=draft] >> visible=true")
    alert = second.locator("[data-step=check] [role=alert]")
    expect(alert).to_be_in_viewport()
    with context.expect_page() as opened:
        alert.get_by_role("link", name="Mở bản mới nhất").click()
    expect(opened.value.locator("main")).to_contain_text(TEXT)
    second.click("[data-step=what] [data-change]")
    second.fill("#text", MINE)
    second.click(NEXT.format("what"))
    expect(second.locator("[data-step=what] [data-given][role=alert]")).to_be_in_viewport()
    second.goto(f"{path}/edit")
    expect(second.locator("#text")).to_have_value(MINE)
    expect(second.locator("[data-meanwhile]")).to_be_visible()


def test_of_what_was_begun_before_somebody_else_saved_only_the_text_is_back(
    context: BrowserContext, places: Any
) -> None:
    [page] = context.pages
    path = drafted(page, places)
    page.goto(f"{path}/edit")
    page.fill("#text", MINE)
    page.goto(f"{path}/edit")
    expect(page.locator("[data-restored] >> visible=true")).to_contain_text("Nội dung bạn soạn dở đã được khôi phục")
    saved = {name: page.input_value(f"[name={name}]") for name in ("csrf_token", "announcement_id", "version", "once")}
    saved |= {"source": "text", "text": TEXT, "zone": places.leng_2, "when": "at", "intent": "draft"}
    saved |= {"date": "2026-11-25", "time": "09:30"}
    assert context.request.post(f"{path}/edit", form={**saved}).url.endswith("said=draft")
    page.goto(f"{path}/edit")
    expect(page.locator("[data-meanwhile] >> visible=true")).to_contain_text("đã được sửa trong lúc đó")
    expect(page.locator("#text")).to_have_value(MINE)
    expect(page.locator("[name=time]")).to_have_value("09:30")
    expect(page.locator(f"#zone-{places.leng_1}")).not_to_be_checked()
    expect(page.locator(f"#zone-{places.leng_2}")).to_be_checked()


def test_a_text_that_was_changed_back_is_kept_no_longer(context: BrowserContext, places: Any) -> None:
    [page] = context.pages
    path = drafted(page, places)
    page.goto(f"{path}/edit")
    page.fill("#text", MINE)
    page.fill("#text", TEXT)
    page.goto(f"{path}/edit")
    expect(page.locator("#text")).to_have_value(TEXT)
    expect(page.locator("[data-restored] >> visible=true")).to_have_count(0)


def test_a_session_that_ended_is_said_and_the_text_is_there_after_signing_in(context: BrowserContext) -> None:
    [page] = context.pages
    page.goto("/broadcasts/new")
    page.fill("#text", TEXT)
    context.clear_cookies()
    page.click(NEXT.format("what"))
    expect(page.locator("#lost")).to_contain_text("Phiên đăng nhập đã hết")
    page.click("#lost a")
    page.wait_for_url("**/sign-in?next=**")
    sign_in(page)
    page.wait_for_url("**/broadcasts/new")
    expect(page.locator("#text")).to_have_value(TEXT)


def test_a_mistake_is_no_longer_shown_once_it_is_put_right(context: BrowserContext, places: Any) -> None:
    [page] = context.pages
    page.goto("/broadcasts/new")
    page.fill("#text", f"{'Đông' * 40} xuân.")
    page.click(NEXT.format("what"))
    page.click(NEXT.format("where"))
    wrong = page.locator("#zones .wrong")
    expect(wrong).to_be_visible()
    page.check(f"#zone-{places.leng_1}")
    expect(wrong).to_have_count(0)
    expect(page.locator("#zones")).not_to_have_class("bad")
    page.goto("/broadcasts/new")
    page.click("label[for=source-existing]")
    row = page.locator("#existing .choice")
    expect(row).to_be_visible()
    assert row.evaluate("row => row.parentElement.scrollWidth <= row.parentElement.clientWidth")
