"""The two clocks, read as one, and watched."""

from broadcast.clock import Clock

SET_US = 3_000_000  # a wall clock that moves so much at once was set; what less it moves is followed
SETTLE_US = 2_000_000  # twice what passes before the daemon has looked
QUICK_US, READS = 20, 2  # one that took longer is made so often again: a thread may be put to sleep between the two


def read_both(clock: Clock) -> tuple[int, int]:
    """Monotonic and wall time in microseconds of one moment, told apart by no more than a reading takes."""
    took_us, monotonic_us, wall_us = _read(clock)
    if took_us > QUICK_US:
        _, monotonic_us, wall_us = min((took_us, monotonic_us, wall_us), *(_read(clock) for _ in range(READS)))
    return monotonic_us, wall_us


def _read(clock: Clock) -> tuple[int, int, int]:
    before_us = clock.monotonic_us()
    wall_us = clock.now_us()
    took_us = clock.monotonic_us() - before_us
    return took_us, before_us + took_us // 2, wall_us


class WallWatch:
    """Notices when the wall clock is set; `settled` is asked at every block.

    Who decides what may sound looks at the clock each second. Until that has happened a clock that was set is no ground
    to start, nor to move what sounds: it may have been set to another day.
    """

    def __init__(self) -> None:
        self._ahead_us: int | None = None
        self._set_at_us: int | None = None

    def settled(self, monotonic_us: int, wall_us: int) -> bool:
        """Whether the wall clock has gone on by itself for SETTLE_US."""
        ahead_us = wall_us - monotonic_us
        if self._ahead_us is not None and abs(ahead_us - self._ahead_us) > SET_US:
            self._set_at_us = monotonic_us
        self._ahead_us = ahead_us
        return self._set_at_us is None or monotonic_us - self._set_at_us >= SETTLE_US
