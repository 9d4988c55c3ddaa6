"""docs/receiver.md says what the code does."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from receivers import config
from receivers.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs" / "receiver.md").read_text()


def test_every_setting_stands_there_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|([^|]*)\|", MANUAL, re.MULTILINE)
    assert {name: default.strip() for name, default in rows} == dict(_defaults(config.Config(), ""))


def test_its_example_is_right() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL)
    assert config.parse(example, Path("receiver.toml")).gpio.lines().keys() == {
        "stop",
        "amplifier",
        "messages.fire",
        "messages.flood",
    }


def test_every_exit_code_stands_there() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", MANUAL, re.MULTILINE)}
    assert listed == {*ExitCode, 2}


def test_every_file_that_it_installs_is_there() -> None:
    named = re.findall(r"loa/(deploy/\S+)", MANUAL)
    assert len(named) >= 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def _defaults(settings: msgspec.Struct, above: str) -> Iterator[tuple[str, str]]:
    """Every setting by its dotted name, with its default as the manual writes it."""
    for key in settings.__struct_fields__:
        value = getattr(settings, key)
        if isinstance(value, msgspec.Struct):
            yield from _defaults(value, f"{above}{key}.")
        else:
            yield above + key, f"`{msgspec.json.encode(value).decode()}`" if value not in (None, {}) else ""
