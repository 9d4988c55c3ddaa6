"""`make tasks`: the ten commonest tasks of each role by mouse and keys at both widths, and all surveys.

It prints the table, keeps it in docs/tasks.md, leaves pictures in build/tasks, and exits non-zero where a task fails,
needs more actions than was promised, or something is found against a page. With words (`python -m bench.tasks lanhdao`,
`… lanhdao/approve`, `… axe`, `… axe/keys`) only what they begin is done, and the table has the last result of all else.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench.tasks.jobs import TASKS
from bench.tasks.rounds import Round, all_ways, named, rounds, table
from bench.tasks.served import Served, opened
from bench.tasks.survey import PICTURES, SURVEYS
from broadcast.clock import SystemClock

KEPT = PICTURES / "results.json"
DOCUMENT = Path("docs/tasks.md")
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"
AXE = "axe"


class Surveyed(msgspec.Struct):
    """So many pages (each in each look, by each who sees it), and what was found against them."""

    looked_at: int = 0
    against: list[str] = []


class Results(msgspec.Struct):
    """`rounds` by task, width and way, `surveys` by name: each as it went last."""

    rounds: dict[str, Round] = {}
    surveys: dict[str, Surveyed] = {}


def main(words: Sequence[str]) -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    tasks = [each for each in TASKS if not words or named(each).startswith(tuple(words))]
    kept = msgspec.json.decode(KEPT.read_bytes(), type=Results) if words and KEPT.exists() else Results()
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as served:
        for one in rounds(served, tasks, SystemClock(), PICTURES, all_ways()):
            kept.rounds[f"{one.task} {one.width} {one.way}"] = one
            _keep(kept)
            print(one.task, one.width, one.way, one.actions, one.wrong, flush=True)
        for name in SURVEYS:
            if not words or f"{AXE}/{name}".startswith(tuple(words)):
                kept.surveys[name] = _surveyed(served, name)
                _keep(kept)
                print(name, kept.surveys[name].looked_at, len(kept.surveys[name].against), flush=True)
    print(*_said(kept), sep="\n")
    against = any(found.against for found in kept.surveys.values())
    return 1 if against or any(one.wrong for one in kept.rounds.values()) else 0


def _keep(kept: Results) -> None:
    """After each step, so that what breaks off loses nothing."""
    KEPT.write_bytes(msgspec.json.encode(kept))
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    said = "\n".join(_said(kept))
    DOCUMENT.write_text(f"{before}{BEGIN}\n{said}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _said(kept: Results) -> Iterator[str]:
    yield from table(kept.rounds.values())
    yield ""
    yield "| pages, and what is looked for | looked at | findings |"
    yield "|---|---|---|"
    for name, survey in SURVEYS.items():
        found = kept.surveys.get(name, Surveyed())
        about = " ".join((survey.__doc__ or "").split())
        yield f"| {name}: {about} | {found.looked_at or '–'} | {len(found.against) if found.looked_at else '–'} |"


def _surveyed(served: Served, name: str) -> Surveyed:
    found, already = Surveyed(), len(served.broken)
    for seen in SURVEYS[name](served):
        found.looked_at += 1
        for line in seen.wrong:
            found.against.append(f"{seen.what}: {line}")
            print(found.against[-1], flush=True)
    found.against += dict.fromkeys(served.broken[already:])
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
