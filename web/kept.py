"""What was made for everybody a moment ago, so that a crowd costs no more than one (pure).

While a thing is made anew, whoever else asks gets the last one.
"""

from collections.abc import Callable, Hashable

KEPT_US = 5_000_000
AT_MOST = 500


class Kept:
    """At most `at_most` answers, each for KEPT_US; those kept longest go first."""

    def __init__(self, at_most: int = AT_MOST) -> None:
        self._at_most = at_most
        self._held: dict[Hashable, tuple[int, bytes]] = {}

    def get(self, key: Hashable, now_us: int, make: Callable[[], bytes]) -> bytes:
        """The answer under `key`, made if it is not fresh; what `make` raises is raised, and the old one is dropped."""
        held = self._held.pop(key, None)
        if held is not None and now_us < held[0]:
            self._held[key] = held
            return held[1]
        if held is not None:
            self._held[key] = now_us + KEPT_US, held[1]
        try:
            made = make()
        except BaseException:
            self._held.pop(key, None)
            raise
        self._held[key] = now_us + KEPT_US, made
        while len(self._held) > self._at_most:
            self._held.pop(next(iter(self._held)), None)
        return made

    def clear(self) -> None:
        self._held.clear()
