"""What a zone allows, and when (pure).

Rules
- Quiet hours are wall-clock times of the zone. Where a clock change makes a time ambiguous or skips it, they take the
  longer reading: they begin at the earlier and end at the later of the two instants it could mean.
- The weekdays of quiet hours are those on which they begin; those that end past midnight reach into the next day.
- A local day belongs to an instant by the zone's calendar; nothing here assumes that it has 24 hours.
- A zone inherits its parent's rules but for what it sets itself.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from datetime import time as wall_time
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import QuietHours, Quota, Rules

MINUTES_PER_DAY = 1440
# Quiet hours last a day at most, so what touches a day began on it or on the two before (two for clock changes) …
_DAYS_BACK = 2
# … and their weekdays come round each week, so the next ones begin within eight days or never.
_DAYS_AHEAD = 9

Interval = tuple[int, int]


class BadRules(ValueError):
    """A rule that cannot be held. `field` names what to mend."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class RulesOverride(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one zone sets for itself; None inherits. `quota_lifted` takes the parent's quota away."""

    timezone: str | None = None
    quiet_hours: tuple[QuietHours, ...] | None = None
    quota: Quota | None = None
    quota_lifted: bool = False
    max_airing_us: int | None = None


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone called `name` (IANA), else BadRules."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadRules("timezone", f"there is no time zone called {name[:64]!r}") from error


def is_zone(name: str) -> bool:
    """Whether that time zone is known here."""
    try:
        zone(name)
    except BadRules:
        return False
    return True


def local_day(timezone: str, at_us: int) -> date:
    """The calendar day of an instant in `timezone`."""
    return from_us(at_us).astimezone(zone(timezone)).date()


def day_bounds(timezone: str, day: date) -> Interval:
    """The instants `[start, end)` of a local day."""
    return _readings(timezone, day, 0)[0], _readings(timezone, day + timedelta(days=1), 0)[0]


def is_quiet(rules: Rules, at_us: int) -> bool:
    """Whether only an emergency may sound at `at_us`."""
    return QuietCalendar(rules).contains(at_us)


def quiet_intervals(rules: Rules, from_us_: int, to_us_: int) -> tuple[Interval, ...]:
    """The quiet hours within `[from, to)`, merged, sorted and clipped to it."""
    if from_us_ >= to_us_ or not rules.quiet_hours:
        return ()
    first, last = local_day(rules.timezone, from_us_), local_day(rules.timezone, to_us_)
    days = range(first.toordinal() - _DAYS_BACK, last.toordinal() + 2)
    found = merged(interval for day in days for interval in _quiet_of(rules, date.fromordinal(day)))
    clipped = ((max(start, from_us_), min(end, to_us_)) for start, end in found)
    return tuple((start, end) for start, end in clipped if start < end)


class QuietCalendar:
    """The quiet hours of one set of rules, worked out on demand and kept, so that asking is cheap over any span."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._around: dict[date, tuple[Interval, ...]] = {}

    def contains(self, at_us: int) -> bool:
        return self.next_start(at_us) == at_us

    def next_start(self, at_us: int) -> int | None:
        """`at_us` itself inside quiet hours, else when the next begin; None where they never do."""
        if not self._rules.quiet_hours:
            return None
        near = self._near(local_day(self._rules.timezone, at_us))
        index = bisect_right(near, at_us, key=lambda interval: interval[0])
        if index and at_us < near[index - 1][1]:
            return at_us
        return near[index][0] if index < len(near) else None

    def _near(self, day: date) -> tuple[Interval, ...]:
        if day not in self._around:
            days = range(day.toordinal() - _DAYS_BACK, day.toordinal() + _DAYS_AHEAD)
            self._around[day] = merged(i for d in days for i in _quiet_of(self._rules, date.fromordinal(d)))
        return self._around[day]


def merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same instants as `intervals` cover, as few sorted intervals that do not touch; empty ones vanish."""
    result: list[Interval] = []
    for start, end in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if result and start <= result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        else:
            result.append((start, end))
    return tuple(result)


def merge(parent: Rules, child: RulesOverride) -> Rules:
    """The rules of a zone under `parent` that sets `child` itself."""
    quota = None if child.quota_lifted else parent.quota if child.quota is None else child.quota
    return Rules(
        timezone=parent.timezone if child.timezone is None else child.timezone,
        quiet_hours=parent.quiet_hours if child.quiet_hours is None else child.quiet_hours,
        quota=quota,
        max_airing_us=parent.max_airing_us if child.max_airing_us is None else child.max_airing_us,
    )


def minute_of_day(text: str, field: str = "time") -> int:
    """The minute of the day of `HH:MM` (24:00 is the day's end), else BadRules."""
    hour, colon, minute = text.strip().partition(":")
    digits = hour.isascii() and minute.isascii() and hour.isdigit() and minute.isdigit()
    if not colon or not digits or len(hour) > 2 or len(minute) != 2:  # noqa: PLR2004 -- HH:MM
        raise BadRules(field, "write a time of day as HH:MM, for example 21:00")
    value = int(hour) * 60 + int(minute)
    if int(minute) > 59 or value > MINUTES_PER_DAY:  # noqa: PLR2004 -- minutes of an hour
        raise BadRules(field, f"{text.strip()} is not a time of day")
    return value


def checked(rules: Rules) -> Rules:
    """`rules` if they can be held: known time zone, every number in its range; else BadRules."""
    zone(rules.timezone)
    try:
        msgspec.convert(msgspec.to_builtins(rules), Rules)
    except msgspec.ValidationError as error:
        raise BadRules("rules", str(error)[:200]) from error
    for quiet in rules.quiet_hours:
        if not quiet.weekdays or len(set(quiet.weekdays)) != len(quiet.weekdays):
            raise BadRules("quiet_hours", "name at least one weekday, each once")
    return rules


def _quiet_of(rules: Rules, day: date) -> Iterable[Interval]:
    """The quiet hours that begin on `day`."""
    for quiet in rules.quiet_hours:
        if day.weekday() in quiet.weekdays:
            ends_on = day if quiet.end_minute > quiet.start_minute else day + timedelta(days=1)
            start_us = min(_readings(rules.timezone, day, quiet.start_minute))
            yield start_us, max(_readings(rules.timezone, ends_on, quiet.end_minute))


@lru_cache(maxsize=4096)
def _readings(timezone: str, day: date, minute: int) -> Interval:
    """The two instants that a wall-clock time may mean; the same one twice but for clock changes."""
    midnight = datetime.combine(day, wall_time(), tzinfo=zone(timezone))
    wall = midnight + timedelta(minutes=minute)
    return to_us(wall.replace(fold=0)), to_us(wall.replace(fold=1))
