"""`make tasks`: the ten commonest tasks of each role by mouse and by keys at both widths, and axe over every page.

It prints the table, keeps it in docs/tasks.md, leaves pictures in build/tasks, and exits non-zero where a task fails,
needs more actions than was promised, or axe finds anything. `python -m bench.tasks official` tries only what fits.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from bench.tasks import looking, pages
from bench.tasks.jobs import TASKS
from bench.tasks.rounds import WHO, WIDTHS, all_ways, rounds, sees, table
from bench.tasks.served import Served, opened
from broadcast.clock import SystemClock

PICTURES = Path("build/tasks")
DOCUMENT = Path("docs/tasks.md")
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"


def main(wanted: str) -> int:
    tasks = [each for each in TASKS if wanted in f"{each.login or 'resident'}/{each.run.__name__}"]
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as served:
        found = []
        for one in rounds(served, tasks, SystemClock(), PICTURES, all_ways()):
            found.append(one)
            print(
                f"{one.task.login or 'resident'}: {one.task.name}, {one.width} px, {one.way}: {one.actions}", one.wrong
            )
        wrong = [one for one in found if one.wrong]
        said = list(table(found))
        print("\n".join(said))
        if not wanted:
            against = list(_against(served))
            print(*against, sep="\n")
            said += ["", _summary(served, len(against))]
            _keep("\n".join(said))
    return 1 if wrong or (not wanted and against) else 0


def _against(served: Served) -> Iterator[str]:
    """What axe, the width of the screen and the size of targets have against any page that anybody sees."""
    for width in WIDTHS:
        for dark in (False, True):
            for login in WHO:
                page = served.open(login, width, dark=dark)
                for address in pages.addresses(served.office):
                    if sees(page, address):
                        for line in looking.findings(page, width):
                            yield f"{login or 'resident'} {width} {'dark' if dark else 'light'} {address}: {line}"
                        _picture(page, served, address, login, f"{width}{'-dark' if dark else ''}")
                page.context.close()
    yield from dict.fromkeys(served.broken)


def _picture(page: Page, served: Served, address: str, login: str, how: str) -> None:
    name = address
    for word, value in sorted(served.office.ids.items(), key=lambda pair: -len(pair[1])):
        name = name.replace(value, word) if value else name
    name = "".join(c if c.isalnum() else "_" for c in name.strip("/")) or "today"
    page.screenshot(path=PICTURES / f"page-{name}-{login or 'resident'}-{how}.png", full_page=True)


def _summary(served: Served, against: int) -> str:
    count = len(list(pages.addresses(served.office)))
    return (
        f"axe-core 4.12 with WCAG 2.2 A and AA and its best practices, over {count} addresses as each role that sees "
        f"them, light and dark, at {' and '.join(map(str, WIDTHS))} px: {against} findings."
    )


def _keep(said: str) -> None:
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{said}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
