"""Names of places: kept as they are written, found also by those who leave the diacritics out (pure).

Rules
- What is typed with a diacritic must have it: `Trà Dơn` never finds Trà Don.
- What is typed without one may have any: `tra don` finds both, and whoever asked chooses.
- Both spellings of a tone mark are one (`tone_marks`): `Hòa Bình` finds Hoà Bình.
- A place may be typed with those it lies in, in any order: `thôn 1 xã trà leng`. Then all words but the last one are
  whole, so that this is not Thôn 10.
- In lists Thôn 2 stands before Thôn 10.
- A name is never an identity; two places may have the same one.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

from scheduler.errors import Invalid
from scheduler.tone_marks import begun, settled

MAX_LETTERS = 120
MAX_WORDS = 16
_KINDS = ("xã", "phường", "huyện", "tỉnh")
"""Said before the names of larger places, which are kept without it."""
_WORDS = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
_DIGITS = 9
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


@lru_cache(maxsize=2**16)
def rank(name: str) -> str:
    """What to sort names by: without case and diacritics first, numbers by their value."""
    return f"{_NUMBER.sub(lambda found: found[0].zfill(_DIGITS), fold(name))} {name}"


def matches(typed: str, name: str) -> bool:
    """Whether `typed` stands in `name` at the beginning of a word, by the rules above."""
    wanted, letters = _lower(" ".join(typed.split())), _lower(name)
    if not wanted:
        return False
    starts = (i for i in range(len(letters) - len(wanted) + 1) if i == 0 or not letters[i - 1].isalnum())
    forms = begun(wanted)
    return any(all(map(_fits, form, letters[i:])) for i in starts for form in forms if len(form) <= len(letters) - i)


def together(typed: str) -> Callable[[str, Iterable[str]], bool]:
    """Whether a name and names above it make up what was typed, as a function of these; each word is of one of them."""
    words = _WORDS.findall(_lower(typed))[: MAX_WORDS + 1]
    last = begun(words[-1]) if words else ()
    known: dict[str, frozenset[tuple[int, int]]] = {}
    kinds = frozenset((n, n + 1) for n, word in enumerate(words) if any(_is_whole(word, kind) for kind in _KINDS))

    def runs(name: str) -> frozenset[tuple[int, int]]:
        if name not in known:
            known[name] = frozenset(_runs(words, last, _WORDS.findall(_lower(name))))
        return known[name]

    def fits(name: str, above: Iterable[str]) -> bool:
        own = runs(name) if len(words) <= MAX_WORDS else ()
        if not own:
            return False
        others = kinds.union(*map(runs, above))
        return any(_made_up(others, 0, first) and _made_up(others, last, len(words)) for first, last in own)

    return fits


def closeness(typed: str, name: str) -> tuple[bool, bool, int]:
    """Sorts what `matches`: exactly as typed first, then those that begin so, then shorter ones."""
    wanted, letters = _lower(" ".join(typed.split())), _lower(name)
    return letters != wanted, not letters.startswith(wanted), len(letters)


def _runs(typed: list[str], last: tuple[str, ...], name: list[str]) -> Iterable[tuple[int, int]]:
    """Where in the typed words, from and to, words of the name stand one after the other; `last` are those begun."""
    for first in range(len(typed)):
        for start in range(len(name)):
            for end, (word, other) in enumerate(zip(typed[first:], name[start:], strict=False), first + 1):
                begins = end == len(typed) and any(_is_whole(form, other[: len(form)]) for form in last)
                if not (begins or _is_whole(word, other)):
                    break
                yield first, end


def _made_up(runs: frozenset[tuple[int, int]], first: int, last: int) -> bool:
    """Whether runs, one after the other, lead from the one word to the other."""
    reached = {first}
    for begin in range(first, last):
        reached |= {end for start, end in runs if start == begin and end <= last} if begin in reached else set()
    return last in reached


def _is_whole(typed: str, word: str) -> bool:
    return len(typed) == len(word) and all(map(_fits, typed, word))


def _fits(typed: str, letter: str) -> bool:
    return typed in (letter, _bare(letter))


def _lower(text: str) -> str:
    """Letter by letter, since lower case as a whole may change the length."""
    return settled("".join(letter.lower()[0] for letter in unicodedata.normalize("NFC", text)))


def _bare(letter: str) -> str:
    return "d" if letter == "đ" else unicodedata.normalize("NFD", letter)[0]
