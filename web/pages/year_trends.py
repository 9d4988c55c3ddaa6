"""What a loudspeaker measured over a year, drawn from the sums of its days, beside the same by months (pure).

Rules
- The band reaches from the least to the most of a day, the line goes through the means; where no day is for longer
  than GAP_DAYS both are broken.
- Data used are per month: the most of the month's count.
- What was never measured has no drawing.
"""

from collections.abc import Callable, Sequence
from datetime import date

from msgspec import Struct

from scheduler.fleet.upkeep.schemas import SampleDayOut, Spread
from scheduler.fleet.upkeep.service import YEAR
from web.i18n import N_
from web.pages.present import Present
from web.pages.trends import HEIGHT, PAD, WIDTH, Bar

GAP_DAYS = 3
MONTHS = 13
_FLAT = 1e-9
Format = Callable[[float], str]


Month = tuple[int, int]


class MonthRow(Struct, frozen=True):
    """A month in numbers; `spread` is from the least to the most."""

    mean: str
    spread: str = ""


class YearTrend(Struct, frozen=True, kw_only=True):
    """`band` and `line` are SVG paths, or `bars` stand for months; the others are words, `months` by year and month."""

    label: str
    low: str
    high: str
    months: dict[Month, MonthRow]
    band: str = ""
    line: str = ""
    bars: tuple[Bar, ...] = ()


def year_trends(show: Present, days: Sequence[SampleDayOut]) -> list[YearTrend]:
    """Signal, power, temperature, level and data used; those that were measured."""
    drawn = (
        (N_("Signal"), "signal_percent", lambda v: f"{show.number(v)}%"),
        (N_("Battery"), "battery_percent", lambda v: f"{show.number(v)}%"),
        (N_("Voltage"), "battery_v", lambda v: f"{show.number(v, 1)} V"),
        (N_("Temperature"), "temperature_c", lambda v: f"{show.number(v)} °C"),
        (N_("Sound level"), "level_dbfs", show.dbfs),
    )
    made = [_line(show, label, _of(days, name), said) for label, name, said in drawn]
    return [trend for trend in (*made, _data(show, days)) if trend is not None]


def _of(days: Sequence[SampleDayOut], name: str) -> list[tuple[date, Spread]]:
    said = ((day.day, getattr(day, name)) for day in days)
    return [(day, spread) for day, spread in said if spread is not None]


def _line(show: Present, label: str, values: Sequence[tuple[date, Spread]], said: Format) -> YearTrend | None:
    if not values:
        return None
    low, high = min(spread.min for _day, spread in values), max(spread.max for _day, spread in values)
    runs = [[(_x(show, day), _ys(spread, low, high)) for day, spread in run] for run in _runs(values)]
    months: dict[Month, list[Spread]] = {}
    for day, spread in values:
        months.setdefault((day.year, day.month), []).append(spread)
    return YearTrend(
        label=show.translations.gettext(label),
        low=said(low),
        high=said(high),
        months={month: _month(show, found, said) for month, found in months.items()},
        band="".join(_band(run) for run in runs),
        line="".join(_means(run) for run in runs),
    )


def _month(show: Present, spreads: Sequence[Spread], said: Format) -> MonthRow:
    mean = sum(spread.mean for spread in spreads) / len(spreads)
    ends = {"low": said(min(spread.min for spread in spreads)), "high": said(max(spread.max for spread in spreads))}
    return MonthRow(said(mean), show.translations.gettext(N_("%(low)s to %(high)s")) % ends)


def _runs(values: Sequence[tuple[date, Spread]]) -> list[list[tuple[date, Spread]]]:
    """Days that are drawn as one piece."""
    runs: list[list[tuple[date, Spread]]] = []
    for day, spread in values:
        if not runs or (day - runs[-1][-1][0]).days > GAP_DAYS:
            runs.append([])
        runs[-1].append((day, spread))
    return runs


def _x(show: Present, day: date) -> float:
    return WIDTH - (show.today - day).days / YEAR.days * WIDTH


def _ys(spread: Spread, low: float, high: float) -> tuple[float, float, float]:
    """Where least, mean and most are; a flat line lies in the middle."""
    room = HEIGHT - 2 * PAD
    parts = ((v - low) / (high - low) if high - low > _FLAT else 0.5 for v in (spread.min, spread.mean, spread.max))
    least, mean, most = (HEIGHT - PAD - part * room for part in parts)
    return least, mean, most


def _band(run: Sequence[tuple[float, tuple[float, float, float]]]) -> str:
    there = [f"{x:.0f} {ys[2]:.1f}" for x, ys in run]
    back = [f"{x:.0f} {ys[0]:.1f}" for x, ys in reversed(run)]
    return f"M{'L'.join([*there, *back])}Z"


def _means(run: Sequence[tuple[float, tuple[float, float, float]]]) -> str:
    """A lonely day is a dot."""
    steps = [f"{x:.0f} {ys[1]:.1f}" for x, ys in run]
    return f"M{'L'.join(steps)}" if len(steps) > 1 else f"M{steps[0]}h.1"


def _data(show: Present, days: Sequence[SampleDayOut]) -> YearTrend | None:
    used: dict[Month, int] = {}
    for day in days:
        if day.month_bytes is not None:
            month = (day.day.year, day.day.month)
            used[month] = max(day.month_bytes, used.get(month, 0))
    if not used:
        return None
    most, slot = max(1, *used.values()), WIDTH / MONTHS
    bars = []
    for (year, number), amount in used.items():
        ago = (show.today.year - year) * 12 + show.today.month - number
        height = amount / most * (HEIGHT - 2 * PAD)
        x = WIDTH - (ago + 1) * slot
        bars.append(Bar(round(x + 2, 1), round(HEIGHT - PAD - height, 1), round(slot - 4, 1), round(height, 1)))
    return YearTrend(
        label=show.translations.gettext(N_("Data used a month")),
        low=show.size(min(used.values())),
        high=show.size(max(used.values())),
        months={month: MonthRow(show.size(amount)) for month, amount in used.items()},
        bars=tuple(bars),
    )
