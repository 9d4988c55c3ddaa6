"""`loa audit verify` on a record that somebody harmed."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from broadcast.clock import SystemClock
from broadcast.trustroot.folder import load_or_make
from scheduler.people import exporting, trail
from scheduler.people.actor import Actor
from scheduler.store.engine import Store

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


@pytest.fixture
def export(data: Path, tmp_path: Path) -> Path:
    """The whole record of three entries as the centre wrote it."""
    store, now = Store(f"sqlite:///{data / 'loa.sqlite3'}"), SystemClock().now()
    with store.reading() as db:
        views = list(trail.export(db, Actor(user_id="", login="", name=""), now, trail.Asked()))
    store.close()
    key = load_or_make(data / "keys", now).order_key
    path = tmp_path / "loa-audit.jsonl"
    path.write_bytes(b"".join(exporting.json_lines(views, whole=True, now=now, key=key)))
    return path


def test_a_file_is_whole_only_with_the_signature_and_the_anchors_of_the_centre(
    loa: "Loa", data: Path, export: Path, tmp_path: Path
) -> None:
    asked = ("audit", "verify", "--file", str(export))
    done = loa(data, *asked)
    assert (done.returncode, done.stdout) == (
        0,
        "Whole: 3 entries, the whole record, 1 anchors, signed by the centre.\n",
    )
    elsewhere = tmp_path / "elsewhere"
    nobody = loa(elsewhere, *asked)
    assert (nobody.returncode, "Whole" in nobody.stdout) == (0, False)
    assert "Nobody's signature was checked" in nobody.stdout
    (tmp_path / "key.pem").write_text(loa(data, "audit", "key").stdout)
    by_key = loa(elsewhere, *asked, "--key", str(tmp_path / "key.pem"))
    assert (by_key.returncode, "the whole record, 0 anchors, signed" in by_key.stdout) == (0, True)

    anchors = data / "audit-anchors.jsonl"
    later = json.loads(anchors.read_text())
    anchors.write_text(json.dumps(later | {"number": 4}) + "\n")
    assert loa(data, *asked).returncode == 3
    kept = ("--key", str(tmp_path / "key.pem"), "--anchors", str(anchors))
    assert loa(elsewhere, *asked, *kept).returncode == 3
    anchors.write_text(json.dumps(later) + "\n")

    export.write_text(re.sub(r', "signature": "[^"]+"', "", export.read_text()))
    without = loa(data, *asked)
    assert (without.returncode, "has no signature of the centre" in without.stdout) == (3, True)
    said = loa(data, *asked, "--json")
    assert (said.returncode, json.loads(said.stdout)["found"]["fault"]) == (3, "unsigned")
