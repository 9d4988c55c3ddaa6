"""How values look on a page: times, spans, sizes, levels (pure).

- Times are in a zone's time zone, with the day's name; a year is named only where it is not this one.
- What was not measured is a dash, never zero. Minus is U+2212, so that digits line up.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from gettext import NullTranslations
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, get_timezone_name
from babel.numbers import get_decimal_symbol, get_group_symbol
from babel.units import format_unit

from web.i18n import N_

HALF_SECOND = timedelta(milliseconds=500)
DASH = "–"
US_PER_S = 1_000_000
_HOUR_S = 3600
_DAY_S = 86400
_NAMED_AFTER_S = 6 * _HOUR_S
_DAYS = {0: N_("today"), 1: N_("tomorrow"), -1: N_("yesterday")}
_AHEAD = N_("in %(span)s")
_AGO = N_("%(span)s ago")
_KEPT = 1_000
"""So many dates and lengths of time are kept as they were said: a list says the same few in its rows."""
_BABEL = {"vi": "vi", "en": "en_GB"}


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(_BABEL[language])


@cache
def _marks(language: str) -> dict[int, str]:
    """What stands for a comma and a point in a number as Python writes it; a report has thousands of numbers."""
    locale = _locale(language)
    return {ord(","): get_group_symbol(locale), ord("."): get_decimal_symbol(locale)}


@lru_cache(_KEPT)
def _dated(language: str, day: date, pattern: str) -> str:
    return format_date(day, pattern, locale=_locale(language))


@lru_cache(_KEPT)
def _counted(language: str, number: int, unit: str) -> str:
    # The long Vietnamese names are the short ones, and are kept only there.
    length: Literal["short", "long"] = "short" if language == "vi" else "long"
    return format_unit(number, f"duration-{unit}", length, locale=_locale(language))


def shortened(text: str, limit: int = 60) -> str:
    """The first words of a text on one line."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    return line[: limit + 1].rsplit(" ", 1)[0].rstrip(",.;:–-")[:limit] + "…"


