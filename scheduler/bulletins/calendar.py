"""When a bulletin comes (pure).

Rules
- Its times are wall-clock times of its zone; one that a clock change skips is moved on, of
  one that comes twice it is the first.
- It does not come on other weekdays than its own, nor on a holiday if it skips these.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta

from scheduler.bulletins.models import Bulletin
from scheduler.policy import zone


def start_of(day: date, at: str, timezone: str) -> datetime:
    """The instant of a local day and time."""
    return instant(f"{day.isoformat()}T{at}", timezone)


def instant(local: str, timezone: str) -> datetime:
    """The instant of a wall-clock time, `2026-11-23T17:00`."""
    return datetime.fromisoformat(local).replace(tzinfo=zone(timezone)).astimezone(UTC)


def comes(bulletin: Bulletin, day: date, at: str, holidays: Collection[date]) -> bool:
    """Whether there is an edition of that day and time."""
    off = bulletin.skip_holidays and day in holidays
    return at in bulletin.times and day.weekday() in bulletin.weekdays and not off


def coming(
    bulletin: Bulletin, timezone: str, since: datetime, days: int, holidays: Collection[date] = ()
) -> Iterator[tuple[date, str]]:
    """The days and times of the editions that begin after `since`, for so many days."""
    first = since.astimezone(zone(timezone)).date()
    for day in (first + timedelta(days=n) for n in range(days + 1)):
        for at in sorted(bulletin.times):
            if comes(bulletin, day, at, holidays) and start_of(day, at, timezone) > since:
                yield day, at
