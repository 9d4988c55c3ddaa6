"""The sound path as the receiver's daemon sees it: a desired plan goes in, records of what was played come out."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Self

from broadcast.clock import Clock
from receivers.sound.anchor import Timebase
from receivers.sound.cue import FLOOR_DBFS, HANGS, US_PER_S, Cue, Played, PlayerStatus, check_plan
from receivers.sound.decode import OpenSource, open_file
from receivers.sound.device import Device, DeviceError
from receivers.sound.mixer import Pcm
from receivers.sound.moment import WallWatch, read_both
from receivers.sound.stage import Stage
from receivers.sound.voice import Lost

log = logging.getLogger(__name__)

BUSY_S = 0.1  # between two looks while something sounds or is about to
IDLE_S = 1.0  # and else
HUNG_US = 1_000_000  # a device that asks for nothing this long is opened again
REOPEN_US = 2_000_000  # between two attempts
FAILED_SHOWN_US = 30_000_000  # so long is it told that the sound path failed
BAD_BLOCKS = 6  # in a row: what sounds then is given up, so that what comes after it may sound
CLOSING_TICKS = 5  # for the last fade

# (first device frame, what is written from there on, line from device frames to UTC or None); on the audio thread
Tap = Callable[[int, Pcm, Timebase | None], None]


class Player:
    """Plays a plan of cues through one device, each at its instant by the device's own clock.

    `on_played` is called once for each piece that sounded or failed, on the player's own thread: an asyncio program
    passes `lambda played: loop.call_soon_threadsafe(queue.put_nowait, played)`. `tap` is given each block that sounds,
    on the audio thread: it must not block. `open_source` finds a cue's sound.

    Use as a context manager, or call `start` and `close`. No method blocks for longer than a few milliseconds
    but `start` and `close`: opening and closing the sound card takes a second, and up to ten when it hangs. All are
    safe from any thread.
    """

    def __init__(
        self,
        device: Device,
        clock: Clock,
        on_played: Callable[[Played], None],
        tap: Tap | None = None,
        open_source: OpenSource = open_file,
    ) -> None:
        self._device = device
        self._clock = clock
        self._on_played = on_played
        self._tap = tap
        self._open_source = open_source
        self._stage = Stage()
        self._wall = WallWatch()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._bad_blocks = 0
        self._reopen_at_us = 0
        self._silent = False
        self._turns = 0
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    def start(self) -> None:
        """Open the device and play silence; raises DeviceError when there is no such device."""
        self._device.open(self._render, self._stage.is_idle)
        self._thread.start()

    def set_plan(self, cues: Sequence[Cue]) -> None:
        """Make this the whole plan; the same plan again changes nothing. ValueError as `check_plan`.

        A piece that is no longer in it fades out within 30 ms and is reported. One that should be sounding already is
        joined at its place within about 0.3 s. Cues wholly in the past are ignored.
        """
        self._stage.set_plan(check_plan(cues), self._clock.now_us())
        self._wake.set()

    def status(self) -> PlayerStatus:
        state = self._device.state()
        playing, level_dbfs, started_us = self._stage.sounding_since()
        faults = []
        if state.callback_age_us is None or state.callback_age_us > HUNG_US:
            faults.append("device-silent")
            playing, level_dbfs, started_us = None, FLOOR_DBFS, None
        elif state.timebase is None:
            faults.append("device-clock-not-ready")
        if state.hangs:
            faults.append(HANGS)
        if state.failed_age_us is not None and state.failed_age_us < FAILED_SHOWN_US:
            faults.append("render-failed")
        return PlayerStatus(
            playing=playing,
            level_dbfs=level_dbfs,
            callback_age_us=state.callback_age_us,
            clock_ready=state.timebase is not None,
            drift_ppm=None if state.timebase is None else state.timebase.drift_ppm,
            faults=tuple(faults),
            turns=self._turns,
            started_us=started_us,
        )

    def close(self) -> None:
        """Fade out, report what was sounding, release the device."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._device.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _render(self, first: int, count: int, timebase: Timebase | None, lost: Lost) -> bytes | None:
        try:
            pcm = self._stage.render(first, count, timebase, lost)
        except Exception as error:
            self._bad_blocks += 1
            if self._bad_blocks >= BAD_BLOCKS:
                self._stage.give_up(repr(error), lost)
            raise
        self._bad_blocks = 0
        if pcm is None:
            return None
        self._tell_tap(first, pcm, timebase)
        return pcm.tobytes()

    def _tell_tap(self, first: int, pcm: Pcm, timebase: Timebase | None) -> None:
        if self._tap is None:
            return
        try:
            self._tap(first, pcm, timebase)
        except Exception:
            log.exception("what listens to the sound failed; it is told no more, and the sound goes on")
            self._tap = None

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(self._rest_s())
            self._wake.clear()
            self._turns += 1
            # Nothing in a tick may end this thread: without it no piece would ever start again.
            try:
                self._tick()
            except Exception:
                log.exception("the player stumbled; it goes on")
        self._fade_out()

    def _tick(self) -> None:
        monotonic_us, now_us = read_both(self._clock)
        self._report()
        for source in self._stage.take_unwanted():
            source.close()
        if self._wall.settled(monotonic_us, now_us):  # else what is to come would count as missed
            for cue, position in self._stage.due(now_us):
                self._stage.attach(cue, self._open_source(cue, position))
            for failure in self._stage.take_failures(now_us):
                self._on_played(failure)
        self._watch_device(monotonic_us)

    def _report(self) -> None:
        while self._stage.ended:
            played, source = self._stage.ended.popleft()
            source.close()
            if played.frames_played or played.error:
                self._on_played(played)

    def _rest_s(self) -> float:
        now_us = self._clock.now_us()
        next_us = self._stage.next_us(now_us)
        return IDLE_S if next_us is None else min(IDLE_S, max(BUSY_S, (next_us - now_us) / US_PER_S))

    def _watch_device(self, monotonic_us: int) -> None:
        state = self._device.state()
        if state.callback_age_us is not None and state.callback_age_us < HUNG_US:
            if self._silent:
                log.info("the sound device works again")
            self._silent = False
            return
        waits = state.waiting_us is not None and state.waiting_us < HUNG_US
        if waits or monotonic_us < self._reopen_at_us:
            return
        try:
            self._device.reopen()
        except DeviceError as error:
            log.log(logging.DEBUG if self._silent else logging.WARNING, "%s", error)
        else:
            log.log(logging.DEBUG if self._silent else logging.WARNING, "the sound device was silent: opened again")
        self._silent = True
        self._reopen_at_us = self._clock.monotonic_us() + REOPEN_US

    def _fade_out(self) -> None:
        self._stage.set_plan((), self._clock.now_us())
        for _ in range(CLOSING_TICKS):
            if self._stage.sounding()[0] is None:
                break
            self._wake.wait(BUSY_S)
        for source in self._stage.take_unwanted():
            source.close()
        self._report()
