"""What a receiver's process has learnt about airings (pure).

Rules
- An airing whose recording would not play is broken, so that what comes next by the timeline, or the fallback, sounds.
- A moment's trouble (no descriptor, no memory, a disk that stumbled) must not cost an airing, an emergency least:
  once the recording has been read again and is right, or has come anew, it is tried again, RETRY_US after the failure.
  What fails after the last of these stays broken, so that a recording that no decoder takes is not tried for ever.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from receivers.needs import Stored

RETRY_US = (1_000_000, 15_000_000)  # what was opened two seconds ahead begins in time after the first wait


@dataclass
class Failure:
    """Recording `sha256` would not play `times` times; `stored` is what was known of it at the last."""

    sha256: str
    stored: Stored | None
    times: int
    retry_us: int | None = None


@dataclass
class Known:
    """What this process has learnt about airings; `able_us` and `seen_us` are first times."""

    boot_us: int
    clock_doubted: bool = False
    able_us: dict[str, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    seen_us: dict[str, int] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    failures: dict[str, Failure] = field(default_factory=dict)
    stood_in: set[str] = field(default_factory=set)
    suspects: set[str] = field(default_factory=set)

    def learn(
        self, airings: Mapping[str, object], missing: frozenset[str], able_us: Callable[[str], int], now_us: int
    ) -> frozenset[str]:
        """What cannot be played now; each other of `airings` can since `able_us`, or since it could before."""
        silent = self.broken | missing
        for airing_id in airings:
            self.seen_us.setdefault(airing_id, now_us)
            if airing_id in silent:
                self.able_us.pop(airing_id, None)
            elif airing_id not in self.able_us:
                self.able_us[airing_id] = able_us(airing_id)
        self.keep_only(airings)
        return silent

    def would_not_play(self, airing_id: str, sha256: str, stored: Stored | None) -> None:
        """The airing is broken, and its recording should be read again."""
        before = self.failures.get(airing_id)
        self.failures[airing_id] = Failure(sha256, stored, before.times + 1 if before else 1)
        self.broken |= {airing_id}
        self.suspects.add(sha256)

    def take_suspects(self) -> set[str]:
        """The recordings that would not play since last asked: they should be read again."""
        suspects, self.suspects = self.suspects, set()
        return suspects

    def try_again(self, ready: Mapping[str, Stored], now_us: int) -> None:
        """Take out of `broken` what may be tried again; it is another piece, whatever the sound path has done with."""
        for airing_id, failure in self.failures.items():
            if airing_id not in self.broken or failure.times > len(RETRY_US):
                continue
            longest_us = now_us + RETRY_US[failure.times - 1]  # the wall clock may have been set back
            failure.retry_us = longest_us if failure.retry_us is None else min(failure.retry_us, longest_us)
            stored = ready.get(failure.sha256)
            if now_us >= failure.retry_us and stored is not None and stored is not failure.stored:
                self.broken -= {airing_id}
                self.places[airing_id] = self.places.get(airing_id, 0) + 1

    def retries_us(self) -> list[int]:
        """When what is broken may be tried again at the earliest."""
        waiting = (failure.retry_us for key, failure in self.failures.items() if key in self.broken)
        return [retry_us for retry_us in waiting if retry_us is not None]

    def keep_only(self, airing_ids: Mapping[str, object]) -> None:
        """Forget every other airing."""
        self.seen_us = {key: us for key, us in self.seen_us.items() if key in airing_ids}
        self.able_us = {key: us for key, us in self.able_us.items() if key in airing_ids}
        self.places = {key: place for key, place in self.places.items() if key in airing_ids}
        self.failures = {key: failure for key, failure in self.failures.items() if key in airing_ids}
        self.broken &= airing_ids.keys()
        self.stood_in &= airing_ids.keys()
