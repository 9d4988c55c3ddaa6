"""A resident, who has no account and perhaps an old telephone."""

from playwright.sync_api import expect

from bench.tasks.hands import Hand
from bench.tasks.jobs import RESIDENT, Desk, task
from web.pages.residents_paths import public_path


def _village(desk: Desk) -> str:
    return desk.office.ids["village"]


@task(RESIDENT, "Find the page of one's village", most=3)
def find(hand: Hand, desk: Desk) -> None:
    hand.start("/nghe")
    hand.fill("#q", "tra leng")
    hand.press("main form button", to="q=")
    hand.press(f"main a[href='{public_path(desk.office.commune, 'Trà Leng')}']", to="/nghe/")
    hand.sees("Trà Leng")


@task(RESIDENT, "See what is coming, and read it")
def read(hand: Hand, desk: Desk) -> None:
    hand.start(_village(desk))
    hand.press("[aria-labelledby=h-coming] ul.lines a", to="/nghe/")
    hand.sees("Đề nghị bà con")


@task(RESIDENT, "Hear again what was announced", most=1)
def again(hand: Hand, desk: Desk) -> None:
    hand.start(_village(desk))
    hand.play("[aria-labelledby=h-past] audio")
    expect(hand.page.locator("[aria-labelledby=h-past] audio").first).to_have_js_property("paused", value=False)


@task(RESIDENT, "Write to the commune")
def write(hand: Hand, desk: Desk) -> None:
    hand.start(desk.some_village())
    hand.press("main a[href$='/feedback']", to="/feedback")
    hand.fill("#text", "Loa ở đầu thôn nhỏ quá, bà con không nghe rõ.")
    hand.press("main form button.main", to="/feedback")
    hand.sees("Cảm ơn")


@task(RESIDENT, "Go from the commune to one's village")
def below(hand: Hand, desk: Desk) -> None:
    hand.start(public_path(desk.office.commune, "Trà Leng"))
    hand.press("[aria-labelledby=h-below] a", to="/nghe/[a-z]+-")
    hand.sees("Trà Leng")


@task(RESIDENT, "Read it in English")
def english(hand: Hand, desk: Desk) -> None:
    hand.start(_village(desk))
    hand.press("header a[hreflang=en]", to="lang=en")
    hand.sees("Was announced")


@task(RESIDENT, "Take the calendar")
def calendar(hand: Hand, desk: Desk) -> None:
    hand.start(_village(desk))
    with hand.page.expect_download() as taken:
        hand.press("main a[href$='/calendar.ics']")
    assert taken.value.suggested_filename.endswith(".ics")
    hand.sees("Sẽ phát")


@task(RESIDENT, "Get the lines for one's own website")
def embed(hand: Hand, desk: Desk) -> None:
    hand.start(_village(desk))
    hand.press("main a[href$='/embed']", to="/embed")
    hand.sees("trang web")


@task(RESIDENT, "Read an announcement of the past and come back")
def past(hand: Hand, desk: Desk) -> None:
    hand.start(_village(desk))
    hand.press("[aria-labelledby=h-past] h3 a", to="/nghe/")
    hand.press("p.crumbs a", to="/nghe/")
    hand.sees("Đã phát")


@task(RESIDENT, "Look up another village whose name is alike")
def alike(hand: Hand, _desk: Desk) -> None:
    hand.start("/nghe")
    hand.fill("#q", "tra don")
    hand.press("main form button", to="q=")
    hand.sees("Trà Don")
    hand.sees("Trà Dơn")
    hand.press("main ul.places a", to="/nghe/tra-don")
    hand.sees("Trà")
