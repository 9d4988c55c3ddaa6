"""`loa user`: people, from the centre's own shell. What is done here is audited as done by Loa itself."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlmodel import Session

from scheduler.errors import NotFound
from scheduler.people import repository, service
from scheduler.people.models import User
from scheduler.people.schemas import GrantNew, UserNew, UserView
from scheduler.people.signin import machine
from scheduler.rights import Role
from web.cli.opened import clock, store
from web.cli.places import zone_named

app = typer.Typer(no_args_is_help=True, help="People. Exit codes: 0 done, 1 refused (the reason is said), 2 usage.")

Login = Annotated[str, typer.Argument(help="Login name.")]
Where = Annotated[str, typer.Option("--zone", help="A zone's id or code; the role holds there and below.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command()
def add(
    login: Login,
    zone: Where,
    role: Annotated[Role, typer.Option(help="What the person may do there.")],
    name: Annotated[str | None, typer.Option(help="As it is shown to others.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a person with a role; prints the one-time password."""
    password, password_hash = service.one_time()
    with store() as opened, opened.writing() as db:
        zone_id = zone_named(db, zone).id
        actor, now = machine(db), clock.now()
        new = UserNew(login=login, name=name or login, zone_id=zone_id)
        user = service.create_user(db, actor, now, new, password_hash)
        service.give_role(db, actor, now, GrantNew(user_id=user.id, zone_id=zone_id, role=role))
    _tell_password(login, password, as_json=as_json)


@app.command()
def password(login: Login, as_json: AsJson = False) -> None:
    """Give a new one-time password; ends the person's sessions and takes the second factor off."""
    one_time, password_hash = service.one_time()
    with store() as opened, opened.writing() as db:
        service.reset_password(db, machine(db), clock.now(), _user(db, login).id, password_hash)
    _tell_password(login, one_time, as_json=as_json)


@app.command()
def grant(login: Login, zone: Where, role: Annotated[Role, typer.Option(help="What the person may do there.")]) -> None:
    """Give a person another role."""
    with store() as opened, opened.writing() as db:
        new = GrantNew(user_id=_user(db, login).id, zone_id=zone_named(db, zone).id, role=role)
        service.give_role(db, machine(db), clock.now(), new)
    print(f"{login} is {role.value} in {zone} now.")


@app.command("list")
def list_people(as_json: AsJson = False) -> None:
    """Show people and their roles."""
    with store() as opened, opened.reading() as db:
        people = service.user_views(db, service.list_users(db, machine(db), clock.now(), limit=10_000))
    if as_json:
        print(json.dumps([person.model_dump(mode="json") for person in people], ensure_ascii=False, indent=2))
        return
    table = Table("login", "name", "roles", "state")
    for person in people:
        roles = ", ".join(f"{held.role.value} in {held.zone_name}" for held in person.grants)
        table.add_row(person.login, person.name, roles, _state(person))
    Console().print(table)


def _state(person: UserView) -> str:
    if person.disabled:
        return "disabled"
    return "one-time password" if person.must_change_password else "active"


def _user(db: Session, login: str) -> User:
    found = repository.user_by_login(db, login.casefold())
    if found is None:
        raise NotFound("not_found", "There is nobody with the login name %(login)s.", login=login)
    return found


def _tell_password(login: str, one_time: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"login": login, "one_time_password": one_time}))
    else:
        print(f"{login} signs in once with {one_time} and then chooses a password.")
