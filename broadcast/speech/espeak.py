"""The voice that is always there: espeak-ng, a program of its own, in Vietnamese of three regions and in English."""

from collections.abc import Sequence
from pathlib import Path

from broadcast import child
from broadcast.speech.engine import Engine
from broadcast.speech.voice import VoiceInfo

NORMAL_WORDS_PER_MINUTE = 165
"""A little below espeak-ng's 175: horns and hills blur quick speech."""

_LANGUAGES = {"north": "vi", "central": "vi-vn-x-central", "south": "vi-vn-x-south"}
_NAMES = {"north": "Miền Bắc", "central": "Miền Trung", "south": "Miền Nam"}


class EspeakVoice(Engine):
    limits = child.Limits(cpu_s=60, memory_bytes=1 << 30)

    def __init__(self, region: str) -> None:
        """`region` is "north", "central" or "south"."""
        self._language = _LANGUAGES[region]
        self.info = VoiceInfo(f"vi-{region}", _NAMES[region], "vi", region, "espeak-ng")

    def command(self, speed: float, out_wav: Path) -> Sequence[str]:
        words = round(NORMAL_WORDS_PER_MINUTE * speed)
        return ["espeak-ng", "--stdin", "-b", "1", "-v", self._language, "-s", str(words), "-w", str(out_wav)]


class EnglishVoice(EspeakVoice):
    """For the message bank, not offered where people choose a voice: guests are few, and the bank knows its texts."""

    def __init__(self) -> None:
        self._language = "en"
        self.info = VoiceInfo("en", "English", "en", "", "espeak-ng")


def espeak_voices() -> tuple[EspeakVoice, ...]:
    return tuple(EspeakVoice(region) for region in _LANGUAGES)
