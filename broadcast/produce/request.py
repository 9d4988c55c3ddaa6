"""What is asked of the producer, what it answers, and how it refuses. Pure data."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

US_PER_S = 1_000_000
MAX_DURATION_US = 2 * 3600 * US_PER_S
MAX_SOURCE_BYTES = 200_000_000
MAX_TEXT_CHARS = 100_000
MAX_REPEATS = 10
MAX_PAUSE_MS = 60_000
MAX_PARTS = 40


class Chime(StrEnum):
    """The gong of an announcement's class."""

    NORMAL = "normal"
    PRIORITY = "priority"
    EMERGENCY = "emergency"


class Refusal(StrEnum):
    """Why nothing was produced; each is a key for translation."""

    EMPTY_FILE = "empty_file"
    NOT_AUDIO = "not_audio"
    NO_AUDIO_STREAM = "no_audio_stream"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    EMPTY_TEXT = "empty_text"
    TEXT_TOO_LONG = "text_too_long"
    UNKNOWN_VOICE = "unknown_voice"
    BAD_SPEED = "bad_speed"
    BAD_RECIPE = "bad_recipe"
    SPEECH_FAILED = "speech_failed"
    PRODUCE_FAILED = "produce_failed"


class Warn(StrEnum):
    """What the author should hear about although it was produced; each is a key for translation."""

    SILENCE_ONLY = "silence_only"
    VERY_QUIET = "very_quiet"
    DAMAGED = "damaged"
    VOICE_FALLBACK = "voice_fallback"


class ProduceError(Exception):
    """Nothing was produced and nothing is left behind; `code` says why, the message says it in English."""

    def __init__(self, code: Refusal, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class TextSource:
    """Vietnamese text as typed; normalised here. `speed` 0.5 to 2.0."""

    text: str
    voice_id: str = "vi-north"
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class FileSource:
    """An upload or a recording of the browser, wherever it lies; its name means nothing."""

    path: Path


@dataclass(frozen=True, slots=True)
class OriginalSource:
    """The kept original of an earlier announcement, by its SHA-256."""

    sha256: str


@dataclass(frozen=True, slots=True)
class PartsSource:
    """Kept originals one after the other, with `pause_ms` and, where there is one, a chime between each two."""

    originals: tuple[str, ...]
    pause_ms: int = 1500
    between: Chime | None = None


Source = TextSource | FileSource | OriginalSource | PartsSource


@dataclass(frozen=True, slots=True)
class Recipe:
    """Opening chime, the body `repeat_count` times with pauses between, closing chime."""

    opening: Chime | None = Chime.NORMAL
    closing: Chime | None = None
    repeat_count: int = 1
    pause_ms: int = 1500


@dataclass(frozen=True, slots=True)
class ProduceRequest:
    """`louder_lu` is how much louder than speech the body shall be: a tone, which has no peaks, can be."""

    source: Source
    recipe: Recipe = field(default_factory=Recipe)
    louder_lu: float = 0.0


@dataclass(frozen=True, slots=True)
class Produced:
    """A broadcast-ready Ogg Opus file in the media store, and the original in the originals' store.

    Loudness (LUFS, integrated) and true peak (dBTP) are of the sound handed to the encoder, None where there is
    nothing to measure (silence). `duration_us` is exact: the decoded samples. `spoken_text` is the text as it was
    read aloud, None where the source was sound.
    """

    sha256: str
    size_bytes: int
    duration_us: int
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    original_sha256: str
    warnings: tuple[Warn, ...] = ()
    spoken_text: str | None = None
