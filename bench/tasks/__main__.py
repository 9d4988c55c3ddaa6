"""`make tasks`: the ten commonest tasks of each role by mouse and by keys at both widths, and axe over every page.

It prints the table, keeps it in docs/tasks.md, leaves pictures in build/tasks, and exits non-zero where a task fails,
needs more actions than was promised, or something is found against a page. With words (`python -m bench.tasks lanhdao`,
`… lanhdao/approve`, `… axe`) only what they begin is done, and the table has the last result of everything else.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from playwright.sync_api import Page

from bench.tasks import looking, pages
from bench.tasks.jobs import TASKS
from bench.tasks.rounds import WHO, WIDTHS, Round, all_ways, named, rounds, sees, spoiled, table
from bench.tasks.served import Served, opened
from broadcast.clock import SystemClock

PICTURES = Path("build/tasks")
KEPT = PICTURES / "results.json"
DOCUMENT = Path("docs/tasks.md")
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"
AXE = "axe"


class Results(msgspec.Struct):
    """`rounds` by task, width and way; `against` what was found against pages when they were looked at last."""

    rounds: dict[str, Round] = {}
    looked_at: int = 0
    against: list[str] = []


def main(words: Sequence[str]) -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    tasks = [each for each in TASKS if not words or named(each).startswith(tuple(words))]
    fresh = Results()
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as served:
        for one in rounds(served, tasks, SystemClock(), PICTURES, all_ways()):
            fresh.rounds[f"{one.task} {one.width} {one.way}"] = one
            print(one.task, one.width, one.way, one.actions, one.wrong, flush=True)
        if not words or AXE in words:
            fresh.looked_at, fresh.against = len(list(pages.addresses(served.office))), list(_against(served))
    kept = _joined(fresh, msgspec.json.decode(KEPT.read_bytes(), type=Results)) if words and KEPT.exists() else fresh
    KEPT.write_bytes(msgspec.json.encode(kept))
    said = _said(kept)
    print(*kept.against, said, sep="\n")
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{said}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 1 if kept.against or any(one.wrong for one in kept.rounds.values()) else 0


def _joined(fresh: Results, before: Results) -> Results:
    looked = fresh if fresh.looked_at else before
    return Results(before.rounds | fresh.rounds, looked.looked_at, looked.against)


def _said(kept: Results) -> str:
    looked = (
        f"axe-core 4.12 (WCAG 2.2 AA, best practices), the side of the screen, targets of {looking.TARGET_PX} px: "
        f"{kept.looked_at} addresses, light and dark, at both widths, and {len(kept.against)} findings."
    )
    return "\n".join(
        [*table(kept.rounds.values()), "", looked if kept.looked_at else "No page was looked at by axe-core yet."]
    )


def _against(served: Served) -> Iterator[str]:
    """Every page in every look as the first who sees it, and as all others who see it in one look."""
    for width in WIDTHS:
        for dark in (False, True):
            browsers = {login: served.open(login, width, dark=dark) for login in WHO}
            for address in pages.addresses(served.office):
                seen = False
                for login, page in browsers.items():
                    if (seen and (dark or width == WIDTHS[0])) or not sees(page, address):
                        continue
                    seen = True
                    how = f"{login or 'resident'}-{width}{'-dark' if dark else ''}"
                    _picture(page, served, address, how)
                    for line in looking.findings(page, width):
                        yield f"{how} {address}: {line}"
            for address, page in spoiled(browsers, served.office):
                _picture(page, served, address, f"wrong-{width}{'-dark' if dark else ''}")
                for line in looking.findings(page, width):
                    yield f"{width} {address}, sent empty: {line}"
            for page in browsers.values():
                page.context.close()
    yield from dict.fromkeys(served.broken)


def _picture(page: Page, served: Served, address: str, how: str) -> None:
    name = address
    for word, value in sorted(served.office.ids.items(), key=lambda pair: -len(pair[1])):
        name = name.replace(value, word) if value else name
    name = "".join(c if c.isalnum() else "_" for c in name.strip("/")) or "today"
    page.screenshot(path=PICTURES / f"page-{name}-{how}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
