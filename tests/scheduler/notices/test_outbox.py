"""What is taken to be delivered: the most urgent first, and nothing for who may not be told any more."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from broadcast.wire.documents import Fault, ReceiverState
from broadcast.wire.now import Purpose
from scheduler.broadcasts import service as broadcasts
from scheduler.deputies import service as deputies
from scheduler.deputies.schemas import DeputyIn
from scheduler.emergency.models import EmergencyOrder, OrderTarget
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep import intake
from scheduler.notices import outbox, rounds, service, spreading
from scheduler.notices.models import Channel, Kind, Notice, NoticeChoice, NoticeEvent, NoticeState
from scheduler.notices.schemas import ChoiceIn
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant, User
from scheduler.rights import Role
from scheduler.store.types import new_id
from scheduler.zones import repository as zones

MAIL = (Channel.MAIL,)


def chosen(commune: Any, *people: Actor) -> None:
    with commune.store.writing() as db:
        for who in people:
            service.choose(db, who, commune.now, ChoiceIn(address=f"{who.login}@x.example", kinds=list(Kind)))


def ended(db: Session, who: Actor, until: datetime) -> None:
    db.exec(select(RoleGrant).where(RoleGrant.user_id == who.user_id)).one().until = until


def emergency(commune: Any) -> None:
    """In Trà Leng, to be told."""
    order_id = new_id(commune.now)
    with commune.store.writing() as db:
        db.add(
            EmergencyOrder(
                id=order_id, purpose=Purpose.REAL, state="issued", zone_path=None, parts=[], reason="Lũ",
                asked_at=commune.now, lapses_at=commune.now,
            )
        )  # fmt: skip
        db.flush()
        db.add(OrderTarget(order_id=order_id, zone_id=commune.places.leng))
        db.add(NoticeEvent(kind=Kind.EMERGENCY, subject=f"order:{order_id}", zone_path="", at=commune.now))


def spread(commune: Any, now: datetime) -> set[str]:
    """The logins that are to be told."""
    with commune.store.writing() as db:
        spreading.spread(db, now, MAIL)
        return set(db.exec(select(User.login).join(Notice, col(Notice.user_id) == User.id)))


def taken(commune: Any, now: datetime) -> list[tuple[str, Kind]]:
    """Everything that is due, in its order."""
    found = []
    with commune.store.writing() as db:
        while (job := outbox.take(db, now, Channel.MAIL)) is not None:
            found.append((job.to, job.kind))
    return found


def left(commune: Any) -> list[tuple[NoticeState, int, str | None]]:
    with commune.store.reading() as db:
        return [(row.state, row.tries, row.trouble) for row in db.exec(select(Notice)).all()]


def test_whose_role_has_ended_is_told_of_no_emergency(commune: Any) -> None:
    chosen(commune, commune.official, commune.leader)
    with commune.store.writing() as db:
        ended(db, commune.official, commune.later(days=-1))
        ended(db, commune.leader, commune.later(days=1))
    emergency(commune)
    assert spread(commune, commune.now) == {"leader"}


def test_who_was_a_deputy_is_told_of_no_emergency(commune: Any, add_person: Callable[..., Actor]) -> None:
    helper = add_person("helper", commune.places.leng, Role.VIEWER, at=commune.places.van)
    chosen(commune, helper)
    till = commune.later(days=2)
    with commune.store.writing() as db:
        asked = DeputyIn(deputy_id=helper.user_id, zone_id=commune.places.leng, until=till)
        deputies.name(db, commune.leader, commune.now, asked)
    emergency(commune)
    assert spread(commune, till) == set()
    emergency(commune)
    assert spread(commune, commune.now) == {"helper"}


def test_whose_role_has_ended_is_not_told_what_became_of_their_plan(commune: Any) -> None:
    chosen(commune, commune.official)
    commune.approved()
    with commune.store.writing() as db:
        ended(db, commune.official, commune.now)
    assert spread(commune, commune.now) == set()


@pytest.mark.parametrize("kind", [Kind.EMERGENCY, Kind.APPROVED])
def test_whose_right_ends_before_it_is_delivered_is_not_told(commune: Any, kind: Kind) -> None:
    chosen(commune, commune.official)
    if kind is Kind.EMERGENCY:
        emergency(commune)
    else:
        commune.approved()
    assert spread(commune, commune.now) == {"official"}
    with commune.store.writing() as db:
        ended(db, commune.official, commune.later(minutes=1))
    assert taken(commune, commune.later(minutes=1)) == []
    assert left(commune) == [(NoticeState.GIVEN_UP, 0, outbox.NO_RIGHT)]
    with commune.store.reading() as db:
        assert service.standing_trouble(db, Channel.MAIL) is None


def test_who_is_not_the_approver_any_more_is_not_told_that_something_waits(commune: Any) -> None:
    chosen(commune, commune.leader)
    commune.submitted()
    assert spread(commune, commune.now) == {"leader"}
    with commune.store.writing() as db:
        db.exec(select(RoleGrant).where(RoleGrant.user_id == commune.leader.user_id)).one().role = "viewer"
    assert taken(commune, commune.now) == []


def test_what_waits_is_told_to_the_approver_of_its_places_whoever_sends_it(commune: Any) -> None:
    chosen(commune, commune.leader, commune.stranger)
    made = commune.saved(commune.draft(zone_ids=[commune.places.van_1]), by=commune.operator)
    with commune.store.writing() as db:
        made = broadcasts.submit(db, commune.operator, commune.now, made.id, version=made.version)
    assert spread(commune, commune.now) == {"stranger"}
    assert taken(commune, commune.now) == [("stranger@x.example", Kind.WAITING)]


def test_what_was_decided_before_it_is_delivered_waits_for_nobody(commune: Any) -> None:
    chosen(commune, commune.leader)
    made = commune.submitted()
    assert spread(commune, commune.now) == {"leader"}
    with commune.store.writing() as db:
        broadcasts.approve(db, commune.leader, commune.now, made.id, version=made.version)
    assert taken(commune, commune.now) == []


@pytest.mark.parametrize("kind", [Kind.WAITING, Kind.APPROVED, Kind.DIGEST])
def test_where_a_zone_stands_when_it_is_delivered_counts(commune: Any, kind: Kind) -> None:
    places, whom = commune.places, commune.leader if kind is Kind.WAITING else commune.official
    chosen(commune, whom)
    if kind is Kind.DIGEST:
        path = f"/{places.province}/{places.leng}/"
        event = NoticeEvent(kind=kind, subject="digest", zone_path=path, at=commune.now)
        with commune.store.writing() as db:
            spreading.add(db, commune.now, event, {}, user_id=whom.user_id)
    else:
        _made = commune.submitted() if kind is Kind.WAITING else commune.approved()
        assert spread(commune, commune.now) == {whom.login}
    with commune.store.writing() as db:
        zones.rebase(db, f"/{places.province}/{places.leng}/", f"/{places.van}/{places.leng}/")
    assert taken(commune, commune.now) == [(f"{whom.login}@x.example", kind)]


def fault_in_both(commune: Any, whom: Actor) -> None:
    """A mail to `whom`, who sees both communes, of a fault in each."""
    places = commune.places
    state = ReceiverState(online=True, at_us=1, faults=(Fault(code="gpio"),))
    with commune.store.writing() as db:
        intake.write_said(db, {f"R{key[1:]}": state for key in (places.leng_1, places.van_1)}, commune.now)
    rounds.lasting_faults(commune.store, commune.later(hours=1), MAIL, timedelta(minutes=30))
    with commune.store.reading() as db:
        [notice] = db.exec(select(Notice).where(Notice.user_id == whom.user_id))
        assert len(notice.data["faults"]) == 2


@pytest.mark.parametrize("kept", ["leng", "van", None])
def test_of_faults_those_are_told_that_are_seen_still(
    commune: Any, add_person: Callable[..., Actor], kept: str | None
) -> None:
    places, now = commune.places, commune.later(hours=1)
    helper = add_person("helper", places.leng, Role.VIEWER)
    with commune.store.writing() as db:
        db.add(RoleGrant(id=new_id(now), user_id=helper.user_id, zone_id=places.van, role=Role.VIEWER.value))
    chosen(commune, helper)
    fault_in_both(commune, helper)
    with commune.store.writing() as db:
        for grant in db.exec(select(RoleGrant).where(RoleGrant.user_id == helper.user_id)):
            grant.until = None if kept and grant.zone_id == getattr(places, kept) else now
    with commune.store.writing() as db:
        job = outbox.take(db, now, Channel.MAIL)
    if kept is None:
        assert job is None
    else:
        assert job is not None
        told = [fault["receiver_id"] for fault in job.data["faults"]]
        assert told == [f"R{getattr(places, kept + '_1')[1:]}"]


def test_the_fault_of_a_receiver_that_stands_elsewhere_now_is_not_told(commune: Any) -> None:
    chosen(commune, commune.stranger)
    places = commune.places
    state = ReceiverState(online=True, at_us=1, faults=(Fault(code="gpio"),))
    receiver_id = f"R{places.van_1[1:]}"
    with commune.store.writing() as db:
        intake.write_said(db, {receiver_id: state}, commune.now)
    rounds.lasting_faults(commune.store, commune.later(hours=1), MAIL, timedelta(minutes=30))
    with commune.store.writing() as db:
        db.get_one(Receiver, receiver_id).zone_id = places.leng_1
    assert taken(commune, commune.later(hours=1)) == []
    assert left(commune) == [(NoticeState.GIVEN_UP, 0, outbox.NO_RIGHT)]


@pytest.mark.parametrize("gone", ["account", "address"])
def test_without_an_account_or_an_address_nobody_is_told(commune: Any, gone: str) -> None:
    chosen(commune, commune.official)
    emergency(commune)
    spread(commune, commune.now)
    with commune.store.writing() as db:
        if gone == "account":
            db.get_one(User, commune.official.user_id).disabled = True
        else:
            db.delete(db.get_one(NoticeChoice, commune.official.user_id))
    assert taken(commune, commune.now) == []
    assert left(commune) == [(NoticeState.GIVEN_UP, 0, outbox.NO_ADDRESS)]


def test_emergencies_go_first_and_nobody_without_the_right_holds_them_up(commune: Any) -> None:
    chosen(commune, commune.official, commune.leader, commune.stranger)
    with commune.store.writing() as db:
        service.try_out(db, commune.stranger, commune.now)
    commune.approved()
    spread(commune, commune.now)
    emergency(commune)
    assert spread(commune, commune.now + timedelta(seconds=1)) == {"official", "leader", "stranger"}
    with commune.store.writing() as db:
        ended(db, commune.official, commune.later(minutes=1))
    assert taken(commune, commune.later(minutes=1)) == [
        ("leader@x.example", Kind.EMERGENCY),
        ("stranger@x.example", Kind.TRIAL),
    ]
