"""The sound card, through PortAudio: one output stream, 48 kHz mono 16-bit, that asks for blocks of 80 ms.

While nothing is to sound a callback only notes its stamps, and what they tell is worked out now and then: what costs
is not the work but having code and data brought back into the processor's caches each time.

A card can hang in any call. PortAudio has one state in a process, so while one of its calls hangs nothing else is
tried: the process is then of no more use for sound, unless the call returns after all.
"""

import ctypes
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pyaudio

from broadcast.clock import Clock
from receivers.sound.anchor import US_PER_FRAME, Anchor, Timebase, to_monotonic_us
from receivers.sound.cue import RATE_HZ, US_PER_S
from receivers.sound.moment import WallWatch, read_both
from receivers.sound.patience import Patience, Stuck
from receivers.sound.urgency import make_urgent
from receivers.sound.voice import Lost

log = logging.getLogger(__name__)

BLOCK_FRAMES = 3840  # 80 ms: a third of the processor time that 20 ms take, and no underruns on a busy board
SILENCE = bytes(2 * BLOCK_FRAMES)
KEPT = 100  # a thread's state is kept for no more streams than this: it stays when the thread ends
NOTED = 25  # callbacks, two seconds of them, whose stamps wait to be looked at together
BREAK_US = 300_000  # more than the card has in store: so long without a callback, it has stood still
LIMIT_S = 5.0  # a call that takes longer hangs

_portaudio = Patience(LIMIT_S)

# (first device frame, frames, line from device frames to UTC or None, what was lost) -> 16-bit sound, None for silence
Render = Callable[[int, int, Timebase | None, Lost], bytes | None]
# (first device frame, PortAudio's time of it, PortAudio's now, monotonic now, wall now)
Stamps = tuple[int, float, float, int, int]


def _never() -> bool:
    return False


class DeviceError(Exception):
    """The sound device cannot be used; the message says which and why."""


class DeviceHangs(DeviceError):
    """A call to the sound device does not return."""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """`callback_age_us` is None while closed, and goes on over a `reopen`; `waiting_us`: since that, or the opening.

    `failed_age_us`: since rendering last raised an exception, None when it never did.
    """

    callback_age_us: int | None
    waiting_us: int | None
    timebase: Timebase | None
    failed_age_us: int | None
    hangs: bool


