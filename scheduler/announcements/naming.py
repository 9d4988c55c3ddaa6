"""What people type or send as names, made safe to keep and show (pure).

Rules
- A title is one line of plain text: what looks like HTML in it is kept as typed, and escaped by whoever shows it.
- A file's name is for showing only, never for opening: folders before it are cut off, in either system's spelling.
- Characters that cannot be seen or that turn the direction of writing are taken out.
"""

import unicodedata

from scheduler.errors import Invalid

MAX_TITLE = 200
MAX_FILE_NAME = 120
MAX_TEXT = 80_000
"""Characters: any 10,000 words of Vietnamese, whose longest has seven letters; about an hour of speech."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_FORBIDDEN_IN_NAMES = frozenset('<>:"|?*')


def title(typed: str) -> str:
    """One line of 1 to 200 characters, or Invalid."""
    line = _visible(" ".join(typed.split()))
    if not line:
        raise Invalid("title_empty", "Write a title.", field="title")
    if len(line) > MAX_TITLE:
        raise Invalid(
            "title_too_long",
            "A title has at most %(limit)s characters, this one has %(count)s.",
            field="title",
            limit=MAX_TITLE,
            count=len(line),
        )
    return line


def text(typed: str) -> str:
    """What is to be read aloud, line breaks kept, or Invalid."""
    lines = (_visible(line).strip() for line in typed.splitlines())
    body = "\n".join(lines).strip()
    if not any(character.isalnum() for character in body):
        raise Invalid("text_empty", "Write the text that is to be read.", field="text")
    if len(body) > MAX_TEXT:
        raise Invalid(
            "text_too_long",
            "A text has at most %(limit)s characters (an hour of speech), this one has %(count)s.",
            field="text",
            limit=MAX_TEXT,
            count=len(body),
        )
    return body


def file_name(sent: str | None) -> str:
    """The last part of a name that a browser sent, fit to show; `recording` where nothing is left of it."""
    last = (sent or "").replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c for c in _visible(last) if c not in _FORBIDDEN_IN_NAMES).strip(" .")
    if len(plain) > MAX_FILE_NAME:
        stem, dot, ending = plain.rpartition(".")
        keep = f"{dot}{ending}" if dot and len(ending) <= 10 else ""  # noqa: PLR2004 -- the longest ending worth keeping
        plain = (stem if keep else plain)[: MAX_FILE_NAME - len(keep)] + keep
    return plain or "recording"


def _visible(typed: str) -> str:
    kept = (c for c in unicodedata.normalize("NFC", typed.replace("\t", " ")) if unicodedata.category(c) not in _UNSEEN)
    return "".join(kept).strip()
