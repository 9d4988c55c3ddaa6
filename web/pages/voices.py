"""The voices that can read aloud, named for people."""

from msgspec import Struct

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


def _infos(page: Page) -> list[VoiceInfo]:
    return [voice.info for voice in getattr(page.centre, "voices", ())]


def _label(page: Page, info: VoiceInfo) -> str:
    region = words.VOICE_REGION.get(info.region)
    return f"{page.say(region)} ({info.engine})" if region else info.name
