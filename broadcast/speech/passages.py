"""Long text in pieces that can be spoken one after another. Pure.

A piece ends with a sentence, or with the line; only a sentence longer than a piece is cut between words.
"""

import re
from dataclasses import dataclass

PASSAGE_CHARS = 600
"""About 40 s of speech: short enough for progress and cancelling, long enough that starting an engine is cheap."""

_SENTENCE = re.compile(r".+?(?:[.!?…]+(?=\s)|$)")


@dataclass(frozen=True, slots=True)
class Passage:
    """Text to speak at once, and whether a paragraph ends with it."""

    text: str
    ends_paragraph: bool


def passages(text: str, limit_chars: int = PASSAGE_CHARS) -> list[Passage]:
    """Every word of `text`, in order, in pieces of at most `limit_chars` (a longer word is a piece alone)."""
    result: list[Passage] = []
    for line in text.splitlines():
        pieces = _fill(
            [part for sentence in _SENTENCE.findall(line) for part in _cut(sentence, limit_chars)], limit_chars
        )
        result += [Passage(piece, index == len(pieces) - 1) for index, piece in enumerate(pieces)]
    return result


def _fill(parts: list[str], limit_chars: int) -> list[str]:
    pieces: list[str] = []
    for part in parts:
        if pieces and len(pieces[-1]) + 1 + len(part) <= limit_chars:
            pieces[-1] += f" {part}"
        else:
            pieces.append(part)
    return pieces


def _cut(sentence: str, limit_chars: int) -> list[str]:
    if len(sentence.strip()) <= limit_chars:
        return [sentence.strip()] if sentence.strip() else []
    return _fill(sentence.split(), limit_chars)
