"""`loa audit verify` on a record that somebody harmed."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.web.cli.conftest import Loa


@pytest.fixture(scope="module")
def anchored(loa: "Loa", tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anchored")
    assert loa(folder, "zone", "seed", alone=True).returncode == 0
    assert loa(folder, "user", "add", "lan", "--zone", "20935", "--role", "editor").returncode == 0
    anchor = loa(folder, "audit", "anchor")
    assert json.loads(anchor.stdout)["number"] == 3
    return folder


@pytest.fixture
def data(anchored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(anchored, tmp_path / "centre"))


@pytest.mark.parametrize(
    ("harm", "code", "says"),
    [
        ("SELECT 1", 0, "Whole: 3 entries, 1 anchors."),
        ("UPDATE auditentry SET detail = '{}' WHERE number = 2", 3, "entry 2"),
        ("DELETE FROM auditentry WHERE number = 1", 3, "entry 1 is missing"),
        ("DELETE FROM auditentry WHERE number = 3", 3, "entry 3 is missing at the end"),
        ("INSERT INTO auditentry (at, action, subject, detail) VALUES ('2026-01-01', 'a', 'b', '{}')", 3, "past"),
    ],
)
def test_what_was_done_to_the_record_is_said(loa: "Loa", data: Path, harm: str, code: int, says: str) -> None:
    with closing(sqlite3.connect(data / "loa.sqlite3")) as db:
        db.execute(harm)
        db.commit()
    done = loa(data, "audit", "verify")
    assert (done.returncode, says in done.stdout) == (code, True), done.stdout + done.stderr


def test_a_file_that_is_none_is_said(loa: "Loa", data: Path, tmp_path: Path) -> None:
    (tmp_path / "rubbish").write_text("rubbish\n")
    assert loa(data, "audit", "verify", "--file", str(tmp_path / "rubbish")).returncode == 3
    missing = loa(data, "audit", "verify", "--file", str(tmp_path / "missing"))
    assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)
