"""How much of the link's data a receiver has used, by day and month (pure).

Rules
- Bytes are kept by the local day on which they were counted, so a clock that jumps puts some in a wrong day and loses
  none: a month is the sum of its days.
- A connection's counter only grows; one that is smaller than before belongs to a new connection.
- A budget only warns. Announcements are never left out for it.
"""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from msgspec import Struct

from broadcast.wire.documents import DataUse
from broadcast.wire.fault_codes import FaultCode

KEPT_DAYS = 62
NEAR_PERCENT = 80
MB = 1_000_000


class Moved(NamedTuple):
    """Bytes sent and received, with the headers that carried them."""

    up_bytes: int = 0
    down_bytes: int = 0

    def plus(self, other: "Moved") -> "Moved":
        return Moved(self.up_bytes + other.up_bytes, self.down_bytes + other.down_bytes)


class Usage(Struct, frozen=True):
    """What was moved on each local day, by its ISO date."""

    days: Mapping[str, Moved] = {}


def added(usage: Usage, today: date, moved: Moved) -> Usage:
    """`usage` with `moved` on `today`; the days farthest from it are let go when they are too many."""
    if moved == Moved():
        return usage
    key = today.isoformat()
    days = {**usage.days, key: usage.days.get(key, Moved()).plus(moved)}
    near = sorted(days, key=lambda day: abs((date.fromisoformat(day) - today).days))
    return Usage({day: days[day] for day in sorted(near[:KEPT_DAYS])})


def data_use(usage: Usage, today: date) -> DataUse:
    """What is told of `today` and its month."""
    month = today.isoformat()[: len("2026-11")]
    day = usage.days.get(today.isoformat(), Moved())
    return DataUse(
        day_up_bytes=day.up_bytes,
        day_down_bytes=day.down_bytes,
        month_bytes=sum(sum(moved) for name, moved in usage.days.items() if name.startswith(month)),
    )


def since(now: Moved, before: Moved | None) -> Moved:
    """What a connection moved between two readings of its counters."""
    if before is None or now.up_bytes < before.up_bytes or now.down_bytes < before.down_bytes:
        return now
    return Moved(now.up_bytes - before.up_bytes, now.down_bytes - before.down_bytes)


def warnings(use: DataUse, budget_bytes: int | None) -> dict[FaultCode, str]:
    """The faults of a month that nears or passes its budget; their words do not change while they hold."""
    if budget_bytes is None:
        return {}
    budget = f"{budget_bytes / MB:.0f} MB"
    if use.month_bytes >= budget_bytes:
        return {FaultCode.DATA_BUDGET_OVER: f"more than this month's {budget} are used"}
    if use.month_bytes * 100 >= budget_bytes * NEAR_PERCENT:
        return {FaultCode.DATA_BUDGET_NEAR: f"{NEAR_PERCENT} % of this month's {budget} are used"}
    return {}
