"""What became of an airing in one village, and sums of it (pure).

Rules
- Each receiver that was to play it counts once, however often it reported: by the report that says most was heard.
- Heard, missed and waited for add up to all receivers. Who says nothing missed it, once the airing is settled.
- A microphone that heard nothing makes it missed, whatever the device was given (`fleet.results`).
- Nobody is asked for more seconds than they were to play, and what is played counts up to what was asked for.
- Levels are means of power over the receivers that were heard; the start error is the largest one, with its sign.
- Orders have no planned length: their seconds count nowhere, they themselves do.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct, field

from scheduler.fleet.results import HEARD, Result

NO_REPORT = "no_report"
NOT_HEARD_BY_MICROPHONE = "not_heard_by_microphone"
_NO_REASON = {
    Result.UNHEARD: NOT_HEARD_BY_MICROPHONE,
    Result.SILENT: "silent",
    Result.CUT: "interrupted",
    Result.SKIPPED: "late",
    Result.FAILED: "unknown",
}


class Kind(StrEnum):
    BULLETIN = "bulletin"
    LIVE = "live"
    EMERGENCY = "emergency"
    DRILL = "drill"
    TEST = "test"


PROGRAMME = frozenset({Kind.BULLETIN, Kind.LIVE})
"""What counts as a bulletin; the others are counted apart, and drills and tests never as emergencies."""


class Said(Struct, frozen=True, kw_only=True):
    """What one receiver reported of an airing. `planned_us` is None where it does not say how long it was to play."""

    result: Result
    reason: str = ""
    fetched: bool = False
    started: bool = False
    error_us: int | None = None
    level_dbfs: float | None = None
    microphone: bool = False
    microphone_dbfs: float | None = None
    planned_us: int | None = None
    played_us: int = 0


class Figures(Struct, frozen=True, kw_only=True):
    """Of an airing in a village. `missed_by` counts receivers by reason; `microphones` is how many had one."""

    receivers: int
    fetched: int = 0
    started: int = 0
    heard: int = 0
    microphones: int = 0
    missed_by: dict[str, int] = field(default_factory=dict)
    error_us: int | None = None
    level_dbfs: float | None = None
    microphone_dbfs: float | None = None
    requested_us: int = 0
    played_us: int = 0

    @property
    def missed(self) -> int:
        return sum(self.missed_by.values())

    @property
    def waiting(self) -> int:
        return self.receivers - self.heard - self.missed

    @property
    def reason(self) -> str | None:
        """The commonest one."""
        return min(self.missed_by, key=lambda reason: (-self.missed_by[reason], reason), default=None)


class Sums(Struct, frozen=True, kw_only=True):
    """Of many airings in some villages: `airings` counts an airing once in each village.

    `heard` of them were heard by at least one receiver, `partly` by some and not by all. `plays` is receivers times
    airings. `bulletins` are the different airings; emergencies, drills and tests are in none of these.
    """

    bulletins: int = 0
    airings: int = 0
    heard: int = 0
    partly: int = 0
    plays: int = 0
    plays_fetched: int = 0
    plays_started: int = 0
    plays_heard: int = 0
    plays_missed: int = 0
    emergencies: int = 0
    emergencies_heard: int = 0
    requested_us: int = 0
    played_us: int = 0
    error_us: int | None = None

    @property
    def ratio(self) -> float | None:
        """Seconds played of those asked for; None where none were."""
        return self.played_us / self.requested_us if self.requested_us else None


def figures(
    receiver_ids: Sequence[str],
    duration_us: int,
    said: Mapping[str, Sequence[Said]],
    *,
    settled: bool,
    unsaid: str = NO_REPORT,
) -> Figures:
    """Of the receivers that were to play `duration_us`; `said` may have others, which do not count.

    `unsaid` is why those missed it who say nothing.
    """
    best = {key: max(said[key], key=_worth) for key in receiver_ids if said.get(key)}
    heard = [one for one in best.values() if one.result in HEARD]
    missed_by = Counter(_reason(one) for one in best.values() if one.result not in HEARD)
    if settled and len(best) < len(receiver_ids):
        missed_by[unsaid] += len(receiver_ids) - len(best)
    requested = {key: _requested_us(best.get(key), duration_us) for key in receiver_ids}
    return Figures(
        receivers=len(receiver_ids),
        fetched=sum(one.fetched for one in best.values()),
        started=sum(one.started for one in best.values()),
        heard=len(heard),
        microphones=sum(one.microphone for one in best.values()),
        missed_by=dict(missed_by),
        error_us=worst(one.error_us for one in best.values()),
        level_dbfs=mean_db(one.level_dbfs for one in heard),
        microphone_dbfs=mean_db(one.microphone_dbfs for one in heard),
        requested_us=sum(requested.values()),
        played_us=sum(min(max(0, one.played_us), requested[key]) for key, one in best.items()),
    )


def total(parts: Iterable[Sums], bulletins: int | None = None) -> Sums:
    """All of them together; `bulletins` where the same airing is in several of them."""
    names = [name for name in Sums.__struct_fields__ if name != "error_us"]
    found = list(parts)
    values = {name: sum(getattr(part, name) for part in found) for name in names}
    if bulletins is not None:
        values["bulletins"] = bulletins
    return Sums(**values, error_us=worst(part.error_us for part in found))


def worst(errors_us: Iterable[int | None]) -> int | None:
    """The one farthest from zero."""
    return max((error for error in errors_us if error is not None), key=lambda error: (abs(error), error), default=None)


def mean_db(levels_db: Iterable[float | None]) -> float | None:
    """The mean of the powers; None of nothing."""
    powers = [10 ** (level / 10) for level in levels_db if level is not None]
    return 10 * math.log10(sum(powers) / len(powers)) if sum(powers) > 0 else None


def _worth(one: Said) -> tuple[bool, bool, int]:
    return one.result in HEARD, one.started, one.played_us


def _reason(one: Said) -> str:
    return one.reason or _NO_REASON.get(one.result, "unknown")


def _requested_us(one: Said | None, duration_us: int) -> int:
    """A recording in the receiver's own language may be shorter than the longest, which was planned for."""
    if one is None or not one.planned_us:
        return duration_us
    return min(one.planned_us, duration_us)
