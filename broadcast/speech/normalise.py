"""Vietnamese text to the words that a voice should say. Pure.

Rules:
1. Text is composed first (NFKC, so NFD input, full-width digits and ² are all one) and worked on line by line.
2. Before the general engine (vietnormalizer) what only shouts is written small, and a dictionary and number rules of
   the field are applied; after it, only letters and . , ; : ? ! remain: no digit, no unit sign, no capital.
3. A line that already is such words is returned as it came, so normalising twice changes nothing.
4. Proper names and words that look Vietnamese are kept; foreign words are respelled if the engine knows how.
"""

import re
import unicodedata
from functools import lru_cache

from vietnormalizer import VietnameseNormalizer, transliterate_word
from vietnormalizer import is_vietnamese_word as is_known

from broadcast.speech.lexicon import ABBREVIATIONS, LINK_SIGNS, LINK_WORDS, SIGNS, TITLES, WORDS_TOO
from broadcast.speech.numerals import apply_rules, letters, spell_digits
from broadcast.speech.passages import passages

MAX_TOKEN_CHARS = 60
"""No word is longer; without the cut a line of one endless token costs quadratic time."""
MAX_LINK_PATH_CHARS = 24
MAX_STRETCH_CHARS = 1200
"""Longer lines are worked on in stretches of whole sentences: patterns cost quadratic time at their worst."""
CAPITALS_SHARE = 0.7
"""A line with at least this share of capitals is a heading, not a row of abbreviations."""

_ALIKE = str.maketrans({"º": "°", "µ": "mc", "−": "-", "‐": "-", "‑": "-", "÷": "–"})
_WHOLE_AND_PART = re.compile(r"(?<=\d) ?(?=[¼-¾⅐-⅞])")
_LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"']+|\b[\w-]+(?:\.[\w-]+)*\.(?:gov|com|vn|net|org|edu|info)\b[^\s<>\"',;)]*"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ABBREVIATION = re.compile(
    r"(?<![\w&/])(" + "|".join(re.escape(key) for key in sorted(ABBREVIATIONS, key=len, reverse=True)) + r")(?![\w&])"
)
_TITLE = re.compile(
    r"(?<!\w)(?:(" + "|".join(sorted(TITLES, key=len, reverse=True)) + r")\.\s*|([A-Z][A-Za-z]+)\s+)(?=([^\W\d_]))"
)
_CAPITALS = re.compile(r"(?<!\w)[^\W\d_]{2,}(?!\w)")
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_ROMAN = re.compile(r"[IVX]+")
_NUMBERED = re.compile(
    r"\b(?:động|cấp|loại|chương|mục|phần|khóa|lần|quý|kỷ|đợt|kỳ|hạng|vùng|nhóm|bậc|tập|thứ|đoạn|vực) $", re.IGNORECASE
)
"""What a Roman numeral follows: VI and XI are words as well, as in VI PHẠM and XI MĂNG."""
_POLICE_OF = re.compile(r" (?:xã|phường|huyện|tỉnh|thành|tp)\b", re.IGNORECASE)
_JOINTS = ("-", "/", "&")
_CAPITAL_UNITS = re.compile(r"(?<=\d) ?M(?!\w)|(?<=\d)M(?=\d\d(?!\d))|(?<=\.\d{3}) ?Đ(?!\w)|(?<=\d)G(?=\d\d(?!\d))")
_MARKS = re.compile(r"[ .,;:?!]*[.,;:?!][ .,;:?!]*")
_SPOKEN = re.compile(r"[^\W\d_]+(?:[ .,;:?!]+[^\W\d_]+)*[.,;:?!]?")
_RARE_ONSET, _RARE_RIME = re.compile(r"^(?:ngh(?=[ei])|gi(?=e))"), re.compile(r"oo(?=(?:ng|c)$)")


def _is_vietnamese(word: str) -> bool:
    """Whether it is spelt like a syllable, where the engine does not know those of nghe, gie and xoong either."""
    return bool(is_known(_RARE_RIME.sub("o", _RARE_ONSET.sub("n", word.lower()))))


