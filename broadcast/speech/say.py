"""Text as typed to speech, by the voice asked for or the one that always works."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from broadcast.speech.espeak import EspeakVoice, espeak_voices
from broadcast.speech.neural import PIPER, neural_voices
from broadcast.speech.normalise import normalise
from broadcast.speech.voice import NothingToSayError, Progress, SpeechError, Voice

FALLBACK_REGION = "north"


@dataclass(frozen=True, slots=True)
class Said:
    """The words that were spoken, by which voice, and why not by the one asked for (None if it was)."""

    spoken_text: str
    voice_id: str
    fallback_reason: str | None


def all_voices(model_folder: Path | None = None, piper: Sequence[str] = PIPER) -> tuple[Voice, ...]:
    """Neural voices of the model folder first, then espeak-ng's three."""
    return (*neural_voices(model_folder, piper), *espeak_voices())


def words_for(voice: Voice, text: str) -> str:
    """What `voice` will be given: normalised where the voice speaks Vietnamese."""
    return normalise(text) if voice.info.language.lower().startswith("vi") else text


def say(
    voice: Voice,
    text: str,
    speed: float,
    out_wav: Path,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Said:
    """Speak with `voice`; if that fails, with espeak-ng of the same region. Raises as Voice.speak does."""
    words = words_for(voice, text)
    try:
        voice.speak(words, speed, out_wav, progress=progress, cancel=cancel)
    except SpeechError as error:
        if isinstance(voice, EspeakVoice) or isinstance(error, NothingToSayError):
            raise
        reserve = EspeakVoice(voice.info.region or FALLBACK_REGION)
        words = words_for(reserve, text)
        reserve.speak(words, speed, out_wav, cancel=cancel)
        return Said(words, reserve.info.id, str(error))
    return Said(words, voice.info.id, None)
