"""The days that a report is of (pure): `[first, end)` in local days."""

from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum

from msgspec import Struct

from scheduler.days import checked


class Length(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Span(Struct, frozen=True):
    """A day, a week from Monday on, a month or a year."""

    length: Length
    first: date
    end: date

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)

    @property
    def key(self) -> str:
        """For the name of a file: `2026-11-23`, `2026-W48`, `2026-11`, `2026`."""
        if self.length is Length.WEEK:
            year, week, _day = self.first.isocalendar()
            return f"{year}-W{week:02}"
        return self.first.isoformat()[: {Length.DAY: 10, Length.MONTH: 7, Length.YEAR: 4}[self.length]]

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.end

    @property
    def before(self) -> "Span":
        return span_of(self.length, self.first - timedelta(days=1))

    @property
    def after(self) -> "Span":
        return span_of(self.length, self.end)

    def days(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range((self.end - self.first).days))


def span_of(length: Length, day: date) -> Span:
    """The one that `day` lies in. Raises Invalid for a day that one cannot reckon with."""
    checked(day)
    if length is Length.DAY:
        return Span(length, day, day + timedelta(days=1))
    if length is Length.WEEK:
        first = day - timedelta(days=day.weekday())
        return Span(length, first, first + timedelta(days=7))
    if length is Length.MONTH:
        first = day.replace(day=1)
        return Span(length, first, (first + timedelta(days=31)).replace(day=1))
    return Span(length, date(day.year, 1, 1), date(day.year + 1, 1, 1))