def _make_engine() -> VietnameseNormalizer:
    engine = VietnameseNormalizer(enable_transliteration=False)
    # its list of foreign words claims Vietnamese ones too (dao, song, long, sen); those are not foreign here
    engine.replacements = {word: said for word, said in engine.replacements.items() if not _is_vietnamese(word)}
    return engine


_engine = _make_engine()


def normalise(text: str) -> str:
    """The words of `text`, one line for each of its lines that has any. Never raises for a str."""
    composed = unicodedata.normalize("NFKC", _WHOLE_AND_PART.sub(" và ", text.translate(_ALIKE)))
    lines = (_normalise_line(line) for line in composed.splitlines())
    return "\n".join(line for line in lines if line)


def _normalise_line(line: str) -> str:
    if _is_spoken(line):
        return line
    line = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in line)
    line = re.sub(rf"(\S{{{MAX_TOKEN_CHARS}}})", r"\1 ", re.sub(r" +", " ", line))
    said = (_say(passage.text) for passage in passages(line, MAX_STRETCH_CHARS))
    return " ".join(words for words in said if words)


def _say(line: str) -> str:
    line = re.sub(r"^\s*[-+*•–—]+\s+", "", line)
    line = _EMAIL.sub(_speak_link, line)
    line = _LINK.sub(_speak_link, line)
    line = re.sub(r"\bv\.\s?v\.*", "vân vân. ", line)
    heading = _is_heading(line)
    line = apply_rules(_write_small(_speak_titles(line), heading))
    line = _speak_capitals(_ABBREVIATION.sub(lambda found: ABBREVIATIONS[found[1]], line), heading)
    line = re.sub(r"\s[-–—]+\s", ", ", line)
    line = re.sub(r"(?<!\w)([bcdđhklmnpstv])['’](?=\w)", r"\1ơ ", line, flags=re.IGNORECASE)
    for sign, words in SIGNS.items():
        line = line.replace(sign, words)
    return _settle_line(_engine.normalize(re.sub(r"[-–—#*_\"“”`^\\]", " ", line)))


def _is_spoken(line: str) -> bool:
    return (
        bool(_SPOKEN.fullmatch(line))
        and line == _tidy(line)
        and all(_is_letter(char) or char in " .,;:?!" for char in line)
        and all(_settle(word) == word for word in re.findall(r"[^\W\d_]+", line))
    )


def _speak_link(found: re.Match[str]) -> str:
    link = re.sub(r"^(?:https?://)?(?:www\.)?", "", found[0]).split("?")[0].split("#")[0].rstrip("/.,;:!")
    host, _, path = link.partition("/")
    shown = f"{host}/{path}" if path and len(path) <= MAX_LINK_PATH_CHARS else host
    parts = re.findall(r"[^\W\d_]+|\d+|[./@_-]", shown)
    return " " + " ".join(_speak_link_part(part) for part in parts) + found[0][len(found[0].rstrip(".,;:!")) :] + " "


def _speak_link_part(part: str) -> str:
    if part.isdecimal():
        return spell_digits(part)
    return LINK_SIGNS.get(part) or LINK_WORDS.get(part.lower()) or part.lower()


def _speak_titles(line: str) -> str:
    def write(found: re.Match[str]) -> str:
        title = found[1] or found[2]
        return f"{TITLES[title]} " if title in TITLES and found[3].isupper() else found[0]

    return _TITLE.sub(write, line)


def _is_heading(line: str) -> bool:
    words = _CAPITALS.findall(line)
    return len(words) > 1 and sum(word.isupper() for word in words) >= CAPITALS_SHARE * len(words)


