"""What every bench says in the same way: the machine, a table, a JSON file."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from broadcast.clock import US_PER_S, SystemClock

CLOCK = SystemClock()
BEGAN_US = CLOCK.monotonic_us()
RESULTS = Path(__file__).parent / "results"


def is_quick() -> bool:
    """QUICK=1 asks for a run of under a minute."""
    return os.environ.get("QUICK", "") not in ("", "0")


def machine() -> dict[str, str | int | float]:
    """What the figures were measured on."""
    return {
        "processor": _first("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count() or 0,
        "memory_mib": int(_first("/proc/meminfo", "MemTotal").split()[0]) // 1024,
        "system": _first("/etc/os-release", "PRETTY_NAME", "=").strip('"'),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def version_of(*command: str) -> str:
    """The first line that a program prints of itself."""
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    return (shown.stdout or shown.stderr).partition("\n")[0].strip()


def progress(what: str) -> None:
    """Say how far the bench is, with the seconds since it began."""
    print(f"{(CLOCK.monotonic_us() - BEGAN_US) / US_PER_S:7.1f} s  {what}", file=sys.stderr, flush=True)


def table(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows under their keys, numbers to two places."""
    print(f"\n{title}")
    heads = list(rows[0]) if rows else []
    cells = [heads, *([_cell(row[head]) for head in heads] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def write(name: str, result: Mapping[str, object]) -> Path:
    """Write `results/NAME.json` whole, with the machine in it."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps({"machine": machine(), **result}, indent=2) + "\n")
    unfinished.replace(path)
    return path


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _first(path: str, key: str, between: str = ":") -> str:
    """The value of the first line of a `key: value` file that begins with `key`."""
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(between)
        if name.strip() == key:
            return value.strip()
    return "0 (unknown)"
