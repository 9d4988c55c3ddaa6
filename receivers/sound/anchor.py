"""When a frame given to the sound card is heard: frames against monotonic time, from PortAudio's callbacks (pure).

- The estimate is the median of the last `WINDOW_FRAMES` of `dac_us - frame * US_PER_FRAME`, taken along the slope.
- A callback that is not newer than those before changes nothing.
- Several callbacks may be told at once, and cost little more than one: the line is drawn anew after the last of them.
- The first `UNSETTLED` callbacks of a stream are wrong by up to 20 ms and are not looked at.
- The slope (the card's drift against monotonic time) is told by the medians of whole seconds, see drift. It is learned
  while the card plays silence, so a piece has it from its first sample.
- Several values in a row that agree with each other and not with the estimate are a slip: the card lost time. Where
  nothing tells of one they must agree for seconds, and also where the callbacks did not move as the stamps did: a card
  asks no sooner than it has played. On a machine that stands still for 20 ms now and then PulseAudio's stamps were up
  to 50 ms off for two seconds, while the soonest callbacks of each second kept their time to 0.1 ms.
- PortAudio stamps a sound card in CLOCK_MONOTONIC but an ALSA plugin (PulseAudio's) in CLOCK_REALTIME. Which one
  it is shows in `current_time`, and wall stamps become monotonic at the door: nothing else here knows wall time.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from receivers.sound.cue import RATE_HZ, US_PER_S
from receivers.sound.drift import Mark, drift_ppm

US_PER_FRAME = US_PER_S / RATE_HZ
WINDOW_FRAMES = 5 * RATE_HZ
UNSETTLED = 3  # callbacks whose stamps are wrong after a start
READY = 8  # callbacks that make a first estimate
REFIT_FRAMES = RATE_HZ // 2  # between two looks at the median, once it is told by a whole window
SLIP_US = 4_000  # further off than a stamp's own error ever is for long
SLIP_PROOF = 5  # callbacks in a row that must agree on a slip
UNTOLD_FRAMES = 4 * RATE_HZ  # and for so long when the card has not told of a break
TOLD_FRAMES = 2 * RATE_HZ  # a slip within this after a break is that break's
DOUBT_US = 400.0  # what the first estimate may be off by
YOUNG_FRAMES = 3 * RATE_HZ  # before, the line is no better than a few stamps
SETTLED_FRAMES = 10 * RATE_HZ  # after so long no doubt is left
MARK_FRAMES = RATE_HZ  # for one point of the slope
MARKS = 24  # points: a card that changes its pace (null sinks do, as streams come and go) is followed in 12 s


@dataclass(frozen=True, slots=True)
class Timebase:
    """A straight line between device frames and time in microseconds, on whichever clock it was made for."""

    frame: int
    us: float
    us_per_frame: float = US_PER_FRAME
    doubt_us: float = 0.0  # how far off it may be

    def us_at(self, frame: float) -> float:
        return self.us + (frame - self.frame) * self.us_per_frame

    def frame_at(self, us: float) -> float:
        return self.frame + (us - self.us) / self.us_per_frame

    def shifted(self, offset_us: float) -> "Timebase":
        """The same line on a clock that is ahead by `offset_us`: monotonic to UTC with UTC minus monotonic."""
        return Timebase(self.frame, self.us + offset_us, self.us_per_frame, self.doubt_us)

    @property
    def drift_ppm(self) -> float:
        """How much longer the card's second is than the clock's; positive: the card is slow."""
        return (self.us_per_frame / US_PER_FRAME - 1) * 1e6


def to_monotonic_us(dac_us: float, current_us: float, monotonic_us: int, wall_us: int) -> float:
    """A DAC time on whichever clock PortAudio stamped it, as monotonic time.

    `current_us` is PortAudio's stamp of this callback, `monotonic_us` and `wall_us` what the two clocks say now.
    """
    if abs(current_us - wall_us) < abs(current_us - monotonic_us):
        return dac_us - (wall_us - monotonic_us)
    return dac_us


class _Sample(NamedTuple):
    """Of a callback: its first frame, and how long after that frame's nominal time it is heard and was asked for."""

    frame: int
    value: float
    call: float


