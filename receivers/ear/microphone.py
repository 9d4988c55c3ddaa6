"""The node's microphone: its recorder's process, and what comes from it (does I/O).

It may be missing, stop or hang: then there is an `error`, and nobody waits for it.
"""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import BinaryIO

import numpy as np

from broadcast.clock import Clock
from receivers.ear.recorder import HEADER
from receivers.ear.trace import Trace
from receivers.sound.anchor import Anchor, to_monotonic_us

STARTING_US = 15_000_000  # a slow board loads Python and looks through its sound devices
HUNG_US = 4_000_000
MAX_FRAMES = 48_000


class Microphone:
    """The input device `name`, as PortAudio lists it. One thread calls its methods; `trace` is fed by another."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._given_us: int | None = None
        self._started_us = 0
        self._why = ""
        self.trace: Trace | None = None
        self.error: str | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Begin to record, with a new `trace`; it returns at once."""
        self.stop()
        self._given_us, self._started_us, self._why = None, self._clock.monotonic_us(), ""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "receivers.ear.recorder", self._name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
        except OSError as error:
            self.error = f"microphone {self._name}: {error}"
            return
        trace = self.trace = Trace()
        pipe = self._process.stdout
        if pipe is not None:
            threading.Thread(target=self._read, args=(pipe, trace), name="microphone", daemon=True).start()

    def check(self) -> None:
        """Notice a recorder that has ended or hangs; afterwards `is_running` is false and `error` says why."""
        process, now_us = self._process, self._clock.monotonic_us()
        if process is None:
            return
        given_us = self._given_us
        late = now_us - self._started_us > STARTING_US if given_us is None else now_us - given_us > HUNG_US
        if process.poll() is None and not late:
            if given_us is not None:
                self.error = None
            return
        self.stop()
        self.error = f"microphone {self._name}: {self._why or 'it gives nothing'}"

    def stop(self) -> None:
        """End the recording."""
        process, self._process, self.trace = self._process, None, None
        if process is None:
            return
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # stuck in its driver: it ends when that lets go of it
            process.wait(1.0)

    def _read(self, pipe: BinaryIO, trace: Trace) -> None:
        anchor, frame = Anchor(), 0
        with pipe, suppress(OSError, ValueError):
            while len(header := pipe.read(HEADER.size)) == HEADER.size:
                count, first_us, current_us, monotonic_us, wall_us = HEADER.unpack(header)
                if not 0 < count <= MAX_FRAMES:
                    self._why = pipe.read(200).decode(errors="replace")
                    return
                block = np.frombuffer(pipe.read(2 * count), dtype=np.int16)
                anchor.add(frame, to_monotonic_us(first_us, current_us, monotonic_us, wall_us))
                line = anchor.timebase
                trace.add(frame, block, None if line is None else line.shifted(wall_us - monotonic_us))
                frame += count
                self._given_us = self._clock.monotonic_us()
