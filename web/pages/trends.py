"""What a loudspeaker measured over days, as small drawings with the same in numbers (pure).

Rules
- A line is of the means of hours; where nothing came for longer than GAP it is broken.
- Data used are per local day: the month's count less that of the day before, and the count itself where it began anew.
- What was never measured has no drawing.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

from msgspec import Struct

from scheduler.fleet.upkeep.schemas import SampleOut
from scheduler.fleet.upkeep.service import TREND
from web.i18n import N_
from web.pages.present import DASH, Present

WIDTH, HEIGHT, PAD = 320, 48, 4
GAP = timedelta(hours=3)
_HOUR_S = 3600
_FLAT = 1e-9
Format = Callable[[float | None], str]


class Bar(Struct, frozen=True):
    x: float
    y: float
    width: float
    height: float


class DayRow(Struct, frozen=True):
    """A local day in numbers."""

    day: date
    low: str
    high: str


class Trend(Struct, frozen=True, kw_only=True):
    """`line` is an SVG path, or `bars` stand for days; `last`, `low` and `high` in words."""

    label: str
    last: str
    low: str
    high: str
    days: tuple[DayRow, ...]
    line: str = ""
    bars: tuple[Bar, ...] = ()


def trends(show: Present, samples: Sequence[SampleOut]) -> list[Trend]:
    """Signal, power, temperature, level and data used over the last days; those that were measured."""
    made = [
        _line(show, N_("Signal"), _of(samples, "signal_percent"), lambda v: _with(show, v, "%")),
        _line(show, N_("Battery"), _of(samples, "battery_percent"), lambda v: _with(show, v, "%")),
        _line(show, N_("Voltage"), _of(samples, "battery_v"), lambda v: _with(show, v, " V", 1)),
        _line(show, N_("Temperature"), _of(samples, "temperature_c"), lambda v: _with(show, v, " °C")),
        _line(show, N_("Sound level"), _of(samples, "level_dbfs"), show.dbfs),
        _data(show, samples),
    ]
    return [trend for trend in made if trend is not None]


def _of(samples: Iterable[SampleOut], name: str) -> list[tuple[datetime, float]]:
    said = ((sample.at, getattr(sample, name)) for sample in samples)
    return [(at, value) for at, value in said if value is not None]


def _with(show: Present, value: float | None, unit: str, digits: int = 0) -> str:
    return DASH if value is None else f"{show.number(value, digits)}{unit}"


def _line(show: Present, label: str, values: Sequence[tuple[datetime, float]], said: Format) -> Trend | None:
    if not values:
        return None
    low, high = min(value for _at, value in values), max(value for _at, value in values)
    days: dict[date, list[float]] = {}
    for at, value in values:
        days.setdefault(show.local(at).date(), []).append(value)
    return Trend(
        label=show.translations.gettext(label),
        last=said(values[-1][1]),
        low=said(low),
        high=said(high),
        days=tuple(DayRow(day, said(min(found)), said(max(found))) for day, found in days.items()),
        line=_path(show.now, _hourly(values), low, high),
    )


def _hourly(values: Iterable[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    hours: dict[int, list[tuple[datetime, float]]] = {}
    for at, value in values:
        hours.setdefault(int(at.timestamp()) // _HOUR_S, []).append((at, value))
    return [(found[0][0], sum(value for _at, value in found) / len(found)) for found in hours.values()]


def _path(now: datetime, values: Sequence[tuple[datetime, float]], low: float, high: float) -> str:
    """A flat line lies in the middle; a lonely value is a dot."""
    steps: list[str] = []
    before: datetime | None = None
    for at, value in values:
        x = WIDTH - (now - at) / TREND * WIDTH
        part = (value - low) / (high - low) if high - low > _FLAT else 0.5
        place = f"{x:.0f} {HEIGHT - PAD - part * (HEIGHT - 2 * PAD):.1f}"
        joined = before is not None and at - before <= GAP
        steps.append(f"L{place}" if joined else f"M{place}h.1")
        before = at
    return "".join(steps)


def _data(show: Present, samples: Sequence[SampleOut]) -> Trend | None:
    """Per local day; the first day of all is left out where the day before it is not known."""
    last: dict[date, int] = {}
    for sample in samples:
        if sample.month_bytes is not None:
            last[show.local(sample.at).date()] = sample.month_bytes
    days = list(last.items())
    used = [(day, total - before if total >= before else total) for (_day, before), (day, total) in pairwise(days)]
    if not used:
        return None
    most = max(1, *(amount for _day, amount in used))
    first, slot = show.today - timedelta(days=TREND.days - 1), WIDTH / TREND.days
    bars = []
    for day, amount in used:
        height = amount / most * (HEIGHT - 2 * PAD)
        x = (day - first).days * slot
        bars.append(Bar(round(x + 3, 1), round(HEIGHT - PAD - height, 1), round(slot - 6, 1), round(height, 1)))
    return Trend(
        label=show.translations.gettext(N_("Data used a day")),
        last=show.size(used[-1][1]),
        low=show.size(min(amount for _day, amount in used)),
        high=show.size(max(amount for _day, amount in used)),
        days=tuple(DayRow(day, show.size(amount), show.size(amount)) for day, amount in used),
        bars=tuple(bars),
    )