class Anchor:
    """The estimator; feed it each callback in order, ask `timebase` whenever.

    `is_settled`: a whole window tells the line and nothing contradicts it, so that one callback more changes little.
    """

    def __init__(self) -> None:
        self.is_settled = False
        self.slips = 0
        self.slipped_us = 0.0  # time the card has lost in all
        self._seen = 0
        self._frames: deque[int] = deque()
        self._values: deque[float] = deque()
        self._calls: deque[float] = deque()
        self._suspects: deque[_Sample] = deque()
        self._told_to = -1  # device frame up to which a slip would be a break's
        self._marks: deque[Mark] = deque(maxlen=MARKS)
        self._drift_ppm = 0.0
        self._epoch = 0  # the device frame since which the card has lost no time
        self._newest = -1
        self._marked = 0
        self._mark_is_new = False
        self._fitted = 0
        self._line: Timebase | None = None
        self._line_before: Timebase | None = None

    @property
    def timebase(self) -> Timebase | None:
        """The line from frames to monotonic microseconds, or None until enough callbacks have come."""
        return self._line

    def restart(self) -> None:
        """The stream is opened anew; frames count on. The time between is a slip, known when the new line is."""
        self._line_before = self._line or self._line_before
        self._line = None
        self.is_settled = False
        self._seen = 0
        self._epoch = self._newest + 1
        self._begin([])

    def tell_break(self, frame: int) -> None:
        """The card says that it had nothing to play before device frame `frame`, or asked for nothing for long."""
        self._told_to = frame + TOLD_FRAMES

    def add(self, frame: int, dac_us: float, called_us: float | None = None) -> None:
        """`frame`: first frame of the block that PortAudio asks for; `dac_us`: monotonic time it will be heard.

        `called_us`: monotonic time of the callback; None: nothing is to be read from that.
        """
        self.add_all(((frame, dac_us, called_us),))

    def add_all(self, callbacks: Iterable[tuple[int, float, float | None]]) -> None:
        """The same for each in turn."""
        for frame, dac_us, called_us in callbacks:
            self._add(frame, dac_us, dac_us if called_us is None else called_us)
        if len(self._frames) < READY:
            return
        newest = self._frames[-1]
        young = newest - self._frames[0] < WINDOW_FRAMES * 0.9
        if newest - self._fitted >= (1 if young else REFIT_FRAMES):
            self._fit(newest)
        self.is_settled = not young and not self._suspects

    def _add(self, frame: int, dac_us: float, called_us: float) -> None:
        if frame <= self._newest:
            return
        self._newest = frame
        self._seen += 1
        if self._seen <= UNSETTLED:
            return
        sample = _Sample(frame, dac_us - frame * US_PER_FRAME, called_us - frame * US_PER_FRAME)
        if self._line is not None and abs(dac_us - self._line.us_at(frame)) > SLIP_US:
            self._suspect(sample)
            return
        self._suspects.clear()
        self._keep(sample)
        if frame - self._marked >= MARK_FRAMES:
            self._mark(frame)

    def _begin(self, samples: Sequence[_Sample]) -> None:
        """What came before says nothing of what comes; `samples` are all there is."""
        self._frames = deque(sample.frame for sample in samples)
        self._values = deque(sample.value for sample in samples)
        self._calls = deque(sample.call for sample in samples)
        self._suspects.clear()
        self._marked = self._frames[0] if samples else self._newest + 1

    def _keep(self, sample: _Sample) -> None:
        self._frames.append(sample.frame)
        self._values.append(sample.value)
        self._calls.append(sample.call)
        while sample.frame - self._frames[0] > WINDOW_FRAMES:
            self._frames.popleft()
            self._values.popleft()
            self._calls.popleft()

    def _suspect(self, sample: _Sample) -> None:
        self._suspects.append(sample)
        frame, proof = sample.frame, self._proof(sample.frame)
        values = [one.value for one in proof]
        if len(values) < SLIP_PROOF or max(values) - min(values) > SLIP_US:
            return
        self._line_before = self._line
        self._epoch = frame
        self._begin(proof)
        self._fit(frame)

    def _proof(self, frame: int) -> list[_Sample]:
        """The newest suspects that must agree; none while there are not enough."""
        newest = list(self._suspects)[-SLIP_PROOF:]
        age = frame - self._epoch
        told = frame <= self._told_to or age < SETTLED_FRAMES
        if age < YOUNG_FRAMES or (told and self._is_borne_out(newest)):
            return newest
        if frame - self._suspects[0].frame < UNTOLD_FRAMES:
            return []
        while frame - self._suspects[0].frame > UNTOLD_FRAMES + RATE_HZ // 2:
            self._suspects.popleft()
        return list(self._suspects)

    def _is_borne_out(self, suspects: Sequence[_Sample]) -> bool:
        """Whether the callbacks moved as the stamps did, half as far at least."""
        stamps_us = float(np.median([one.value for one in suspects]) - np.median(self._values))
        calls_us = min(one.call for one in suspects) - min(self._calls)
        return calls_us >= stamps_us / 2 if stamps_us > 0 else calls_us <= stamps_us / 2

    def _mark(self, frame: int) -> None:
        """One point for what came since the last."""
        first = self._marked
        values = [value for at, value in zip(self._frames, self._values, strict=True) if at > first]
        self._marked = frame
        if len(values) < READY:
            return
        self._marks.append(Mark(self._epoch, (first + frame) / 2 / RATE_HZ, float(np.median(values))))
        self._mark_is_new = True

    def _fit(self, frame: int) -> None:
        if self._mark_is_new:
            self._drift_ppm, self._mark_is_new = drift_ppm(self._marks), False
        slope = self._drift_ppm * US_PER_FRAME / 1e6
        behind = frame - np.array(self._frames)
        value = float(np.median(np.array(self._values) + slope * behind))
        doubt_us = DOUBT_US * max(0.0, 1 - (frame - self._epoch) / SETTLED_FRAMES)
        line = Timebase(frame, value + frame * US_PER_FRAME, US_PER_FRAME + slope, doubt_us)
        if self._line_before is not None:
            self._count_slip(line.us - self._line_before.us_at(frame))
        self._line = line
        self._fitted = frame

    def _count_slip(self, slip_us: float) -> None:
        self._line_before = None
        if abs(slip_us) < SLIP_US:
            return
        self.slips += 1
        self.slipped_us += max(0.0, slip_us)
