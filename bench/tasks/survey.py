"""Every page in every look, as every role, with an emergency in force, with forms sent wrong, by Tab alone.

Each survey yields what it looked at with what is wrong there. `python -m bench.tasks axe` runs all, `… axe/alarm` one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from playwright.sync_api import Page

from bench.tasks import focusing, looking, pages
from bench.tasks.affairs import FLOOD, FLOOD_DRILL
from bench.tasks.jobs import Desk
from bench.tasks.office import DUTY, HELPER, OFFICIAL, SECOND, Office
from bench.tasks.rounds import WHO, WIDTHS, sees
from bench.tasks.served import Served
from broadcast.wire.now import Purpose
from scheduler.emergency.schemas import WORDS

NARROW, ZOOMED = 320, 640
"""1280 px at 400 % and at 200 %."""
PICTURES = Path("build/tasks")
_TWICE_THE_TEXT = "document.documentElement.style.fontSize = '225%'"


class Look(Struct, frozen=True):
    width: int = 1280
    dark: bool = False
    forced: bool = False

    def __str__(self) -> str:
        return f"{self.width}{' dark' if self.dark else ''}{' forced colours' if self.forced else ''}"


class Seen(Struct):
    """A page as somebody saw it, and what is wrong with it."""

    what: str
    wrong: list[str]


LOOKS = tuple(Look(width, dark) for width in WIDTHS for dark in (False, True))
DAY_AND_NIGHT = (Look(360), Look(1280, dark=True))
Check = Callable[[Page, int], Iterator[str]]


def looks(served: Served) -> Iterator[Seen]:
    """As the first who sees it."""
    for look in LOOKS:
        yield from _every(served, look)


def roles(served: Served) -> Iterator[Seen]:
    """As everybody who sees it."""
    for width in WIDTHS:
        yield from _every(served, Look(width), everybody=True)


def english(served: Served) -> Iterator[Seen]:
    """In English, as the first who sees it."""
    with _in_english(served):
        for look in DAY_AND_NIGHT:
            yield from _every(served, look)


def alarm(served: Served) -> Iterator[Seen]:
    """With an emergency and a drill in force and another emergency that waits, each in a commune of its own."""
    with _in_force(served):
        for look, who in zip(DAY_AND_NIGHT, ((OFFICIAL, HELPER, ""), (DUTY, "")), strict=True):
            for login in who:
                yield from _every(served, look, (login,))


def wrong(served: Served) -> Iterator[Seen]:
    """What is sent empty says what is to be put right; what may not be seen says so."""
    for look in DAY_AND_NIGHT:
        browsers = _browsers(served, look, WHO)
        for address, form in pages.SPOILED:
            yield _spoilt(served.office, browsers, look, address, form)
        for login, address in pages.REFUSED:
            browsers[login].goto(address.format_map(served.office.ids))
            yield _seen(browsers[login], look, f"{login or 'resident'} {address}, refused", looking.findings)
        _close(browsers)


def forced(served: Served) -> Iterator[Seen]:
    """In forced colours, as the first who sees it; contrast is for the pictures."""
    for width in WIDTHS:
        yield from _every(served, Look(width, dark=width == WIDTHS[0], forced=True), check=_in_forced_colours)


def zoom(served: Served) -> Iterator[Seen]:
    """Nothing is lost at 320 and 640 px, nor with text twice as large and nothing else."""
    for width in (NARROW, ZOOMED):
        yield from _every(served, Look(width), check=looking.shape)
    yield from _every(served, Look(), check=_enlarged)


def keys(served: Served) -> Iterator[Seen]:
    """By Tab alone: all is reached in the order of the page and left again, and the focus is to be seen."""
    for look in DAY_AND_NIGHT:
        yield from _every(served, look, check=_walked)


SURVEYS: dict[str, Callable[[Served], Iterator[Seen]]] = {
    survey.__name__: survey for survey in (looks, roles, english, wrong, forced, zoom, keys, alarm)
}


def _every(
    served: Served,
    look: Look,
    who: Iterable[str] = WHO,
    *,
    everybody: bool = False,
    check: Check = looking.findings,
) -> Iterator[Seen]:
    browsers = _browsers(served, look, who)
    for address in pages.addresses(served.office):
        for login, page in browsers.items():
            if not sees(page, address):
                continue
            yield _seen(page, look, f"{login or 'resident'} {_named(served.office, address)}", check)
            if not everybody:
                break
    _close(browsers)


def _seen(page: Page, look: Look, what: str, check: Check) -> Seen:
    seen = Seen(f"{what} {look}", list(dict.fromkeys(check(page, look.width))))
    if check in (looking.findings, _in_forced_colours):
        PICTURES.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "-", seen.what)
        page.screenshot(path=PICTURES / f"page-{name}.png", full_page=True)
    return seen


def _named(office: Office, address: str) -> str:
    """With names where ids are, so that a picture has the same name each time."""
    for word, value in sorted(office.ids.items(), key=lambda pair: -len(pair[1])):
        address = address.replace(value, word) if value else address
    return address


def _spoilt(office: Office, browsers: dict[str, Page], look: Look, address: str, form: str) -> Seen:
    """What is sent by the first who can."""
    what, form = f"{address}, {form} sent wrong", form.format_map(office.ids)
    for page in browsers.values():
        if sees(page, address.format_map(office.ids)) and page.locator(form).count():
            said = looking.spoil(page, form)
            seen = _seen(page, look, what, looking.findings)
            return seen if said else Seen(seen.what, ["does not say what is wrong", *seen.wrong])
    return Seen(f"{what} {look}", ["nobody can send it"])


def _browsers(served: Served, look: Look, who: Iterable[str]) -> dict[str, Page]:
    return {login: served.open(login, look.width, dark=look.dark, forced=look.forced) for login in who}


def _close(browsers: dict[str, Page]) -> None:
    for page in browsers.values():
        page.context.close()


def _in_forced_colours(page: Page, width: int) -> Iterator[str]:
    """They are put on as the page is painted: axe reads those of the style sheet, so contrast is for the pictures."""
    yield from (line for line in looking.findings(page, width) if not line.startswith("color-contrast"))


def _walked(page: Page, _width: int) -> Iterator[str]:
    yield from focusing.walked(page)


def _enlarged(page: Page, width: int) -> Iterator[str]:
    page.evaluate(_TWICE_THE_TEXT)
    yield from looking.shape(page, width)


@contextmanager
def _in_english(served: Served) -> Iterator[None]:
    def turn(code: str) -> None:
        for login in WHO:
            page = served.open(login)
            page.goto("/nghe" if not login else "/account")
            if page.locator(f"button[name=language][value={code}]").count():
                page.locator(f"button[name=language][value={code}]").first.click()
                page.locator(f"html[lang={code}]").wait_for(state="attached")
            page.context.close()

    turn("en")
    try:
        yield
    finally:
        turn("vi")


@contextmanager
def _in_force(served: Served) -> Iterator[None]:
    desk, communes = Desk(served.office, served.url), served.office.district.communes
    orders = (
        ("emergencies", FLOOD, served.office.commune, Purpose.REAL),
        ("drills", FLOOD_DRILL, communes["20941"], Purpose.DRILL),
        ("emergencies", FLOOD, communes["20944"], None),
    )
    for kind, message, zone_id, purpose in orders:
        body = {"zone_ids": [zone_id], "parts": [{"kind": "bank", "id": message}], "reason": "Mưa lớn", "minutes": 60}
        asked = desk.post(DUTY, f"/{kind}", body)
        if purpose:
            word = {"word": WORDS[purpose]}
            desk.post(SECOND, f"/{kind}/{asked['id']}/confirm", word, version=asked["version"])
    yield
    desk.post(DUTY, "/stop", {"zone_ids": [served.office.district.district_id]})
