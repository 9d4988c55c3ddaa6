"""A made-up year: whole, and whatever it is asked for takes the same queries however much of it there is."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import event, func
from sqlalchemy.engine import Engine
from sqlmodel import col, select

from bench import addresses
from broadcast.clock import ManualClock
from scheduler.broadcasts.models import Broadcast
from scheduler.fleet import views
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.fleet.upkeep.models import ReceiverSample
from scheduler.people import trail
from scheduler.people.models import AuditEntry
from scheduler.reports.models import ReportLine
from scheduler.store.engine import Store
from web.demo.year.fill import Filled, NotEmptyError, Size, fill
from web.demo.year.visit import Visitors, application


@dataclass
class Year:
    store: Store
    folder: Path
    made: Filled


def _made(folder: Path, size: Size, now: datetime) -> Year:
    folder.mkdir()
    store = Store(f"sqlite:///{folder / 'loa.sqlite3'}")
    return Year(store, folder, fill(store, now, size, producer=None, say=lambda _step, _done: None))


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Year, Year]]:
    """The newest of a small year, and of a larger one."""
    now, folder = addresses.CLOCK.now(), tmp_path_factory.mktemp("years")
    few, many = _made(folder / "few", Size(40, 200, days=7), now), _made(folder / "many", Size(120, 900, days=180), now)
    yield few, many
    few.store.close()
    many.store.close()


def test_a_filled_year_is_whole(years: tuple[Year, Year]) -> None:
    few, _many = years
    with few.store.reading() as db:
        verdict = trail.verify(db, [], None)
        states = set(db.exec(select(Broadcast.state)).all())
        reports = db.exec(select(func.count()).select_from(StoredReport)).one()
        asked = db.exec(select(func.sum(ReportLine.receivers))).one()
        receivers = db.exec(select(func.count()).select_from(Receiver)).one()
        said = sum(views.said(receiver) is not None for receiver in db.exec(select(Receiver)).all())
    assert verdict.found is None
    assert verdict.entries > 100
    assert states >= {"draft", "submitted", "returned", "approved", "done", "cancelled"}
    assert receivers == few.made.receivers == 40
    assert said == 39  # one is not installed yet
    assert reports == few.made.reports >= 200
    assert asked >= reports


def test_nothing_comes_from_a_loudspeaker_after_it_was_seen_last(years: tuple[Year, Year]) -> None:
    _few, many = years
    with many.store.reading() as db:
        away = {row.id: row.seen_at for row in db.exec(select(Receiver).where(col(Receiver.online).is_(False)))}
        told = [(one.receiver_id, one.received_at) for one in db.exec(select(StoredReport))]
        told += [(one.receiver_id, one.at) for one in db.exec(select(ReceiverSample))]
    assert len(away) > 3
    late = {who for who, at in told if (seen_at := away.get(who)) is not None and at > seen_at}
    assert late == set()


def test_nobody_did_anything_that_is_still_to_come(years: tuple[Year, Year]) -> None:
    for year in years:
        with year.store.reading() as db:
            assert db.exec(select(func.max(AuditEntry.at))).one() <= addresses.CLOCK.now()


def test_a_database_with_something_in_it_is_refused(years: tuple[Year, Year]) -> None:
    few, _many = years
    with pytest.raises(NotEmptyError):
        fill(few.store, addresses.CLOCK.now(), Size(), producer=None, say=lambda _step, _done: None)


def test_every_page_and_list_takes_the_same_queries_however_many_rows_there_are(years: tuple[Year, Year]) -> None:
    few, many = (asyncio.run(_queries(year)) for year in years)
    more = {route: (few[route], many[route]) for route in few.keys() & many.keys() if many[route] > few[route]}
    assert not more
    assert len(few.keys() & many.keys()) > 120


async def _queries(year: Year) -> dict[str, int]:
    """By route, but for what is read in pieces as it is taken away."""
    clock = ManualClock(addresses.CLOCK.now())
    with year.store.reading() as db:
        asked = [one for one in addresses.addresses(db, clock.now()) if one.route not in addresses.WHOLE]
    seen: list[str] = []

    def note(*args: object) -> None:
        seen.append(str(args[2]))

    found = {}
    app = application(year.store, year.folder, clock)
    async with Visitors(app, year.made.password, addresses.READERS) as visitors:
        event.listen(Engine, "before_cursor_execute", note)
        for one in asked:
            seen.clear()
            if await visitors.get(one.reader, one.path) is not None:
                found[one.route] = len(seen)
        event.remove(Engine, "before_cursor_execute", note)
    return found


def test_what_is_made_up_could_have_been_typed(years: tuple[Year, Year]) -> None:
    few, _many = years
    with few.store.reading() as db:
        made = db.exec(select(Broadcast.order, Broadcast.rrule, Broadcast.until_local)).all()
    assert {order for order, _rrule, _until in made} == {0}  # so that it can be moved and edited as what people made
    assert {until is not None for _order, rrule, until in made if rrule} == {True}  # and approved
