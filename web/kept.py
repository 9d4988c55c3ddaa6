"""What was made for everybody a moment ago, so that a crowd costs no more than one (does no I/O).

While a thing is made anew, whoever else asks gets the last one.
"""

from collections.abc import Callable, Hashable
from threading import Lock

KEPT_US = 5_000_000
AT_MOST = 500
AT_MOST_BYTES = 16 * 1024 * 1024


class Kept:
    """At most `at_most` answers and `at_most_bytes` of them, each for KEPT_US; those asked for longest ago go first."""

    def __init__(self, at_most: int = AT_MOST, at_most_bytes: int = AT_MOST_BYTES) -> None:
        self._at_most = at_most
        self._at_most_bytes = at_most_bytes
        self._held: dict[Hashable, tuple[int, bytes]] = {}
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable, now_us: int, make: Callable[[], bytes]) -> bytes:
        """The answer under `key`, made if it is not fresh; what `make` raises is raised, and the old one is dropped."""
        with self._lock:
            held = self._held.get(key)
            fresh = held is not None and now_us < held[0]
            if held is not None:
                self._put(key, held[0] if fresh else now_us + KEPT_US, held[1])
        if held is not None and fresh:
            return held[1]
        try:
            made = make()
        except BaseException:
            with self._lock:
                self._drop(key)
            raise
        with self._lock:
            self._put(key, now_us + KEPT_US, made)
        return made

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def _put(self, key: Hashable, until_us: int, answer: bytes) -> None:
        self._drop(key)
        self._held[key] = until_us, answer
        self._bytes += len(answer)
        while len(self._held) > self._at_most or self._bytes > self._at_most_bytes:
            self._drop(next(iter(self._held)))

    def _drop(self, key: Hashable) -> None:
        held = self._held.pop(key, None)
        self._bytes -= len(held[1]) if held is not None else 0
