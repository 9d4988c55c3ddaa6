"""Every task by both hands at both widths: what it took, and a picture of where it ended."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct
from playwright.sync_api import Page

from bench.tasks import duty, helper, keeper, leader, official, pages, resident
from bench.tasks.hands import Keys, Mouse
from bench.tasks.jobs import RESIDENT, TASKS, Desk, Task
from bench.tasks.office import DUTY, HELPER, KEEPER, LEADER, OFFICIAL, SECOND
from bench.tasks.served import Served
from broadcast.clock import Clock

WIDTHS = (360, 1280)
PATIENCE_MS = 300_000
"""A picture is no part of a task: that a machine is slow to take it fails none."""
ROLES = {
    OFFICIAL: "commune official",
    LEADER: "commune leader",
    DUTY: "district staff on duty",
    HELPER: "helper in the village",
    KEEPER: "administrator",
    RESIDENT: "resident",
}
PARTS = (official, leader, duty, helper, keeper, resident)  # which register their tasks as they are read
WHO = (DUTY, LEADER, OFFICIAL, KEEPER, SECOND, HELPER, RESIDENT)  # who sees most comes first


class Round(Struct, frozen=True, kw_only=True):
    """`task` is its `named`; `wrong` is why it did not come to its end, or what no page may do."""

    task: str
    width: int
    way: str
    actions: int = 0
    seconds: float = 0.0
    wrong: str = ""


def rounds(
    served: Served, tasks: Iterable[Task], clock: Clock, pictures: Path, ways: Iterable[tuple[int, str]]
) -> Iterator[Round]:
    desk = Desk(served.office, served.url)
    chosen = list(ways)
    pictures.mkdir(parents=True, exist_ok=True)
    for each in tasks:
        for width, way in chosen:
            yield _round(served, desk, each, clock, pictures, width=width, way=way)


def _round(served: Served, desk: Desk, each: Task, clock: Clock, pictures: Path, *, width: int, way: str) -> Round:
    page = served.open(each.login, width)
    hand = (Mouse if way == "mouse" else Keys)(page, clock)
    already = len(served.broken)
    picture = pictures / f"{each.login or 'resident'}-{each.run.__name__}-{width}-{way}.png"
    wrong = ""
    try:
        each.run(hand, desk)
    except Exception as refused:  # noqa: BLE001 - whatever it is, the others are tried too and the command fails
        wrong = " ".join(str(refused).split())[:400] or type(refused).__name__
    seconds = hand.seconds
    taken(page, picture)
    if not wrong and page.evaluate("document.documentElement.scrollWidth") > width:
        wrong = "wider than the screen"
    if each.login:
        served.keep(each.login, page)
    page.context.close()
    wrong = wrong or "; ".join(served.broken[already:])[:400]
    if not wrong and way == "mouse" and each.most and hand.actions > each.most:
        wrong = f"{hand.actions} actions, {each.most} at most"
    return Round(task=named(each), width=width, way=way, actions=hand.actions, seconds=seconds, wrong=wrong)


def table(found: Iterable[Round]) -> Iterator[str]:
    """A line of Markdown for each task that was tried."""
    done = {(one.task, one.way, one.width): one for one in found}
    yield "| role | task | mouse 360 | mouse 1280 | keys 360 | keys 1280 | seconds by mouse | by keys |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in TASKS:
        own = [done.get((named(each), way, width)) for way in ("mouse", "keyboard") for width in WIDTHS]
        if not any(own):
            continue
        times = [max((one.seconds for one in some if one), default=0) for some in (own[:2], own[2:])]
        most = f" (at most {each.most})" if each.most else ""
        cells = " | ".join(map(_actions, own))
        yield f"| {ROLES[each.login]} | {each.name}{most} | {cells} | {times[0]:.0f} | {times[1]:.0f} |"


def _actions(one: Round | None) -> str:
    return "–" if one is None else "**failed**" if one.wrong else str(one.actions)


def named(each: Task) -> str:
    return f"{each.login or 'resident'}/{each.run.__name__}"


def all_ways() -> list[tuple[int, str]]:
    return [(width, way) for width in WIDTHS for way in ("mouse", "keyboard")]


def first_of_each_role() -> list[Task]:
    return [next(each for each in TASKS if each.login == login) for login in ROLES]


def taken(page: Page, picture: Path) -> None:
    """The page as on a screen that is tall enough, so that what stays at the foot of the screen covers nothing."""
    tall = int(page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": int(page.evaluate("innerWidth")), "height": tall})
    page.screenshot(path=picture, timeout=PATIENCE_MS)


def sees(page: Page, address: str) -> bool:
    """Whether whoever is signed in on `page` gets it; one that is not there is seen by everybody."""
    answer = page.goto(address)
    found = answer is not None and answer.ok and ("/sign-in" not in page.url or address == "/sign-in")
    return found or address in pages.ERRORS
