"""Making way: what computes for long waits while others have it urgent, but never for longer than ASIDE_US."""

from collections.abc import Callable

from broadcast.clock import US_PER_S, Clock

ASIDE_US = 60 * US_PER_S


class Aside:
    """Asked again and again by one worker; `urgent` says whether others have it urgent just now, from any thread."""

    def __init__(self, clock: Clock, urgent: Callable[[], bool]) -> None:
        self._clock = clock
        self._urgent = urgent
        self._since_us: int | None = None

    def __call__(self) -> bool:
        """Whether to make way."""
        now_us = self._clock.monotonic_us()
        if not self._urgent():
            self._since_us = None
        elif self._since_us is None:
            self._since_us = now_us
        return self._since_us is not None and now_us - self._since_us < ASIDE_US
