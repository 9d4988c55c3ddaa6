"""What stands around the body of an announcement: chime, pauses, closing chime, put together by pydub.

pydub holds raw samples in memory: two hours of mono at 48 kHz are 691 MB, and it copies on every join. So pydub makes
only the short ends and the pause between repeats, and ffmpeg's concat joins them to the body, however long, in the
pass that encodes anyway. Measured with a two-hour MP3: 58 MB in the child and 67 MB in the whole of this process.
"""

from dataclasses import dataclass
from pathlib import Path

from pydub import AudioSegment

from broadcast.produce.chimes import RATE_HZ, chime
from broadcast.produce.request import (
    MAX_DURATION_US,
    MAX_PAUSE_MS,
    MAX_REPEATS,
    Chime,
    ProduceError,
    Recipe,
    Refusal,
)

AFTER_CHIME_MS = 400
END_SILENCE_MS = 200
"""So that a player that drops its last buffer drops nothing said."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """WAV files, mono 48 kHz; `head` and `between` are None where there is nothing to hear or wait for."""

    head: Path | None
    between: Path | None
    tail: Path
    around_us: int
    """Length of head and tail together."""
    pause_us: int


def check(recipe: Recipe) -> None:
    """Raises ProduceError for numbers outside the limits."""
    if not 1 <= recipe.repeat_count <= MAX_REPEATS:
        raise ProduceError(Refusal.BAD_RECIPE, f"an announcement is said 1 to {MAX_REPEATS} times")
    if not 0 <= recipe.pause_ms <= MAX_PAUSE_MS:
        raise ProduceError(Refusal.BAD_RECIPE, f"the pause is 0 to {MAX_PAUSE_MS // 1000} seconds long")


def check_length(recipe: Recipe, body_us: int) -> None:
    """Raises ProduceError where repeating makes the whole too long."""
    if recipe.repeat_count > 1 and body_us * recipe.repeat_count > MAX_DURATION_US:
        raise ProduceError(Refusal.TOO_LONG, "with its repeats the announcement is longer than two hours")


def surroundings(recipe: Recipe, folder: Path) -> Surroundings:
    """Write the ends into `folder`."""
    head = _segment(recipe.opening) + _silence(AFTER_CHIME_MS) if recipe.opening else None
    between = _silence(recipe.pause_ms) if recipe.repeat_count > 1 and recipe.pause_ms else None
    tail = _silence(END_SILENCE_MS)
    if recipe.closing:
        tail = _silence(AFTER_CHIME_MS) + _segment(recipe.closing, closing=True) + tail
    return Surroundings(
        head=_write(head, folder / "head.wav") if head else None,
        between=_write(between, folder / "between.wav") if between else None,
        tail=_write(tail, folder / "tail.wav"),
        around_us=_length_us(tail) + (_length_us(head) if head else 0),
        pause_us=_length_us(between) if between else 0,
    )


def gap(pause_ms: int, kind: Chime | None, folder: Path) -> Path | None:
    """What stands between two parts: a pause, and a chime in the middle of it; None where there is nothing."""
    if kind is None:
        return _write(_silence(pause_ms), folder / "gap.wav") if pause_ms else None
    around = _silence(max(AFTER_CHIME_MS, pause_ms // 2))
    return _write(around + _segment(kind) + around, folder / "gap.wav")


def _segment(kind: Chime, *, closing: bool = False) -> AudioSegment:
    samples = chime(kind, closing=closing)
    return AudioSegment(data=samples.tobytes(), sample_width=2, frame_rate=RATE_HZ, channels=1)


def _silence(length_ms: int) -> AudioSegment:
    return AudioSegment.silent(duration=length_ms, frame_rate=RATE_HZ)


def _length_us(segment: AudioSegment) -> int:
    frames = int(segment.frame_count())
    return frames * 1_000_000 // RATE_HZ


def _write(segment: AudioSegment, path: Path) -> Path:
    segment.export(path, format="wav").close()
    return path
