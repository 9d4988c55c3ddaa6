"""What was filled in on the form of a bank message, and what it asks for (pure).

What a message is for is nobody's to fill in: its name says it, and the drill is made with it.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from starlette.datastructures import FormData

from broadcast.wire.now import Purpose
from scheduler.bank import naming
from scheduler.bank.models import BankSource
from scheduler.bank.schemas import BankChange, BankEntryOut, BankMediaOut, BankNew
from scheduler.bank.shipped import DEFAULT_LANGUAGE, spoken_languages, unframed
from web.i18n import N_

LANGUAGES = (DEFAULT_LANGUAGE, *sorted(spoken_languages() - {DEFAULT_LANGUAGE}))
"""Those that are read aloud, in the order in which they are asked for."""
NO_TITLE = N_("Write how people call it.")
NO_TEXT = N_("Write what is said.")


class BankForm(Struct, kw_only=True):
    """Every field as it was sent, so that the page can be shown again with nothing lost."""

    titles: dict[str, str] = {}
    texts: dict[str, str] = {}
    siren: str = ""
    without: list[str] = []
    revision: int = 0

    def said(self, fields: dict[str, str]) -> dict[str, str]:
        return {language: text for language, text in fields.items() if text.strip()}

    def missing(self) -> dict[str, str]:
        """What is still to be written, by field."""
        found = {} if self.titles.get(DEFAULT_LANGUAGE, "").strip() else {f"title_{DEFAULT_LANGUAGE}": NO_TITLE}
        return found if self.said(self.texts) else found | {f"text_{DEFAULT_LANGUAGE}": NO_TEXT}

    def new(self, taken: Iterable[str]) -> BankNew:
        """Raises ValidationError."""
        titles = self.said(self.titles)
        name = naming.name_for(titles.get(DEFAULT_LANGUAGE) or next(iter(titles.values()), ""), frozenset(taken))
        return BankNew(name=name, titles=titles, texts=self.said(self.texts), siren=self.siren or None)

    def change(self, before: dict[str, str]) -> BankChange:
        """With the titles that it had `before` in languages that are not asked for. Raises ValidationError."""
        kept = {language: title for language, title in before.items() if language not in LANGUAGES}
        return BankChange(
            titles=self.said(self.titles) | kept,
            texts=self.said(self.texts),
            siren=self.siren or None,
            without=self.without,
        )


def from_request(data: FormData) -> BankForm:
    revision = _one(data, "revision")
    return BankForm(
        titles={language: _one(data, f"title_{language}") for language in LANGUAGES},
        texts={language: _one(data, f"text_{language}") for language in LANGUAGES},
        siren=_one(data, "siren"),
        without=[value for value in data.getlist("without") if isinstance(value, str)],
        revision=int(revision[:9]) if revision.isascii() and revision.isdigit() else 0,
    )


def of_entry(entry: BankEntryOut) -> BankForm:
    """The form as the message is now."""
    texts = {media.language: _words(entry, media) for media in entry.media if media.source is BankSource.TEXT}
    return BankForm(titles=dict(entry.titles), texts=texts, siren=entry.siren or "", revision=entry.revision)


def _words(entry: BankEntryOut, media: BankMediaOut) -> str:
    """What somebody wrote; the “diễn tập” around a test is not theirs to write."""
    text = media.text or ""
    return unframed(text, media.language) if entry.purpose is Purpose.TEST else text


def fields_of(errors: dict[str, str]) -> dict[str, str]:
    """Errors by the fields that this form has."""
    found: dict[str, str] = {}
    for field, message in errors.items():
        first, _, language = field.partition(".")
        language = language.partition(".")[0] or DEFAULT_LANGUAGE
        own: dict[str, Any] = {"titles": f"title_{language}", "texts": f"text_{language}"}
        found.setdefault(own.get(first, first), message)
    return found


def _one(data: FormData, name: str) -> str:
    value = data.get(name)
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""
