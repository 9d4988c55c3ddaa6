"""A process that is nothing but a microphone: `python -m receivers.ear.recorder DEVICE` (does I/O).

A process of its own, because PortAudio knows only the devices that were there when it started in a process, and because
a driver that hangs can be killed here without a word from the horn. It imports little.

On standard output, for each block: a `HEADER` (frames, four instants in microseconds), then that many 16-bit samples.
A header with 0 frames is followed by text to the end: why nothing can be recorded. It ends when nobody reads any more.
"""

import os
import queue
import struct
import sys
from collections.abc import Mapping
from typing import BinaryIO, NoReturn

import pyaudio

from broadcast.clock import SystemClock
from receivers.sound.moment import read_both
from receivers.sound.urgency import REAL_TIME, make_urgent

RATE_HZ = 48_000
BLOCK_FRAMES = 4800  # 100 ms: a third of the processor time that blocks of 20 ms take, here and in the reader
SILENT_S = 3.0
HEADER = struct.Struct("<Iddqq")  # frames; PortAudio's stamps of the first frame and of now; the two clocks now

Block = tuple[bytes, float, float, int, int]


def main() -> int:
    """Record until nobody reads (0) or nothing can be recorded (1)."""
    # Not through sys.stdout: what the sound libraries print must not come between.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    make_urgent(os.getpid(), REAL_TIME + 1)  # it has little to do, and what it misses is lost
    try:
        _record(sys.argv[1], out)
    except BrokenPipeError:
        return 0
    except (OSError, ValueError) as error:
        out.write(HEADER.pack(0, 0, 0, 0, 0) + str(error).encode())
        out.flush()
    return 1


def _record(name: str, out: BinaryIO) -> NoReturn:
    clock = SystemClock()
    blocks: queue.SimpleQueue[Block] = queue.SimpleQueue()

    def callback(data: bytes | None, _count: int, times: Mapping[str, float], _status: int) -> tuple[None, int]:
        monotonic_us, wall_us = read_both(clock)
        first_us, now_us = times["input_buffer_adc_time"] * 1e6, times["current_time"] * 1e6
        blocks.put((data or b"", first_us, now_us, monotonic_us, wall_us))
        return None, pyaudio.paContinue

    audio = pyaudio.PyAudio()
    audio.open(
        rate=RATE_HZ,
        channels=1,
        format=pyaudio.paInt16,
        input=True,
        input_device_index=_find(audio, name),
        frames_per_buffer=BLOCK_FRAMES,
        stream_callback=callback,
    )
    while True:
        data, *stamps = _next(blocks)
        out.write(HEADER.pack(len(data) // 2, *stamps) + data)
        out.flush()


def _next(blocks: "queue.SimpleQueue[Block]") -> Block:
    try:
        return blocks.get(timeout=SILENT_S)
    except queue.Empty:
        raise OSError("it gives no samples") from None


def _find(audio: pyaudio.PyAudio, name: str) -> int:
    infos = [audio.get_device_info_by_index(index) for index in range(audio.get_device_count())]
    inputs = {str(info["name"]): int(info["index"]) for info in infos if int(info["maxInputChannels"]) > 0}
    if name not in inputs:
        raise ValueError(f"not there; there are: {', '.join(inputs) or 'none'}")
    return inputs[name]


if __name__ == "__main__":
    # PortAudio's own way to end may wait for a driver for ever; there is nothing here that needs it.
    os._exit(main())
