"""The pages in a real browser: reached by keys alone, nothing against them by axe, nothing lost on a dead line."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from bench.tasks import focusing, looking, pages
from bench.tasks.hands import Keys
from bench.tasks.jobs import Desk, Task
from bench.tasks.office import DUTY, HELPER, LEADER, OFFICIAL, SECOND
from bench.tasks.rounds import WHO, first_of_each_role, sees
from bench.tasks.served import Served, opened, strict
from bench.tasks.survey import DAY_AND_NIGHT
from broadcast.clock import SystemClock

TYPED = "Mời bà con họp thôn tối thứ Sáu."


# Not for the session: Playwright's event loop runs while this is open, and async tests of others need their own.
@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with opened(tmp_path_factory.mktemp("office")) as office:
        yield office


@pytest.fixture(autouse=True)
def nothing_breaks(served: Served) -> Iterator[None]:
    """No other host is asked, every answer has a strict policy that no page offends, no script and no page fails."""
    yield
    found, served.broken[:] = list(served.broken), []
    assert found == []


@pytest.fixture
def desk(served: Served) -> Desk:
    return Desk(served.office, served.url)


@pytest.mark.parametrize("each", first_of_each_role(), ids=lambda each: each.login or "resident")
def test_the_first_task_of_each_role_by_keys_alone_on_a_telephone(served: Served, desk: Desk, each: Task) -> None:
    page = served.open(each.login, 360)
    each.run(Keys(page, SystemClock()), desk)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.context.close()


def test_nothing_is_found_on_every_fifth_page(served: Served) -> None:
    """`make tasks` looks at all of them, in every look, as everybody."""
    found, sample = [], list(pages.addresses(served.office))[::5]
    for look, addresses in zip(DAY_AND_NIGHT, (sample[::2], sample[1::2]), strict=True):
        browsers = {login: served.open(login, look.width, dark=look.dark) for login in WHO}
        for place, address in enumerate(addresses):
            page = next((page for page in browsers.values() if sees(page, address)), None)
            assert page is not None, f"nobody sees {address}"
            found += [f"{address} {look}: {line}" for line in looking.findings(page, look.width)]
            found += [f"{address} {look}: {line}" for line in (focusing.walked(page) if place % 4 == 0 else ())]
        for page in browsers.values():
            page.context.close()
    assert found == []


def test_every_answer_has_a_strict_policy(served: Served) -> None:
    paths = ("/", "/api/v1/health", "/api/v1/broadcasts", "/khong-co", "/static/khong-co", "/nghe", "/sign-in")
    answers = [httpx.get(served.url + path) for path in paths]
    answers += [httpx.post(served.url + path) for path in ("/sign-in", "/api/v1/session", "/broadcasts/new", "/nghe")]
    assert {answer.status_code for answer in answers} >= {200, 401, 404}
    assert [str(answer.url) for answer in answers if not strict(answer.headers["content-security-policy"])] == []


def lose_and_find(page: Page, press: str) -> None:
    """The line is dead as it is sent: what was typed stays, is said to stay, and can be sent once the line is back."""
    page.context.set_offline(True)
    page.click(press)
    expect(page.locator("#lost")).to_be_visible()
    page.context.set_offline(False)
    page.click(press)


def test_a_dead_line_in_the_middle_of_a_form_loses_no_typed_text(served: Served, desk: Desk) -> None:
    page = served.open(OFFICIAL, 360)
    page.goto("/broadcasts/new")
    page.fill("#text", TYPED)
    lose_and_find(page, "[data-step=what] [data-next]")
    page.check(f"input[name=zone][value='{desk.office.village()}']")
    lose_and_find(page, "[data-step=where] [data-next]")
    expect(page.locator("button[value=send]")).to_be_enabled(timeout=120_000)
    lose_and_find(page, "button[value=send]")
    page.wait_for_url("**/broadcasts/*?said=sent")
    expect(page.locator("main")).to_contain_text(TYPED)
    page.context.close()


def test_a_dead_line_keeps_what_is_typed_in_any_form(served: Served, desk: Desk) -> None:
    made = desk.broadcast()
    page = served.open(LEADER)
    page.goto("/inbox")
    page.click(f"#b-{made['id']} > details.more > summary")
    page.fill(f"#reason-{made['id']}", TYPED)
    lose_and_find(page, f"form[action='/inbox/{made['id']}/return'] button")
    page.wait_for_url("**/inbox?said=returned")
    page.goto(f"/broadcasts/{made['id']}")
    expect(page.locator("main")).to_contain_text(TYPED)
    page.context.close()


@pytest.mark.parametrize(("login", "path"), [(HELPER, "/village"), ("", "{village}/feedback")])
def test_pages_without_script_give_back_what_was_typed(served: Served, login: str, path: str) -> None:
    """Their browser shows that there is no line; going back finds the text, and it can be sent."""
    page = served.open(login, 360)
    page.goto(path.format_map(served.office.ids))
    page.fill("#text", TYPED)
    page.context.set_offline(True)
    page.locator("form:has(#text) button").click(no_wait_after=True)
    expect(page).to_have_url(re.compile("^chrome-error:"))
    page.context.set_offline(False)
    page.go_back()
    expect(page.locator("#text")).to_have_value(TYPED)
    page.click("form:has(#text) button")
    expect(page.locator("[role=status]").first).to_be_visible()
    page.context.close()


def test_what_another_changes_meanwhile_takes_away_nothing_that_is_being_typed(served: Served, desk: Desk) -> None:
    made = desk.broadcast()
    page = served.open(LEADER)
    page.goto("/inbox")
    page.click(f"#b-{made['id']} > details.more > summary")
    page.fill(f"#reason-{made['id']}", TYPED)
    page.locator("h1").click()
    with page.expect_response(lambda answer: answer.url.endswith("/inbox")):
        desk.broadcast()
    expect(page.locator(f"#reason-{made['id']}")).to_have_value(TYPED)
    page.context.close()


def test_what_changes_meanwhile_leaves_the_focus_and_enter_in_a_field_approves_nothing(
    served: Served, desk: Desk
) -> None:
    made = desk.broadcast()
    page = served.open(LEADER)
    with page.expect_response(lambda answer: answer.url.endswith("/events")):
        page.goto("/inbox")
    unfolds = f"#b-{made['id']} > details.more > summary"
    page.press(unfolds, "Enter")
    another = desk.broadcast()
    expect(page.locator(f"#b-{another['id']}")).to_be_visible()
    expect(page.locator(unfolds)).to_be_focused()
    page.press(f"input[name=which][value^='{made['id']}:']", "Enter")
    page.press(f"form[action='/inbox/{made['id']}/approve'] summary", "Enter")
    page.press(f"#document_no-{made['id']}", "Enter")
    expect(page.locator(f"#reason-{made['id']}")).to_be_visible()
    page.context.close()
    assert desk.api(LEADER).get(f"/broadcasts/{made['id']}").json()["state"] == "submitted"


def test_two_tabs_on_one_broadcast(served: Served, desk: Desk) -> None:
    """The second is told what happened, keeps what it had typed, and the back button does nothing twice."""
    made = desk.broadcast()
    first, second = served.open(LEADER), served.open(LEADER)
    for tab in (first, second):
        tab.goto(f"/broadcasts/{made['id']}")
    second.click("#more-return summary")
    second.fill("#reason", TYPED)
    first.click("form[action$='/approve'] button")
    first.wait_for_url("**said=approved")
    second.click("form[action$='/return'] button")
    expect(second.locator("#errors")).to_be_visible()
    expect(second.locator("body")).to_contain_text(TYPED)
    first.go_back()
    first.reload()
    expect(first.locator("form[action$='/approve']")).to_have_count(0)
    first.context.close()
    second.context.close()


def test_going_back_and_reloading_sends_nothing_twice(served: Served, desk: Desk) -> None:
    def mine() -> int:
        return len(desk.api(OFFICIAL).get("/broadcasts", params={"limit": 100}).json()["items"])

    before = mine()
    page = served.open(OFFICIAL)
    page.goto("/broadcasts/new")
    page.fill("#text", TYPED)
    page.click("[data-step=what] [data-next]")
    page.check(f"input[name=zone][value='{desk.office.village()}']")
    page.click("[data-step=where] [data-next]")
    page.locator("button[value=draft]").locator("visible=true").dblclick()
    page.wait_for_url("**said=draft")
    page.reload()
    page.go_back()
    page.reload()
    assert mine() == before + 1
    page.context.close()


@pytest.mark.parametrize(
    ("login", "path", "form", "field"),
    [
        (OFFICIAL, "/bulletins/new", "form[action='/bulletins/new']", "#name"),
        (OFFICIAL, "/relays/new", "form[action='/relays/new']", "#title"),
        (OFFICIAL, "/playlists/new", "form[action='/playlists/new']", "#title"),
        (DUTY, "/emergency", "#order", "#reason"),
        (SECOND, "/emergency/bank/new", "form[action='/emergency/bank/new']", "#text_vi"),
    ],
    ids=lambda each: each if each.startswith("/") else "",
)
def test_long_forms_lose_nothing_on_a_dead_line_by_the_back_button_or_beside_a_second_tab(
    served: Served, login: str, path: str, form: str, field: str
) -> None:
    page = served.open(login, 360)
    page.goto(path)
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    page.fill(field, TYPED)
    page.context.set_offline(True)
    page.evaluate("form => document.querySelector(form).requestSubmit()", form)
    expect(page.locator("#lost")).to_be_visible()
    page.context.set_offline(False)
    second = page.context.new_page()
    second.goto(page.url)
    expect(second.locator(field)).not_to_have_value(TYPED)
    expect(page.locator(field)).to_have_value(TYPED)
    page.goto("/account")
    page.go_back()
    expect(page.locator(field)).to_have_value(TYPED)
    page.evaluate("form => document.querySelector(form).requestSubmit()", form)
    expect(page.locator("#errors")).to_be_visible()
    expect(page.locator(field)).to_have_value(TYPED)
    page.context.close()
