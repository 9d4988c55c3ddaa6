"""Who is told of what, once."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from scheduler.broadcasts import service as broadcasts
from scheduler.fleet.upkeep.models import FaultRecord
from scheduler.live.asking import Terms
from scheduler.notices import patience, rounds, service, spreading
from scheduler.notices.models import Channel, Kind, Notice, NoticeEvent
from scheduler.notices.schemas import ChoiceIn
from scheduler.relays import service as relays
from scheduler.relays.schemas import RelayIn
from scheduler.store.types import new_id

BOTH = (Channel.MAIL, Channel.HOOK)


@pytest.fixture
def listening(commune: Any) -> Any:
    """Everybody of the commune, and a stranger, want to know everything."""
    with commune.store.writing() as db:
        for who in (commune.official, commune.leader, commune.operator, commune.stranger):
            service.choose(db, who, commune.now, ChoiceIn(address=f"{who.login}@x.example", kinds=list(Kind)))
    return commune


def spread(commune: Any, channels: Any = BOTH) -> set[tuple[Kind, str]]:
    """What came of the events since this was asked last."""
    names = {one.user_id: one for one in (commune.official, commune.leader, commune.operator)}
    with commune.store.writing() as db:
        while spreading.spread(db, commune.now, channels):
            pass
        rows = db.exec(select(Notice).order_by(col(Notice.id))).all()
        found = {(row.kind, names[row.user_id].login if row.user_id in names else "?") for row in rows}
        for row in rows:
            db.delete(row)
        return found


def test_what_waits_is_told_to_who_may_approve_and_its_end_to_its_author(listening: Any) -> None:
    waiting = listening.submitted()
    assert spread(listening) == {(Kind.WAITING, "leader")}
    with listening.store.writing() as db:
        broadcasts.give_back(db, listening.leader, listening.now, waiting.id, "Sai", version=waiting.version)
    assert spread(listening) == {(Kind.RETURNED, "official")}


def test_what_was_decided_before_it_was_told_is_not_told_as_waiting(listening: Any) -> None:
    listening.approved()
    assert spread(listening) == {(Kind.APPROVED, "official")}


def test_a_centre_without_mail_keeps_nothing_for_later(listening: Any) -> None:
    listening.submitted()
    assert spread(listening, (Channel.HOOK,)) == set()
    with listening.store.reading() as db:
        assert db.exec(select(NoticeEvent)).all() == []


def test_a_fault_is_told_once_when_it_has_lasted(listening: Any) -> None:
    receiver_id = f"R{listening.places.leng_1[1:]}"
    lasting = timedelta(minutes=30)

    def look(minutes: float) -> int:
        with listening.store.writing() as db:
            return rounds.lasting_faults(db, listening.later(minutes=minutes), BOTH, lasting)

    assert look(0) == 0
    with listening.store.writing() as db:
        at = listening.later(minutes=1)
        db.add(FaultRecord(id=new_id(at), receiver_id=receiver_id, code="unreachable", since=at))
    assert [look(minutes) for minutes in (20, 30, 32, 33)] == [0, 0, 1, 0]
    assert spread(listening) == {(Kind.FAULT, "official"), (Kind.FAULT, "leader"), (Kind.FAULT, "operator")}


def test_tries_come_apart_and_end(commune: Any) -> None:
    waits = [patience.next_try(commune.now, tries, commune.now) for tries in (1, 2, 3, 20)]
    assert waits == [commune.later(minutes=minutes) for minutes in (1, 2, 4, 60)]
    assert patience.next_try(commune.now, 80, commune.later(days=3)) is None


def test_a_relay_is_told_of_as_a_broadcast_is(listening: Any) -> None:
    terms = Terms(frozenset({"stream.example"}))
    asked = {
        "zone_id": listening.places.leng, "title": "VOV1", "source_url": "https://stream.example/a", "limit_min": 15,
        "when": {"starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-24"},
        "zone_ids": [listening.places.leng],
    }  # fmt: skip
    with listening.store.writing() as db:
        made = relays.create(db, listening.official, listening.now, RelayIn.model_validate(asked), terms)
        made = relays.submit(db, listening.official, listening.now, made.id, terms=terms, version=made.version)
    assert spread(listening) == {(Kind.WAITING, "leader")}
    with listening.store.writing() as db:
        made = relays.approve(db, listening.leader, listening.now, made.id, terms=terms, version=made.version)
        relays.give_back(db, listening.leader, listening.now, made.id, "Sai", terms=terms, version=made.version)
    assert spread(listening) == {(Kind.APPROVED, "official"), (Kind.RETURNED, "official")}
