"""When the node sounds a chirp for its own microphone, and what came of it (pure).

Rules
- Each local day at the minute set, and once for each time that the centre asks; either within DUE_US of that moment or
  not at all: days missed are not made up. Never in quiet hours, which only an emergency passes.
- A person at the node may ask at any hour: they stand beside it. After ASKED_HERE_US they do not any more.
- Only into silence: nothing sounds, and nothing is about to within FREE_US. What is planned into the chirp after all
  takes its place, and the chirp is tried again.
- A chirp is never an airing: no programme has it and no play report tells of it.
- It was done when the device played it whole, whatever the microphone heard of it. What failed is tried again after
  AGAIN_US.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from datetime import time as wall_time
from itertools import pairwise
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from broadcast.clock import to_us
from broadcast.wire.documents import ReceiverSettings, SelfTest, SelfTestResult
from receivers.sound.cue import RATE_HZ, US_PER_S, Cue, Played
from receivers.sound.mixer import Pcm
from scheduler.policy import is_quiet, local_day, zone

DUE_US = 3600 * US_PER_S
FREE_US = 60 * US_PER_S
AGAIN_US = 60 * US_PER_S
ASKED_HERE_US = 600 * US_PER_S  # who asked at the node has gone by then, and nights are quiet
LEAD_US = 8 * US_PER_S  # for the microphone, and for the file to be opened
GIVE_UP_US = 15 * US_PER_S  # a record that has not come by then will not
WRONG_US = 86_400 * US_PER_S  # a mark further ahead was made by a wrong clock

CHIRP_US = 500_000
CHIRP_HZ = (500.0, 3_200.0)
SWEEPS = (0.9, -1.1, 0.7, -1.3, 1.0)  # relative lengths, up and down
CHIRP_PEAK = 0.7
FADE_US = 20_000
AIRING_ID = "self-test"  # in the cue's key, where an airing's would stand; no programme names it


class Done(Struct, frozen=True, kw_only=True):
    """What must outlive a restart: the daily moment and the asking last served, and the last result."""

    daily_us: int = 0
    asked_us: int = 0
    result: SelfTestResult | None = None


def chirp() -> Pcm:
    """The sound, 48 kHz mono, as long as CHIRP_US: a bird's trill of sweeps up and down, with soft ends.

    One long sweep is at each pitch but once, and noise is there all the time; sweeps of unequal length are at each
    pitch several times and still have one delay. At 0 dB against noise in the band: a share of 0.47 instead of 0.13.
    """
    frames = RATE_HZ * CHIRP_US // US_PER_S
    edges = np.cumsum([0.0, *(abs(part) for part in SWEEPS)]) / sum(abs(part) for part in SWEEPS) * frames
    ups = [[0.0, 1.0] if part > 0 else [1.0, 0.0] for part in SWEEPS]
    places = [edge for low, high in pairwise(edges) for edge in (low, high - 1)]
    octave = np.interp(np.arange(frames), places, np.concatenate(ups))
    hertz = CHIRP_HZ[0] * (CHIRP_HZ[1] / CHIRP_HZ[0]) ** octave
    tone = np.sin(2 * np.pi * np.cumsum(hertz) / RATE_HZ)
    place = np.arange(frames)
    fade = np.clip(np.minimum(place, place[::-1]) * US_PER_S / (RATE_HZ * FADE_US), 0.0, 1.0)
    return np.asarray(np.rint(CHIRP_PEAK * 32_767 * tone * fade), dtype=np.int16)


def level_dbfs(sound: Pcm) -> float:
    return float(10 * np.log10(np.mean(np.square(sound / 32_767))))


class SelfTests:
    """Which chirp is to sound, if any. `done` changes when one is over: keep it."""

    def __init__(self, path: Path, done: Done) -> None:
        self.done = done
        self._path = path
        self._file_dbfs = level_dbfs(chirp())
        self._asked_here_us: int | None = None
        self._marks = done
        self._cue: Cue | None = None
        self._not_before_us = 0

    def ask(self, now_us: int) -> None:
        """Someone at the node asks for one."""
        self._asked_here_us = now_us
        self._not_before_us = 0

    def add(self, plan: Sequence[Cue], settings: ReceiverSettings, now_us: int, playing: str | None) -> tuple[Cue, ...]:
        """`plan` (in order, from now on), and the chirp where one is due; `playing` is what sounds now."""
        if self._cue is None and playing is None and _free(plan, now_us):
            self._cue = self._begin(settings, now_us)
        elif self._cue is not None and not _stands(self._cue, plan, now_us):
            self._fail(now_us)
        cues = plan if self._cue is None else (*plan, self._cue)
        return tuple(sorted(cues, key=lambda cue: cue.start_us))

    def take(self, played: Played, now_us: int) -> bool:
        """Whether the record is a chirp's; then it is dealt with."""
        if not is_chirp(played.key):
            return False
        if self._cue is not None and self._cue.key == played.key:
            self._cue = None
            if not played.finished or played.start_us is None:
                self._fail(now_us)
                return True
            self._asked_here_us = None
            self.done = replace(self._marks, result=SelfTestResult(at_us=played.start_us, heard=played.heard))
        return True

    def _fail(self, now_us: int) -> None:
        self._cue = None
        self._not_before_us = now_us + AGAIN_US

    def _begin(self, settings: ReceiverSettings, now_us: int) -> Cue | None:
        if now_us < self._not_before_us <= now_us + AGAIN_US:
            return None
        test = settings.self_test or SelfTest()
        start_us = now_us + LEAD_US + settings.amplifier.lead_us
        marks = due(settings, self.done, now_us)
        asked_us = self._asked_here_us
        asked_here = asked_us is not None and 0 <= now_us - asked_us < ASKED_HERE_US
        if not asked_here and (marks is None or is_quiet(settings.rules, start_us)):
            return None
        self._marks = marks or self.done
        gain_db = test.level_dbfs - self._file_dbfs
        return Cue(f"{AIRING_ID}~{start_us}~0", self._path, start_us, 0, start_us + CHIRP_US, gain_db)


