"""What a voice is: text in, a WAV file out.

Voices are handed normalised text (see `normalise`) if their language is Vietnamese, else the text as it was written.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MIN_SPEED = 0.5
MAX_SPEED = 2.0

Progress = Callable[[float], None]
"""Called with the share done, 0.0 to 1.0, never falling."""


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """`language` is a BCP 47 tag; `region` is "north", "central", "south" or empty; `engine` is for display."""

    id: str
    name: str
    language: str
    region: str
    engine: str


class SpeechError(Exception):
    """The engine could not make speech of the text; the message says why, in English, for the log."""


class NothingToSayError(SpeechError):
    """The text holds no words."""


class Voice(Protocol):
    @property
    def info(self) -> VoiceInfo: ...

    def speak(
        self,
        text: str,
        speed: float,
        out_wav: Path,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Write the speech as mono 16-bit WAV, at `speed` times the normal rate (0.5 to 2.0).

        Raises SpeechError, or ChildCancelledError soon after `cancel` is set; the file is then not there.
        """
        ...
