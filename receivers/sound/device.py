"""The sound card, through PortAudio: one output stream, 48 kHz mono 16-bit, that asks for blocks of 960 frames."""

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
from receivers.sound.anchor import Anchor, Timebase, to_monotonic_us
from receivers.sound.cue import RATE_HZ, US_PER_S
from receivers.sound.moment import WallWatch, read_both
from receivers.sound.urgency import make_urgent
from receivers.sound.voice import Lost

log = logging.getLogger(__name__)

BLOCK_FRAMES = 960  # 20 ms
SILENCE = bytes(2 * BLOCK_FRAMES)

# (first device frame, frames, line from device frames to UTC or None, what was lost) -> 16-bit sound, None for silence
Render = Callable[[int, int, Timebase | None, Lost], bytes | None]


class DeviceError(Exception):
    """The sound device cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """`callback_age_us` is None while closed; `faults`: how often rendering raised an exception."""

    callback_age_us: int | None
    timebase: Timebase | None
    underruns: int
    slips: int
    faults: int


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
        self._frame = 0
        self._underruns = 0
        self._faults = 0
        self._called_us: int | None = None

    def open(self, render: Render) -> None:
        """Start the stream; `render` is then called from PortAudio's thread and must not block.

        From then on this process runs before ordinary ones, where the system lets it. Raises DeviceError.
        """
        self._render = render
        self._anchor.restart()
        make_urgent(os.getpid())
        with _stderr_caught():
            try:
                self._audio = pyaudio.PyAudio()
                self._called_us = self._clock.monotonic_us()
                self._stream = self._audio.open(
                    rate=RATE_HZ,
                    channels=1,
                    format=pyaudio.paInt16,
                    output=True,
                    output_device_index=_find(self._audio, self.name),
                    frames_per_buffer=BLOCK_FRAMES,
                    stream_callback=self._callback,
                )
            except (OSError, ValueError) as error:
                self.close()
                raise DeviceError(f"sound device {self.name or '(default)'}: {error}") from error
            except DeviceError:
                self.close()
                raise
        _hush_alsa()

    def reopen(self) -> None:
        """Close and open again, looking the device up anew. Raises DeviceError."""
        self.close()
        self.open(self._render)

    def close(self) -> None:
        stream, audio = self._stream, self._audio
        self._stream = self._audio = None
        self._called_us = None
        with suppress(OSError):  # a device that is gone cannot be closed in good order
            if stream is not None:
                stream.close()
        if audio is not None:
            audio.terminate()

    def state(self) -> DeviceState:
        called_us = self._called_us
        return DeviceState(
            callback_age_us=None if called_us is None else self._clock.monotonic_us() - called_us,
            timebase=self._anchor.timebase,
            underruns=self._underruns,
            slips=self._anchor.slips,
            faults=self._faults,
        )

    def _callback(self, _input: bytes | None, count: int, times: Mapping[str, float], status: int) -> tuple[bytes, int]:
        first = self._frame
        self._frame += count
        # An exception let out here would end the stream: silence for ever. It is counted and shown as a fault instead.
        try:
            data = self._sound(first, count, times, status)
        except Exception:
            if not self._faults:
                log.exception("the sound path failed; silence until it works again")
            self._faults += 1
            data = None
        if data is None:
            data = SILENCE if count == BLOCK_FRAMES else bytes(2 * count)
        return data, pyaudio.paContinue

    def _sound(self, first: int, count: int, times: Mapping[str, float], status: int) -> bytes | None:
        monotonic_us, wall_us = read_both(self._clock)
        self._called_us = monotonic_us
        if status & pyaudio.paOutputUnderflow:
            self._underruns += 1
        dac_us = times["output_buffer_dac_time"] * US_PER_S
        current_us = times["current_time"] * US_PER_S
        self._anchor.add(first, to_monotonic_us(dac_us, current_us, monotonic_us, wall_us))
        line = self._anchor.timebase
        settled = self._wall.settled(monotonic_us, wall_us)
        utc_line = line.shifted(wall_us - monotonic_us) if line is not None and settled else None
        return self._render(first, count, utc_line, Lost(self._underruns, self._anchor.slipped_us))


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
