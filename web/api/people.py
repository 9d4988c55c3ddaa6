"""People and their roles: /api/v1/users, /api/v1/grants, /api/v1/invitations, /api/v1/audit.

What gives rights or takes over an account takes `code`, of the second factor of whoever asks.
"""

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from sqlmodel import Session
from starlette.responses import StreamingResponse

from scheduler.days import Moment
from scheduler.people import exporting, invitations, service, sessions, trail
from scheduler.people.actor import Actor
from scheduler.people.schemas import (
    AuditList,
    CodeProof,
    GrantList,
    GrantNew,
    GrantView,
    InvitationCode,
    InvitationList,
    InvitationNew,
    InvitationView,
    OneTimePassword,
    SessionList,
    UserChange,
    UserCreated,
    UserList,
    UserNew,
    UserView,
)
from scheduler.rights import Action
from web.auth import CurrentActor, Now, ReadDb, TheCentre, WriteDb, needs
from web.centre import Centre
from web.conditional import IfMatch, give_etag
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses
from web.proving import Anew

router = APIRouter(
    prefix="/api/v1",
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
people_routes = APIRouter(tags=["people"])
audit_routes = APIRouter(tags=["audit"])
GIVES = responses(HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
NO_CODE = CodeProof()
Limit = Annotated[int, Query(ge=1, le=500)]
After = Annotated[str | None, Query(max_length=80, description="`next` of the page before.")]


@people_routes.get("/users", dependencies=[needs(Action.USER_READ)])
def list_users(db: ReadDb, actor: CurrentActor, now: Now, after: After = None, limit: Limit = 100) -> UserList:
    """The people of the zones that you administer, by login name."""
    users = service.list_users(db, actor, now, after=after, limit=limit + 1)
    shown = users[:limit]
    return UserList(items=service.user_views(db, shown), next=shown[-1].login if len(users) > limit else None)


@people_routes.post("/users", status_code=HTTPStatus.CREATED, responses=GIVES)
def create_user(body: UserNew, response: Response, anew: Anew, actor: CurrentActor, now: Now) -> UserCreated:
    """An account without roles yet, and its one-time password.

    Not repeatable by Idempotency-Key, since the password is kept nowhere; a second account with this login is refused.
    """
    password, password_hash = service.one_time()

    def act(db: Session) -> UserView:
        return service.user_views(db, [service.create_user(db, actor, now, body, password_hash)])[0]

    view = anew(body.code, act, "user.create", f"login:{body.login}")
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
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
) -> UserView:
    """Rename, move, disable or, with a `code`, enable an account; disabling ends its sessions and tokens at once."""

    def act(db: Session) -> UserView:
        return service.user_views(db, [service.change_user(db, actor, now, user_id, version=version, change=body)])[0]

    def needed(db: Session) -> bool:
        return service.enables(db, user_id, body)

    view = anew(body.code, act, "user.enable", f"user:{user_id}", needed=needed)
    give_etag(response, view.version)
    return view


@people_routes.post(
    "/users/{user_id}/one-time-password",
    status_code=HTTPStatus.CREATED,
    responses=responses(HTTPStatus.TOO_MANY_REQUESTS),
)
def reset_password(
    user_id: str, anew: Anew, actor: CurrentActor, now: Now, body: CodeProof = NO_CODE
) -> OneTimePassword:
    """A new one-time password for someone who lost theirs; takes off the second factor and ends sessions and tokens."""
    password, password_hash = service.one_time()

    def act(db: Session) -> None:
        service.reset_password(db, actor, now, user_id, password_hash)

    anew(body.code, act, "user.reset_password", f"user:{user_id}")
    return OneTimePassword(one_time_password=password)


@people_routes.get("/grants")
def list_grants(db: ReadDb, actor: CurrentActor, now: Now, user_id: Annotated[str, Query(max_length=26)]) -> GrantList:
    """The roles of one person."""
    return GrantList(items=service.roles_of(db, actor, now, user_id))


@people_routes.post("/grants", status_code=HTTPStatus.CREATED, responses=GIVES)
def give_role(body: GrantNew, anew: Anew, actor: CurrentActor, now: Now, once: CreateOnce) -> GrantView:
    """Give a person a role in a zone that you administer and all zones below it."""

    def act(db: Session) -> GrantView:
        return once(db, now, lambda: service.give_role(db, actor, now, body))

    return anew(body.code, act, "role.give", f"user:{body.user_id}")


@people_routes.delete("/grants/{grant_id}", status_code=HTTPStatus.NO_CONTENT, responses=responses(HTTPStatus.CONFLICT))
def take_role(grant_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """End a role at once."""
    service.take_role(db, actor, now, grant_id)


def asked_of(
    *,
    text: Annotated[str, Query(max_length=200, description="Words; without diacritics they find any.")] = "",
    user_id: Annotated[str | None, Query(max_length=26, description="Who did it; empty for Loa itself.")] = None,
    zone_id: Annotated[str | None, Query(max_length=26, description="There and below.")] = None,
    action: Annotated[str | None, Query(max_length=60, examples=["zone"], description="Or a kind of them.")] = None,
    subject: Annotated[str | None, Query(max_length=120, examples=["zone:01KB3CWZ5M4Q7R8S9TAVBXCYDZ"])] = None,
    since: Annotated[Moment | None, Query()] = None,
    until: Annotated[Moment | None, Query()] = None,
) -> trail.Asked:
    return trail.Asked(
        text=text, user_id=user_id, zone_id=zone_id, action=action, subject=subject, since=since, until=until
    )


AuditAsked = Annotated[trail.Asked, Depends(asked_of)]


@audit_routes.get("/audit", dependencies=[needs(Action.AUDIT_READ)])
def list_audit(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    asked: AuditAsked,
    before: Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the page before.")] = None,
    limit: Limit = 100,
) -> AuditList:
    """Who did what in the zones where you may read that, latest first."""
    entries = trail.page(db, actor, now, asked, before=before, limit=limit + 1)
    shown = entries[:limit]
    return AuditList(items=shown, next=shown[-1].number if len(entries) > limit else None)


@audit_routes.get(
    "/audit.jsonl",
    dependencies=[needs(Action.AUDIT_READ)],
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "One entry a line, with its hashes."}},
)
def export_audit(centre: TheCentre, actor: CurrentActor, now: Now, asked: AuditAsked) -> StreamingResponse:
    """The same as a file that proves itself, oldest first: `loa audit verify --file` checks it."""
    return jsonl(centre, actor, now, asked)


