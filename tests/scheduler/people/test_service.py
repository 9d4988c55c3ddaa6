from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from scheduler.deputies import service as deputies
from scheduler.deputies.schemas import DeputyIn
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Stale
from scheduler.people import service, signin, trail
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry, RoleGrant, User
from scheduler.people.schemas import GrantNew, UserChange, UserNew
from scheduler.rights import Action, Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id

AddPerson = Callable[..., Actor]


@pytest.fixture
def admin(add_person: AddPerson, places: Any) -> Actor:
    """Administrator of commune Trà Leng."""
    return add_person("admin", places.leng, Role.ADMINISTRATOR)


def refused(store: Store, work: Callable[[Session], object]) -> Problem:
    with pytest.raises(Problem) as caught, store.writing() as db:
        work(db)
    return caught.value


def give(actor: Actor, now: datetime, user_id: str, zone_id: str, role: Role = Role.EDITOR) -> Callable[[Session], Any]:
    return lambda db: service.give_role(db, actor, now, GrantNew(user_id=user_id, zone_id=zone_id, role=role))


def test_an_administrator_makes_accounts_in_their_own_area_only(
    store: Store, admin: Actor, now: datetime, places: Any
) -> None:
    def make(zone_id: str) -> Callable[[Session], User]:
        new = UserNew(login="LAN.traleng ", name=" <b>Lan</b> ", zone_id=zone_id)
        return lambda db: service.create_user(db, admin, now, new, "hash")

    for outside in (places.province, places.van, places.van_1):
        assert isinstance(refused(store, make(outside)), Forbidden)
    assert isinstance(refused(store, make("no-such-zone")), NotFound)
    with store.writing() as db:
        user = make(places.leng_1)(db)
        assert (user.login, user.name, user.must_change_password) == ("lan.traleng", "<b>Lan</b>", True)
    assert refused(store, make(places.leng_2)).code == "login_taken"


def test_whoever_is_no_administrator_makes_nobody(
    store: Store, now: datetime, places: Any, add_person: AddPerson
) -> None:
    new = UserNew(login="x1", name="X", zone_id=places.leng)
    for role in set(Role) - {Role.ADMINISTRATOR}:
        actor = add_person(f"{role.value}-of-leng", places.leng, role)
        assert isinstance(refused(store, lambda db: service.create_user(db, actor, now, new, "hash")), Forbidden)  # noqa: B023


