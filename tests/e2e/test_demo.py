"""`loa demo --once`, as a person runs it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from web.demo.once import Result


@pytest.mark.flaky(reruns=2)  # a starved machine loses sound
def test_the_demo_does_the_main_job_and_leaves_no_process_behind(free_port: int, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "web.cli", "demo", "--once", "--json", f"--port={free_port}", f"--folder={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=480,
    )
    assert told.returncode == 0, told.stderr
    results = json.loads(told.stdout)
    assert len(results) == 3
    for result in results:
        assert result["outcome"] == "heard"
        assert result["correlation"] >= 0.9
        assert result["ready_before_start_s"] > 0
        assert result["gap_ms"] == 0
        assert -30 < result["level_dbfs"] < -5
    assert not processes_of(tmp_path)


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = subprocess.run(
            [sys.executable, "-m", "web.cli", "demo", f"--port={port}", f"--folder={tmp_path}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "COLUMNS": "200"},
        )
    assert told.returncode == 1
    assert f"port {port} is in use" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("outcome", "correlation", "heard"),
    [
        ("heard", 0.97, True),
        ("heard", None, True),
        ("heard", 0.5, False),
        ("cut", 0.97, False),
        ("no report", None, False),
    ],
)
def test_heard_is_reported_and_recorded(outcome: str, correlation: float | None, heard: bool) -> None:
    result = Result("20935-01", outcome, 20.0, 0.1, -16.0, 0.0, 0.2, correlation)
    assert result.heard is heard


def processes_of(folder: Path) -> list[str]:
    """Command lines of running processes that name the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found
