"""Names of places: kept as they are written, found also by those who leave the diacritics out (pure).

Rules
- What is typed with a diacritic must have it: `Trà Dơn` never finds Trà Don.
- What is typed without one may have any: `tra don` finds both, and whoever asked chooses.
- A name is never an identity; two places may have the same one.
"""

import unicodedata

from scheduler.errors import Invalid

MAX_LETTERS = 120
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def clean(typed: str, field: str = "name") -> str:
    """One line of 1 to 120 characters that can be seen, composed (NFC); else Invalid."""
    seen = "".join(c for c in typed if c.isspace() or unicodedata.category(c) not in _UNSEEN)
    line = " ".join(unicodedata.normalize("NFC", seen).split())
    if not line:
        raise Invalid("name_empty", "Write a name.", field=field)
    if len(line) > MAX_LETTERS:
        raise Invalid("name_too_long", "A name has at most %(letters)s characters.", field=field, letters=MAX_LETTERS)
    return line


def fold(text: str) -> str:
    """`text` in lower case without diacritics, one letter for each composed letter of it."""
    return "".join(_bare(letter) for letter in _lower(text))


def matches(typed: str, name: str) -> bool:
    """Whether `typed` stands in `name` at the beginning of a word, by the rules above."""
    wanted, letters = _lower(" ".join(typed.split())), _lower(name)
    if not wanted:
        return False
    starts = (i for i in range(len(letters) - len(wanted) + 1) if i == 0 or not letters[i - 1].isalnum())
    return any(all(map(_fits, wanted, letters[i:])) for i in starts)


def closeness(typed: str, name: str) -> tuple[bool, bool, int]:
    """Sorts what `matches`: exactly as typed first, then those that begin so, then shorter ones."""
    wanted, letters = _lower(" ".join(typed.split())), _lower(name)
    return letters != wanted, not letters.startswith(wanted), len(letters)


def _fits(typed: str, letter: str) -> bool:
    return typed in (letter, _bare(letter))


def _lower(text: str) -> str:
    """Letter by letter, since lower case as a whole may change the length."""
    return "".join(letter.lower()[0] for letter in unicodedata.normalize("NFC", text))


def _bare(letter: str) -> str:
    return "d" if letter == "đ" else unicodedata.normalize("NFD", letter)[0]
