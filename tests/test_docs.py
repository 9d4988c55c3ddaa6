"""What the documents say is what the code does."""

import re
from pathlib import Path

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
