"""The node's self-tests as the daemon holds them: the chirp's file, and the mark of what was done (does I/O)."""

import io
import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from broadcast.wholefile import write_whole
from broadcast.wire.documents import Heard, Hearing, ReceiverSettings, SelfTestResult
from receivers.ear.selftest import Done, SelfTests, chirp
from receivers.sound.cue import RATE_HZ, Cue, Played

log = logging.getLogger(__name__)

MARK = "self-test.json"
SOUND = "self-test.opus"


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
        if not (self._folder / SOUND).is_file():
            self._write(SOUND, _opus())

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

    def ask(self, now_us: int) -> None:
        """A test as soon as nothing sounds, for someone at the node; its `result` is news by its `at_us`."""
        self._tests.ask(now_us)

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
            self._write(MARK, msgspec.json.encode(self._tests.done))
        if played.error is not None:
            self._write(SOUND, _opus())
        return True

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_whole(self._folder / name, content)
        except OSError as error:
            log.warning("%s cannot be written: %s", name, error)


def _opus() -> bytes:
    """The chirp as the sound path takes it: Opus in Ogg."""
    import av  # noqa: PLC0415 - only the first time, and where the sound path has it anyway
    from av.audio.frame import AudioFrame  # noqa: PLC0415

    content = io.BytesIO()
    with av.open(content, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, layout="mono")
        stream.bit_rate = 48_000
        frame = AudioFrame.from_ndarray(chirp().reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return content.getvalue()