def _write_small(line: str, heading: bool) -> str:
    """Capitals that only shout, in small letters: before numbers are read, or SAU 30 PHÚT is taken for a code."""

    def write(found: re.Match[str]) -> str:
        word, before, after = found[0], line[: found.start()], line[found.end() :]
        if not word.isupper() or _is_abbreviation(word, before, after):
            return word
        shouted = heading or len(word) > 2 or _is_shouted(before, after)  # noqa: PLR2004
        return word.lower() if _is_marked(word) or (shouted and _is_word(word)) else word

    line = _CAPITALS.sub(write, line)
    return _CAPITAL_UNITS.sub(lambda unit: unit[0].lower(), line) if heading else line


def _is_abbreviation(word: str, before: str, after: str) -> bool:
    if word in WORDS_TOO:
        return _POLICE_OF.match(after) is not None if word == "CA" else not _is_shouted(before, after)
    if _ROMAN.fullmatch(word):
        return word not in ("VI", "XI") or _NUMBERED.search(before[-12:]) is not None or not _is_shouted("", after)
    return word in ABBREVIATIONS or (not _is_marked(word) and (before[-1:] in _JOINTS or after[:1] in _JOINTS))


def _is_shouted(before: str, after: str) -> bool:
    """Whether a neighbour is a word with marks, in capitals too."""
    near = (before.rstrip(" ").rpartition(" ")[2], after.lstrip(" ").partition(" ")[0])
    return any(word.isupper() and unicodedata.normalize("NFD", word) != word for word in near)


def _is_marked(word: str) -> bool:
    return not _TONES.isdisjoint(unicodedata.normalize("NFD", word))


def _is_word(word: str) -> bool:
    """In capitals: to the engine anything with a đ is Vietnamese, BĐS too."""
    return _is_vietnamese(word.lower().replace("đ", "d")) and _has_vowel(word)


def _speak_capitals(line: str, heading: bool) -> str:
    def write(found: re.Match[str]) -> str:
        word = found[0]
        if not word.isupper():
            return word
        known = word.lower() in _engine.replacements
        shaped = _is_word(word) and (heading or len(word) > 2)  # noqa: PLR2004
        return word.lower() if _is_marked(word) or known or shaped or _is_foreign_name(word) else letters(word)

    return _CAPITALS.sub(write, line)


def _is_foreign_name(word: str) -> bool:
    """TRAMI and NORU: storms and bodies with vowels enough for a name, which can be respelled."""
    vowels = sum(_has_vowel(letter) for letter in word)
    return len(word) >= 4 and 5 * vowels >= 2 * len(word) and _settle(word.lower()) != word.lower()  # noqa: PLR2004


def _settle_line(line: str) -> str:
    line = unicodedata.normalize("NFKC", line.lower())
    line = re.sub(r"\d", lambda digit: f" {spell_digits(str(unicodedata.digit(digit[0])))} ", line)
    line = "".join(char if _is_letter(char) or char in ".,;:?!" else " " for char in line)
    return _tidy(re.sub(r"[^\W\d_]+", lambda word: _settle(word[0]), line))


def _tidy(line: str) -> str:
    """One space between words, one mark after a word (the strongest of a row), none at the start."""
    line = _MARKS.sub(lambda row: min(row[0].replace(" ", ""), key="?!.;:,".index) + " ", line)
    return re.sub(r" +", " ", line).lstrip(" .,;:?!").rstrip(" ")


def _is_letter(char: str) -> bool:
    latin = char <= "\u024f" or "\u1e00" <= char <= "\u1eff"
    return latin and char.isalpha() and char == char.lower() and char not in "ªº"


@lru_cache(maxsize=16_384)
def _settle(word: str) -> str:
    """A lower-case word as it should be said; what comes out settles to itself."""
    if not _has_vowel(word):
        return letters(word)
    if len(word) == 1:
        return word
    if _is_vietnamese(word):
        return word
    respelled = _engine.replacements.get(word) or transliterate_word(word)
    pieces = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", respelled.lower()))
    if pieces and all(_has_vowel(piece) and _is_vietnamese(piece) for piece in pieces):
        return " ".join(pieces)
    return word


def _has_vowel(word: str) -> bool:
    return any(char in "aeiouy" for char in unicodedata.normalize("NFD", word.lower()))