def jsonl(centre: Centre, actor: Actor, now: datetime, asked: trail.Asked) -> StreamingResponse:
    """The answer with the file."""

    def lines() -> Iterator[bytes]:
        with centre.store.reading() as db:
            whole = asked == trail.Asked() and trail.whole(db, actor, now)
            key = centre.trust.order_key if centre.trust is not None else None
            views = trail.export(db, actor, now, asked)
            yield from exporting.json_lines(views, whole=whole, now=now, key=key)

    return _file(lines(), "application/x-ndjson", "loa-audit.jsonl")


def table(centre: Centre, actor: Actor, now: datetime, asked: trail.Asked) -> StreamingResponse:
    """The answer with the table for a spreadsheet."""

    def lines() -> Iterator[bytes]:
        with centre.store.reading() as db:
            yield from exporting.table(trail.export(db, actor, now, asked))

    return _file(lines(), "text/csv; charset=utf-8", "loa-audit.csv")


def _file(lines: Iterator[bytes], kind: str, name: str) -> StreamingResponse:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(lines, media_type=kind, headers=headers)


@people_routes.get("/invitations", dependencies=[needs(Action.USER_READ)])
def list_invitations(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> InvitationList:
    """The open invitations of your zones, newest first."""
    found = invitations.listed(db, actor, now, before=before, limit=limit + 1)
    return InvitationList(items=found[:limit], next=found[limit - 1].id if len(found) > limit else None)


@people_routes.post("/invitations", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.TOO_MANY_REQUESTS))
def invite(body: InvitationNew, anew: Anew, actor: CurrentActor, now: Now) -> InvitationCode:
    """Keep a place for somebody, who makes their account at /join with the code.

    Not repeatable by Idempotency-Key, since the code is kept nowhere.
    """
    code = invitations.new_code()

    def act(db: Session) -> InvitationView:
        return invitations.invite(db, actor, now, body, code)

    view = anew(body.code, act, "invitation.make", f"zone:{body.zone_id}")
    return InvitationCode(**dict(view), code=code.typed)


@people_routes.post("/invitations/{invitation_id}/code", status_code=HTTPStatus.CREATED, responses=GIVES)
def renew_invitation(
    invitation_id: str, anew: Anew, actor: CurrentActor, now: Now, body: CodeProof = NO_CODE
) -> InvitationCode:
    """Another code in place of the old one, for another week."""
    code = invitations.new_code()

    def act(db: Session) -> InvitationView:
        return invitations.renew(db, actor, now, invitation_id, code)

    view = anew(body.code, act, "invitation.renew", f"invitation:{invitation_id}")
    return InvitationCode(**dict(view), code=code.typed)


@people_routes.delete(
    "/invitations/{invitation_id}", status_code=HTTPStatus.NO_CONTENT, responses=responses(HTTPStatus.CONFLICT)
)
def withdraw_invitation(invitation_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """The code is worth nothing from now on."""
    invitations.withdraw(db, actor, now, invitation_id)


@people_routes.get("/users/{user_id}/sessions")
def list_sessions_of(user_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> SessionList:
    """Where somebody whose account you manage is signed in."""
    return SessionList(items=sessions.of(db, actor, now, user_id)[0])


@people_routes.delete("/users/{user_id}/sessions", status_code=HTTPStatus.NO_CONTENT)
def end_sessions_of(user_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """End all their sign-ins and tokens at once."""
    sessions.end_all(db, actor, now, user_id)


@people_routes.delete("/users/{user_id}/sessions/{session_id}", status_code=HTTPStatus.NO_CONTENT)
def end_session_of(user_id: str, session_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """End one of their sign-ins at once."""
    sessions.end(db, actor, now, user_id, session_id)


for routes in (people_routes, audit_routes):
    router.include_router(routes)
