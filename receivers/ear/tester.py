"""The node's self-tests as the daemon holds them: the chirp's file, and the mark of what was done (does I/O)."""

import io
import logging
import wave
from collections.abc import Sequence
from pathlib import Path

import msgspec

from broadcast.wholefile import write_whole
from broadcast.wire.documents import Heard, Hearing, ReceiverSettings, SelfTestResult
from receivers.ear.selftest import Done, SelfTests, chirp
from receivers.sound.cue import RATE_HZ, Cue, Played

log = logging.getLogger(__name__)

MARK = "self-test.json"
SOUND = "self-test.wav"


class SelfTester:
    """Self-tests of the receiver whose own folder is `folder`. A disk that fails costs the marks, not the tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tests = SelfTests(folder / SOUND, Done())
        self._last: Heard | None = None

    def open(self) -> None:
        """Read what was done, and have the chirp's file; what cannot be read counts as nothing."""
        try:
            done = msgspec.json.decode((self._folder / MARK).read_bytes(), type=Done)
        except (OSError, msgspec.MsgspecError):
            done = Done()
        self._tests = SelfTests(self._folder / SOUND, done)
        self._last = done.result.heard if done.result else None
        sound = _wav()
        try:
            if not (self._folder / SOUND).is_file() or (self._folder / SOUND).read_bytes() != sound:
                write_whole(self._folder / SOUND, sound)
        except OSError as error:
            log.warning("the self-test's sound cannot be written: %s", error)

    @property
    def result(self) -> SelfTestResult | None:
        """The last self-test."""
        return self._tests.done.result

    @property
    def fault(self) -> str | None:
        """Whether the microphone did not hear the last sound that it was to hear, chirp or airing."""
        if self._last is None or self._last.verdict is not Hearing.NOT_HEARD:
            return None
        return "the microphone did not hear what was last played"

    def ask(self) -> None:
        """A test as soon as nothing sounds, for someone at the node; its `result` is news by its `at_us`."""
        self._tests.ask()

    def add(self, plan: Sequence[Cue], settings: ReceiverSettings, now_us: int, playing: str | None) -> tuple[Cue, ...]:
        """`plan`, and the chirp where one is due."""
        return self._tests.add(plan, settings, now_us, playing)

    def take(self, played: Played, now_us: int) -> bool:
        """Give it every record; true for a chirp's, which is nobody else's business."""
        self._last = played.heard or self._last
        before = self._tests.done
        if not self._tests.take(played, now_us):
            return False
        if self._tests.done is not before:
            try:
                write_whole(self._folder / MARK, msgspec.json.encode(self._tests.done))
            except OSError as error:
                log.warning("the self-test's mark cannot be written: %s", error)
        return True


def _wav() -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(chirp().tobytes())
    return content.getvalue()