class Device:
    """An output device by name (as PortAudio lists it), or the system's default for None.

    Device frames count on from the first opening for ever, so a frame number is never used twice.
    """

    def __init__(self, name: str | None, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._anchor = Anchor()
        self._wall = WallWatch()
        self._audio: pyaudio.PyAudio | None = None
        self._stream: pyaudio.PyAudio.Stream | None = None
        self._render: Render = _no_sound
        self._is_idle: Callable[[], bool] = _never
        self._noted: list[Stamps] = []
        self._streams = 0
        self._kept = 0  # the number of the stream whose thread's state was kept last
        self._frame = 0
        self._underruns = 0
        self._failed_us: int | None = None
        self._mute_us = 0.0  # silence written where rendering failed
        self._called_us: int | None = None
        self._opened_us: int | None = None

    def open(self, render: Render, is_idle: Callable[[], bool] = _never) -> None:
        """Start the stream; `render` is then called from PortAudio's thread and must not block.

        `is_idle` is asked there before each block whether `render` would give silence; it may then not be called.
        From then on this process runs before ordinary ones, where the system lets it. Raises DeviceError, within
        LIMIT_S.
        """
        self._render, self._is_idle = render, is_idle
        self._noted.clear()
        self._opened_us = self._clock.monotonic_us()
        self._called_us = self._called_us or self._opened_us
        self._anchor.restart()
        make_urgent(os.getpid())
        with _stderr_caught():
            try:
                self._call("opening it", self._open)
            except DeviceHangs:
                raise
            except DeviceError:
                self.close()
                raise
            except (OSError, ValueError) as error:
                self.close()
                raise DeviceError(f"sound device {self.name or '(default)'}: {error}") from error
        _hush_alsa()

    def reopen(self) -> None:
        """Close and open again, looking the device up anew. Raises DeviceError, within twice LIMIT_S."""
        called_us = self._called_us
        self._call("closing it", self._close)
        self._called_us = called_us
        self.open(self._render, self._is_idle)

    def close(self) -> None:
        """Returns within LIMIT_S; a device that hangs is left as it is."""
        self._called_us = self._opened_us = None
        with suppress(DeviceHangs):
            self._call("closing it", self._close)

    def state(self) -> DeviceState:
        now_us = self._clock.monotonic_us()
        called_us, opened_us, failed_us = self._called_us, self._opened_us, self._failed_us
        return DeviceState(
            callback_age_us=None if called_us is None else now_us - called_us,
            waiting_us=None if called_us is None or opened_us is None else now_us - max(called_us, opened_us),
            timebase=self._anchor.timebase,
            failed_age_us=None if failed_us is None else now_us - failed_us,
            hangs=_portaudio.is_out,
        )

    def _call(self, name: str, what: Callable[[], None]) -> None:
        try:
            _portaudio.call(name, what)
        except Stuck as error:
            raise DeviceHangs(f"sound device {self.name or '(default)'}: {error}") from error

    def _open(self) -> None:
        self._close()  # what a call left behind has opened since
        self._streams += 1
        self._audio = pyaudio.PyAudio()
        self._stream = self._audio.open(
            rate=RATE_HZ,
            channels=1,
            format=pyaudio.paInt16,
            output=True,
            output_device_index=_find(self._audio, self.name),
            frames_per_buffer=BLOCK_FRAMES,
            stream_callback=self._callback,
        )

    def _close(self) -> None:
        stream, audio = self._stream, self._audio
        self._stream = self._audio = None
        with suppress(OSError):  # a device that is gone cannot be closed in good order
            if stream is not None:
                stream.close()
        if audio is not None:
            audio.terminate()

    def _callback(self, _input: bytes | None, count: int, times: Mapping[str, float], status: int) -> tuple[bytes, int]:
        first = self._frame
        self._frame += count
        if self._kept < self._streams <= KEPT:
            self._kept = self._streams
            _keep_thread_state()
        # An exception let out here would end the stream: silence for ever. It is counted and shown as a fault instead.
        try:
            data = self._sound(first, count, times, status)
        except Exception:
            if self._failed_us is None:
                log.exception("the sound path failed; silence until it works again")
            self._failed_us = self._clock.monotonic_us()
            self._mute_us += count * US_PER_FRAME
            data = None
        if data is None:
            data = SILENCE if count == BLOCK_FRAMES else bytes(2 * count)
        return data, pyaudio.paContinue

    def _sound(self, first: int, count: int, times: Mapping[str, float], status: int) -> bytes | None:
        monotonic_us, wall_us = read_both(self._clock)
        underflow = bool(status & pyaudio.paOutputUnderflow)
        self._underruns += underflow
        if underflow or (self._called_us is not None and monotonic_us - self._called_us > BREAK_US):
            self._anchor.tell_break(first)
        self._called_us = monotonic_us
        self._noted.append((first, times["output_buffer_dac_time"], times["current_time"], monotonic_us, wall_us))
        if len(self._noted) < NOTED and self._anchor.is_settled and self._is_idle():
            return None
        settled = self._take_noted()
        line = self._anchor.timebase
        utc_line = line.shifted(wall_us - monotonic_us) if line is not None and settled else None
        return self._render(first, count, utc_line, Lost(self._underruns, self._anchor.slipped_us + self._mute_us))

    def _take_noted(self) -> bool:
        """Learn from the stamps of all callbacks up to this one; whether the wall clock is settled."""
        noted, self._noted = self._noted, []
        self._anchor.add_all(
            (first, to_monotonic_us(dac_s * US_PER_S, current_s * US_PER_S, monotonic_us, wall_us), monotonic_us)
            for first, dac_s, current_s, monotonic_us, wall_us in noted
        )
        settled = True
        for *_, monotonic_us, wall_us in noted:
            settled = self._wall.settled(monotonic_us, wall_us)
        return settled


def _keep_thread_state() -> None:
    """Have the interpreter keep what it knows of this thread of PortAudio's from one callback to the next.

    It makes it anew for each else, with a stack for Python that it maps and unmaps: a tenth of what a callback costs.
    """
    ctypes.pythonapi.PyGILState_Ensure()  # never released, so that the callback's own release does not end it


def _hush_alsa() -> None:
    """Keep ALSA from writing each underrun to stderr; they are counted.

    Any C function that does nothing with its arguments will do as its error handler. One of Python's would have to
    wait for the interpreter in the audio thread.
    """
    with suppress(OSError, AttributeError):
        handler = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(handler)


def _no_sound(_first: int, _count: int, _timebase: Timebase | None, _lost: Lost) -> bytes | None:
    return None


def _find(audio: pyaudio.PyAudio, name: str | None) -> int | None:
    if name is None:
        return None
    infos = [audio.get_device_info_by_index(index) for index in range(audio.get_device_count())]
    outputs = {str(info["name"]): int(info["index"]) for info in infos if int(info["maxOutputChannels"]) > 0}
    if name not in outputs:
        raise DeviceError(f"sound device {name}: not there; there are: {', '.join(outputs) or 'none'}")
    return outputs[name]


@contextmanager
def _stderr_caught() -> Iterator[None]:
    """Keep what C libraries write on file descriptor 2 (80 lines at each start) out of the log, but at DEBUG."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            chatter.seek(0)
            log.debug("sound libraries said: %s", chatter.read(10_000).decode(errors="replace"))
