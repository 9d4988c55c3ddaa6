"""A microphone whose sound comes whole and in order, but in bursts: over TCP.

Rules of its place on the talk's timeline (`Pouring`, pure)
- What comes first ends where the timeline is; everything else follows without a gap.
- Where a place was passed by before its sound came, that sound goes to the first place that was not: a network that
  stood still is heard as a pause, and what was said meanwhile after it. The talk is that much later from then on, so
  that the next stand of this length is not heard at all.
- Sound more than AHEAD_FRAMES beyond the timeline is dropped: nobody is heard later than that, however the sender's
  clock runs.
"""

from collections.abc import Callable

from web.live.microphone import OpusDecoder, Samples
from web.live.placing import RATE_HZ

AHEAD_FRAMES = 3 * RATE_HZ


class Pouring:
    """One connection's; made anew for the next."""

    def __init__(self) -> None:
        self._next: int | None = None

    def put(self, frames: int, now_frame: int, written_frame: int) -> int | None:
        """Where the next `frames` samples belong; None if nowhere. What is before `written_frame` is no longer free."""
        at = self._next
        if at is None or at < written_frame:
            at = max(written_frame, now_frame - frames)
        if at + frames > now_frame + AHEAD_FRAMES:
            return None
        self._next = at + frames
        return at


class PouredMicrophone:
    """Opus packets in their order as sound in its place: `heard(samples, at_frame)`.

    `timeline` says at which frame of the talk we are, `written` which is the first that is still free.
    """

    def __init__(
        self, timeline: Callable[[], int], written: Callable[[], int], heard: Callable[[Samples, int], None]
    ) -> None:
        self._pouring = Pouring()
        self._decoder = OpusDecoder()
        self._timeline = timeline
        self._written = written
        self._heard = heard

    def put(self, payload: bytes) -> None:
        samples = self._decoder.decode(payload)
        at = self._pouring.put(len(samples), self._timeline(), self._written()) if len(samples) else None
        if at is not None:
            self._heard(samples, at)
