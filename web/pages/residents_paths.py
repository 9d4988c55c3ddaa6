"""Addresses of the pages for residents (pure).

Rules
- A place is named by its id; a readable name before it is for people and is not looked at: names repeat, and two that
  differ by one diacritic read the same here.
- Language is a part of the address, so that caches need look at nothing else.
"""

from urllib.parse import quote

from scheduler.zones.names import fold
from web.i18n import DEFAULT_LANGUAGE

PREFIX = "/nghe"


def slug(name: str) -> str:
    """`Thôn 1` as `thon-1`."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in fold(name)).split())


def public_path(zone_id: str, name: str) -> str:
    readable = slug(name)
    return f"{PREFIX}/{readable}-{zone_id}" if readable else f"{PREFIX}/{zone_id}"


def zone_id_of(key: str) -> str:
    """What stands after the last hyphen."""
    return key.rpartition("-")[2]


def in_language(path: str, language: str) -> str:
    """`path` for readers of this language."""
    if language == DEFAULT_LANGUAGE:
        return path
    return f"{path}{'&' if '?' in path else '?'}lang={quote(language)}"
