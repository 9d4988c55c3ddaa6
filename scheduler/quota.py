"""How much may sound in a day by its quota (pure); the rules are those of `scheduler.timeline`."""

from typing import TYPE_CHECKING

from broadcast.wire.documents import Quota
from scheduler.policy import local_day

if TYPE_CHECKING:
    from datetime import date

NO_LIMIT_US = 2**62


class Sessions:
    """The sound that counts against the quota."""

    def __init__(self, quota: Quota | None, timezone: str) -> None:
        self._quota = quota
        self._timezone = timezone
        self._sessions_of: dict[date, int] = {}
        self._used_us = 0
        self._silent_since_us: int | None = None

    def left_us(self, at_us: int) -> int:
        """How long something may sound from `at_us` on; 0 for not at all."""
        if self._quota is None:
            return NO_LIMIT_US
        if self._goes_on(at_us):
            return self._quota.session_us - self._used_us
        held = self._sessions_of.get(local_day(self._timezone, at_us), 0)
        return self._quota.session_us if held < self._quota.sessions_per_day else 0

    def begin(self, at_us: int) -> None:
        """Something sounds from `at_us` on."""
        if self._quota is not None and not self._goes_on(at_us):
            day = local_day(self._timezone, at_us)
            self._sessions_of[day] = self._sessions_of.get(day, 0) + 1
            self._used_us = 0
            self._silent_since_us = at_us

    def end(self, start_us: int, end_us: int, *, emergency: bool) -> None:
        """Something sounded in `[start_us, end_us)`."""
        if self._quota is not None and self._goes_on(start_us):
            self._silent_since_us = end_us
            self._used_us += 0 if emergency else end_us - start_us

    def _goes_on(self, at_us: int) -> bool:
        gap_us = max(self._quota.gap_us, 1) if self._quota else 1
        return self._silent_since_us is not None and at_us - self._silent_since_us < gap_us
