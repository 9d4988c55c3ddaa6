"""What comes with Loa is what docs/bank.md says, and fit to be spoken."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.produce.sirens import PATTERNS
from broadcast.wire.now import Purpose
from scheduler.bank import naming
from scheduler.bank.schemas import MAX_TEXT
from scheduler.bank.shipped import framed, shipped, spoken_languages

WRITTEN = (Path(__file__).parents[3] / "docs" / "bank.md").read_text()
NAMES = [*(tone.name for tone in shipped().sirens), *(message.name for message in shipped().messages)]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_listed(name: str) -> None:
    assert f"`{name}`" in WRITTEN


def test_its_frequencies_are_given() -> None:
    for tone in shipped().sirens:
        (line,) = re.findall(rf"^\| `{tone.name}` \|.*$", WRITTEN, re.MULTILINE)
        pattern = PATTERNS[tone.tone]
        assert {f"{pattern.low_hz:.0f}", f"{pattern.high_hz:.0f}", f"{pattern.length_s:.0f}"} <= set(
            re.findall(r"\d+", line)
        )


def test_every_message_is_short_and_in_every_spoken_language() -> None:
    known = {tone.name for tone in shipped().sirens}
    for message in shipped().messages:
        assert message.text.keys() == message.title.keys() == spoken_languages()
        assert all(len(text) <= MAX_TEXT for text in message.text.values())
        assert message.siren is None or message.siren in known
    assert "diễn tập, diễn tập" in framed("x", "vi").lower()


@given(st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,6}){0,3}", fullmatch=True))
def test_no_free_name_and_no_drill_of_it_change_places(name: str) -> None:
    if naming.is_free_name(name):
        assert naming.purpose_of(name) is Purpose.REAL
        drill = naming.drill_of(name)
        assert drill is not None
        assert naming.purpose_of(naming.bank_id(drill, 1)) is Purpose.DRILL
        assert naming.drill_of(drill) is None
        assert not naming.is_free_name(drill)
