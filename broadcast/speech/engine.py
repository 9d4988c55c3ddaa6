"""What all engines share: passage by passage, one child process each, joined to one file.

A process for each passage, not one for all: progress is real, cancelling is killing, and nothing an engine leaks
or breaks on one sentence outlives it.
"""

import tempfile
import threading
import wave
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from broadcast import child
from broadcast.speech.passages import passages
from broadcast.speech.voice import MAX_SPEED, MIN_SPEED, NothingToSayError, Progress, SpeechError
from broadcast.speech.wav import WavJoiner, read_pcm, whole_or_nothing

PARAGRAPH_PAUSE_MS = 500


class Engine(ABC):
    """A program that reads one passage from standard input and writes one WAV file."""

    @abstractmethod
    def command(self, speed: float, out_wav: Path) -> Sequence[str]:
        """The argument list for one passage; the text is never on it."""

    limits = child.Limits()
    passage_chars = 600

    def speak(
        self,
        text: str,
        speed: float,
        out_wav: Path,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """See Voice.speak."""
        if not MIN_SPEED <= speed <= MAX_SPEED:
            raise SpeechError(f"speed {speed} is outside {MIN_SPEED} to {MAX_SPEED}")
        parts = passages(text, self.passage_chars)
        if not parts:
            raise NothingToSayError("there is nothing to say")
        total_chars = sum(len(part.text) for part in parts)
        done_chars = 0
        joiner: WavJoiner | None = None
        with whole_or_nothing(out_wav) as target, tempfile.TemporaryDirectory() as folder:
            try:
                for part in parts:
                    pcm, rate_hz = self._speak_passage(part.text, speed, Path(folder) / "passage.wav", cancel)
                    joiner = joiner or WavJoiner(target, rate_hz)
                    joiner.add(pcm)
                    if part.ends_paragraph and part is not parts[-1]:
                        joiner.add_pause(PARAGRAPH_PAUSE_MS)
                    done_chars += len(part.text)
                    if progress:
                        progress(done_chars / total_chars)
            finally:
                if joiner:
                    joiner.close()

    def _speak_passage(self, text: str, speed: float, wav: Path, cancel: threading.Event | None) -> tuple[bytes, int]:
        wav.unlink(missing_ok=True)
        try:
            result = child.run(self.command(speed, wav), stdin=text.encode() + b"\n", limits=self.limits, cancel=cancel)
            if result.failed:
                raise SpeechError(f"the speech engine failed: {result.last_error()}")
            pcm, rate_hz = read_pcm(wav)
        except (OSError, ValueError, EOFError, wave.Error, child.ChildMissingError, child.ChildStalledError) as error:
            raise SpeechError(f"the speech engine failed: {error}") from error
        if not pcm:
            raise SpeechError("the speech engine said nothing")
        return pcm, rate_hz
