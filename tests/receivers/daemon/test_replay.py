"""`loa receiver replay` on logs that are right, changed and no logs at all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from receivers.exit_codes import ExitCode
from receivers.incidents import FILE_NAME, Diary, IncidentLog
from receivers.life import Event, Horn, Seen

NOON = 1_800_000_000_000_000


def _replay(*words: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "receivers", "replay", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def log(tmp_path: Path) -> Path:
    diary = Diary(IncidentLog(tmp_path))
    for event in (Event.ENROLLED, Event.READY):
        diary.note(event, NOON)
    diary.look(Seen(online=True, clock_trusted=True, horn=Horn.PLAYING, faults=frozenset({"disk"})), NOON)
    return tmp_path / FILE_NAME


def test_a_log_that_follows_is_shown_line_by_line(log: Path) -> None:
    done = _replay(log)
    assert done.returncode == ExitCode.DONE
    assert len(done.stdout.splitlines()) == len(log.read_text().splitlines())
    assert "fault (disk)" in done.stdout
    entries = json.loads(_replay(log, "--json").stdout)
    assert entries[-1]["life"]["horn"] == "playing"


def test_a_log_that_does_not_follow_names_its_lines(log: Path) -> None:
    log.write_text(log.read_text().replace('"horn":"playing"', '"horn":"emergency"', 1) + "nonsense\n")
    done = _replay(log)
    assert done.returncode == ExitCode.DIFFERS
    assert "cannot be read" in done.stdout
    assert "BUT the rules give" in done.stdout
    assert done.stderr.endswith(f", {len(log.read_text().splitlines())}\n")


def test_a_log_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    done = _replay(tmp_path / "none.jsonl")
    assert done.returncode == ExitCode.DISK
    assert "cannot be read" in done.stderr
