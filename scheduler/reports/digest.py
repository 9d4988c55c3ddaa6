"""What was not heard on a day, as it is told in the morning mail (pure): figures and places, no sentences.

Rules
- Told is what a village missed whole or in part: by place, then by time. An emergency comes before everything else.
- Drills and tests are not told here; their own reports have them.
- A day on which all was heard has a digest too, with nothing missed: silence could also be a broken mail.
"""

from collections.abc import Iterable
from datetime import date, datetime

from msgspec import Struct

from scheduler.reports.figures import PROGRAMME, Kind
from scheduler.reports.schemas import LineOut

MOST = 200
"""Beyond this a mail is not read; the page has them all."""
TOLD = PROGRAMME | {Kind.EMERGENCY}


class Missed(Struct, frozen=True, kw_only=True):
    """An airing that some receivers of a village did not give out; `reasons` counts them, the commonest first."""

    station: str
    village: str
    zone_id: str
    title: str
    kind: Kind
    start: datetime
    timezone: str
    missed: int
    receivers: int
    reasons: tuple[tuple[str, int], ...]

    @property
    def whole(self) -> bool:
        """Whether nobody in the village heard it."""
        return self.missed >= self.receivers


class Digest(Struct, frozen=True, kw_only=True):
    """Of a day in a zone. `airings` and `heard` count each airing once in each village; `left_out` were too many."""

    zone_id: str
    zone_name: str
    day: date
    airings: int
    heard: int
    villages: int
    silent_villages: int
    missed: tuple[Missed, ...]
    left_out: int = 0

    @property
    def all_heard(self) -> bool:
        return not self.missed


def digest(rows: Iterable[LineOut], zone_id: str, zone_name: str, day: date) -> Digest:
    """Of the lines of that day; others do not count. A village is silent when it heard nothing of what was planned."""
    told = [row for row in rows if row.day == day and row.kind in TOLD]
    by_village: dict[str, bool] = {}
    for row in told:
        by_village[row.zone_id] = by_village.get(row.zone_id, False) or row.heard > 0 or row.waiting > 0
    missed = sorted((_missed(row) for row in told if row.missed), key=_order)
    return Digest(
        zone_id=zone_id,
        zone_name=zone_name,
        day=day,
        airings=len(told),
        heard=sum(row.heard > 0 for row in told),
        villages=len(by_village),
        silent_villages=sum(not heard for heard in by_village.values()),
        missed=tuple(missed[:MOST]),
        left_out=max(0, len(missed) - MOST),
    )


def _missed(row: LineOut) -> Missed:
    reasons = sorted(row.missed_by.items(), key=lambda item: (-item[1], item[0]))
    return Missed(
        station=row.station,
        village=row.zone_name,
        zone_id=row.zone_id,
        title=row.title,
        kind=row.kind,
        start=row.start,
        timezone=row.timezone,
        missed=row.missed,
        receivers=row.receivers,
        reasons=tuple(reasons),
    )


def _order(one: Missed) -> tuple[bool, str, str, str, datetime]:
    return one.kind is not Kind.EMERGENCY, one.station, one.village, one.zone_id, one.start
