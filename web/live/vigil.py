"""When a talk must end although nobody ended it (pure).

Rules
- Its limit counts from when the opening chime is over.
- Nothing at all from the microphone for GONE_US: the page was closed or the network dropped.
- Nothing louder than QUIET_DBFS for WARN_US is a warning, for END_US the end: a microphone that was forgotten.
"""

import math
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

GONE_US = 2_000_000
WARN_US = 20_000_000
END_US = 45_000_000
QUIET_DBFS = -50.0
"""Of a block's RMS. Speech into a bad microphone is 20 dB above it, an empty room below."""
FLOOR_DBFS = -120.0


class Verdict(StrEnum):
    GOES_ON = "goes_on"
    GONE = "gone"
    SILENCE = "silence"
    LIMIT = "limit"


class Vigil:
    """Over one talk; times are monotonic."""

    def __init__(self, limit_us: int, speak_us: int) -> None:
        """`speak_us` is when the opening chime is over."""
        self._speak_us = speak_us
        self._ends_us = speak_us + limit_us
        self._came_us = speak_us
        self._loud_us = speak_us

    def limit(self, limit_us: int) -> None:
        """Another limit."""
        self._ends_us = self._speak_us + limit_us

    def came(self, now_us: int, level_dbfs: float) -> None:
        """Sound of this level came."""
        self._came_us = max(self._came_us, now_us)
        if level_dbfs > QUIET_DBFS:
            self._loud_us = max(self._loud_us, now_us)

    def silent(self, now_us: int) -> bool:
        """Whether the speaker should be told that nothing is heard."""
        return now_us - self._loud_us >= WARN_US

    def verdict(self, now_us: int) -> Verdict:
        if now_us >= self._ends_us:
            return Verdict.LIMIT
        if now_us - self._came_us >= GONE_US:
            return Verdict.GONE
        return Verdict.SILENCE if now_us - self._loud_us >= END_US else Verdict.GOES_ON


def level_dbfs(samples: NDArray[np.float32]) -> float:
    """The RMS of samples of which full scale is 1."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return max(FLOOR_DBFS, 10 * math.log10(power)) if power > 0 else FLOOR_DBFS
