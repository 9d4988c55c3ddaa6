"""Speech in pieces to one WAV file: mono, 16 bit, at the engine's own rate."""

import contextlib
import wave
from collections.abc import Iterator
from pathlib import Path

SAMPLE_BYTES = 2


@contextlib.contextmanager
def whole_or_nothing(out_wav: Path) -> Iterator[Path]:
    """A path to write to that becomes `out_wav` at the end; after an exception neither is there."""
    part = out_wav.with_name(out_wav.name + ".part")
    try:
        yield part
        part.replace(out_wav)
    finally:
        part.unlink(missing_ok=True)


class WavJoiner:
    """Appends pieces and pauses to a WAV file; all pieces must be mono 16 bit at `rate_hz`."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 closed by close()
        self._file.setnchannels(1)
        self._file.setsampwidth(SAMPLE_BYTES)
        self._file.setframerate(rate_hz)
        self._rate_hz = rate_hz

    def add(self, pcm: bytes) -> None:
        self._file.writeframes(pcm)

    def add_pause(self, pause_ms: int) -> None:
        self._file.writeframes(bytes(self._rate_hz * pause_ms // 1000 * SAMPLE_BYTES))

    def close(self) -> None:
        self._file.close()


def read_pcm(path: Path) -> tuple[bytes, int]:
    """The samples and rate of a mono 16-bit WAV file; anything else raises ValueError."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, SAMPLE_BYTES):
            raise ValueError("speech must be mono 16-bit WAV")
        return file.readframes(file.getnframes()), file.getframerate()
