"""What all benches share: the machine in words, a table on the screen, JSON on disk, the exit code."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
QUICK = os.environ.get("QUICK", "") not in ("", "0")
"""Asked to finish within a minute."""


def machine() -> dict[str, str]:
    """Where the figures come from."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": str(os.cpu_count()),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "system": f"Debian {Path('/etc/debian_version').read_text('ascii').strip()}"
        if _debian()
        else platform.system(),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": platform.python_version(),
    }


def version_of(*command: str) -> str:
    """The first line that a program prints of itself, or "absent"."""
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "absent"
    return (shown.stdout or shown.stderr).splitlines()[0].strip()


def finish(
    name: str,
    goal: str,
    holds: bool,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    figures: Mapping[str, Any],
    tools: Mapping[str, str],
) -> None:
    """Print the table, write bench/results/NAME.json and end the process: 0 if the goal holds, else 1."""
    where = machine()
    console = Console()
    table = Table(*columns, title=f"bench/{name}", caption=f"goal: {goal} - {'held' if holds else 'MISSED'}")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in {**where, **tools}.items()), style="dim")
    RESULTS.mkdir(parents=True, exist_ok=True)
    report = {"bench": name, "goal": goal, "holds": holds, "quick": QUICK, "figures": dict(figures)}
    text = json.dumps({**report, "machine": where, "tools": dict(tools)}, indent=2, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    sys.exit(0 if holds else 1)


def _debian() -> bool:
    return Path("/etc/debian_version").is_file()


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text("ascii", "replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"
