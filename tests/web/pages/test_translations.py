"""Every language is complete, and says the same things in the same places."""

import re
from collections import Counter

import pytest
from babel.messages.catalog import Message as BabelMessage
from babel.messages.pofile import read_po

from web import i18n

OTHERS = sorted(i18n.LANGUAGES.keys() - {i18n.SOURCE_LANGUAGE})
PLACES = re.compile(r"%\((\w+)\)s")
Message = str | tuple[str, str]


def first(message: str | list[str] | tuple[str, ...]) -> str:
    return message if isinstance(message, str) else message[0]


def catalogue(language: str) -> list[BabelMessage]:
    """What all files of a language hold."""
    found: list[BabelMessage] = []
    for path in sorted((i18n.LOCALES / language).glob("*.po")):
        with path.open("rb") as file:
            found += [message for message in read_po(file, locale=language) if message.id]
    return found


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_missing(language: str, sentences: dict[Message, str]) -> None:
    assert len(sentences) > 400
    kept = {first(message.id) for message in catalogue(language) if all(message.string or ())}
    missing = {first(message): place for message, place in sentences.items() if first(message) not in kept}
    assert missing == {}


@pytest.mark.parametrize("language", OTHERS)
def test_each_sentence_is_translated_once(language: str) -> None:
    """Of two, whichever file comes first would be shown, and whoever mended the other would see no change."""
    counted = Counter((message.context, first(message.id)) for message in catalogue(language))
    assert [sentence for sentence, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_fuzzy_and_places_match(language: str) -> None:
    for message in catalogue(language):
        assert not message.fuzzy, message.id
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in said:
            assert set(PLACES.findall(str(text))) == set(PLACES.findall(first(message.id))), message.id


def test_a_language_is_chosen_by_cookie_then_browser_then_vietnamese() -> None:
    assert i18n.choose("en", "vi") == "en"
    assert i18n.choose(None, "fr;q=0.9, en-GB;q=0.8, vi;q=0.2") == "en"
    assert i18n.choose("xx", "fr, de;q=rubbish") == "vi"
