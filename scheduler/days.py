"""Days and moments that people may name (pure): far from the ends of the calendar, where reckoning with them breaks."""

from datetime import date, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime
from pydantic_core import PydanticCustomError

from scheduler.errors import Invalid

FIRST_YEAR, LAST_YEAR = 2000, 2199
_MESSAGE = "Choose a day between the years 2000 and 2199."
DayT = TypeVar("DayT", date, datetime)


def checked(day: DayT, field: str = "day") -> DayT:
    """`day` if one can reckon with it; else Invalid."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid("day_out_of_range", _MESSAGE, field=field)
    return day


def _fits(day: DayT) -> DayT:
    try:
        return checked(day)
    except Invalid as bad:
        raise PydanticCustomError("day_out_of_range", _MESSAGE) from bad


Day = Annotated[date, AfterValidator(_fits)]
Moment = Annotated[AwareDatetime, AfterValidator(_fits)]