def is_chirp(key: str) -> bool:
    """Whether a cue's key is a self-test's."""
    return key.startswith(f"{AIRING_ID}~")


def due(settings: ReceiverSettings, done: Done, now_us: int) -> Done | None:
    """The marks to set when a chirp sounds now, None when neither the hour nor the centre asks for one."""
    test = settings.self_test
    if test is None:
        return None
    marks = done
    daily_us = _last_daily_us(test.minute, settings.rules.timezone, now_us)
    served_us = done.daily_us if done.daily_us < now_us + WRONG_US else 0
    if daily_us is not None and daily_us > served_us and now_us < daily_us + DUE_US:
        marks = replace(marks, daily_us=daily_us)
    served_us = done.asked_us if done.asked_us < now_us + WRONG_US or done.asked_us == test.asked_us else 0
    if test.asked_us is not None and test.asked_us > served_us and now_us < test.asked_us + DUE_US:
        marks = replace(marks, asked_us=test.asked_us)
    return None if marks is done else marks


def _last_daily_us(minute: int | None, timezone: str, now_us: int) -> int | None:
    """The last instant that local clocks showed `minute`."""
    if minute is None:
        return None
    today = local_day(timezone, now_us)
    moments = [_moment_us(today - timedelta(days=back), minute, timezone) for back in (0, 1)]
    return next((moment_us for moment_us in moments if moment_us <= now_us), None)


def _moment_us(day: date, minute: int, timezone: str) -> int:
    return to_us(datetime.combine(day, wall_time(), tzinfo=zone(timezone)) + timedelta(minutes=minute))


def _free(plan: Sequence[Cue], now_us: int) -> bool:
    return not any(cue.start_us < now_us + FREE_US and cue.end_us > now_us for cue in plan)


def _stands(chirp_cue: Cue, plan: Sequence[Cue], now_us: int) -> bool:
    """Whether the place is still the chirp's, and its record may still come."""
    if any(chirp_cue.start_us < cue.end_us and cue.start_us < chirp_cue.end_us for cue in plan):
        return False
    return chirp_cue.start_us - 2 * AGAIN_US <= now_us < chirp_cue.end_us + GIVE_UP_US
