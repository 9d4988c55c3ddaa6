"""Every language is complete, and says the same things in the same places."""

import re

import pytest
from babel.messages.pofile import read_po

from web import i18n

OTHERS = sorted(i18n.LANGUAGES.keys() - {i18n.SOURCE_LANGUAGE})
PLACES = re.compile(r"%\((\w+)\)s")
Message = str | tuple[str, str]


def first(message: str | list[str] | tuple[str, ...]) -> str:
    return message if isinstance(message, str) else message[0]


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_missing(language: str, sentences: dict[Message, str]) -> None:
    assert len(sentences) > 400
    with (i18n.LOCALES / language / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    kept = {first(message.id) for message in catalogue if message.id and all(message.string or ())}
    missing = {first(message): place for message, place in sentences.items() if first(message) not in kept}
    assert missing == {}


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_fuzzy_and_places_match(language: str) -> None:
    with (i18n.LOCALES / language / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    for message in catalogue:
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in said:
            assert set(PLACES.findall(str(text))) == set(PLACES.findall(first(message.id))), message.id


def test_a_language_is_chosen_by_cookie_then_browser_then_vietnamese() -> None:
    assert i18n.choose("en", "vi") == "en"
    assert i18n.choose(None, "fr;q=0.9, en-GB;q=0.8, vi;q=0.2") == "en"
    assert i18n.choose("xx", "fr, de;q=rubbish") == "vi"
