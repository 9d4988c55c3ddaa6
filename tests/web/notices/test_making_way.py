"""What is worked out for notices keeps nobody from writing: the database is locked for short writes alone."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from broadcast.clock import ManualClock
from broadcast.wire.documents import Fault, ReceiverState
from scheduler.aside import ASIDE_US
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep import intake
from scheduler.notices import service
from scheduler.notices.models import Kind, Notice
from scheduler.notices.schemas import ChoiceIn
from scheduler.people.actor import Actor
from scheduler.reports import digest
from scheduler.reports.models import ReportBook, ReportSubscription
from scheduler.reports.service import BRING_WITHIN
from scheduler.rights import Role
from scheduler.store.engine import Store
from tests.web.pages.test_reports import airing
from web.notices.call import Caller
from web.notices.courier import Courier
from web.notices.mail import Mailer, parsed
from web.settings import Settings

READERS = 3
LONG = re.compile(r"\b(report_(line|airing|day)|receiver|rolegrant)\b")
"""Tables that are read for what is told, and never while others may not write."""


class Watched:
    """What is asked of the database, as long as it looks."""

    def __init__(self) -> None:
        self.read_in_writing: list[str] = []
        self.reads_of_lines = 0
        self.writings = 0

    def look(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        writes = connection.get_execution_options()["loa_writes"]
        self.writings += statement == "BEGIN IMMEDIATE"
        if not statement.startswith("SELECT") or LONG.search(statement) is None:
            return
        self.reads_of_lines += "report_line" in statement
        if writes:
            self.read_in_writing.append(statement)


@pytest.fixture
def watched(store: Store) -> Iterator[Watched]:
    one = Watched()
    event.listen(store._engine, "before_cursor_execute", one.look)
    yield one
    event.remove(store._engine, "before_cursor_execute", one.look)


@pytest.fixture
def urgent() -> list[bool]:
    """Whether something urgent goes on, as asked from now on; nothing once it is empty."""
    return []


@pytest.fixture
def courier(store: Store, clock: ManualClock, urgent: list[bool]) -> Courier:
    settings = Settings(public_url="https://centre.example", smtp_url=None)
    mailer = Mailer(parsed("smtps://127.0.0.1:1"))

    def is_urgent() -> bool:
        return bool(urgent) and urgent.pop(0)

    return Courier(store, clock, settings, mailer=mailer, caller=Caller(), urgent=is_urgent)


@pytest.fixture
def readers(store: Store, places: Any, clock: ManualClock, add_person: Callable[..., Actor]) -> list[Actor]:
    """Some who want to know of the commune's faults and mornings; a day of sixty bulletins of which it missed all."""
    people = [add_person(f"reader-{number}", places.leng, Role.VIEWER) for number in range(READERS)]
    now = clock.now()
    with store.writing() as db:
        for one in people:
            service.choose(db, one, now, ChoiceIn(address=f"{one.login}@x.example", kinds=[Kind.FAULT]))
            db.add(ReportSubscription(user_id=one.user_id, zone_id=places.leng, since=now))
        for number in range(60):
            start = now - timedelta(days=1, minutes=number)
            airing(db, places, start, {places.leng_1: 0, places.leng_2: 2})
    return people


async def past_the_day(store: Store, clock: ManualClock) -> None:
    await clock.advance(BRING_WITHIN)
    now = clock.now()
    with store.writing() as db:
        db.merge(ReportBook(id=1, opened_until=now, reported_until=now, claimed_until=now))


def told(store: Store) -> list[Notice]:
    with store.reading() as db:
        return list(db.exec(select(Notice).order_by(Notice.id)))


@pytest.mark.usefixtures("readers")
async def test_a_digest_is_worked_out_once_for_all_and_not_while_others_may_not_write(
    store: Store, clock: ManualClock, courier: Courier, watched: Watched
) -> None:
    await past_the_day(store, clock)
    watched.writings = 0
    await courier.look_round()
    found = told(store)
    assert [row.kind for row in found] == [Kind.DIGEST] * READERS
    assert {len(row.data["missed"]) for row in found} == {digest.MOST}
    assert {(row.data["airings"], row.data["heard"], row.data["more"]) for row in found} == {(120, 60, 10)}
    assert {(row.data["villages"], row.data["silent_villages"]) for row in found} == {(2, 1)}
    assert watched.read_in_writing == []
    assert watched.reads_of_lines == 2  # the sums, and the lines that are told
    assert watched.writings == READERS


@pytest.mark.usefixtures("readers")
async def test_faults_are_told_in_one_short_write(
    store: Store, places: Any, clock: ManualClock, courier: Courier, watched: Watched
) -> None:
    state = ReceiverState(online=True, at_us=1, faults=(Fault(code="gpio"),))
    with store.writing() as db:
        for number in range(60):
            db.add(Receiver(id=f"R{number}", zone_id=places.leng_1, name="Loa", online=True))
        db.flush()
        intake.write_said(db, {f"R{number}": state for number in range(60)}, clock.now())
    await clock.advance(timedelta(hours=1))
    watched.writings, watched.read_in_writing = 0, []
    await courier.look_round()
    found = told(store)
    assert [(row.kind, len(row.data["faults"]), row.data["more"]) for row in found] == [(Kind.FAULT, 50, 10)] * READERS
    assert watched.read_in_writing == []
    assert watched.writings == 1
    await courier.look_round()
    assert len(told(store)) == READERS


@pytest.mark.usefixtures("readers")
async def test_while_something_is_urgent_the_rest_waits_but_not_for_ever(
    store: Store, clock: ManualClock, courier: Courier, urgent: list[bool]
) -> None:
    await past_the_day(store, clock)
    urgent += [False, False, False, True]  # it comes when one reader was told
    await courier.look_round()
    assert len(told(store)) == 1
    urgent += [True] * 10
    await courier.look_round()
    assert len(told(store)) == 1
    await clock.advance(timedelta(microseconds=ASIDE_US))
    await courier.look_round()
    assert len(told(store)) == READERS
