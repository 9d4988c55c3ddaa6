"""A player whose microphone listens: what it played comes back with the microphone's verdict (does I/O).

Nothing here can hold up the sound: the audio thread leaves its blocks in a deque, everything else is this thread's, and
the microphone is another process. Whatever goes wrong, a piece's record is passed on.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from broadcast.clock import Clock
from receivers.ear.listening import Listening
from receivers.ear.microphone import Microphone
from receivers.horn import Player
from receivers.sound.anchor import Timebase
from receivers.sound.cue import Cue, Played, PlayerStatus
from receivers.sound.mixer import Pcm
from receivers.sound.urgency import REAL_TIME

log = logging.getLogger(__name__)

TICK_S = 0.25
IDLE_S = 1.0
RETRY_US = 30_000_000  # between two attempts at a microphone that did not work

OnPlayed = Callable[[Played], None]
Tap = Callable[[int, Pcm, Timebase | None], None]


class Ear:
    """Listens to what a player plays. `tap`, `set_plan` and `take` are safe from any thread and do not block."""

    def __init__(self, microphone: str, clock: Clock, on_played: OnPlayed) -> None:
        self._clock = clock
        self._on_played = on_played
        self._microphone = Microphone(microphone, clock)
        self._listening = Listening()
        self._plan: tuple[Cue, ...] = ()
        self._ended: queue.SimpleQueue[Played] = queue.SimpleQueue()
        self._retry_us = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)

    @property
    def fault(self) -> str | None:
        """Why the microphone gives nothing; None when it does, or has not been tried yet."""
        return self._microphone.error

    def start(self) -> None:
        self._thread.start()

    def tap(self, first: int, written: Pcm, line: Timebase | None) -> None:
        """What is written to the device from frame `first` on."""
        self._listening.written.add(first, written, line)

    def set_plan(self, cues: Sequence[Cue]) -> None:
        self._plan = tuple(cues)
        self._wake.set()

    def take(self, played: Played) -> None:
        """A record for `on_played`, which gets it with the verdict some seconds later, on the ear's thread."""
        self._ended.put(played)
        self._wake.set()

    def close(self) -> None:
        """Pass on every record as it is, and let go of the microphone."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pass_on(self._listening.give_up())
        while not self._ended.empty():
            self._on_played(self._ended.get_nowait())
        self._microphone.stop()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(TICK_S if self._microphone.is_running else IDLE_S)
            self._wake.clear()
            try:
                self._step()
            except Exception:
                log.exception("the ear stumbled; what was played is told without its verdict")
                self._pass_on(self._listening.give_up())

    def _step(self) -> None:
        # Between ordinary processes, which must not delay what holds the interpreter, and the audio thread.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REAL_TIME - 1))
        now_us, monotonic_us = self._clock.now_us(), self._clock.monotonic_us()
        listening = self._listening
        listening.set_plan(self._plan, now_us)
        self._look_after_microphone(now_us, monotonic_us)
        listening.heard = self._microphone.trace
        while not self._ended.empty():
            played = listening.take(self._ended.get_nowait(), monotonic_us)
            self._pass_on([played] if played else [])
        self._pass_on(listening.step(now_us, monotonic_us))

    def _look_after_microphone(self, now_us: int, monotonic_us: int) -> None:
        microphone = self._microphone
        wanted = self._listening.is_wanted(now_us)
        microphone.check()
        if wanted and not microphone.is_running and monotonic_us >= self._retry_us:
            if microphone.error:
                log.debug("%s", microphone.error)
            self._retry_us = monotonic_us + RETRY_US
            microphone.start()
        elif not wanted and microphone.is_running:
            microphone.stop()
            self._retry_us = 0

    def _pass_on(self, records: Sequence[Played]) -> None:
        for played in records:
            self._on_played(played)


class ListenedPlayer:
    """A player as `receivers.horn` wants one, made by `make` from where records and written blocks go."""

    def __init__(
        self, make: Callable[[OnPlayed, Tap], Player], microphone: str, clock: Clock, on_played: OnPlayed
    ) -> None:
        self._ear = Ear(microphone, clock, on_played)
        self._player = make(self._ear.take, self._ear.tap)

    def start(self) -> None:
        self._player.start()
        self._ear.start()

    def set_plan(self, cues: Sequence[Cue]) -> None:
        self._player.set_plan(cues)
        self._ear.set_plan(cues)

    def status(self) -> PlayerStatus:
        return replace(self._player.status(), microphone=self._ear.fault)

    def close(self) -> None:
        self._player.close()
        self._ear.close()
