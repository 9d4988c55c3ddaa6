"""What becomes of each packet of an emulated link (pure): lost, or when it arrives.

Rules
- A packet waits until those before it have left at `rate_bps`; one that finds `queue` packets waiting is dropped.
- What leaves while the link is cut or faded is lost, both ways alike. Of the rest a share `loss` is, each by itself.
- What is not lost arrives after `delay_us`, up to `jitter_us` less or more. It never overtakes, but where `reorders`.
- Everything follows from the seed: packet n draws the same whenever it comes.
"""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

US_PER_S = 1_000_000
QUEUE = 1_000
FADE_US = (100_000, 300_000)  # shortest and longest


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction. `loss` is a share from 0 to 1; a `rate_bps` of 0 is no limit; bits are those of IP packets."""

    delay_us: int = 0
    jitter_us: int = 0
    loss: float = 0.0
    rate_bps: int = 0
    queue: int = QUEUE
    reorders: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.jitter_us <= self.delay_us:
            raise ValueError("jitter is at most the delay")
        if not 0 <= self.loss <= 1 or self.rate_bps < 0 or self.queue < 1:
            raise ValueError("loss is a share, a rate is not negative, and one packet finds room")


class Counted(NamedTuple):
    """One direction so far. `sent` packets went out on the link, and of these `lost` did not arrive."""

    sent: int = 0
    sent_bytes: int = 0
    lost: int = 0
    dropped: int = 0  # before the link: the queue was full

    def less(self, other: "Counted") -> "Counted":
        """What was counted after `other`."""
        return Counted(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


class Fades:
    """When everything is lost for a while: a share of the time, in fades of FADE_US with random times between."""

    def __init__(self, share: float, seed: str, from_us: int = 0) -> None:
        if not 0 <= share < 1:
            raise ValueError("fades take a share of the time")
        self._share = share
        self._random = Random(seed)  # noqa: S311 - an emulation repeats itself
        self._edges = [from_us]  # a fade begins at each odd place and ends at the next

    def at(self, at_us: int) -> bool:
        """Whether the link is faded."""
        if not self._share:
            return False
        while self._edges[-1] <= at_us:
            fade_us = self._random.uniform(*FADE_US)
            between_us = self._random.expovariate(1) * sum(FADE_US) / 2 * (1 - self._share) / self._share
            begin_us = self._edges[-1] + max(1, round(between_us))
            self._edges += [begin_us, begin_us + round(fade_us)]
        return at_us >= self._edges[0] and bisect_right(self._edges, at_us) % 2 == 0


class Sky:
    """What both directions share: fades, and cuts from an instant to another."""

    def __init__(self, fades: float = 0.0, seed: str = "", from_us: int = 0) -> None:
        self._fades = Fades(fades, seed, from_us)
        self._cuts: list[tuple[int, int]] = []

    def cut(self, start_us: int, end_us: int) -> None:
        """Nothing comes through in `[start_us, end_us)`."""
        self._cuts.append((start_us, end_us))

    def is_open(self, at_us: int) -> bool:
        faded = self._fades.at(at_us)
        return not faded and not any(start_us <= at_us < end_us for start_us, end_us in self._cuts)


class Passage:
    """One direction of a link, packet by packet, in the order of time."""

    def __init__(self, way: Way, sky: Sky, seed: str) -> None:
        self._way = way
        self._sky = sky
        self._random = Random(seed)  # noqa: S311 - an emulation repeats itself
        self._leaving_us: deque[int] = deque()
        self._free_us = 0
        self._last_us = 0
        self.counted = Counted()

    @property
    def way(self) -> Way:
        return self._way

    def change(self, way: Way) -> None:
        """What is offered from now on goes by `way`."""
        self._way = way

    def offer(self, size_bytes: int, at_us: int) -> int | None:
        """When a packet that comes at `at_us` arrives at the other end, or None if it never does."""
        way, counted = self._way, self.counted
        late, fate = self._random.uniform(-1, 1), self._random.random()
        while self._leaving_us and self._leaving_us[0] <= at_us:
            self._leaving_us.popleft()
        if len(self._leaving_us) >= way.queue:
            self.counted = counted._replace(dropped=counted.dropped + 1)
            return None
        leaves_us = max(at_us, self._free_us)
        if way.rate_bps:
            leaves_us += -(-size_bytes * 8 * US_PER_S // way.rate_bps)
            self._leaving_us.append(leaves_us)
        self._free_us = leaves_us
        lost = fate < way.loss or not self._sky.is_open(leaves_us)
        self.counted = Counted(counted.sent + 1, counted.sent_bytes + size_bytes, counted.lost + lost, counted.dropped)
        if lost:
            return None
        arrives_us = leaves_us + way.delay_us + round(late * way.jitter_us)
        if not way.reorders:
            arrives_us = max(arrives_us, self._last_us)
        self._last_us = arrives_us
        return arrives_us
