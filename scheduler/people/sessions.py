"""Where a person is signed in, and ending that: by themselves, or by who manages their account.

What is ended is worth nothing from the next request on: every request looks its session or token up.
"""

import hashlib
from datetime import datetime

from sqlmodel import Session

from scheduler.errors import NotFound
from scheduler.people import account, audit, repository, service
from scheduler.people.actor import Actor
from scheduler.people.models import User, WebSession
from scheduler.people.schemas import SessionView, TokenView
from scheduler.people.signin import Known, scope_of

ID_LETTERS = 26


def own(db: Session, known: Known, now: datetime) -> list[SessionView]:
    """The person's own sign-ins, the one that asks marked, the one used last first."""
    rows = repository.sessions_of(db, known.actor.user_id, now)
    return [_view(row, this=row.token_sha256 == known.token_sha256) for row in rows]


def end_own(db: Session, known: Known, now: datetime, session_id: str) -> None:
    """End one of the person's own sign-ins."""
    account.by_session(known)
    user = service.user_for(db, known.actor, now, known.actor.user_id)
    _end(db, known.actor, now, user, session_id)


def of(db: Session, actor: Actor, now: datetime, user_id: str) -> tuple[list[SessionView], list[TokenView]]:
    """Sign-ins and tokens of somebody whose account the actor manages."""
    return shown(db, service.managed(db, actor, now, user_id, lock=False).id, now)


def shown(db: Session, user_id: str, now: datetime) -> tuple[list[SessionView], list[TokenView]]:
    """The same without asking who looks."""
    tokens = repository.tokens_of(db, user_id)
    views = [
        TokenView(
            id=row.id,
            name=row.name,
            scope=sorted(scope_of(row)),
            created_at=row.created_at,
            expires_at=row.expires_at,
        )
        for row in tokens
        if now < row.expires_at
    ]
    return [_view(row) for row in repository.sessions_of(db, user_id, now)], views


def end(db: Session, actor: Actor, now: datetime, user_id: str, session_id: str) -> None:
    """End one sign-in of somebody whose account the actor manages."""
    _end(db, actor, now, service.managed(db, actor, now, user_id), session_id)


def end_token(db: Session, actor: Actor, now: datetime, user_id: str, token_id: str) -> None:
    """End one token of somebody whose account the actor manages."""
    user = service.managed(db, actor, now, user_id)
    row = next((row for row in repository.tokens_of(db, user.id) if row.id == token_id), None)
    if row is None:
        raise NotFound("not_found", "There is no such token.")
    audit.record(db, actor, now, "token.delete", f"token:{row.id}", zone_path=_home(db, user), of=user.id)
    db.delete(row)


def end_all(db: Session, actor: Actor, now: datetime, user_id: str) -> None:
    """End all sign-ins and tokens of somebody whose account the actor manages."""
    user = service.managed(db, actor, now, user_id)
    repository.end_sessions_of(db, user.id)
    repository.end_tokens_of(db, user.id)
    audit.record(db, actor, now, "session.end_all", f"user:{user.id}", zone_path=_home(db, user))


def session_id(row: WebSession) -> str:
    """Names a sign-in to people; nothing can be done with it but end the sign-in."""
    return hashlib.sha256(b"session:" + row.token_sha256.encode()).hexdigest()[:ID_LETTERS]


def _end(db: Session, actor: Actor, now: datetime, user: User, wanted: str) -> None:
    row = next((row for row in repository.sessions_of(db, user.id, now) if session_id(row) == wanted), None)
    if row is None:
        raise NotFound("not_found", "This sign-in is over already.")
    audit.record(db, actor, now, "session.end", f"user:{user.id}", zone_path=_home(db, user), device=row.device)
    db.delete(row)


def _view(row: WebSession, *, this: bool = False) -> SessionView:
    return SessionView(
        id=session_id(row),
        device=row.device,
        address=row.address,
        second_factor=row.second_factor,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        this=this,
    )


def _home(db: Session, user: User) -> str | None:
    return repository.zone_path(db, user.zone_id) if user.zone_id else None
