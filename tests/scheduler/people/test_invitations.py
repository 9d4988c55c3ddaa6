"""Joining by a code."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from scheduler.errors import Conflict, Forbidden, Invalid, Problem, TooMany
from scheduler.people import invitations, service, signin, trail
from scheduler.people.actor import Actor
from scheduler.people.invitations import Code
from scheduler.people.models import Invitation, User
from scheduler.people.schemas import InvitationNew, InvitationView, JoinInput
from scheduler.people.signin import Place
from scheduler.rights import Action, Role
from scheduler.store.engine import Store

PASSWORD = "bốn từ thường nối nhau"
DAY = timedelta(hours=12)
HERE = Place("10.0.0.1", "Firefox")


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    """What a code does is the same on every database."""
    return sqlite_store


@pytest.fixture
def admin(add_person: Callable[..., Actor], places: Any) -> Actor:
    return add_person("admin", places.leng, Role.ADMINISTRATOR)


def asked(zone_id: str, until: datetime | None = None, role: Role = Role.EDITOR) -> InvitationNew:
    roles = [{"zone_id": zone_id, "role": role, "until": until}]
    return InvitationNew.model_validate({"name": "Hồ Thị Lan", "zone_id": zone_id, "roles": roles})


def invited(
    store: Store, actor: Actor, now: datetime, zone_id: str, until: datetime | None = None
) -> tuple[InvitationView, Code]:
    code = invitations.new_code()
    with store.writing() as db:
        return invitations.invite(db, actor, now, asked(zone_id, until), code), code


def joining(code: str, login: str = "lan") -> JoinInput:
    return JoinInput(code=code, login=login, password=PASSWORD)


def refusal(work: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        work()
    return refused.value


def test_a_code_makes_one_account_with_its_roles_until_their_end(
    store: Store, admin: Actor, places: Any, now: datetime
) -> None:
    until = now + timedelta(days=30)
    view, code = invited(store, admin, now, places.leng, until)
    assert (view.usable, view.by_name, view.zone_name) == (True, "Admin", "Trà Leng")
    welcome = invitations.look(store, now, f" {code.typed.upper()} ", "10.0.0.1")
    assert (welcome.name, [role.role for role in welcome.roles]) == ("Hồ Thị Lan", [Role.EDITOR])
    signed_in = invitations.join(store, now, joining(code.typed), HERE, DAY)
    actor = signed_in.actor
    assert (actor.name, actor.must_change_password) == ("Hồ Thị Lan", False)
    with store.reading() as db:
        village = service.roles_of(db, actor, now, actor.user_id)
        assert [(grant.zone_id, grant.role, grant.until) for grant in village] == [(places.leng, Role.EDITOR, until)]
        assert signin.known_by_cookie(db, now, signed_in.cookie) is not None
        assert invitations.listed(db, admin, now) == []
        said = [entry.action for entry in trail.page(db, admin, now, trail.Asked(action="invitation"))]
    assert said == ["invitation.use", "invitation.make"]
    assert refusal(lambda: invitations.join(store, now, joining(code.typed, "other"), HERE, DAY)).field == "code"


def test_the_code_stands_nowhere(store: Store, admin: Actor, places: Any, now: datetime) -> None:
    view, code = invited(store, admin, now, places.leng)
    with store.reading() as db:
        row = db.get_one(Invitation, view.id)
        assert code.typed.rpartition("-")[2] not in repr(row.model_dump())
        assert code.typed not in repr(trail.page(db, admin, now, trail.Asked()))


def test_five_wrong_tries_close_the_code_until_a_new_one_is_made(
    store: Store, admin: Actor, places: Any, now: datetime
) -> None:
    view, code = invited(store, admin, now, places.leng)
    for number in range(invitations.TRIES):
        guess = partial(invitations.look, store, now, f"{code.selector}-wrongg", f"10.0.0.{number}")
        refused = refusal(guess)
        assert (type(refused), refused.code) == (Invalid, "wrong_invitation")
    assert refusal(lambda: invitations.look(store, now, code.typed, "10.0.1.1")).code == "wrong_invitation"
    with store.reading() as db:
        assert [(one.usable, one.locked) for one in invitations.listed(db, admin, now)] == [(False, True)]
    again = invitations.new_code()
    with store.writing() as db:
        assert invitations.renew(db, admin, now, view.id, again).usable
    assert invitations.look(store, now, again.typed, "10.0.1.1").name == "Hồ Thị Lan"
    assert refusal(lambda: invitations.look(store, now, code.typed, "10.0.1.1")).code == "wrong_invitation"


def test_an_address_that_guesses_waits(store: Store, admin: Actor, now: datetime) -> None:
    refused = [refusal(lambda: invitations.look(store, now, "zzzz-zzzzzz", "10.0.0.9")) for _ in range(12)]
    assert [type(problem) for problem in refused] == [Invalid] * 10 + [TooMany] * 2


def test_no_code_is_no_guess(store: Store, admin: Actor, now: datetime) -> None:
    for _ in range(12):
        assert refusal(lambda: invitations.look(store, now, " - ", "10.0.0.9")).code == "code_missing"


def test_right_codes_are_no_guesses(store: Store, admin: Actor, places: Any, now: datetime) -> None:
    _view, code = invited(store, admin, now, places.leng)
    for _ in range(12):
        assert invitations.look(store, now, code.typed, "10.0.0.9")


def test_a_code_runs_out_and_can_be_withdrawn(store: Store, admin: Actor, places: Any, now: datetime) -> None:
    view, code = invited(store, admin, now, places.leng)
    late = now + invitations.HOLDS
    assert invitations.look(store, late - timedelta(seconds=1), code.typed, "10.0.0.1")
    assert refusal(lambda: invitations.look(store, late, code.typed, "10.0.0.1")).code == "wrong_invitation"
    with store.writing() as db:
        invitations.withdraw(db, admin, now, view.id)
    assert refusal(lambda: invitations.look(store, now, code.typed, "10.0.0.2")).code == "wrong_invitation"
    with store.writing() as db:
        assert isinstance(refusal(lambda: invitations.withdraw(db, admin, now, view.id)), Conflict)


def test_an_invitation_gives_no_more_than_its_giver_may_still_give(
    store: Store, admin: Actor, places: Any, now: datetime
) -> None:
    _view, code = invited(store, admin, now, places.leng)
    with store.writing() as db:
        db.get_one(User, admin.user_id).disabled = True
    refused = refusal(lambda: invitations.join(store, now, joining(code.typed), HERE, DAY))
    assert refused.code == "invitation_void"


def test_a_taken_login_leaves_the_code_good(store: Store, admin: Actor, places: Any, now: datetime) -> None:
    _view, code = invited(store, admin, now, places.leng)
    refused = refusal(lambda: invitations.join(store, now, joining(code.typed, "admin"), HERE, DAY))
    assert (refused.code, refused.field) == ("login_taken", "login")
    assert invitations.join(store, now, joining(code.typed), HERE, DAY).actor.login == "lan"


@pytest.mark.parametrize("role", Role)
def test_who_may_invite(role: Role, store: Store, add_person: Callable[..., Actor], places: Any, now: datetime) -> None:
    actor = add_person("me", places.leng, role)
    code = invitations.new_code()
    with store.writing() as db:
        if role is Role.ADMINISTRATOR:
            assert invitations.invite(db, actor, now, asked(places.leng_1), code).usable
        else:
            with pytest.raises(Forbidden):
                invitations.invite(db, actor, now, asked(places.leng_1), code)
        with pytest.raises(Forbidden):
            invitations.invite(db, actor, now, asked(places.van), invitations.new_code())
        assert bool(invitations.listed(db, actor, now)) is actor.may(Action.USER_READ, f"/{places.leng}/", now)
