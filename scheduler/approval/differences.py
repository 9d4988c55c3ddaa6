"""What changed since an approver saw a broadcast last (pure).

Rules
- Texts are compared word by word; what stands between words is kept as it is now.
- Of what is no text only what is another now is named, with what it was.
- A sound without a text is another one when it was made anew.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from msgspec import Struct

MOST_WORDS = 6000
"""Of longer texts only the beginning is compared, so that a page is there at once."""
_WORD = re.compile(r"\S+\s*")


class Edition(Struct, frozen=True, kw_only=True):
    """A broadcast as it was sent to its approvers.

    `when` is `schemas.When` as builtins; texts and sounds are by language. `place_ids` are those of `places`, in their
    order; what was kept before there were any has none.
    """

    title: str
    cls: str
    when: dict[str, Any]
    timezone: str
    places: tuple[str, ...]
    place_ids: tuple[str, ...] = ()
    texts: dict[str, str]
    sounds: dict[str, str]


class PieceKind(StrEnum):
    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


class Piece(Struct, frozen=True):
    kind: PieceKind
    text: str


class Changed(Struct, frozen=True):
    """The text in one language, None where it is the same."""

    language: str
    pieces: tuple[Piece, ...]


class Differences(Struct, frozen=True, kw_only=True):
    """What was, where it is not None; places that are new or no more; languages whose sound is another."""

    title_before: str | None = None
    cls_before: str | None = None
    when_before: dict[str, Any] | None = None
    places_added: tuple[str, ...] = ()
    places_removed: tuple[str, ...] = ()
    texts: tuple[Changed, ...] = ()
    sounds: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        return self == Differences()


def differences(before: Edition, now: Edition) -> Differences:
    languages = list(dict.fromkeys([*now.texts, *before.texts]))
    texts = [
        Changed(language, word_diff(before.texts.get(language, ""), now.texts.get(language, "")))
        for language in languages
        if before.texts.get(language, "") != now.texts.get(language, "")
    ]
    spoken = [language for language in dict.fromkeys([*now.sounds, *before.sounds]) if language not in languages]
    return Differences(
        title_before=before.title if before.title != now.title else None,
        cls_before=before.cls if before.cls != now.cls else None,
        when_before=before.when if (_whole(before.when), before.timezone) != (_whole(now.when), now.timezone) else None,
        places_added=_places_beyond(now, before),
        places_removed=_places_beyond(before, now),
        texts=tuple(texts),
        sounds=tuple(one for one in spoken if before.sounds.get(one) != now.sounds.get(one)),
    )


def _whole(when: dict[str, Any]) -> dict[str, Any]:
    """What comes once did not always say whether it leaves days off out."""
    return {"skip_holidays": False} | when


def _places_beyond(one: Edition, other: Edition) -> tuple[str, ...]:
    """The names of the places of `one` that `other` lacks. Two may share a name: ids tell, where both have them."""
    by_id = bool(one.place_ids and other.place_ids)
    keys, known = (one.place_ids, other.place_ids) if by_id else (one.places, other.places)
    return tuple(name for key, name in zip(keys, one.places, strict=True) if key not in known)


def word_diff(old: str, new: str) -> tuple[Piece, ...]:
    """`new` with what was taken out put back in: pieces that are neither empty nor of one kind side by side."""
    was, is_now = _words(old), _words(new)
    match = SequenceMatcher(None, [word.strip() for word in was], [word.strip() for word in is_now], autojunk=False)
    found: list[Piece] = []
    for tag, old_from, old_to, new_from, new_to in match.get_opcodes():
        if tag == "equal":
            found.append(Piece(PieceKind.SAME, "".join(is_now[new_from:new_to])))
            continue
        if old_to > old_from:
            apart = " " if found and not found[-1].text[-1:].isspace() else ""
            found.append(Piece(PieceKind.REMOVED, apart + _spaced(was[old_from:old_to])))
        if new_to > new_from:
            found.append(Piece(PieceKind.ADDED, "".join(is_now[new_from:new_to])))
    return tuple(found)


def _words(text: str) -> list[str]:
    return _WORD.findall(text)[:MOST_WORDS]


def _spaced(words: Sequence[str]) -> str:
    """What is taken out stands apart from what follows, also where it was the last word."""
    text = "".join(words)
    return text if text[-1:].isspace() else f"{text} "
