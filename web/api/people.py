"""People and their roles: /api/v1/users, /api/v1/grants, /api/v1/audit."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from scheduler.people import service
from scheduler.people.schemas import (
    AuditList,
    GrantList,
    GrantNew,
    GrantView,
    OneTimePassword,
    UserChange,
    UserCreated,
    UserList,
    UserNew,
    UserView,
)
from web.auth import CurrentActor, Now, ReadDb, TheCentre, WriteDb
from web.conditional import IfMatch, give_etag
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses

router = APIRouter(
    prefix="/api/v1",
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
people_routes = APIRouter(tags=["people"])
audit_routes = APIRouter(tags=["audit"])
Limit = Annotated[int, Query(ge=1, le=500)]
After = Annotated[str | None, Query(max_length=80, description="`next` of the page before.")]


@people_routes.get("/users")
def list_users(db: ReadDb, actor: CurrentActor, now: Now, after: After = None, limit: Limit = 100) -> UserList:
    """The people of the zones that you administer, by login name."""
    users = service.list_users(db, actor, now, after=after, limit=limit + 1)
    shown = users[:limit]
    return UserList(items=service.user_views(db, shown), next=shown[-1].login if len(users) > limit else None)


@people_routes.post("/users", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT))
def create_user(body: UserNew, response: Response, centre: TheCentre, actor: CurrentActor, now: Now) -> UserCreated:
    """An account without roles yet, and its one-time password.

    Not repeatable by Idempotency-Key, since the password is kept nowhere; a second account with this login is refused.
    """
    password, password_hash = service.one_time()
    with centre.store.writing() as db:
        user = service.create_user(db, actor, now, body, password_hash)
        view = service.user_views(db, [user])[0]
    give_etag(response, view.version)
    return UserCreated(**view.model_dump(), one_time_password=password)


@people_routes.get("/users/{user_id}")
def get_user(user_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> UserView:
    """One person of your zones, or yourself."""
    user = service.user_for(db, actor, now, user_id)
    give_etag(response, user.version)
    return service.user_views(db, [user])[0]


@people_routes.patch("/users/{user_id}", responses=EDIT_PROBLEMS)
def change_user(
    user_id: str,
    body: UserChange,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
) -> UserView:
    """Rename, move, disable or enable an account; disabling ends its sessions and tokens at once."""
    user = service.change_user(db, actor, now, user_id, version=version, change=body)
    give_etag(response, user.version)
    return service.user_views(db, [user])[0]


@people_routes.post("/users/{user_id}/one-time-password", status_code=HTTPStatus.CREATED)
def reset_password(user_id: str, centre: TheCentre, actor: CurrentActor, now: Now) -> OneTimePassword:
    """A new one-time password for someone who lost theirs; takes off the second factor and ends sessions and tokens."""
    password, password_hash = service.one_time()
    with centre.store.writing() as db:
        service.reset_password(db, actor, now, user_id, password_hash)
    return OneTimePassword(one_time_password=password)


@people_routes.get("/grants")
def list_grants(db: ReadDb, actor: CurrentActor, now: Now, user_id: Annotated[str, Query(max_length=26)]) -> GrantList:
    """The roles of one person."""
    return GrantList(items=service.roles_of(db, actor, now, user_id))


@people_routes.post("/grants", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT))
def give_role(body: GrantNew, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce) -> GrantView:
    """Give a person a role in a zone that you administer and all zones below it."""
    return once(db, now, lambda: service.give_role(db, actor, now, body))


@people_routes.delete("/grants/{grant_id}", status_code=HTTPStatus.NO_CONTENT, responses=responses(HTTPStatus.CONFLICT))
def take_role(grant_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """End a role at once."""
    service.take_role(db, actor, now, grant_id)


@audit_routes.get("/audit")
def list_audit(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    subject: Annotated[str | None, Query(max_length=120, examples=["zone:01KB3CWZ5M4Q7R8S9TAVBXCYDZ"])] = None,
    before: Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the page before.")] = None,
    limit: Limit = 100,
) -> AuditList:
    """Who did what in the zones where you may read that, latest first."""
    entries = service.list_audit(db, actor, now, subject=subject, before=before, limit=limit + 1)
    shown = entries[:limit]
    return AuditList(items=shown, next=shown[-1].id if len(entries) > limit else None)


for routes in (people_routes, audit_routes):
    router.include_router(routes)
