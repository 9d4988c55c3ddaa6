"""How far behind the microphone a zone should listen, by what its receivers missed (pure).

Rules
- A listener whose late chunks are more than LATE_TOO_MANY needs more delay; all clean for long enough may do with less.
- The worst of the listeners counts, as one delay holds for all horns within earshot; those that heard next to nothing
  (a receiver that joined for a moment) do not.
- It moves in steps of STEP_MS, and stays between the limits of the wire.
"""

from collections.abc import Collection

from msgspec import Struct

from broadcast.wire.now import DELAY_US, MAX_DELAY_US, MIN_DELAY_US

STEP_MS = 500
DEFAULT_MS, MIN_MS, MAX_MS = DELAY_US // 1000, MIN_DELAY_US // 1000, MAX_DELAY_US // 1000
LATE_TOO_MANY = 0.005
"""One chunk in two hundred: a quarter of a second in a minute."""
LATE_FAR_TOO_MANY = 0.05
ENOUGH_CHUNKS = 40
"""Ten seconds."""
CLEAN_CHUNKS = 1250
"""Five minutes without a late one before less is suggested."""
WEAK_BPS, USUAL_BPS = 16_000, 24_000


class Listened(Struct, frozen=True):
    """What one receiver told of one talk that it heard `delay_ms` behind the microphone."""

    delay_ms: int
    chunks: int
    late_chunks: int

    @property
    def late_ratio(self) -> float:
        return self.late_chunks / self.chunks if self.chunks else 0.0


def late_ratio(listened: Collection[Listened]) -> float | None:
    """Of all chunks that were due, the part that came late; None where nothing was reported."""
    chunks = sum(one.chunks for one in listened)
    return sum(one.late_chunks for one in listened) / chunks if chunks else None


def suggested_ms(listened: Collection[Listened]) -> int:
    """The delay for the next talk; the usual one where nothing was reported."""
    told = [one for one in listened if one.chunks >= ENOUGH_CHUNKS]
    if not told:
        return DEFAULT_MS
    wanted = [one.delay_ms + _more(one.late_ratio) for one in told]
    clean = all(one.late_chunks == 0 for one in told) and sum(one.chunks for one in told) >= CLEAN_CHUNKS
    suggested = max(wanted) - (STEP_MS if clean else 0)
    return min(MAX_MS, max(MIN_MS, suggested))


def suggested_bps(listened: Collection[Listened], *, weak: bool) -> int:
    """Less where a link is known to be weak, or kept on being late at the longest delay."""
    told = [one for one in listened if one.chunks >= ENOUGH_CHUNKS]
    beyond = any(one.late_ratio > LATE_TOO_MANY and one.delay_ms + _more(one.late_ratio) > MAX_MS for one in told)
    return WEAK_BPS if weak or beyond else USUAL_BPS


def _more(ratio: float) -> int:
    if ratio > LATE_FAR_TOO_MANY:
        return 2 * STEP_MS
    return STEP_MS if ratio > LATE_TOO_MANY else 0
