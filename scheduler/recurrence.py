"""When a broadcast repeats (pure): iCalendar RRULE in a zone's wall-clock time, expanded by python-dateutil.

Rules
- Times are wall-clock times of the time zone: 5:00 stays 5:00 over a clock change. A time that a change skips is moved
  on by as much as the clock is; a time that comes twice means the first. Two that fall together count once.
- The start is an occurrence only if the rule meets it: a start on Wednesday with BYDAY=SU first plays on Sunday.
- The last day counts: `until` and UNTIL as a day hold to the end of that local day, with a time they include it.
- Exceptions and (where the broadcast skips them) holidays take occurrences away; COUNT counts those too.
- Without a rule there is one occurrence, which exceptions do not touch.
- A rule ends at most 400 days after its start and plays at most 48 times a day; its smallest step is a day (several
  times a day are BYHOUR and BYMINUTE). The parts known are those of `_FORMS`.
- Work is bounded whatever the text says. dateutil looks for the next day that fits until the year 9999; since dates and
  weekdays come round every 400 years, it is given the same start in the last cycle before that. The worst rule (daily,
  never fits) then takes 0.3 s instead of 7.
"""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from itertools import groupby

from dateutil.rrule import rrulestr
from msgspec import Struct

from scheduler.errors import Invalid
from scheduler.policy import zone

MAX_TEXT = 500
MAX_DAYS = 400
MAX_PER_DAY = 48
_CYCLE_YEARS = 400
_LAST_CYCLE_END = 9997  # a year's room for the occurrences themselves
_MAX_POSITIONS = 12
_NO_END = datetime.max  # noqa: DTZ901 -- wall-clock time

_WEEKDAY = "(MO|TU|WE|TH|FR|SA|SU)"
_FORMS = {
    "FREQ": "[A-Z]+",
    "INTERVAL": r"0*[1-9]\d{0,3}",
    "COUNT": r"0*[1-9]\d{0,4}",
    "UNTIL": r"\d{8}(T\d{6}Z?)?",
    "WKST": _WEEKDAY,
    "BYDAY": rf"([+-]?[1-5])?{_WEEKDAY}",
    "BYMONTHDAY": r"[+-]?([1-9]|[12]\d|3[01])",
    "BYMONTH": r"[1-9]|1[0-2]",
    "BYSETPOS": r"[+-]?[1-9]\d{0,2}",
    "BYHOUR": r"1?\d|2[0-3]",
    "BYMINUTE": r"[1-5]?\d",
}
_SMALL_STEPS = frozenset({"DAILY", "WEEKLY"})
_LARGE_STEPS = frozenset({"MONTHLY", "YEARLY"})
_TOO_SMALL_STEPS = frozenset({"HOURLY", "MINUTELY", "SECONDLY"})


class BadRecurrence(Invalid):
    """A refused repetition: malformed, too_long, too_frequent, never_ends, ends_too_late or never_occurs."""

    def __init__(self, code: str, message: str, **params: str | float) -> None:
        super().__init__(code, message, field="rrule", **params)


class Recurrence(Struct, frozen=True, kw_only=True):
    """When a broadcast plays. `start` is wall-clock time in `timezone`; an aware one is converted to it.

    `until` is the last local day, or the last time if it is a datetime. `exceptions` are local days, wall-clock times
    or aware instants.
    """

    start: datetime
    timezone: str
    rrule: str | None = None
    until: date | None = None
    exceptions: frozenset[date] = frozenset()
    skip_holidays: bool = False


def expand(
    recurrence: Recurrence, window: tuple[datetime, datetime], holidays: Collection[date] = ()
) -> Iterator[datetime]:
    """The occurrences in the aware `[from, to)` as rising UTC instants, lazily.

    Raises BadRecurrence for text that cannot be read. Ends 400 days after the start, also for what was not validated.
    """
    start, end = window
    last = datetime.min.replace(tzinfo=UTC)
    for day, walls in groupby(_bounded(recurrence), key=datetime.date):
        if day > end.astimezone(zone(recurrence.timezone)).date():
            return
        free = [wall for wall in walls if not _taken_away(recurrence, holidays, wall)]
        for moment in sorted({_instant(wall, recurrence.timezone) for wall in free}):
            if last < moment and start <= moment < end and not _excepted(recurrence, moment):
                yield moment
            last = max(last, moment)


def validate(recurrence: Recurrence, holidays: Collection[date] = ()) -> None:
    """Refuse what cannot be read, comes too often, never ends, ends too late or never occurs, by BadRecurrence."""
    if recurrence.rrule is None:
        zone(recurrence.timezone)
        return
    if recurrence.until is None and not _parts(recurrence.rrule).keys() & {"COUNT", "UNTIL"}:
        raise BadRecurrence("never_ends", "a repeating broadcast needs a last day or a number of times")
    horizon = _wall(recurrence.start, recurrence.timezone) + timedelta(days=MAX_DAYS)
    occurs = False
    for wall in _occurrences(recurrence):
        occurs = True
        if wall > horizon:
            message = "a repeating broadcast ends at most %(days)s days after its start"
            raise BadRecurrence("ends_too_late", message, days=MAX_DAYS)
    ever = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
    if not occurs or next(expand(recurrence, ever, holidays), None) is None:
        raise BadRecurrence("never_occurs", "no day fits this repetition before it ends")