@dataclass(frozen=True, slots=True)
class Present:
    """Formats for one reader: their language, a time zone and the instant at which they look."""

    language: str
    timezone: str
    now: datetime
    translations: NullTranslations

    @property
    def locale(self) -> Locale:
        return _locale(self.language)

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def timezone_name(self) -> str:
        """`Giờ Việt Nam`."""
        return get_timezone_name(self.timezone, locale=self.locale)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.tz).date()

    def within(self, timezone: str | None) -> "Present":
        """The same reader, looking at a zone with another time zone."""
        return self if timezone in (None, self.timezone) else replace(self, timezone=timezone)

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.tz)

    def time(self, moment: datetime | time | None, *, seconds: bool = False) -> str:
        if moment is None:
            return DASH
        if seconds and isinstance(moment, datetime):
            moment += HALF_SECOND  # two horns 0.1 ms apart do not show different seconds
        shown = self.local(moment) if isinstance(moment, datetime) else moment
        return shown.strftime("%H:%M:%S" if seconds else "%H:%M")

    def day(self, moment: datetime | date | None) -> str:
        """`Thứ Hai 23/11`."""
        if moment is None:
            return DASH
        shown = self.local(moment).date() if isinstance(moment, datetime) else moment
        pattern = "EEEE d/M" if shown.year == self.today.year else "EEEE d/M/y"
        return _dated(self.language, shown, pattern)

    def date(self, moment: datetime | date | None) -> str:
        """`23/11/2026`."""
        if moment is None:
            return DASH
        shown = self.local(moment).date() if isinstance(moment, datetime) else moment
        return _dated(self.language, shown, "d/M/y")

    def last_day(self, until: datetime) -> str:
        """`Thứ Tư 30/6/2027`: the last day on which something holds that ends at `until`, exclusive."""
        return self.day(until - timedelta(microseconds=1))

    def moment(self, moment: datetime | None) -> str:
        """`Thứ Hai 23/11, 17:00`."""
        return DASH if moment is None else f"{self.day(moment)}, {self.time(moment)}"

    def stamp(self, moment: datetime | None) -> str:
        """An instant to the second: `Thứ Hai 23/11, 17:00:05`."""
        return DASH if moment is None else f"{self.day(moment)}, {self.local(moment):%H:%M:%S}"

    def near(self, moment: datetime | None) -> str:
        """`17:00` for today, `Thứ Hai 23/11, 17:00` for any other day."""
        today = moment is not None and self.local(moment).date() == self.today
        return self.time(moment) if today else self.moment(moment)

    def iso(self, moment: datetime | None) -> str:
        """For the `datetime` attribute of a `time` element."""
        return "" if moment is None else self.local(moment).isoformat(timespec="seconds")

    def from_now(self, moment: datetime | None) -> str:
        """`sau 2 giờ 10 phút nữa`, `ngày mai, sau 21 giờ nữa`, `hôm qua`: how far a moment is from now."""
        if moment is None:
            return DASH
        seconds = (moment - self.now).total_seconds()
        days = (self.local(moment).date() - self.today).days
        if abs(seconds) < 45:  # noqa: PLR2004  under this people say "now"
            return self.translations.gettext("now")
        far = abs(days) > 1 and abs(seconds) >= _DAY_S
        span = self._units(((abs(days), "day"),)) if far else self.span(timedelta(seconds=abs(seconds)))
        said = self.translations.gettext(_AHEAD if seconds > 0 else _AGO) % {"span": span}
        if abs(seconds) >= _NAMED_AFTER_S and abs(days) <= 1:
            named = self.translations.gettext(_DAYS[days])
            return f"{named}, {said}" if seconds > 0 else named
        return said

    def span(self, span: timedelta) -> str:
        """The two largest units that a person would say: `2 giờ 10 phút`, `3 ngày`."""
        seconds = round(span.total_seconds())
        if seconds >= 2 * _DAY_S:
            return self._units(((round(seconds / _DAY_S), "day"),))
        if seconds >= 10 * _HOUR_S:
            return self._units(((round(seconds / _HOUR_S), "hour"),))
        if seconds >= _HOUR_S:
            minutes = round(seconds / 60)
            return self._units(((minutes // 60, "hour"), (minutes % 60, "minute")))
        if seconds >= 10 * 60:
            return self._units(((round(seconds / 60), "minute"),))
        return self._units(((seconds // 60, "minute"), (seconds % 60, "second")))

    def duration(self, us: int | None) -> str:
        """`2 phút 10 giây`."""
        if us is None:
            return DASH
        seconds = max(1, round(us / US_PER_S)) if us > 0 else 0
        if seconds >= _HOUR_S:
            return self._units(((seconds // _HOUR_S, "hour"), (seconds % _HOUR_S // 60, "minute")))
        return self._units(((seconds // 60, "minute"), (seconds % 60, "second")))

    def _units(self, parts: tuple[tuple[int, str], ...]) -> str:
        said = [self._unit(n, unit) for n, unit in parts if n]
        return " ".join(said) or self._unit(0, parts[-1][1])

    def _unit(self, number: int, unit: str) -> str:
        return _counted(self.language, number, unit)

    def clock(self, us: int | None) -> str:
        """`2:10`, for tables."""
        if us is None:
            return DASH
        minutes, seconds = divmod(round(us / US_PER_S), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

    def size(self, size_bytes: int | None) -> str:
        if size_bytes is None:
            return DASH
        amount, unit = float(size_bytes), "B"
        for larger in ("kB", "MB", "GB", "TB"):
            if amount < 1000:  # noqa: PLR2004  SI prefixes
                break
            amount, unit = amount / 1000, larger
        return f"{self.number(amount, 1 if amount < 10 and unit != 'B' else 0)} {unit}"  # noqa: PLR2004

    def number(self, value: float | None, digits: int = 0, *, signed: bool = False) -> str:
        if value is None:
            return DASH
        body = f"{abs(round(value, digits)):,.{digits}f}".translate(_marks(self.language))
        negative = round(value, digits) < 0
        return f"−{body}" if negative else f"+{body}" if signed and round(value, digits) > 0 else body

    def percent(self, share: float | None) -> str:
        return DASH if share is None else f"{self.number(share * 100)}%"

    def dbfs(self, level: float | None) -> str:
        return DASH if level is None else f"{self.number(level, 1)} dBFS"

    def lufs(self, level: float | None) -> str:
        return DASH if level is None else f"{self.number(level, 1)} LUFS"

    def dbtp(self, level: float | None) -> str:
        return DASH if level is None else f"{self.number(level, 1)} dBTP"

    def error_ms(self, us: int | None) -> str:
        """A start error, early is negative: `+3,2 ms`."""
        return DASH if us is None else f"{self.number(us / 1000, 1, signed=True)} ms"

    def ms(self, us: int | None) -> str:
        return DASH if us is None else f"{self.number(us / 1000)} ms"
