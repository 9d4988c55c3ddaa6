"""Repeating broadcasts without RRULE syntax for people: weekdays to a rule and from it (pure)."""

from collections.abc import Sequence
from datetime import date, datetime, tzinfo

from babel.dates import get_day_names
from msgspec import Struct

from web.i18n import N_
from web.pages.present import Present

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WORKING = WEEKDAYS[:5]
_ENDS = ("COUNT=", "UNTIL=")
_EVERY_DAY = N_("every day")
_WORKING_DAYS = N_("Monday to Friday")


class End(Struct, frozen=True):
    """Where a rule says itself that it ends: after so many times, or with this day; never both."""

    times: int | None = None
    day: date | None = None


class Weekday(Struct, frozen=True):
    value: str
    short: str
    name: str


def weekdays(show: Present) -> list[Weekday]:
    """The days of a week, Monday first, as the reader calls them: `T2`, `Thứ Hai`."""
    short, full = get_day_names("short", locale=show.locale), get_day_names("wide", locale=show.locale)
    return [Weekday(value, short[n], full[n]) for n, value in enumerate(WEEKDAYS)]


def rule(days: Sequence[str]) -> str:
    """The RRULE of these weekdays; all seven are daily."""
    chosen = [day for day in WEEKDAYS if day in days]
    return "FREQ=DAILY" if len(chosen) == len(WEEKDAYS) else f"FREQ=WEEKLY;BYDAY={','.join(chosen)}"


def days_of(rrule: str) -> tuple[str, ...] | None:
    """The weekdays of a rule that this page can show; None for one made elsewhere that says more."""
    parts = dict(part.split("=", 1) for part in rrule.split(";") if "=" in part)
    if parts.get("INTERVAL", "1") != "1" or parts.keys() - {"FREQ", "BYDAY", "INTERVAL", "WKST"}:
        return None
    if parts.get("FREQ") == "DAILY" and "BYDAY" not in parts:
        return WEEKDAYS
    days = tuple(parts.get("BYDAY", "").split(","))
    return days if parts.get("FREQ") == "WEEKLY" and set(days) <= set(WEEKDAYS) else None


def days_in_words(show: Present, rrule: str) -> str:
    """`every day`, `Monday to Friday`, or the days by name; `end_of` says when it ends."""
    days = days_of(";".join(part for part in rrule.upper().split(";") if not part.startswith(_ENDS)))
    if days is None:
        return show.translations.gettext(N_("repeatedly"))
    if days == WEEKDAYS:
        return show.translations.gettext(_EVERY_DAY)
    if set(days) == set(_WORKING):
        return show.translations.gettext(_WORKING_DAYS)
    names = {day.value: day.name for day in weekdays(show)}
    return ", ".join(names[day] for day in WEEKDAYS if day in days)


def end_of(rrule: str, tz: tzinfo) -> End:
    parts = dict(part.split("=", 1) for part in rrule.upper().split(";") if part.startswith(_ENDS))
    times, until = parts.get("COUNT"), parts.get("UNTIL")
    last = datetime.fromisoformat(until) if until else None
    if last is not None and last.tzinfo is not None:
        last = last.astimezone(tz)
    return End(int(times) if times else None, last.date() if last else None)


def dates_in_words(show: Present, days: Sequence[date]) -> str:
    return ", ".join(show.day(day) for day in sorted(days))


def local_day_of(left_out: date, tz: tzinfo) -> date:
    """The day that an exception takes away; an occurrence that was cancelled by itself is kept as an instant."""
    return left_out.astimezone(tz).date() if isinstance(left_out, datetime) else left_out
