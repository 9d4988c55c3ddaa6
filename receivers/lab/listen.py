"""Recording what a horn gives out, with the time at which it was given out.

How the time is known: a null sink makes the sound of its next period at the instant at which that period begins, and
its monitor passes the period on at once. So bytes that come after a pause of the pipe are heard at the moment at which
they arrive, but for the way through parec. The line through the bulk of those arrivals is the time of the samples; on
a busy machine single arrivals are later, or earlier (the rest of a period after a forced pause), and do not count.
Nothing that the player or PulseAudio says of latency goes into it.

How exact: on an idle machine the arrivals of two seconds lie within 0.3 ms, half of them within 0.15 ms (measured alone
and beside a playing stream), and the line is late by the shortest way through parec: 0.1 to 0.2 ms.
"""

import os
import subprocess
import threading
import wave
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from broadcast.clock import Clock
from receivers.lab.horns import HornsError, VirtualHorns
from receivers.sound.cue import RATE_HZ, US_PER_S
from receivers.sound.moment import read_both
from receivers.sound.urgency import make_urgent

US_PER_FRAME = US_PER_S / RATE_HZ
PERIOD_MS = 20
PAUSE_US = 2_000  # a read that waited longer than this begins a period
DENSE_US = 300  # prompt arrivals lie within this
NEAR_FRAMES = 2 * RATE_HZ  # arrivals this near a frame tell its time, so that a skewed crystal is followed
FIRST_SOUND_S = 5.0

Arrival = tuple[int, int]  # frame, monotonic us


@dataclass(frozen=True)
class Recording:
    """What one horn gave out: 48 kHz mono 16-bit, and when."""

    samples: NDArray[np.int16]
    arrivals: Sequence[Arrival]
    wall_offset_us: int  # UTC minus monotonic time at the end of the recording

    def utc_us_at(self, frame: float) -> float:
        """UTC instant at which sample `frame` was heard."""
        near = [us - f * US_PER_FRAME for f, us in self.arrivals if abs(f - frame) <= NEAR_FRAMES]
        chosen = near or [us - f * US_PER_FRAME for f, us in self.arrivals]
        return _densest(sorted(chosen)) + frame * US_PER_FRAME + self.wall_offset_us

    def frame_at(self, utc_us: float) -> int:
        """Nearest sample to a UTC instant; beyond the recording's ends when it was not running then."""
        guess = round((utc_us - self.utc_us_at(0)) / US_PER_FRAME)
        return round(guess + (utc_us - self.utc_us_at(guess)) / US_PER_FRAME)

    def between(self, start_us: float, end_us: float) -> NDArray[np.int16]:
        """The samples heard in `[start_us, end_us)`, as far as they were recorded."""
        return self.samples[max(0, self.frame_at(start_us)) : max(0, self.frame_at(end_us))]

    def write_wav(self, path: Path) -> None:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(self.samples.tobytes())


def _densest(values: Sequence[float]) -> float:
    """The lowest of the values in the `DENSE_US` that hold most of them; `values` are sorted."""
    crowds = [bisect_right(values, value + DENSE_US) - index for index, value in enumerate(values)]
    return values[crowds.index(max(crowds))]


class Listener:
    """Context manager that records horn `name` into `path` (raw samples) until `stop`; it is recording once entered."""

    def __init__(self, horns: VirtualHorns, name: str, path: Path, clock: Clock) -> None:
        self._horns = horns
        self._name = name
        self._path = path
        self._clock = clock
        self._arrivals: list[Arrival] = []
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"listen {name}", daemon=True)
        self._parec: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._parec = subprocess.Popen(
            [
                *(
                    "parec",
                    "--raw",
                    "--device",
                    self._horns.monitor(self._name),
                    f"--latency-msec={PERIOD_MS}",
                ),
                *(f"--rate={RATE_HZ}", "--channels=1", "--format=s16le"),
            ],
            env={**os.environ, **self._horns.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        make_urgent(self._parec.pid)
        self._thread.start()
        if not self._started.wait(FIRST_SOUND_S):
            self.stop()
            raise HornsError(f"nothing can be recorded from horn {self._name}")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> Recording:
        """End the recording and return it; again: the same. The last 40 ms before this may be missing."""
        if self._parec is not None:
            self._parec.terminate()
            self._thread.join()
            self._parec.wait()
        monotonic_us, wall_us = read_both(self._clock)
        samples = np.fromfile(self._path, dtype=np.int16)
        return Recording(samples, tuple(self._arrivals), wall_us - monotonic_us)

    def _read(self) -> None:
        if self._parec is None or self._parec.stdout is None:
            return
        frames = 0
        asked_us = self._clock.monotonic_us()
        with self._path.open("wb") as file:
            while block := os.read(self._parec.stdout.fileno(), 1 << 16):
                now_us = self._clock.monotonic_us()
                if now_us - asked_us > PAUSE_US:
                    self._arrivals.append((frames, now_us))
                file.write(block)
                frames += len(block) // 2
                self._started.set()
                asked_us = self._clock.monotonic_us()
