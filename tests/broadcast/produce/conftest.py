import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from broadcast.media import MediaStore
from broadcast.produce.graph import Loudness
from broadcast.produce.producer import Producer
from broadcast.speech.espeak import EspeakVoice
from broadcast.speech.say import all_voices

TEXT = "thông báo đến bà con. trời mưa to, có lũ quét ở nhiều nơi. đề nghị bà con không qua ngầm tràn."

Make = Callable[..., Path]


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About seven seconds of speech."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    EspeakVoice("north").speak(TEXT, 1.0, path)
    return path


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make("a.mp3", *ffmpeg_arguments)` writes a file by ffmpeg; `piped=True`, as a browser would: never seeking."""

    def run(name: str, *arguments: str, piped: bool = False) -> Path:
        target = tmp_path / name
        command = ["ffmpeg", "-v", "error", "-y", *arguments, "pipe:1" if piped else str(target)]
        done = subprocess.run(command, check=True, capture_output=True)
        if piped:
            target.write_bytes(done.stdout)
        return target

    return run


@pytest.fixture
def producer(tmp_path: Path) -> Producer:
    return Producer(MediaStore(tmp_path / "media"), MediaStore(tmp_path / "originals"), all_voices())


@pytest.fixture
def heard() -> Callable[[Path], Loudness]:
    """Measures a finished file after decoding, by a plain ffmpeg."""

    def measure(path: Path) -> Loudness:
        command = ["ffmpeg", "-hide_banner", "-nostats", "-i", str(path), "-af", "ebur128=peak=true:framelog=verbose"]
        log = subprocess.run([*command, "-f", "null", "-"], check=True, capture_output=True, text=True).stderr
        integrated, peak = re.findall(r"I:\s+(\S+) LUFS", log), re.findall(r"Peak:\s+(\S+) dBFS", log)
        return Loudness(float(integrated[-1]), float(peak[-1]))

    return measure


@pytest.fixture
def decoded_samples() -> Callable[[Path], int]:
    def count(path: Path) -> int:
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "pipe:1"]
        return len(subprocess.run(command, check=True, capture_output=True).stdout) // 2

    return count
