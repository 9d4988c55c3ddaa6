"""Weeks and months: how much plays on each day, by village."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from fastapi import Response
from msgspec import Struct
from sqlmodel import Session

from scheduler.broadcasts import span
from scheduler.broadcasts.span import DayCount, Span, VillageDays
from scheduler.rights import Action
from web.pages.frame import Page
from web.pages.repeating import weekdays

if TYPE_CHECKING:
    from web.pages.board_area import Area

BAR = 40
"""How high the highest bar is drawn."""


class Range(Struct, frozen=True):
    """`count` days from `first` on, around the day `at`."""

    kind: Literal["week", "month"]
    at: date
    first: date
    count: int

    @property
    def before(self) -> date:
        return self.first - timedelta(days=1)

    @property
    def after(self) -> date:
        return self.first + timedelta(days=self.count)


class Bar(Struct, frozen=True):
    """One village on one day."""

    name: str
    zone_id: str
    times: int
    minutes: int
    left_out: int
    height: int


class Day(Struct, frozen=True, kw_only=True):
    day: date
    today: bool
    weekend: bool
    holidays: tuple[str, ...]
    times: int
    minutes: int
    left_out: int
    bars: tuple[Bar, ...]


def render(db: Session, page: Page, area: "Area", shown: Range) -> Response:
    found = (
        span.span(db, page.actor, page.now, area.zone_id, first=shown.first, count=shown.count)
        if area.zone_id
        else None
    )
    days = spread(found, page.show.today) if found else []
    return page.render(
        f"board/{shown.kind}.html",
        area=area,
        shown=shown,
        days=days,
        villages=_villages(found),
        blanks=shown.first.weekday() if shown.kind == "month" else 0,
        weekdays=weekdays(page.show),
        today=page.show.today,
        may_compose=page.can(Action.BROADCAST_EDIT),
    )


def spread(found: Span, today: date) -> list[Day]:
    """The span by day; bars are in proportion to the most that one village hears on one day."""
    most_us = max((count.sound_us for village in found.villages for count in village.days), default=0)
    if not found.villages:
        return []
    days = []
    for number, first in enumerate(found.villages[0].days):
        bars = tuple(_bar(village, village.days[number], most_us) for village in found.villages)
        days.append(
            Day(
                day=first.day,
                today=first.day == today,
                weekend=first.day.weekday() >= 5,  # noqa: PLR2004 -- Saturday
                holidays=found.holidays.get(first.day, ()),
                times=max(bar.times for bar in bars),
                minutes=max(bar.minutes for bar in bars),
                left_out=sum(bar.left_out for bar in bars),
                bars=bars,
            )
        )
    return days


def _bar(village: VillageDays, count: DayCount, most_us: int) -> Bar:
    height = max(3, round(BAR * count.sound_us / most_us)) if count.sound_us else 0
    minutes = max(1, round(count.sound_us / 60_000_000)) if count.sound_us else 0
    return Bar(village.name, village.zone_id, count.times, minutes, count.left_out, height)


def _villages(found: Span | None) -> list[dict[str, Any]]:
    return [{"id": village.zone_id, "name": village.name} for village in found.villages] if found else []
