"""`make fuzz`: every operation of the API as each role, EXAMPLES times (QUICK=1: a tenth)."""

import os
import sys
import tempfile
from pathlib import Path

from bench.fuzz.communes import furnish
from bench.fuzz.driving import PEOPLE, Driver, Finding
from bench.report import is_quick, progress, write

EXAMPLES = 40


def main() -> int:
    examples = int(os.environ.get("EXAMPLES", EXAMPLES // 10 if is_quick() else EXAMPLES))
    only = sys.argv[1:]
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder:
        driver = Driver(furnish(Path(folder)))
        operations = [one for one in driver.operations() if not only or any(word in one.label for word in only)]
        for who in PEOPLE:
            progress(f"{len(operations)} operations as {who or 'nobody'}")
            for operation in operations:
                found = driver.drive(operation, who, examples)
                if found is not None:
                    findings.append(found)
                    progress(f"{found.who} {found.operation}: {found.trouble}")
    write("fuzz", {"examples": examples, "people": len(PEOPLE), "operations": len(operations),
                   "findings": [f"{one.who} {one.operation}: {one.trouble[:200]}" for one in findings]})  # fmt: skip
    progress(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
