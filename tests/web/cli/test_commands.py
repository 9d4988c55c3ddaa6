"""The `loa` command as a person types it."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded")
    assert loa(folder, "zone", "seed").returncode == 0
    return folder


@pytest.fixture
def data(seeded: Path, tmp_path: Path) -> Path:
    """A centre's folder with the district in it."""
    return Path(shutil.copytree(seeded, tmp_path / "centre"))


def loa(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "web.cli", *arguments],
        env={**os.environ, "LOA_DATA_DIR": str(data), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_district_is_seeded_once_however_often_it_is_asked_for(data: Path) -> None:
    again = loa(data, "zone", "seed")
    assert (again.returncode, again.stdout) == (0, "10 communes, 35 villages, 40 receivers.\n")
    zones = json.loads(loa(data, "zone", "tree", "--json").stdout)
    assert sum(zone["kind"] == "village" for zone in zones) == 35
    assert {"Trà Don", "Trà Dơn"} <= {zone["name"] for zone in zones}


def test_a_person_is_added_with_a_one_time_password_that_can_be_replaced(data: Path) -> None:
    added = json.loads(loa(data, "user", "add", "lan", "--zone", "20935", "--role", "editor", "--json").stdout)
    again = json.loads(loa(data, "user", "password", "lan", "--json").stdout)
    assert added["one_time_password"] != again["one_time_password"]
    people = json.loads(loa(data, "user", "list", "--json").stdout)
    assert [(p["login"], p["grants"][0]["zone_name"], p["must_change_password"]) for p in people] == [
        ("lan", "Trà Leng", True)
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("user", "add", "lan", "--zone", "nowhere", "--role", "editor"), 1, "no zone with the id or code nowhere"),
        (("user", "add", "lan", "--zone", "48", "--role", "king"), 2, "king"),
        (("user", "password", "nobody"), 1, "nobody with the login name nobody"),
        (("receiver", "status", "--state", "/nonexistent"), 3, "enrol"),
        (("zone", "holidays", "1066", "--zone", "48"), 2, "2020"),
    ],
)
def test_a_refusal_is_a_sentence_and_an_exit_code(data: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    told = loa(data, *arguments)
    assert told.returncode == code
    assert says in told.stderr
    assert "Traceback" not in told.stderr + told.stdout


@pytest.mark.parametrize("name", ["serve", "demo", "user", "zone", "backup", "receiver"])
def test_each_command_has_help_with_its_exit_codes(data: Path, name: str) -> None:
    told = loa(data, name, "--help")
    assert told.returncode == 0
    assert "xit codes" in told.stdout


def test_a_backup_holds_the_database_and_is_its_owner_s_alone(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    assert loa(data, "backup", str(target)).returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with tarfile.open(target) as archive:
        archive.extract("database", tmp_path, filter="data")
    (tmp_path / "again").mkdir()
    (tmp_path / "database").rename(tmp_path / "again" / "loa.sqlite3")
    assert len(json.loads(loa(tmp_path / "again", "zone", "tree", "--json").stdout)) > 35
