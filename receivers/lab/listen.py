"""Recording what a horn gives out, with the time at which it was given out.

How the time is known: a null sink makes the sound of its next period at the instant at which that period begins, and
its monitor passes the period on at once. So bytes that come after a pause of the pipe are heard at the moment at which
they arrive, but for the way through parec. The line through the bulk of those arrivals is the time of the samples; on
a busy machine single arrivals are later, or earlier (the rest of a period after a forced pause), and do not count.
Nothing that the player or PulseAudio says of latency goes into it.

How exact: on an idle machine the arrivals of two seconds lie within 0.3 ms, half of them within 0.15 ms (measured alone
and beside a playing stream), and the line is late by the shortest way through parec: 0.1 to 0.2 ms. The card's crystal
need not be right: the line has the slope that the arrivals have around it.
"""

import os
import subprocess
import threading
import wave
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from broadcast.clock import Clock
from receivers.lab.horns import VirtualHorns
from receivers.lab.pulse import CARD, HornsError
from receivers.sound.cue import RATE_HZ, US_PER_S
from receivers.sound.moment import read_both
from receivers.sound.urgency import make_urgent

US_PER_FRAME = US_PER_S / RATE_HZ
PAUSE_US = 2_000  # a read that waited longer than this begins a period
DENSE_US = 300  # prompt arrivals lie within this
BIN_FRAMES = RATE_HZ  # arrivals of a second make one point of the line
NEAR_FRAMES = 8 * RATE_HZ  # points this near a frame tell the slope
HERE_FRAMES = 5 * RATE_HZ // 2  # and these its time: a card that loses time does it at once
FIRST_SOUND_S = 30.0

Arrival = tuple[int, int]  # frame, monotonic us


@dataclass(frozen=True)
class Recording:
    """What one horn gave out: 48 kHz mono 16-bit, and when."""

    samples: NDArray[np.int16]
    arrivals: Sequence[Arrival]
    wall_offset_us: int  # UTC minus monotonic time at the end of the recording

    @cached_property
    def _points(self) -> NDArray[np.float64]:
        """Rows of frame and monotonic time less its nominal time, one for each second."""
        arrivals = np.array(self.arrivals, dtype=np.float64)
        late_us = arrivals[:, 1] - arrivals[:, 0] * US_PER_FRAME
        bins = np.split(np.arange(len(arrivals)), np.flatnonzero(np.diff(arrivals[:, 0] // BIN_FRAMES)) + 1)
        return np.array([(arrivals[some, 0].mean(), _densest(np.sort(late_us[some]))) for some in bins])

    def utc_us_at(self, frame: float) -> float:
        """UTC instant at which sample `frame` was heard."""
        points = self._points
        near = points[np.abs(points[:, 0] - frame) <= NEAR_FRAMES]
        frames, late_us = (near if len(near) else points).T
        slope = _slope(frames, late_us)
        here = np.abs(frames - frame) <= max(HERE_FRAMES, np.abs(frames - frame).min())
        late_here_us = float(np.median((late_us - slope * (frames - frame))[here]))
        return late_here_us + frame * US_PER_FRAME + self.wall_offset_us

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


def _densest(values: NDArray[np.float64]) -> float:
    """The lowest of the values in the `DENSE_US` that hold most of them; `values` are sorted."""
    crowds = np.searchsorted(values, values + DENSE_US, side="right") - np.arange(len(values))
    return float(values[np.argmax(crowds)])


def _slope(frames: NDArray[np.float64], late_us: NDArray[np.float64]) -> float:
    """Median of the slopes between points at least a third of the stretch apart; 0 for a stretch of under two bins."""
    one, other = np.triu_indices(len(frames), 1)
    apart = frames[other] - frames[one]
    far = apart >= max(2 * BIN_FRAMES, np.ptp(frames) / 3)
    return float(np.median((late_us[other] - late_us[one])[far] / apart[far])) if far.any() else 0.0


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
        self._parec = self._horns.record(self._name, subprocess.PIPE)
        make_urgent(self._parec.pid, CARD)
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
        with suppress(OSError):  # before the players, which are woken at the same instant; where that is allowed
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(CARD))
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
