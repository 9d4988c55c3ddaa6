"""Fills an empty database with a year of the district, or with as much more as is asked for (does I/O).

Rules
- All rows come in one transaction, the reports' book after it; a database in which there is anything is refused.
- The same seed and moment give the same year, but for ids and passwords.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import count
from random import Random

from msgspec import Struct
from sqlmodel import Session, col, select

from broadcast.produce.producer import Producer
from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.bank import entries
from scheduler.bank.models import BankMedia
from scheduler.broadcasts import aiming, onair
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.fleet.models import StoredReport
from scheduler.people import passwords
from scheduler.reports import book
from scheduler.residents.publishing import published
from scheduler.store.engine import Store
from scheduler.workflow import State
from scheduler.zones.models import Zone
from web.demo.year import alarms, area, crew, desk, fleet, programme, sound, words
from web.demo.year.heard import Listeners
from web.demo.year.lots import Lots
from web.demo.year.programme import Aired, Year

DAYS, DISTRICT = 365, 40
_LONGEST_DAYS = 3650
_SAID_SINCE = timedelta(days=6)
_PUBLIC_SINCE = timedelta(days=31)

Say = Callable[[str, float], None]


class NotEmptyError(Exception):
    """There is something in the database already."""


class Size(Struct, frozen=True):
    """`reports` None: those of all `days`; else so many of the newest, however many days that is."""

    receivers: int = DISTRICT
    reports: int | None = None
    seed: int = 1
    days: int = DAYS


class Filled(Struct, frozen=True):
    """What there is now; `password` is everybody's, made for this database alone."""

    password: str
    accounts: tuple[crew.Account, ...]
    receivers: int
    days: int
    reports: int
    lines: int


def fill(store: Store, now: datetime, size: Size, *, producer: Producer | None, say: Say) -> Filled:
    """Fill `store`. Raises NotEmptyError."""
    store.migrate()
    with store.reading() as db:
        if db.exec(select(Zone.id).limit(1)).first() is not None:
            raise NotEmptyError("The database is not empty: demo data goes into one of its own.")
    spoken = sound.sounds(words.all_texts(), producer, lambda done: say("sound", done))
    password, dice = passwords.one_time(), Random(size.seed)  # noqa: S311 - chance of a demo
    with store.writing() as db:
        began = now - timedelta(days=DAYS + 1)
        lots = Lots()
        place = area.build(db, lots, dice, size.receivers, began)
        people = crew.hire(lots, dice, place, (began, now), passwords.hashed(password))
        year = Year(lots, dice, place, people, spoken, now)
        days, listeners = _live(year, size, lambda done: say("days", done))
        natures = {key: listeners.nature(key) for key in place.receivers}
        looks = fleet.look(year, natures)
        fleet.sample(year, natures, size.days)
        fleet.sum_days(year, natures, size.days)
        _publish(db, year)
        lots.write(db, lambda done: say("rows", done))
        fleet.write(db, year, natures, looks, now)
        _bank(db, now, ready=producer is None)
        _plan(db, now, lambda done: say("plans", done))
    with _steps(say, "reports"):
        lines = book.keep_all(store, now)
    return Filled(password, people.accounts, len(place.receivers) + 1, days, listeners.count, lines)


def _live(year: Year, size: Size, told: Callable[[float], None]) -> tuple[int, Listeners]:
    """Everything that happened, the newest day first; how many days that was."""
    listeners, today = Listeners(year.dice, year.area, year.now), year.now.astimezone(programme.ZONE).date()
    weekly_id = desk.weekly(year)
    recent: list[Aired] = []
    days = 0
    for days in count():
        if days > (size.days if size.reports is None else _LONGEST_DAYS):
            break
        for airing in _day(year, today + timedelta(days=1 - days), weekly_id):
            listeners.play(airing)
            if airing.start_at > year.now - _SAID_SINCE:
                recent.append(airing)
        told(days / size.days if size.reports is None else listeners.count / size.reports)
        if size.reports is not None and listeners.count >= size.reports:
            break
    for airing in alarms.talks(year, size.days):
        listeners.play(airing)
    alarms.orders(year, size.days)
    alarms.rehearsals(year, size.days // 7, listeners)
    desk.papers(year)
    fleet.say(year, recent)
    for rows in listeners.rows().values():
        for row in rows:
            year.lots.add(StoredReport, **row)
    return days, listeners


def _day(year: Year, day: date, weekly_id: str) -> Iterator[Aired]:
    yield from programme.day(year, day)
    at = programme.local(day, time(17, 30))
    if day.weekday() == 0 and at < year.now:
        receivers = tuple(key for commune in year.area.of_district() for key in commune.receivers)
        what = weekly_id, at, year.sounds[words.ITEMS[11].text]
        yield programme.aired(year, (year.area.district_id,), what, receivers)


def _publish(db: Session, year: Year) -> None:
    """What was said, and of the last month what residents may hear again."""
    recordings = {row["announcement_id"]: row for row in year.lots.rows(Recording)}
    said = {row["id"]: row["announcement_id"] for row in year.lots.rows(Broadcast)}
    titles = {row["id"]: row["title"] for row in year.lots.rows(Announcement)}
    for row in year.lots.rows(PlannedAiring):
        announcement_id = row["announcement_id"] = said[row["broadcast_id"]]
        if row["start_at"] > year.now - _PUBLIC_SINCE:
            one = Recording(**recordings[announcement_id])
            row["publication_id"] = published(db, titles[announcement_id], [one], row["start_at"])


def _bank(db: Session, now: datetime, *, ready: bool) -> None:
    """The message bank; `ready` as if its sound were there, else the centre makes it."""
    entries.seed(db, now)
    for number, media in enumerate(db.exec(select(BankMedia)).all() if ready else ()):
        media.state, media.sha256 = RecordingState.READY, f"{number:064x}"
        media.size_bytes, media.duration_us = 48_000, 14_000_000


def _plan(db: Session, now: datetime, told: Callable[[float], None]) -> None:
    """Record what is to come as the centre does."""
    rows = db.exec(select(Broadcast).where(col(Broadcast.state) == State.APPROVED)).all()
    for done, row in enumerate(rows, 1):
        onair.replan(db, row, now)
        told(done / len(rows))
    waiting = db.exec(select(Broadcast).where(col(Broadcast.state) == State.SUBMITTED)).all()
    targets = aiming.targets(db, [row.id for row in waiting])
    for row in waiting:
        desk.show_twice(db, row, targets[row.id])


@contextmanager
def _steps(say: Say, name: str) -> Iterator[None]:
    say(name, 0.0)
    yield
    say(name, 1.0)
