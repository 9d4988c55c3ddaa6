"""A day as a grid: villages by hours, from what the board says (pure).

Rules
- A column is an hour of the village's day. Hours that are quiet in every row and hold nothing are folded into one.
- An item stands in the hour in which it begins. The track under each hour says to the minute what sounds there and
  what is quiet, sessions too.
- A free hour offers the first five minutes in it that are to come, not quiet, and after what stands there.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct

from scheduler.broadcasts.moving import Movable
from scheduler.broadcasts.schemas import BoardAiring, BoardVillage, BoardWaiting, Span
from web.i18n import N_
from web.pages import telling, words
from web.pages.present import Present
from web.pages.today import village_state
from web.pages.words import Look

HOUR, DAY, STEP = 60, 1440, 5
LEAD = timedelta(minutes=10)
_COUNTED = frozenset({"fetching", "ready", "on_air", "heard", "part", "not_heard", "waiting_report"})

Part = tuple[int, int]


class Column(Struct, frozen=True):
    """The minutes `[first, last)` of the day."""

    first: int
    last: int
    label: str
    folded: bool = False


class Item(Struct, frozen=True, kw_only=True):
    """Something planned, or waiting to be approved, that begins in this hour."""

    key: str
    broadcast_id: str
    href: str
    title: str
    cls: str
    minute: int
    time: str
    length: str
    look: Look
    detail: str
    waiting: bool
    move: Movable | None


class Cell(Struct, frozen=True, kw_only=True):
    """`quiet`, `sessions` and `sounding` are parts of the column in minutes; `at` is where a new one could begin."""

    column: Column
    items: tuple[Item, ...]
    quiet: tuple[Part, ...]
    sessions: tuple[Part, ...]
    sounding: tuple[Part, ...]
    at: str

    @property
    def all_quiet(self) -> bool:
        return self.quiet == ((0, self.column.last - self.column.first),)


class Row(Struct, frozen=True, kw_only=True):
    zone_id: str
    name: str
    online: int
    total: int
    sessions: int
    sessions_per_day: int | None
    session_minutes: int | None
    cells: tuple[Cell, ...]
    chosen: bool


class Grid(Struct, frozen=True):
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class _Minutes(Struct, frozen=True):
    """A village's day in minutes."""

    village: BoardVillage
    items: tuple[Item, ...]
    quiet: tuple[Part, ...]
    sessions: tuple[Part, ...]
    sounding: tuple[Part, ...]


def grid(
    show: Present,
    villages: Sequence[BoardVillage],
    day: date,
    *,
    movable: Mapping[str, Movable],
    writable: Collection[str],
    chosen: str,
) -> Grid:
    """`movable` by broadcast id; `writable` are the zones in which the reader may plan something."""
    rows = [_minutes(show.within(village.timezone), village, day, movable) for village in villages]
    columns = _columns(rows)
    picked = chosen if chosen in {row.village.zone_id for row in rows} else rows[0].village.zone_id if rows else ""
    return Grid(
        columns,
        tuple(
            Row(
                zone_id=row.village.zone_id,
                name=row.village.zone_name,
                online=row.village.online,
                total=row.village.total,
                sessions=len(row.sessions),
                sessions_per_day=row.village.sessions_per_day,
                session_minutes=row.village.session_minutes,
                cells=tuple(
                    _cell(show, row, column, day, writable=row.village.zone_id in writable) for column in columns
                ),
                chosen=row.village.zone_id == picked,
            )
            for row in rows
        ),
    )


def _minutes(show: Present, village: BoardVillage, day: date, movable: Mapping[str, Movable]) -> _Minutes:
    items = [_aired(show, airing, day, movable) for airing in village.airings]
    items += [_waiting(show, item, day, movable) for item in village.waiting]
    played = [airing for airing in village.airings if airing.state != "not_played"]
    return _Minutes(
        village,
        tuple(sorted(items, key=lambda item: (item.minute, item.key))),
        tuple(_part(show, span.start, span.end, day) for span in village.quiet),
        tuple(_session(show, span, day) for span in village.sessions),
        tuple(_part(show, airing.start, airing.end, day) for airing in played),
    )


def _session(show: Present, span: Span, day: date) -> Part:
    return _part(show, span.start, span.end, day)


