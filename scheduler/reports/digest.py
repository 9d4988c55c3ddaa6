"""What was not heard on a day, as it is told in the morning mail (pure): figures and places, no sentences.

Rules
- Told is what a village missed whole or in part: by place, then by time. An emergency comes before everything else.
- Drills and tests are not told here; their own reports have them.
- A day on which all was heard has a digest too, with nothing missed: silence could also be a broken mail.
- It is the same for all who may see reports of the place, so what stands elsewhere since is in its figures alone.
"""

from collections.abc import Iterable
from datetime import date, datetime

from msgspec import Struct

from scheduler.reports.figures import PROGRAMME, Kind
from scheduler.reports.schemas import LineOut

MOST = 50
"""Beyond this a mail is not read; the page has them all."""
TOLD = PROGRAMME | {Kind.EMERGENCY}


class Counts(Struct, frozen=True):
    """Of a day: airings, each once in each village, those that were heard and those missed at least in part.

    A village is silent when it heard nothing of what was planned.
    """

    airings: int
    heard: int
    missed: int
    villages: int
    silent_villages: int


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


class Digest(Struct, frozen=True, kw_only=True):
    """Of a day in a zone; `missed` has up to MOST of those that were."""

    zone_name: str
    day: date
    counts: Counts
    missed: tuple[Missed, ...]

    @property
    def left_out(self) -> int:
        return self.counts.missed - len(self.missed)


def missed(rows: Iterable[LineOut]) -> tuple[Missed, ...]:
    """What is told of these lines, in its order."""
    return tuple(sorted((_missed(row) for row in rows), key=_order))


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
