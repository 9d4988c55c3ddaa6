"""What is heard while a stream is silent, and how a stream is tried before it is relayed."""

import wave
from pathlib import Path

import numpy as np

from broadcast.live.lab import HOST
from broadcast.live.relay import CHIME_EVERY_FRAMES, StandIn, listened
from broadcast.wire.chunks import RATE_HZ

HERE = frozenset({HOST})


def tone(path: Path, seconds: float) -> Path:
    wall = np.sin(2 * np.pi * 700 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ) * 8000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(wall.astype("<i2").tobytes())
    return path


def test_it_comes_again_after_a_pause_and_from_its_beginning_when_the_stream_was_back(tmp_path: Path) -> None:
    heard = StandIn(tone(tmp_path / "tone.wav", 1.0))
    first = heard.take(RATE_HZ)
    assert np.abs(first).max() > 0.2
    assert not heard.take(CHIME_EVERY_FRAMES).any()
    assert np.array_equal(heard.take(RATE_HZ), first)
    heard.take(1000)
    heard.rewind()
    assert np.array_equal(heard.take(500), first[:500])


def test_a_stream_is_tried_and_told_of(web: tuple[str, Path]) -> None:
    url, folder = web
    tone(folder / "tone.wav", 3.0)
    found = listened(f"{url}/tone.wav", HERE, seconds=2.0, patience_s=20.0)
    assert found.fault is None
    assert (len(found.sound), np.abs(found.sound).max() > 0.2) == (2 * RATE_HZ, True)
    missing = listened(f"{url}/nothing.mp3", HERE, seconds=2.0, patience_s=20.0)
    assert (len(missing.sound), bool(missing.fault)) == (0, True)
    elsewhere = listened("http://other.example/a.mp3", HERE, seconds=2.0, patience_s=20.0)
    assert "other.example" in (elsewhere.fault or "")