def test_people_are_seen_where_they_belong(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    inside, outside = add_person("hoa", places.leng_2), add_person("minh", places.van)
    with store.reading() as db:
        assert [user.login for user in service.list_users(db, admin, now)] == ["admin", "hoa"]
        assert [user.login for user in service.list_users(db, admin, now, after="admin")] == ["hoa"]
        assert [user.login for user in service.list_users(db, admin, now, limit=1)] == ["admin"]
        assert service.list_users(db, inside, now) == []
        assert service.user_for(db, inside, now, inside.user_id).login == "hoa"
        for actor, user_id in ((admin, outside.user_id), (inside, admin.user_id), (admin, "nobody")):
            with pytest.raises(NotFound):
                service.user_for(db, actor, now, user_id)


def test_a_role_is_given_only_below_oneself_and_never_to_oneself(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    hoa, minh = add_person("hoa", places.leng_1), add_person("minh", places.van)
    for role in Role:
        assert isinstance(refused(store, give(admin, now, hoa.user_id, places.province, role)), Forbidden)
        assert isinstance(refused(store, give(admin, now, hoa.user_id, places.van_1, role)), Forbidden)
        assert refused(store, give(admin, now, admin.user_id, places.leng, role)).code == "own_role"
    assert isinstance(refused(store, give(admin, now, minh.user_id, places.leng)), NotFound)
    with store.writing() as db:
        view = give(admin, now, hoa.user_id, places.leng)(db)
        assert (view.role, view.zone_name, view.until) == (Role.EDITOR, "Trà Leng", None)
        hoa = signin.actor_of(db, db.get_one(User, hoa.user_id))
        assert hoa.may(Action.BROADCAST_EDIT, f"/{places.province}/{places.leng}/{places.leng_2}/", now)
    assert refused(store, give(admin, now, hoa.user_id, places.leng)).code == "role_there"


def test_a_role_can_end_by_itself_but_not_in_the_past(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    hoa = add_person("hoa", places.leng)
    over = GrantNew(user_id=hoa.user_id, zone_id=places.leng, role=Role.VIEWER, until=now)
    assert isinstance(refused(store, lambda db: service.give_role(db, admin, now, over)), Invalid)
    soon = over.model_copy(update={"until": now + timedelta(days=1)})
    with store.writing() as db:
        service.give_role(db, admin, now, soon)
        hoa = signin.actor_of(db, db.get_one(User, hoa.user_id))
    assert hoa.zones_for(Action.ZONE_READ, now) == (places.leng,)
    assert hoa.zones_for(Action.ZONE_READ, now + timedelta(days=1)) == ()


def test_a_role_is_taken_only_in_ones_own_area(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    chief = add_person("chief", places.province, Role.ADMINISTRATOR)
    hoa = add_person("hoa", places.leng, Role.EDITOR)
    with store.reading() as db:
        hoas, chiefs = (service.grant_views(db, [user.user_id])[0].id for user in (hoa, chief))
    assert isinstance(refused(store, lambda db: service.take_role(db, admin, now, chiefs)), NotFound)
    assert isinstance(refused(store, lambda db: service.take_role(db, hoa, now, hoas)), NotFound)
    with store.writing() as db:
        service.take_role(db, admin, now, hoas)
    with store.reading() as db:
        assert service.grant_views(db, [hoa.user_id]) == []
    assert isinstance(refused(store, lambda db: service.take_role(db, admin, now, hoas)), NotFound)


def test_the_last_administrator_of_the_whole_stays(
    store: Store, now: datetime, places: Any, add_person: AddPerson
) -> None:
    chief = add_person("chief", places.province, Role.ADMINISTRATOR)
    with store.reading() as db:
        grant_id = service.grant_views(db, [chief.user_id])[0].id
        machine = signin.machine(db)
    assert refused(store, lambda db: service.take_role(db, chief, now, grant_id)).code == "last_administrator"
    change = UserChange(disabled=True)
    for actor, code in ((chief, "own_account"), (machine, "last_administrator")):
        problem = refused(
            store,
            lambda db: service.change_user(db, actor, now, chief.user_id, version=1, change=change),  # noqa: B023
        )
        assert (type(problem), problem.code) == (Conflict, code)
    add_person("deputy", places.province, Role.ADMINISTRATOR)
    with store.writing() as db:
        service.take_role(db, chief, now, grant_id)


def test_nobody_takes_over_an_account_that_reaches_further_than_they_do(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    duty = add_person("duty", places.leng, Role.OPERATOR, at=places.province)
    reset = refused(store, lambda db: service.reset_password(db, admin, now, duty.user_id, "hash"))
    change = UserChange(disabled=True)
    disable = refused(store, lambda db: service.change_user(db, admin, now, duty.user_id, version=1, change=change))
    assert (type(reset), type(disable)) == (Forbidden, Forbidden)


def test_nobody_takes_over_an_account_that_approves_elsewhere_as_a_deputy(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    chief = add_person("chief", places.province, Role.APPROVER)
    hoa = add_person("hoa", places.leng_1, Role.VIEWER)
    asked = DeputyIn(deputy_id=hoa.user_id, zone_id=places.province, until=now + timedelta(days=7))
    with store.writing() as db:
        deputies.name(db, chief, now, asked)

    def reset(at: datetime) -> Callable[[Session], User]:
        return lambda db: service.reset_password(db, admin, at, hoa.user_id, "hash")

    assert isinstance(refused(store, reset(now)), Forbidden)
    with store.reading() as db:
        view = service.user_views(db, [service.user_for(db, admin, now, hoa.user_id)])[0]
        over = now + timedelta(days=7)
        assert (service.manages(db, admin, now, view), service.manages(db, admin, over, view)) == (False, True)
    with store.writing() as db:
        assert reset(over)(db).must_change_password


def test_a_role_keeps_others_from_an_account_until_it_ends(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    hoa = add_person("hoa", places.leng, Role.EDITOR)
    end = now + timedelta(days=1)
    with store.writing() as db:
        db.add(RoleGrant(id=new_id(now), user_id=hoa.user_id, zone_id=places.province, role="viewer", until=end))
    assert isinstance(refused(store, lambda db: service.managed(db, admin, now, hoa.user_id)), Forbidden)
    with store.writing() as db:
        view = service.user_views(db, [service.managed(db, admin, end, hoa.user_id)])[0]
        assert (service.manages(db, admin, now, view), service.manages(db, admin, end, view)) == (False, True)


def test_a_lost_password_is_replaced_and_everything_open_ends(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    hoa = add_person("hoa", places.leng, Role.EDITOR)
    credentials = signin.Credentials("hoa", "một mật khẩu đủ dài", "10.0.0.1")
    cookie = signin.sign_in(store, now, credentials, timedelta(hours=12)).cookie
    password, password_hash = service.one_time()
    with store.writing() as db:
        service.reset_password(db, admin, now, hoa.user_id, password_hash)
    with store.reading() as db:
        assert signin.known_by_cookie(db, now, cookie) is None
    again = signin.sign_in(store, now, replace_password(credentials, password), timedelta(hours=12))
    assert again.actor.must_change_password
    assert again.actor.zones_for(Action.ZONE_READ, now) == ()


def replace_password(credentials: signin.Credentials, password: str) -> signin.Credentials:
    return signin.Credentials(credentials.login, password, credentials.address)


def test_two_administrators_do_not_overwrite_each_other(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    hoa = add_person("hoa", places.leng)
    with store.writing() as db:
        service.change_user(db, admin, now, hoa.user_id, version=1, change=UserChange(name="Trần Thị Hoa"))
    late = UserChange(name="Hoa")
    stale = refused(store, lambda db: service.change_user(db, admin, now, hoa.user_id, version=1, change=late))
    assert isinstance(stale, Stale)
    with store.reading() as db:
        assert db.get_one(User, hoa.user_id).name == "Trần Thị Hoa"


def test_an_account_moves_only_within_ones_own_area(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    hoa = add_person("hoa", places.leng)

    def move(zone_id: str, version: int) -> Callable[[Session], User]:
        change = UserChange(zone_id=zone_id)
        return lambda db: service.change_user(db, admin, now, hoa.user_id, version=version, change=change)

    assert isinstance(refused(store, move(places.van, 1)), Forbidden)
    with store.writing() as db:
        assert move(places.leng_2, 1)(db).zone_id == places.leng_2


def test_who_did_what_is_kept_and_read_in_ones_own_area(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    hoa, minh = add_person("hoa", places.leng), add_person("minh", places.van, Role.APPROVER)
    with store.writing() as db:
        give(admin, now, hoa.user_id, places.leng_1)(db)
        service.change_user(db, admin, now, hoa.user_id, version=1, change=UserChange(name="Hoa Trần"))
    with store.reading() as db:
        entries = trail.page(db, admin, now, trail.Asked(subject=f"user:{hoa.user_id}"))
        assert [(entry.action, entry.user_name) for entry in entries] == [
            ("user.change", "Admin"),
            ("role.give", "Admin"),
        ]
        assert entries[0].detail == {"name": "Hoa Trần"}
        assert [
            entry.action for entry in trail.page(db, admin, now, trail.Asked(), before=entries[0].number, limit=1)
        ] == ["role.give"]
        assert all(places.van in (entry.zone_path or "") for entry in trail.page(db, minh, now, trail.Asked()))
        assert trail.page(db, hoa, now, trail.Asked()) == []
        assert "hash" not in repr([entry.detail for entry in db.exec(select(AuditEntry)).all()])


def test_an_actor_of_the_machine_manages_every_account(store: Store, now: datetime, add_person: AddPerson) -> None:
    with store.writing() as db:
        db.add(User(id="u", login="root", name="Root", password_hash="", created_at=now))
        db.flush()
        machine = signin.machine(db)
        assert service.reset_password(db, machine, now, "u", "hash").password_hash == "hash"
    assert isinstance(
        refused(store, lambda db: service.reset_password(db, replace(machine, user_id="x"), now, "u", "hash")), NotFound
    )


def test_somebody_administers_the_whole_on_every_day_to_come(
    store: Store, now: datetime, places: Any, add_person: AddPerson
) -> None:
    one, two = (add_person(login, places.province, Role.ADMINISTRATOR) for login in ("one", "two"))
    with store.reading() as db:
        of_one, of_two = (service.grant_views(db, [actor.user_id])[0].id for actor in (one, two))

    def end(actor: Actor, grant_id: str, days: int) -> Callable[[Session], None]:
        return lambda db: service.change_role_end(db, actor, now, grant_id, now + timedelta(days=days))

    with store.writing() as db:
        end(two, of_one, 30)(db)
    assert refused(store, end(one, of_two, 60)).code == "last_administrator"
    assert refused(store, end(two, of_two, 10)).code == "own_role"
    with store.writing() as db:
        end(two, of_one, 90)(db)
    assert refused(store, end(one, of_two, 60)).code == "last_administrator"
    assert refused(store, end(two, of_one, -1)).code == "until_past"


def test_whose_role_has_ended_is_not_the_last_administrator(
    store: Store, now: datetime, places: Any, add_person: AddPerson
) -> None:
    one, two = (add_person(login, places.province, Role.ADMINISTRATOR) for login in ("one", "two"))
    with store.writing() as db:
        [held] = service.grant_views(db, [two.user_id])
        service.change_role_end(db, one, now, held.id, now + timedelta(days=30))
        july = now + timedelta(days=31)
        user = service.change_user(db, one, july, two.user_id, version=1, change=UserChange(disabled=True))
        assert user.disabled
        service.take_role(db, one, july, held.id)


def test_nobody_takes_the_last_role_without_an_end_from_whoever_administers_the_whole(
    store: Store, now: datetime, places: Any, add_person: AddPerson
) -> None:
    one, two = (add_person(login, places.province, Role.ADMINISTRATOR) for login in ("one", "two"))
    with store.writing() as db:
        of_one, of_two = (service.grant_views(db, [actor.user_id])[0].id for actor in (one, two))
        service.change_role_end(db, one, now, of_two, now + timedelta(days=30))
    change = UserChange(disabled=True)
    assert refused(store, lambda db: service.take_role(db, two, now, of_one)).code == "last_administrator"
    disabling = refused(store, lambda db: service.change_user(db, two, now, one.user_id, version=1, change=change))
    assert disabling.code == "last_administrator"
    with store.writing() as db:
        service.take_role(db, one, now, of_two)


def test_a_closed_accounts_role_is_taken_where_another_administers(
    store: Store, now: datetime, places: Any, add_person: AddPerson
) -> None:
    one, two = (add_person(login, places.province, Role.ADMINISTRATOR) for login in ("one", "two"))
    with store.writing() as db:
        service.change_user(db, one, now, two.user_id, version=1, change=UserChange(disabled=True))
        service.take_role(db, one, now, service.grant_views(db, [two.user_id])[0].id)
