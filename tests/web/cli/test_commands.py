"""The `loa` command as a person types it."""

import json
import shutil
import stat
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.web.cli.conftest import Loa


@pytest.fixture(scope="module")
def seeded(loa: "Loa", tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded")
    assert loa(folder, "zone", "seed", alone=True).returncode == 0
    return folder


@pytest.fixture
def data(seeded: Path, tmp_path: Path) -> Path:
    """A centre's folder with the district in it."""
    return Path(shutil.copytree(seeded, tmp_path / "centre"))


def test_the_district_is_seeded_once_however_often_it_is_asked_for(loa: "Loa", data: Path) -> None:
    again = loa(data, "zone", "seed")
    assert (again.returncode, again.stdout) == (0, "10 communes, 35 villages, 40 receivers.\n")
    zones = json.loads(loa(data, "zone", "tree", "--json").stdout)
    assert sum(zone["kind"] == "village" for zone in zones) == 35
    assert {"Trà Don", "Trà Dơn"} <= {zone["name"] for zone in zones}


def test_a_person_is_added_with_a_one_time_password_that_can_be_replaced(loa: "Loa", data: Path) -> None:
    added = json.loads(loa(data, "user", "add", "lan", "--zone", "20935", "--role", "editor", "--json").stdout)
    again = json.loads(loa(data, "user", "password", "lan", "--json").stdout)
    assert added["one_time_password"] != again["one_time_password"]
    people = json.loads(loa(data, "user", "list", "--json").stdout)
    assert [(p["login"], p["grants"][0]["zone_name"], p["must_change_password"]) for p in people] == [
        ("lan", "Trà Leng", True)
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOA_LIVE_URL", "live.example:8001"),
        ("LOA_LIVE_URL", "ftp://live.example"),
        ("LOA_LIVE_URL", "https://live.example/?x=1"),
        ("LOA_LIVE_URL", "https://live example"),
        ("LOA_LIVE_URL", "https://live.example:port"),
        ("LOA_PUBLIC_URL", "https://"),
        ("LOA_PUBLIC_URL", "https://" + "x" * 400),
        ("LOA_BROKER_HOST", "mqtts://broker.example"),
    ],
)
def test_an_address_that_receivers_would_refuse_is_refused_at_the_start(
    loa: "Loa", tmp_path: Path, name: str, value: str
) -> None:
    done = loa(tmp_path, "serve", **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name}: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("user", "add", "lan", "--zone", "nowhere", "--role", "editor"), 1, "no zone with the id or code nowhere"),
        (("user", "add", "lan", "--zone", "48", "--role", "king"), 2, "king"),
        (("user", "add", "so bad!", "--zone", "48", "--role", "editor"), 1, "login: String should match"),
        (("zone", "add", "Xã", "--kind", "commune", "--parent", "nowhere"), 1, "no zone with the id or code nowhere"),
        (("zone", "add", "Xã", "--kind", "empire"), 2, "empire"),
        (("user", "password", "nobody"), 1, "nobody with the login name nobody"),
        (("receiver", "status", "--state", "/nonexistent"), 3, "enrol"),
        (("zone", "holidays", "1066", "--zone", "48"), 2, "2020"),
    ],
)
def test_a_refusal_is_a_sentence_and_an_exit_code(
    loa: "Loa", data: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    told = loa(data, *arguments)
    assert told.returncode == code
    assert says in told.stderr
    assert "Traceback" not in told.stderr + told.stdout


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"LOA_PORT": "http"}, "LOA_PORT: Input should be a valid integer"),
        ({"LOA_DATA_DIR": "/proc/nowhere"}, "The database cannot be used"),
        ({"LOA_DATABASE_URL": "nonsense"}, "The database cannot be used"),
        ({"LOA_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "The database cannot be used"),
    ],
)
def test_settings_that_cannot_be_used_are_said(loa: "Loa", tmp_path: Path, settings: dict[str, str], says: str) -> None:
    told = loa(tmp_path, "zone", "tree", **settings)
    assert (told.returncode, "Traceback" in told.stderr) == (1, False)
    assert says in told.stderr


def test_a_database_of_something_else_is_left_alone(loa: "Loa", tmp_path: Path) -> None:
    (tmp_path / "loa.sqlite3").write_text("a letter to the editor, much longer than it should have been" * 20)
    told = loa(tmp_path, "user", "list", alone=True)
    assert (told.returncode, "Traceback" in told.stderr) == (1, False)
    assert (tmp_path / "loa.sqlite3").read_text().startswith("a letter")


def test_another_district_than_the_seeded_one_begins_with_a_root(loa: "Loa", tmp_path: Path) -> None:
    assert loa(tmp_path, "zone", "add", "Quảng Trị", "--kind", "province", "--code", "45").returncode == 0
    below = ("zone", "add", "Hướng Hóa", "--kind", "commune", "--parent", "45", "--json")
    assert json.loads(loa(tmp_path, *below).stdout)["place"] == ["Quảng Trị"]
    assert loa(tmp_path, "user", "add", "bao", "--zone", "45", "--role", "administrator").returncode == 0


@pytest.mark.parametrize("name", ["serve", "demo", "user", "zone", "backup", "receiver"])
def test_each_command_has_help_with_its_exit_codes(loa: "Loa", data: Path, name: str) -> None:
    told = loa(data, name, "--help")
    assert told.returncode == 0
    assert "xit codes" in told.stdout


def test_a_backup_holds_the_database_and_is_its_owner_s_alone(loa: "Loa", data: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    assert loa(data, "backup", str(target)).returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    for sound in ("media", "originals"):
        (data / sound).mkdir()
        (data / sound / "ogg").write_text(sound)
    assert loa(data, "backup", "--media", str(tmp_path / "all.tar")).returncode == 0
    with tarfile.open(tmp_path / "all.tar") as archive:
        assert {"media/ogg", "originals/ogg", "database"} <= set(archive.getnames())
    with tarfile.open(target) as archive:
        archive.extract("database", tmp_path, filter="data")
    (tmp_path / "again").mkdir()
    (tmp_path / "database").rename(tmp_path / "again" / "loa.sqlite3")
    assert len(json.loads(loa(tmp_path / "again", "zone", "tree", "--json").stdout)) > 35
