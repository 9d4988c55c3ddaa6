"""What the documents say is what the code does."""

import re
from pathlib import Path

import pytest

from broadcast.wire.fault_codes import FaultCode
from scheduler.workflow import diagram
from web.settings import Settings

ROOT = Path(__file__).parents[1]


def test_every_setting_of_the_centre_is_listed_with_its_default() -> None:
    text = (ROOT / "docs" / "centre.md").read_text()
    listed = set(re.findall(r"^\| `LOA_([A-Z_]+)` \|", text, re.MULTILINE))
    assert listed == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        assert f"| `LOA_{name.upper()}` | {default_of(field.default)} | {field.description or ''}" in text


def default_of(value: object) -> str:
    return "" if value is None else f"`{value}`"


def test_the_life_of_a_broadcast_is_drawn_from_its_table() -> None:
    assert diagram() in (ROOT / "docs" / "broadcast.md").read_text()


def test_every_command_that_the_readme_names_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", readme, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    benches = re.findall(r"make bench NAME=([a-z]+)", readme + (ROOT / "docs" / "figures.md").read_text())
    assert len(benches) > 20
    for bench in benches:
        assert (ROOT / "bench" / f"{bench}.py").exists(), bench


@pytest.mark.parametrize("page", [ROOT / "README.md", *(ROOT / "docs").glob("*.md")], ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        name, _, heading = target.partition("#")
        led_to = (page.parent / name).resolve() if name else page
        assert led_to.exists(), target
        assert not heading or heading in headings(led_to.read_text()), target


def headings(text: str) -> set[str]:
    """What the headings of a page are linked by: in small letters, with hyphens, without marks."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


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
