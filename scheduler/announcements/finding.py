"""What announcements are found by (pure): the same on every database, as only plain substrings are looked for.

Rules
- Typed with diacritics, the words must stand so one after the other: `Trà Dơn` never finds Trà Don, nor the other way
  round. The last one may go on: `Hò` begins Hòa and Hoà.
- Typed without any, each word must begin a word of the text, written with diacritics or without, in any order:
  `tra don` finds both, and whoever asked chooses.
- A tag is found whole, as it is written.
- Both spellings of a tone mark are one (`tone_marks`): `Hòa Bình` finds Hoà Bình.
"""

import re
import unicodedata
from collections.abc import Sequence

from msgspec import Struct

from scheduler.tone_marks import begun, settled

MAX_LETTERS = 20_000
"""So much of a text is looked through."""
MAX_WORDS = 12
MAX_TAG_LETTERS = 40
_WORD = re.compile(r"\w+")
_BARE = "\n"


class Wanted(Struct, frozen=True):
    """What was typed, as pieces that must all be in one of the texts' `words_of`, each as any of its forms."""

    pieces: tuple[tuple[str, ...], ...] = ()

    def in_name(self, name: str) -> bool:
        """Whether a name has all of it."""
        words = words_of(name)
        return bool(self.pieces) and all(any(form in words for form in forms) for forms in self.pieces)


def wanted(typed: str) -> Wanted:
    found = _WORD.findall(_lower(typed))[:MAX_WORDS]
    bare = [_bare(word) for word in found]
    if bare != found:
        return Wanted((begun("".join(f" {word}" for word in found)),))
    return Wanted(tuple((f"{_BARE}{word}",) for word in bare))


def words_of(text: str, tags: Sequence[str] = ()) -> str:
    """The words as they are written, a space before each; each once bare, a line feed before; the tags."""
    words = _WORD.findall(_lower(text[:MAX_LETTERS]))
    words += [word for tag in tags for word in _WORD.findall(_lower(tag))]
    written = "".join(f" {word}" for word in words)
    bare = "".join(f"{_BARE}{word}" for word in dict.fromkeys(map(_bare, words)))
    return written + bare + "".join(map(tagged, tags))


def tagged(tag: str) -> str:
    """The piece that only a text with this tag has."""
    return f"#{settled(clean_tag(tag).lower())}#"


def clean_tag(typed: str) -> str:
    """One line without what separates tags; empty where nothing is left."""
    line = " ".join(unicodedata.normalize("NFC", typed).replace("#", " ").replace(",", " ").split())
    return "".join(letter for letter in line if unicodedata.category(letter)[0] != "C")[:MAX_TAG_LETTERS].strip()


def _lower(text: str) -> str:
    return settled(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower()))


def _bare(word: str) -> str:
    plain = unicodedata.normalize("NFD", word.replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
