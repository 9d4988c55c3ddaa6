"""Faults from what receivers say, and what people do about them, on both databases."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from broadcast.clock import to_us
from broadcast.wire.documents import DataUse, Fault, PowerState, ReceiverState, SignalState
from scheduler.errors import Conflict, Forbidden, NotFound
from scheduler.fleet import intake as states
from scheduler.fleet import service as receivers
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep import intake, service
from scheduler.fleet.upkeep.models import FaultRecord
from scheduler.fleet.upkeep.records import UNREACHABLE
from scheduler.fleet.upkeep.schemas import Act, FaultOut, Show
from scheduler.people import trail
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.rights import Role
from scheduler.store.engine import Store

MINUTE = timedelta(minutes=1)


class Fleet:
    """Two receivers of Trà Leng and one of Trà Vân, and somebody who looks after those of Trà Leng."""

    def __init__(self, store: Store, places: Any, now: datetime, operator: Actor) -> None:
        self.store, self.now, self.operator = store, now, operator
        with store.writing() as db:
            for receiver_id, zone_id in (("r1", places.leng_1), ("r2", places.leng_2), ("r3", places.van_1)):
                db.add(Receiver(id=receiver_id, zone_id=zone_id, name=receiver_id, enrolled_at=now, online=True))

    def says(self, *codes: str, at: timedelta = timedelta(0), receiver_id: str = "r1", **more: Any) -> None:
        faults = tuple(Fault(code=code, detail="as it is", since_us=to_us(self.now + at)) for code in codes)
        said = {receiver_id: ReceiverState(online=True, at_us=1, faults=faults, **more)}
        with self.store.writing() as db:
            states.write_states(db, said)
            intake.write_said(db, said, self.now + at)

    def looks(self, at: timedelta, *, online: bool) -> set[str]:
        with self.store.writing() as db:
            states.write_online(db, ["r1"], online=online)
            states.write_seen(db, ["r1", "r2", "r3"], self.now)
            return intake.write_unreachable(db, self.now + at)

    def faults(self, show: Show = Show.OPEN, actor: Actor | None = None) -> list[FaultOut]:
        with self.store.reading() as db:
            return service.faults(db, actor or self.operator, self.now, show).items

    def does(self, act: Act, *, actor: Actor | None = None, at: timedelta = timedelta(0)) -> int:
        fault_ids = [fault.id for fault in self.faults()]
        with self.store.writing() as db:
            return service.act(db, actor or self.operator, self.now + at, fault_ids, act).changed


@pytest.fixture
def fleet(store: Store, places: Any, now: datetime, add_person: Callable[..., Actor]) -> Fleet:
    return Fleet(store, places, now, add_person("truc", places.leng, Role.OPERATOR))


def test_a_stop_at_the_loudspeaker_itself_is_noted_once_each_time(fleet: Fleet) -> None:
    for minute, codes in enumerate((["stopped_locally"], ["stopped_locally", "gpio"], ["gpio"], ["stopped_locally"])):
        fleet.says(*codes, at=minute * MINUTE)
    with fleet.store.reading() as db:
        found = db.exec(select(AuditEntry).where(AuditEntry.action == "receiver.local_stop")).all()
        noted = trail.page(db, fleet.operator, fleet.now, trail.Asked(action="receiver.local_stop"))
    assert [(row.subject, row.at - fleet.now, row.user_id) for row in found] == [
        ("receiver:r1", 0 * MINUTE, None),
        ("receiver:r1", 3 * MINUTE, None),
    ]
    assert [row.detail for row in noted] == 2 * [{"name": "r1"}]


def test_a_fault_stays_on_the_list_until_somebody_resets_it(fleet: Fleet) -> None:
    fleet.says("disk_full", "gpio")
    fleet.says("gpio", at=MINUTE)
    holds, over = fleet.faults()
    assert (holds.code, holds.until) == ("gpio", None)
    assert (over.code, over.until) == ("disk_full", fleet.now + MINUTE)
    assert [fault.code for fault in fleet.faults(Show.OVER)] == ["disk_full"]
    with fleet.store.writing() as db:
        assert service.reset_over(db, fleet.operator, fleet.now + 2 * MINUTE).changed == 1
    assert [fault.code for fault in fleet.faults()] == ["gpio"]
    [done] = fleet.faults(Show.RESET)
    assert done.reset is not None
    assert (done.code, done.reset.at, done.reset.name) == ("disk_full", fleet.now + 2 * MINUTE, fleet.operator.name)


def test_what_holds_is_acknowledged_and_silenced_but_never_reset(fleet: Fleet) -> None:
    fleet.says("gpio")
    with pytest.raises(Conflict, match="holds still"):
        fleet.does(Act.RESET)
    assert (fleet.does(Act.ACKNOWLEDGE), fleet.does(Act.SILENCE, at=MINUTE)) == (1, 1)
    assert fleet.does(Act.ACKNOWLEDGE, at=2 * MINUTE) == 0
    [fault] = fleet.faults()
    assert fault.acknowledged is not None
    assert fault.silenced is not None
    assert (fault.acknowledged.at, fault.silenced.at, fault.reset) == (fleet.now, fleet.now + MINUTE, None)
    with fleet.store.reading() as db:
        assert service.calling(db, fleet.operator, fleet.now) == 0
        acts = db.exec(select(AuditEntry.action).where(col(AuditEntry.action).startswith("fault."))).all()
    assert sorted(acts) == ["fault.acknowledge", "fault.silence"]


def test_what_comes_back_calls_again_and_after_a_reset_is_new(fleet: Fleet) -> None:
    fleet.says("gpio")
    fleet.does(Act.ACKNOWLEDGE)
    fleet.does(Act.SILENCE)
    fleet.says(at=MINUTE)
    fleet.says("gpio", at=2 * MINUTE)
    [again] = fleet.faults()
    assert (again.times, again.until, again.silenced, again.since) == (2, None, None, fleet.now)
    assert again.acknowledged is not None
    fleet.says(at=3 * MINUTE)
    fleet.does(Act.RESET)
    fleet.says("gpio", at=4 * MINUTE)
    [new] = fleet.faults()
    assert (new.times, new.acknowledged, new.since) == (1, None, fleet.now + 4 * MINUTE)
    assert new.id != again.id


def test_who_cannot_be_reached_is_a_fault_within_100_s_and_hides_no_other(fleet: Fleet) -> None:
    fleet.says("gpio")
    assert fleet.looks(MINUTE, online=False) == set()
    assert fleet.looks(MINUTE + timedelta(seconds=30), online=False) == {"r1"}
    assert fleet.looks(2 * MINUTE, online=False) == set()
    assert {(fault.code, fault.until) for fault in fleet.faults()} == {("gpio", None), (UNREACHABLE, None)}
    assert fleet.looks(3 * MINUTE, online=True) == {"r1"}
    assert fleet.looks(5 * MINUTE, online=False) == {"r1"}
    [lost] = [fault for fault in fleet.faults() if fault.code == UNREACHABLE]
    assert (lost.times, lost.until, lost.since) == (2, None, fleet.now)


def test_who_is_shut_out_has_no_fault_that_holds(fleet: Fleet, places: Any, add_person: Callable[..., Actor]) -> None:
    administrator = add_person("chu", places.leng, Role.ADMINISTRATOR)
    fleet.says("gpio", "disk_full")
    fleet.says("memory", receiver_id="r2")
    fleet.looks(2 * MINUTE, online=False)
    with fleet.store.writing() as db:
        receivers.revoke(db, administrator, fleet.now + 3 * MINUTE, "r1")
    ended = {(fault.code, fault.until) for fault in fleet.faults(Show.OVER)}
    assert ended == {(code, fleet.now + 3 * MINUTE) for code in ("gpio", "disk_full", UNREACHABLE)}
    assert [fault.receiver_id for fault in fleet.faults(Show.HOLDS)] == ["r2"]
    fleet.says("gpio", "battery", at=4 * MINUTE)  # before the broker has put it out
    assert fleet.looks(5 * MINUTE, online=False) == {"r1"}
    assert [fault.receiver_id for fault in fleet.faults(Show.HOLDS)] == ["r2"]
    with fleet.store.writing() as db:
        assert service.reset_over(db, fleet.operator, fleet.now + 6 * MINUTE).changed == 4


def test_a_wrong_clock_begins_no_fault_in_the_future(fleet: Fleet) -> None:
    said = {"r1": ReceiverState(online=True, at_us=1, faults=(Fault(code="gpio", since_us=to_us(fleet.now) * 2),))}
    with fleet.store.writing() as db:
        intake.write_said(db, said, fleet.now)
    assert [fault.since for fault in fleet.faults()] == [fleet.now]


def test_nobody_sees_or_ends_faults_of_other_places(
    fleet: Fleet, places: Any, add_person: Callable[..., Actor]
) -> None:
    stranger = add_person("xa", places.van, Role.OPERATOR)
    helper = add_person("thon", places.leng_1, Role.VIEWER)
    fleet.says("gpio")
    fleet.says("disk", receiver_id="r3")
    assert [fault.code for fault in fleet.faults()] == ["gpio"]
    assert [fault.code for fault in fleet.faults(actor=stranger)] == ["disk"]
    assert [fault.may_act for fault in fleet.faults(actor=helper)] == [False]
    with pytest.raises(NotFound):
        fleet.does(Act.ACKNOWLEDGE, actor=stranger)
    with pytest.raises(Forbidden):
        fleet.does(Act.ACKNOWLEDGE, actor=helper)


def test_one_sample_in_a_quarter_of_an_hour(fleet: Fleet) -> None:
    measured: dict[str, Any] = {
        "signal": SignalState(kind="lte", percent=63.0, dbm=-87.0),
        "power": PowerState(on_mains=False, battery_percent=78.0),
        "data": DataUse(month_bytes=312_000_000),
    }
    fleet.says(temperature_c=40.0, **measured)
    fleet.says(temperature_c=41.0, at=14 * MINUTE, **measured)
    fleet.says(temperature_c=42.0, at=15 * MINUTE, **measured)
    with fleet.store.reading() as db:
        first, second = service.samples(db, fleet.operator, fleet.now, "r1").items
    assert (first.temperature_c, second.temperature_c) == (40.0, 42.0)
    assert (first.signal_percent, first.battery_percent, first.month_bytes) == (63.0, 78.0, 312_000_000)
    assert (first.on_mains, first.level_dbfs) == (False, None)


def test_the_list_asks_the_database_as_often_for_many_as_for_few(fleet: Fleet) -> None:
    def asked() -> int:
        with fleet.store.reading() as db:
            said: list[str] = []
            event.listen(db.connection(), "before_cursor_execute", lambda *args: said.append(args[2]))
            service.faults(db, fleet.operator, fleet.now)
            return len(said)

    fleet.says("gpio")
    few = asked()
    fleet.says("gpio", "disk", "memory", receiver_id="r2")
    assert asked() == few
    with fleet.store.reading() as db:
        assert len(db.exec(select(FaultRecord)).all()) == 4
