"""One talk on the air: the opening chime, who speaks, the closing chime, each at its place (does I/O).

Rules
- Frame 0 is the moment at which the talk begins. Chimes are written as time passes, a little ahead, so that a listener
  who comes in the middle finds what is due; what is spoken comes when it comes.
- What comes while the opening chime sounds is not heard: the speaker is told when to begin.
- Where nothing comes for a while, listeners are told so rather than left waiting.
- However it ends, the end is written: but for talks that are silenced, with the closing chime.
"""

import contextlib

import numpy as np

from broadcast.clock import US_PER_S, Clock
from broadcast.live.feed import FeedEnded, LiveFeed
from broadcast.produce.chimes import chime
from broadcast.produce.request import Chime
from broadcast.wire.documents import BroadcastClass
from scheduler.live.models import LiveEnd
from web.live.acts import Ending, Warn
from web.live.microphone import Samples
from web.live.placing import RATE_HZ
from web.live.vigil import Verdict, Vigil, level_dbfs

ROUND_S = 0.1
AHEAD_FRAMES = RATE_HZ // 4
WAITED_FRAMES = RATE_HZ // 2
"""What has not come by then is passed by; a delay of 0.6 s has room for it."""
_ENDS = {Verdict.GONE: LiveEnd.GONE, Verdict.SILENCE: LiveEnd.SILENCE, Verdict.LIMIT: LiveEnd.LIMIT}
_CHIMES = {BroadcastClass.EMERGENCY: Chime.EMERGENCY, BroadcastClass.PRIORITY: Chime.PRIORITY}


class Booth:
    """Made when the talk begins; `heard` gets what is spoken, `run` returns why it ended once all is written."""

    def __init__(self, feed: LiveFeed, clock: Clock, *, cls: BroadcastClass, limit_s: int) -> None:
        self.feed = feed
        self.start_us = clock.now_us()
        self._clock = clock
        self._began_us = clock.monotonic_us()
        kind = _CHIMES.get(cls, Chime.NORMAL)
        self._opening, self._closing = _samples(kind), _samples(kind, closing=True)
        self._chimed = 0
        self._vigil = Vigil(limit_s * US_PER_S, self._began_us + len(self._opening) * US_PER_S // RATE_HZ)
        self._ending = Ending(clock)

    @property
    def opening_ms(self) -> int:
        return len(self._opening) * 1000 // RATE_HZ

    def limit(self, limit_s: int) -> None:
        self._vigil.limit(limit_s * US_PER_S)

    def timeline(self) -> int:
        """The frame at which the talk is now."""
        return (self._clock.monotonic_us() - self._began_us) * RATE_HZ // US_PER_S

    def heard(self, samples: Samples, at_frame: int) -> None:
        """Sound from the speaker, whose first sample belongs at `at_frame`."""
        self._vigil.came(self._clock.monotonic_us(), level_dbfs(samples))
        skipped = max(0, len(self._opening) - at_frame)
        if self._ending.reason is None and skipped < len(samples) and self._chimed == len(self._opening):
            with contextlib.suppress(FeedEnded, ValueError):
                self.feed.write(samples[skipped:], at_frame + skipped)

    def end(self, reason: LiveEnd) -> None:
        """End it as soon as what is left is said; the first reason counts."""
        self._ending.end(reason)

    async def run(self, warn: Warn) -> LiveEnd:
        """For as long as it is on the air."""
        silent = False
        while (reason := self._ending.reason) is None:
            self._chime_on()
            self._pass_by()
            now_us = self._clock.monotonic_us()
            verdict = self._vigil.verdict(now_us)
            if verdict is not Verdict.GOES_ON:
                self.end(_ENDS[verdict])
            elif self._vigil.silent(now_us) is not silent:
                silent = not silent
                await warn(silent)
            await self._ending.within(ROUND_S)
        return reason

    async def close(self) -> int:
        """Say that it is over, where that was not cut off; how many frames there are."""
        if not self.feed.ended:
            await self._chime_off()
        return self.feed.end()

    def _chime_on(self) -> None:
        upto = min(len(self._opening), self.timeline() + AHEAD_FRAMES)
        if upto > self._chimed:
            self._write(self._opening[self._chimed : upto], self._chimed)
            self._chimed = upto

    def _pass_by(self) -> None:
        due = self.timeline() - WAITED_FRAMES
        if due > self.feed.frames:
            with contextlib.suppress(FeedEnded, ValueError):
                self.feed.pass_by(due)

    async def _chime_off(self) -> None:
        began = max(self.feed.frames, self.timeline())
        written = 0
        while written < len(self._closing):
            upto = min(len(self._closing), max(0, self.timeline() - began) + AHEAD_FRAMES)
            self._write(self._closing[written:upto], began + written)
            written = upto
            if written < len(self._closing):
                await self._clock.sleep(ROUND_S)

    def _write(self, samples: Samples, at_frame: int) -> None:
        with contextlib.suppress(FeedEnded, ValueError):
            self.feed.write(samples, at_frame)


def _samples(kind: Chime, *, closing: bool = False) -> Samples:
    return chime(kind, closing=closing).astype(np.float32) / np.float32(32768)
