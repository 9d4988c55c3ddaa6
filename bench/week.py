"""How many announcements are missed or doubled in districts of forty villages that live a week in virtual time.

    python -m bench.week [SEEDS]

Each seed is one week with every link cut and one with cuts, changes and recordings that come late: eighty
village-weeks, about a minute of processor time. Exits 0 only when nothing was wrong anywhere.
"""

import sys

from bench import report
from receivers.lab.trial.district.week import Week, weeks

SEEDS = 10


def main() -> int:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1 if report.is_quick() else SEEDS
    rows, wrong = [], list[str]()
    for seed in range(1, seeds + 1):
        for alone in (True, False):
            lived = _lived(seed, alone=alone)
            faults = [f"seed {seed}, alone {alone}, {week.receiver_id}: {one}" for week in lived for one in week.faults]
            rows.append(
                {
                    "seed": seed,
                    "links": "none" if alone else "cut at random",
                    "villages": len(lived),
                    "pieces": sum(week.sounds for week in lived),
                    "reports": sum(week.reports for week in lived),
                    "wrong": len(faults),
                }
            )
            wrong += faults
    report.table("A week in virtual time", rows)
    print(*wrong, sep="\n")
    print(report.write("week", {"goal": "0 wrong", "weeks": rows, "wrong": wrong, "met": not wrong}))
    return 1 if wrong else 0


def _lived(seed: int, *, alone: bool) -> list[Week]:
    lived = list[Week]()
    for week in weeks(seed, alone=alone):
        lived.append(week)
        progress = f"seed {seed}, {'no links' if alone else 'rough links'}: {len(lived)} villages"
        print(f"\r{progress}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return lived


if __name__ == "__main__":
    sys.exit(main())