def _part(show: Present, start: datetime, end: datetime, day: date) -> Part:
    """In minutes of the day, at least one long."""
    first = min(max(_minute(show, start, day), 0), DAY - 1)
    return first, min(max(_minute(show, end + timedelta(seconds=59), day), first + 1), DAY)


def _minute(show: Present, moment: datetime, day: date) -> int:
    local = show.local(moment)
    return (local.date() - day).days * DAY + local.hour * HOUR + local.minute


def _aired(show: Present, airing: BoardAiring, day: date, movable: Mapping[str, Movable]) -> Item:
    state = village_state(airing)
    detail = f"{airing.count}/{airing.total}" if state in _COUNTED else ""
    if state == "not_played" and airing.reason:
        detail = show.translations.gettext(words.NOT_PLAYED.get(airing.reason.value, N_("does not play")))
    return Item(
        key=airing.airing_id,
        broadcast_id=airing.broadcast_id,
        href=telling.page_of(airing.broadcast_id),
        title=airing.title,
        cls=airing.cls.value,
        minute=min(max(_minute(show, airing.start, day), 0), DAY - 1),
        time=show.time(airing.start),
        length=show.duration(round((airing.end - airing.start).total_seconds() * 1_000_000)),
        look=words.look(words.AIRING, state),
        detail=detail,
        waiting=False,
        move=movable.get(airing.broadcast_id),
    )


def _waiting(show: Present, item: BoardWaiting, day: date, movable: Mapping[str, Movable]) -> Item:
    return Item(
        key=item.broadcast_id,
        broadcast_id=item.broadcast_id,
        href=telling.page_of(item.broadcast_id),
        title=item.title,
        cls=item.cls.value,
        minute=min(max(_minute(show, item.start, day), 0), DAY - 1),
        time=show.time(item.start),
        length=show.duration(round((item.end - item.start).total_seconds() * 1_000_000)),
        look=words.look(words.BROADCAST, item.state.value),
        detail="",
        waiting=True,
        move=movable.get(item.broadcast_id),
    )


def _columns(rows: Sequence[_Minutes]) -> tuple[Column, ...]:
    folded = [all(_is_dead(row, hour * HOUR) for row in rows) and bool(rows) for hour in range(24)]
    columns: list[Column] = []
    hour = 0
    while hour < len(folded):
        last = hour + 1
        while folded[hour] and last < len(folded) and folded[last]:
            last += 1
        label = f"{hour:02d}" if last == hour + 1 else f"{hour:02d}–{last:02d}"
        columns.append(Column(hour * HOUR, last * HOUR, label, last > hour + 1))
        hour = last
    return tuple(columns)


def _is_dead(row: _Minutes, first: int) -> bool:
    """Whether the hour is quiet from its beginning to its end, and nothing stands in it."""
    quiet = any(start <= first and first + HOUR <= end for start, end in row.quiet)
    return quiet and not any(first <= item.minute < first + HOUR for item in row.items)


def _cell(show: Present, row: _Minutes, column: Column, day: date, *, writable: bool) -> Cell:
    items = tuple(item for item in row.items if column.first <= item.minute < column.last)
    quiet = _within(row.quiet, column)
    return Cell(
        column=column,
        items=items,
        quiet=quiet,
        sessions=_within(row.sessions, column),
        sounding=_within(row.sounding, column),
        at=_free_at(show.within(row.village.timezone), row, column, day) if writable and not column.folded else "",
    )


def _within(parts: Sequence[Part], column: Column) -> tuple[Part, ...]:
    """The parts as minutes of the column: where they begin, how long they are."""
    cut = [(max(start, column.first), min(end, column.last)) for start, end in parts]
    return tuple((start - column.first, end - start) for start, end in cut if start < end)


def _free_at(show: Present, row: _Minutes, column: Column, day: date) -> str:
    """The first free five minutes of an hour as wall time; empty if there are none."""
    busy = [*row.quiet, *row.sounding, *((item.minute, item.minute + STEP) for item in row.items if item.waiting)]
    for minute in range(column.first, column.last, STEP):
        wall = datetime(day.year, day.month, day.day, minute // HOUR, minute % HOUR, tzinfo=show.tz)
        if wall >= show.now + LEAD and not any(start <= minute < end for start, end in busy):
            return wall.replace(tzinfo=None).isoformat(timespec="minutes")
    return ""
