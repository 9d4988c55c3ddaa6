"""What is heard in the year: real sound where a producer is given, else only its length (does I/O)."""

import hashlib
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from broadcast.produce.producer import Producer
from broadcast.produce.request import Chime, ProduceRequest, Recipe, TextSource
from scheduler.broadcasts.airings import SPEECH_US_PER_CHARACTER
from web.demo.year.lots import Told

VOICE, AT_ONCE = "vi-north", 2
_BYTES_PER_S = 3_000


class Sound(Struct, frozen=True):
    sha256: str
    size_bytes: int
    duration_us: int
    loudness_lufs: float = -16.0
    true_peak_dbtp: float = -1.6


def sounds(texts: Collection[str], producer: Producer | None, told: Told) -> dict[str, Sound]:
    """The sound of each text."""
    if producer is None:
        return {text: _guessed(text) for text in texts}
    made: dict[str, Sound] = {}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for text, sound in threads.map(lambda text: (text, _spoken(producer, text)), texts):
            made[text] = sound
            told(len(made) / len(texts))
    return made


def _spoken(producer: Producer, text: str) -> Sound:
    done = producer.produce(ProduceRequest(TextSource(text, VOICE, 1.0), Recipe(opening=Chime.NORMAL)))
    return Sound(
        done.sha256, done.size_bytes, done.duration_us, done.loudness_lufs or -16.0, done.true_peak_dbtp or -1.6
    )


def _guessed(text: str) -> Sound:
    duration_us = len(text) * SPEECH_US_PER_CHARACTER
    return Sound(hashlib.sha256(text.encode()).hexdigest(), duration_us * _BYTES_PER_S // 1_000_000, duration_us)