def _bounded(recurrence: Recurrence) -> Iterator[datetime]:
    horizon = _wall(recurrence.start, recurrence.timezone) + timedelta(days=MAX_DAYS)
    for wall in _occurrences(recurrence):
        if wall > horizon:
            return
        yield wall


def _occurrences(recurrence: Recurrence) -> Iterator[datetime]:
    """Wall-clock times, rising, as the rule alone gives them."""
    start = _wall(recurrence.start, recurrence.timezone)
    if recurrence.rrule is None:
        yield start
        return
    parts = _parts(recurrence.rrule)
    last = min(_last_wall(recurrence.until, recurrence.timezone), _rule_end(parts, recurrence.timezone))
    text = ";".join(f"{name}={value}" for name, value in parts.items() if name != "UNTIL")
    shift_years = max(0, (_LAST_CYCLE_END - start.year) // _CYCLE_YEARS * _CYCLE_YEARS)
    try:
        found = iter(rrulestr(text, dtstart=start.replace(year=start.year + shift_years)))
    except ValueError as error:
        raise BadRecurrence("malformed", "this repetition cannot be read") from error
    for far in found:
        wall = far.replace(year=far.year - shift_years)
        if wall > last:
            return
        yield wall


def _parts(text: str) -> dict[str, str]:
    """The parts of an RRULE, each of a known form, as many as can be worked through."""
    if len(text) > MAX_TEXT:
        raise BadRecurrence("too_long", "a repetition has at most %(limit)s characters", limit=MAX_TEXT)
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        form = _FORMS.get(name)
        values = value.split(",") if name.startswith("BY") else [value]
        if form is None or name in parts or not all(re.fullmatch(form, v, re.ASCII) for v in values):
            raise BadRecurrence("malformed", "%(part)s cannot be read in a repetition", part=part[:40])
        parts[name] = ",".join(dict.fromkeys(values))
    _check_steps(parts)
    return parts


def _check_steps(parts: dict[str, str]) -> None:
    step = parts.get("FREQ")
    times = len(parts.get("BYHOUR", "").split(",")) * len(parts.get("BYMINUTE", "").split(","))
    if step in _TOO_SMALL_STEPS or times > MAX_PER_DAY:
        message = "a broadcast plays at most %(limit)s times a day; give its hours"
        raise BadRecurrence("too_frequent", message, limit=MAX_PER_DAY)
    numbered = "BYSETPOS" in parts or any(char.isdigit() for char in parts.get("BYDAY", ""))
    if step not in _SMALL_STEPS | _LARGE_STEPS or (numbered and step in _SMALL_STEPS):
        raise BadRecurrence("malformed", "this repetition cannot be read")
    if len(parts.get("BYSETPOS", "").split(",")) > _MAX_POSITIONS or {"COUNT", "UNTIL"} <= parts.keys():
        raise BadRecurrence("malformed", "this repetition cannot be read")


def _rule_end(parts: dict[str, str], timezone: str) -> datetime:
    text = parts.get("UNTIL")
    if text is None:
        return _NO_END
    try:
        end = datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")  # noqa: DTZ007 -- wall-clock time
    except ValueError as error:
        raise BadRecurrence("malformed", "%(part)s is no date", part=text) from error
    if text.endswith("Z"):
        return _wall(end.replace(tzinfo=UTC), timezone)
    return end if "T" in text else _last_wall(end.date(), timezone)


def _last_wall(until: date | None, timezone: str) -> datetime:
    if until is None:
        return _NO_END
    return _wall(until, timezone) if isinstance(until, datetime) else datetime.combine(until, wall_time.max)


def _wall(moment: datetime, timezone: str) -> datetime:
    """Wall-clock time in `timezone`, without a zone from here on."""
    wall = moment if moment.tzinfo is None else moment.astimezone(zone(timezone)).replace(tzinfo=None)
    return wall.replace(fold=0)


def _instant(wall: datetime, timezone: str) -> datetime:
    return wall.replace(tzinfo=zone(timezone)).astimezone(UTC)


def _taken_away(recurrence: Recurrence, holidays: Collection[date], wall: datetime) -> bool:
    day = wall.date()
    if recurrence.skip_holidays and day in holidays:
        return True
    return recurrence.rrule is not None and (day in recurrence.exceptions or wall in recurrence.exceptions)


def _excepted(recurrence: Recurrence, moment: datetime) -> bool:
    return recurrence.rrule is not None and moment in recurrence.exceptions
