"""What the documents say is what the code does."""

import re
from pathlib import Path

from broadcast.wire.fault_codes import FaultCode
from scheduler.workflow import diagram
from web.settings import Settings

ROOT = Path(__file__).parents[1]


def test_the_readme_lists_every_setting_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text()
    listed = set(re.findall(r"^\| `LOA_([A-Z_]+)` \|", readme, re.MULTILINE))
    assert listed == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        assert f"| `LOA_{name.upper()}` | {default_of(field.default)} | {field.description or ''}" in readme


def default_of(value: object) -> str:
    return "" if value is None else f"`{value}`"


def test_the_life_of_a_broadcast_is_drawn_from_its_table() -> None:
    assert diagram() in (ROOT / "docs" / "broadcast.md").read_text()


def test_every_command_that_the_readme_names_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", readme, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for bench in re.findall(r"make bench NAME=([a-z]+)", readme):
        assert (ROOT / "bench" / f"{bench}.py").exists()


def test_what_can_fail_is_tried_where_the_catalogue_says() -> None:
    """Each name in the last column of docs/faults.md is a folder or a file under tests."""
    rows = [line for line in (ROOT / "docs" / "faults.md").read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        for name in re.findall(r"`([^`]+)`", row.rsplit("|", 2)[1]):
            assert list((ROOT / "tests").rglob(name)), f"{name}: {row}"


def test_the_catalogue_of_faults_names_every_code() -> None:
    text = (ROOT / "docs" / "faults.md").read_text()
    known = {code.value for code in FaultCode} - {"settings_missing", "settings_bad"}
    assert {code for code in known if f"`{code}`" not in text} == set()
