"""What a bank message's sound is made of (does I/O): a tone, a text, or a recording; drills and tests say so in each.

An alarm opens with the fast gong of emergencies, a drill with the three rising notes of priority, a correction and a
test with the two calm ones: nobody who knows them takes one for the other. A siren stands alone.
"""

import tempfile
import threading
import wave
from dataclasses import dataclass, replace
from pathlib import Path

from broadcast.produce.framed import frame
from broadcast.produce.producer import Producer
from broadcast.produce.request import (
    US_PER_S,
    Chime,
    FileSource,
    OriginalSource,
    Produced,
    ProduceError,
    ProduceRequest,
    Recipe,
    Refusal,
    TextSource,
)
from broadcast.produce.sirens import LOUDER_LU, RATE_HZ, Siren, siren
from broadcast.speech.espeak import EnglishVoice, EspeakVoice
from broadcast.speech.say import say
from broadcast.speech.voice import SpeechError, Voice
from broadcast.wire.now import Purpose
from scheduler.bank import naming
from scheduler.bank.models import BankSource
from scheduler.bank.shipped import DEFAULT_LANGUAGE, shipped, spoken_languages

MAX_US = 120 * US_PER_S
"""A message is short: every receiver holds all of them."""


def voices(producer: Producer) -> dict[str, str]:
    """The id of the voice that reads a language aloud, for each that has another than the one that is always there."""
    sounds = Sounds(producer)
    found = {language: sounds.voice_id(language) for language in spoken_languages()}
    return {language: voice_id for language, voice_id in found.items() if voice_id is not None}


@dataclass(frozen=True, slots=True)
class Asked:
    """One language of an entry, as its row has it."""

    name: str
    language: str
    source: BankSource
    text: str | None
    original_sha256: str | None


class Sounds:
    """Makes them, by the producer that makes all else. English is espeak's: no voice then falls back to Vietnamese."""

    def __init__(self, producer: Producer) -> None:
        self._producer = replace(producer, voices=(EnglishVoice(), *producer.voices))

    def voice_id(self, language: str) -> str | None:
        """Of the voice that reads this language; None of the one that is always there, or where there is none."""
        try:
            voice = self._voice(language)
        except ProduceError:
            return None
        return None if isinstance(voice, EspeakVoice) else voice.info.id

    def make(self, asked: Asked, cancel: threading.Event) -> Produced:
        """Blocking. Raises ProduceError, ChildCancelledError."""
        with tempfile.TemporaryDirectory(prefix="loa-bank-") as folder:
            made = self._producer.produce(self._request(asked, Path(folder), cancel), cancel=cancel)
        if made.duration_us > MAX_US:
            raise ProduceError(Refusal.TOO_LONG, "a message of the bank is two minutes long at most")
        return made

    def _request(self, asked: Asked, folder: Path, cancel: threading.Event) -> ProduceRequest:
        if asked.source is BankSource.TONE:
            tone = _write(Siren(asked.text or ""), folder / "tone.wav")
            return ProduceRequest(FileSource(tone), Recipe(opening=None), LOUDER_LU)
        recipe = Recipe(opening=_chime(asked.name))
        if asked.source is BankSource.TEXT:
            return ProduceRequest(TextSource(asked.text or "", self._voice(asked.language).info.id), recipe)
        if naming.purpose_of(asked.name) is Purpose.REAL:
            return ProduceRequest(OriginalSource(asked.original_sha256 or ""), recipe)
        return ProduceRequest(FileSource(self._framed(asked.original_sha256 or "", folder, cancel)), recipe)

    def _framed(self, original_sha256: str, folder: Path, cancel: threading.Event) -> Path:
        words, framed = folder / "words.wav", folder / "framed.wav"
        voice = self._voice(DEFAULT_LANGUAGE)
        try:
            say(voice, shipped().drill_frame[DEFAULT_LANGUAGE], 1.0, words, cancel=cancel)
        except SpeechError as error:
            raise ProduceError(Refusal.SPEECH_FAILED, str(error)) from error
        frame(words, self._producer.originals.path(original_sha256), framed, cancel)
        return framed

    def _voice(self, language: str) -> Voice:
        wanted = language.partition("-")[0]
        for voice in self._producer.voices:
            if voice.info.language.lower().partition("-")[0] == wanted:
                return voice
        raise ProduceError(Refusal.UNKNOWN_VOICE, f"there is no voice for {language!r}")


def _chime(name: str) -> Chime:
    if naming.purpose_of(name) is Purpose.DRILL:
        return Chime.PRIORITY
    calm = naming.purpose_of(name) is Purpose.TEST or name in naming.CORRECTIONS
    return Chime.NORMAL if calm else Chime.EMERGENCY


def _write(kind: Siren, path: Path) -> Path:
    with wave.open(str(path), "wb") as writer:
        writer.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        writer.writeframes(siren(kind).tobytes())
    return path
