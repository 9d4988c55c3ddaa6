"""Languages of the pages: English sentences are the keys, each other language has `locales/<code>/*.po`.

The .po files are compiled in memory when a language is first asked for; there is no build step.
"""

import io
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from scheduler.errors import Named

LOCALES = Path(__file__).parent / "locales"
LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}
DEFAULT_LANGUAGE = "vi"
SOURCE_LANGUAGE = "en"


def N_(message: str) -> str:  # noqa: N802  the name that extraction tools know
    """Mark a string for translation where it is translated later."""
    return message


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of one of `LANGUAGES`; English sentences stand for themselves. Raises KeyError for another."""
    if language not in LANGUAGES:
        raise KeyError(language)
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    catalogue: Catalog = Catalog(locale=language)
    for path in sorted((LOCALES / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                catalogue[message.id] = message
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def named(catalogue: NullTranslations, found: Named) -> str:
    """`Loa 1, 2 other places`."""
    others = catalogue.ngettext("%(num)s other place", "%(num)s other places", found.others) % {"num": found.others}
    return found.joined(others)


def choose(cookie: str | None, accept_language: str | None) -> str:
    """The language for someone who is not signed in: what they chose, else the browser's, else Vietnamese."""
    if cookie in LANGUAGES:
        return cookie
    for _, tag in sorted(map(_weighed, (accept_language or "").split(",")), key=lambda pair: -pair[0]):
        code = tag.split("-")[0].lower()
        if code in LANGUAGES:
            return code
    return DEFAULT_LANGUAGE


def _weighed(entry: str) -> tuple[float, str]:
    tag, _, quality = entry.strip().partition(";q=")
    try:
        return (float(quality) if quality else 1.0, tag)
    except ValueError:
        return (0.0, tag)
