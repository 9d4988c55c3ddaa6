"""One time of a relay is left out, and brought back until then; its approval stays."""

from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import col, select

from scheduler.broadcasts import board
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.live.asking import Terms
from scheduler.live.models import LiveTalk
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.relays import passing, service
from scheduler.relays.models import Relay
from scheduler.relays.schemas import RelayDetail
from scheduler.rights import Grant, Role
from scheduler.workflow import State
from tests.scheduler.relays.conftest import Asked, Planned

if TYPE_CHECKING:
    from datetime import datetime

DAILY = {"starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-24"}


def left_out(commune: Any, made: RelayDetail, terms: Terms, hours: float = 9, now: float = 0) -> RelayDetail:
    """Today's unless said otherwise, by the leader."""
    with commune.store.writing() as db:
        when: datetime = commune.later(hours=hours)
        return service.cancel(db, commune.leader, commune.later(hours=now), made.id, terms, occurrence=when)


def restored(commune: Any, made: RelayDetail, terms: Terms, hours: float = 9, now: float = 0) -> RelayDetail:
    when, at = commune.later(hours=hours), commune.later(hours=now)
    with commune.store.writing() as db:
        return service.restore(db, commune.official, at, made.id, when, terms=terms, version=made.version)


def talks(commune: Any, terms: Terms, hours: float) -> int:
    with commune.store.writing() as db:
        passing.tick(db, commune.later(hours=hours), terms)
        return len(db.exec(select(LiveTalk)).all())


def state(commune: Any, made: RelayDetail) -> str:
    with commune.store.reading() as db:
        row: Relay = db.get_one(Relay, made.id)
        return row.state


def test_one_that_is_left_out_does_not_come_and_the_others_do(commune: Any, planned: Planned, terms: Terms) -> None:
    made = planned()
    without = left_out(commune, made, terms)
    assert (without.state, without.approver_name, without.version) == (State.APPROVED, "Leader", made.version + 1)
    assert (without.coming, without.skipped) == ([commune.later(hours=33)], [commune.later(hours=9)])
    assert without.when.exdates == [commune.later(hours=9)]
    with commune.store.reading() as db:
        shown = board.board(db, commune.leader, commune.now, commune.now.date()).villages
    assert [village.airings for village in shown] == [[], []]
    assert [talks(commune, terms, hours) for hours in (9.001, 33.001)] == [0, 1]
    assert state(commune, made) == State.DONE


def test_it_is_brought_back_until_then_and_both_are_on_record(commune: Any, planned: Planned, terms: Terms) -> None:
    made = planned()
    back = restored(commune, left_out(commune, made, terms), terms)
    assert (back.coming, back.skipped) == ([commune.later(hours=9), commune.later(hours=33)], [])
    assert talks(commune, terms, 9.001) == 1
    with commune.store.reading() as db:
        said = select(AuditEntry).where(AuditEntry.subject == f"relay:{made.id}").order_by(col(AuditEntry.id))
        acts = [(one.action, one.detail.get("occurrence")) for one in db.exec(said).all()]
    when = "2026-11-23T10:00:00+00:00"
    assert [one for one in acts if one[1]] == [("relay.cancel_one", when), ("relay.restore", when)]


def test_where_all_are_left_out_it_is_over_once_the_last_has_passed(
    commune: Any, planned: Planned, terms: Terms
) -> None:
    made = planned()
    left_out(commune, made, terms)
    none = left_out(commune, made, terms, hours=33)
    assert (talks(commune, terms, 9.001), state(commune, made)) == (0, State.APPROVED)
    restored(commune, none, terms, hours=33, now=10)
    again = left_out(commune, none, terms, hours=33, now=11)
    assert [one.hour for one in again.skipped] == [10]
    assert (talks(commune, terms, 33.001), state(commune, made)) == (0, State.DONE)


def test_what_is_refused(commune: Any, planned: Planned, submitted: Planned, asked: Asked, terms: Terms) -> None:
    made, waits = planned(asked(when=DAILY | {"exdates": ["2026-11-24T10:00:00Z"]})), submitted()
    for hours, now in ((8.5, 0), (33, 0), (9, 9)):
        with pytest.raises(Invalid):
            left_out(commune, made, terms, hours, now)
    with pytest.raises(Conflict, match="approved"):
        left_out(commune, waits, terms)
    without = left_out(commune, made, terms)
    with pytest.raises(Invalid):
        left_out(commune, made, terms)
    with pytest.raises(Conflict, match="not left out"):
        restored(commune, without, terms, hours=33)
    with pytest.raises(Stale):
        restored(commune, made, terms)
    with pytest.raises(Invalid, match="over"):
        restored(commune, without, terms, now=9)


def test_whoever_may_not_cancel_it_leaves_nothing_out(commune: Any, planned: Planned, terms: Terms) -> None:
    made, grant = planned(), Grant(Role.VIEWER, commune.places.leng_1)
    helper = Actor(user_id="h", login="h", name="H", language="vi", grants=(grant,))
    when = commune.later(hours=9)
    with commune.store.writing() as db:
        for actor, refusal in ((helper, Forbidden), (commune.stranger, NotFound)):
            with pytest.raises(refusal):
                service.cancel(db, actor, commune.now, made.id, terms, occurrence=when)
            with pytest.raises(refusal):
                service.restore(db, actor, commune.now, made.id, when, terms=terms, version=made.version)
    assert talks(commune, terms, 9.001) == 1


def test_what_is_approved_again_is_approved_without_it(commune: Any, planned: Planned, terms: Terms) -> None:
    """Else somebody could bring back what the second approver never saw."""
    without = left_out(commune, planned(), terms)
    with commune.store.writing() as db:
        sent, who = commune.now, commune.leader
        made = service.give_back(db, who, sent, without.id, "Sai đài", terms=terms, version=without.version)
        made = service.submit(db, commune.official, sent, made.id, terms=terms, version=made.version)
        made = service.approve(db, who, sent, made.id, terms=terms, version=made.version)
    assert (made.skipped, made.when.exdates) == ([], [commune.later(hours=9)])
    with pytest.raises(Conflict):
        restored(commune, made, terms)
    assert talks(commune, terms, 9.001) == 0


def test_an_edit_says_itself_what_is_left_out(commune: Any, planned: Planned, asked: Asked, terms: Terms) -> None:
    without = left_out(commune, planned(), terms)
    with commune.store.writing() as db:
        made = service.edit(
            db, commune.official, commune.now, without.id, asked(), terms=terms, version=without.version
        )
    assert (made.when.exdates, made.skipped) == ([], [])


def test_what_is_paused_stays_paused(commune: Any, planned: Planned, terms: Terms) -> None:
    made = planned()
    with commune.store.writing() as db:
        service.pause(db, commune.leader, commune.now, made.id, terms=terms, version=made.version)
    restored(commune, left_out(commune, made, terms), terms)
    assert talks(commune, terms, 9.001) == 0


def test_no_more_is_left_out_than_can_be_told(commune: Any, planned: Planned, asked: Asked, terms: Terms) -> None:
    many = [f"2027-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    many += [f"2028-{month:02d}-{day:02d}" for month in (1, 2, 3) for day in range(1, 29)]
    made = planned(asked(when=DAILY | {"exdates": many[:399]}))
    left_out(commune, made, terms)
    with pytest.raises(Conflict, match="Too many"):
        left_out(commune, made, terms, hours=33)
