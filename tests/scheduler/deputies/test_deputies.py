"""Who approves in whose place, and until when."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from scheduler.broadcasts import service as broadcasts
from scheduler.broadcasts.models import Broadcast
from scheduler.deputies import service
from scheduler.deputies.lending import lent
from scheduler.deputies.schemas import DeputyIn
from scheduler.errors import Forbidden, Invalid, Problem
from scheduler.people import signin
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant, User
from scheduler.rights import Grant, Role
from scheduler.workflow import Event, NotPossible, State


def again(commune: Any, actor: Actor) -> Actor:
    """The same person in their next request."""
    with commune.store.reading() as db:
        return signin.actor_of(db, db.get_one(User, actor.user_id))


def named(commune: Any, deputy: Actor, *, by: Actor | None = None, days: float = 7, **other: Any) -> Any:
    asked = {"deputy_id": deputy.user_id, "zone_id": commune.places.leng, "until": commune.now + timedelta(days=days)}
    with commune.store.writing() as db:
        return service.name(db, by or commune.leader, commune.now, DeputyIn.model_validate(asked | other))


@pytest.fixture
def helper(commune: Any, add_person: Any) -> Actor:
    """Somebody of the commune with no right of their own but to look."""
    person: Actor = add_person("helper", commune.places.leng, Role.VIEWER)
    return person


def approve(commune: Any, who: Actor, waiting: Any, at: datetime | None = None) -> Any:
    with commune.store.writing() as db:
        return broadcasts.approve(db, who, at or commune.now, waiting.id, version=waiting.version)


def test_a_deputy_approves_while_it_lasts_and_it_is_said_for_whom(commune: Any, helper: Actor) -> None:
    waiting = commune.submitted()
    with pytest.raises(Forbidden):
        approve(commune, helper, waiting)
    made = named(commune, helper)
    assert made.counts
    done = approve(commune, again(commune, helper), waiting)
    assert (done.state, done.approver_name, done.on_behalf_of) == (State.APPROVED, "Helper", ["Leader"])
    late = commune.submitted(commune.draft(when="2026-12-20T17:00"))
    with pytest.raises(Forbidden):
        approve(commune, again(commune, helper), late, commune.later(days=7))


def test_whoever_may_approve_themselves_does_so_in_their_own_name(commune: Any, add_person: Any) -> None:
    other = add_person("other", commune.places.leng, Role.APPROVER)
    named(commune, other)
    assert approve(commune, again(commune, other), commune.submitted()).on_behalf_of == []


def test_neither_the_deputy_nor_the_one_in_whose_place_wrote_it(commune: Any, helper: Actor, add_person: Any) -> None:
    both = add_person("both", commune.places.leng, Role.EDITOR, Role.APPROVER)
    named(commune, helper, by=both)
    made = commune.saved(by=both)
    with commune.store.writing() as db:
        waiting = broadcasts.submit(db, both, commune.now, made.id, version=made.version)
    with commune.store.reading() as db:
        assert Event.APPROVE not in broadcasts.view(db, again(commune, helper), commune.now, made.id).possible
    with pytest.raises(Forbidden):
        approve(commune, again(commune, helper), waiting)
    named(commune, commune.official, by=both)
    with pytest.raises(NotPossible, match="does not approve"):
        approve(commune, again(commune, commune.official), commune.submitted())


def test_it_ends_with_the_role_with_the_account_and_by_hand(commune: Any, helper: Actor) -> None:
    waiting = commune.submitted()
    made = named(commune, helper)
    with commune.store.writing() as db:
        db.get_one(User, commune.leader.user_id).disabled = True
    assert again(commune, helper).grants == helper.grants
    with commune.store.writing() as db:
        db.get_one(User, commune.leader.user_id).disabled = False
        assert service.end(db, again(commune, helper), commune.now, made.id).ended_at == commune.now
    assert again(commune, helper).grants == helper.grants
    named(commune, helper)
    with commune.store.writing() as db:
        for row in db.exec(select(RoleGrant).where(RoleGrant.user_id == commune.leader.user_id)).all():
            db.delete(row)
    with pytest.raises(Forbidden):
        approve(commune, again(commune, helper), waiting)


def test_a_deputy_passes_nothing_on(commune: Any, helper: Actor, add_person: Any) -> None:
    third = add_person("third", commune.places.leng, Role.VIEWER)
    named(commune, helper)
    with pytest.raises(Forbidden):
        named(commune, third, by=again(commune, helper))


@pytest.mark.parametrize(
    ("who", "days", "field"), [("leader", 7, "deputy_id"), ("stranger", 7, "deputy_id"), ("official", 500, "until")]
)
def test_who_and_how_long(commune: Any, who: str, days: int, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        named(commune, getattr(commune, who), days=days)
    assert refused.value.field == field


def test_administrators_name_for_others_but_never_themselves(commune: Any, helper: Actor, add_person: Any) -> None:
    boss = add_person("boss", commune.places.leng, Role.ADMINISTRATOR)
    leader = commune.leader.user_id
    assert named(commune, helper, by=boss, principal_id=leader).principal_name == "Leader"
    with pytest.raises(Problem):
        named(commune, boss, by=boss, principal_id=leader)
    with pytest.raises(Problem):
        named(commune, helper, by=commune.stranger, principal_id=leader)
    with commune.store.reading() as db:
        assert [one.deputy_name for one in service.index(db, boss, commune.now)] == ["Helper"]
        assert service.index(db, commune.stranger, commune.now) == []


def test_what_is_lent_is_where_both_reach_and_as_long_as_both_last(now: datetime) -> None:
    later, soon = now + timedelta(days=2), now + timedelta(days=1)
    wide = lent("P", path="/p/", until=later, role_path="/p/leng/", role_until=soon)
    assert wide == Grant(Role.APPROVER, "leng", soon, on_behalf_of="P")
    narrow = lent("P", path="/p/leng/v/", until=soon, role_path="/p/", role_until=None)
    assert narrow == Grant(Role.APPROVER, "v", soon, on_behalf_of="P")
    assert lent("P", path="/p/van/", until=soon, role_path="/p/leng/", role_until=None) is None


def test_what_was_approved_before_stays_approved(commune: Any, helper: Actor) -> None:
    made = named(commune, helper)
    done = approve(commune, again(commune, helper), commune.submitted())
    with commune.store.writing() as db:
        service.end(db, commune.leader, commune.now, made.id)
    with commune.store.reading() as db:
        assert db.get_one(Broadcast, done.id).state == State.APPROVED


def test_the_last_of_many_by_name_is_found_and_named(
    commune: Any, helper: Actor, add_person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_CANDIDATES", 2)
    last = add_person("zzz", commune.places.leng_1, Role.VIEWER)
    with commune.store.writing() as db:
        db.get_one(User, last.user_id).name = "Zơ Râm Đẳng"
    with commune.store.reading() as db:
        first, _ = service.candidates(db, commune.leader, commune.now)
        assert last.user_id not in {one.id for one in first}
        for typed in ("dang", "râm đẳng", "ZZ"):
            found, _ = service.candidates(db, commune.leader, commune.now, typed=typed)
            assert [one.id for one in found] == [last.user_id], typed
        assert service.candidates(db, commune.leader, commune.now, typed="râm đang") == ([], [])
        assert service.candidates(db, commune.leader, commune.now, typed="strang") == ([], [])
    assert named(commune, last).deputy_name == "Zơ Râm Đẳng"
    with commune.store.writing() as db:
        db.get_one(User, helper.user_id).disabled = True
    with pytest.raises(Invalid):
        named(commune, helper)
