"""The messages that come with Loa: `broadcast/data/bank_messages.json`, drills and tests framed (reads one file)."""

import json
from functools import cache
from importlib.resources import files

from msgspec import Struct, convert

from broadcast.produce.sirens import Siren

DEFAULT_LANGUAGE = "vi"
"""First in every message: what is heard where a receiver speaks none of its languages."""


class Tone(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    tone: Siren
    title: dict[str, str]


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    title: dict[str, str]
    text: dict[str, str]
    siren: str | None = None


class Shipped(Struct, frozen=True, forbid_unknown_fields=True):
    """`drill_frame` is said before and after the message of a drill or a test."""

    drill_frame: dict[str, str]
    drill_title: dict[str, str]
    sirens: tuple[Tone, ...]
    messages: tuple[Message, ...]


@cache
def shipped() -> Shipped:
    raw = (files("broadcast.data") / "bank_messages.json").read_text(encoding="utf-8")
    return convert(json.loads(raw), Shipped)


def spoken_languages() -> frozenset[str]:
    """Those in which a text can be read aloud; any other language is a recording."""
    return frozenset(shipped().drill_frame)


def framed(text: str, language: str) -> str:
    """The words of a drill or a test."""
    frame = shipped().drill_frame[language]
    return f"{frame}\n{text}\n{frame}"


def unframed(text: str, language: str) -> str:
    """What stands between the frames, where there are any."""
    frame = shipped().drill_frame[language]
    return text.removeprefix(frame).removesuffix(frame).strip()


def drill_titles(titles: dict[str, str]) -> dict[str, str]:
    said = shipped().drill_title
    return {language: f"{said.get(language, said[DEFAULT_LANGUAGE])}: {title}" for language, title in titles.items()}
