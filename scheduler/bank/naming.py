"""What a bank message's name says of it (pure).

Rules
- The name alone says what a message is for, so nothing that is edited can turn a drill into an alarm or back.
- A message and its drill are one: `drill-NAME` is made with NAME, says the same between two “diễn tập”, and is never
  edited by itself. There is no drill of a siren, of a drill, or of a test.
- A test says what it says between two “diễn tập” too, whoever wrote it.
- A correction takes an alarm back; the desk offers it while one is in force.
"""

import re
import unicodedata
from collections.abc import Collection

from broadcast.wire.now import Purpose

DRILL, TEST, SIREN = "drill-", "test-", "siren-"
CORRECTIONS = ("false-alarm", "all-clear")
TEST_ANNOUNCEMENT = "test-announcement"
MAX_NAME = 30
NAMELESS = "message"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


def purpose_of(name: str) -> Purpose:
    """What messages of this name, or of this id, are for."""
    if name.startswith(DRILL):
        return Purpose.DRILL
    return Purpose.TEST if name.startswith(TEST) else Purpose.REAL


def drill_of(name: str) -> str | None:
    """The name of the message's drill; None where there is none."""
    return None if name.startswith((DRILL, TEST, SIREN)) else f"{DRILL}{name}"


def is_free_name(name: str) -> bool:
    """Whether somebody may give a new message this name: no prefix that means something."""
    return len(name) <= MAX_NAME and bool(_NAME.fullmatch(name)) and drill_of(name) is not None


def name_for(title: str, taken: Collection[str]) -> str:
    """A free name that reads like the title, and means nothing of what names mean."""
    plain = unicodedata.normalize("NFD", title.casefold().replace("đ", "d"))
    words = re.findall(r"[a-z0-9]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
    means_something = not words or f"{words[0]}-" in (DRILL, TEST, SIREN)
    name = "-".join((NAMELESS, *words) if means_something else words)
    number, made = 1, _shortened(name, "")
    while made in taken:
        number += 1
        made = _shortened(name, f"-{number}")
    return made


def _shortened(name: str, end: str) -> str:
    return name[: MAX_NAME - len(end)].rstrip("-") + end


def bank_id(name: str, revision: int) -> str:
    return f"{name}.{revision}"
