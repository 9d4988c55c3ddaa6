"""The voices that can read aloud, named for people."""

from msgspec import Struct

from broadcast.speech.say import words_for
from broadcast.speech.voice import VoiceInfo
from web.pages import words
from web.pages.frame import Page


class VoiceChoice(Struct, frozen=True):
    id: str
    label: str


def voice_choices(page: Page) -> list[VoiceChoice]:
    """Vietnamese voices, the best first as the centre lists them."""
    return [VoiceChoice(info.id, _label(page, info)) for info in _infos(page) if info.language.startswith("vi")]


def voice_names(page: Page) -> dict[str, str]:
    return {info.id: _label(page, info) for info in _infos(page)}


def spoken_text(page: Page, text: str | None, voice_id: str | None) -> str | None:
    """The text as this voice reads it aloud; None where it is no longer installed."""
    producer = page.centre.producer
    if text is None or producer is None:
        return None
    voice = next((voice for voice in producer.voices if voice.info.id == voice_id), None)
    return words_for(voice, text) if voice is not None else None


def _infos(page: Page) -> list[VoiceInfo]:
    producer = page.centre.producer
    return [voice.info for voice in producer.voices] if producer is not None else []


def _label(page: Page, info: VoiceInfo) -> str:
    region = words.VOICE_REGION.get(info.region)
    return f"{page.say(region)} ({info.engine})" if region else info.name
