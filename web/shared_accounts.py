"""At a practice centre everybody signs in with the same few accounts: nobody takes one away from the others (reads).

Rules
- Nobody changes the password or the second step of such an account, ends its sign-ins or roles, or closes it.
- With an account that somebody adds to practise with, all of that can be practised.
"""

import re

from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session
from starlette.requests import HTTPConnection

from scheduler.errors import Conflict
from scheduler.people import signin
from scheduler.people.models import RoleGrant, User
from web import practice
from web.auth import SAFE_METHODS, cookie_of
from web.centre import Centre
from web.i18n import N_

_BEARER = "bearer "
_OWN = re.compile(
    r"/account/(password|second-factor(/\w+)?|recovery-codes|sessions/.+)"
    r"|/api/v1/(me/(password|totp|recovery-codes)|session/others|sessions/.+)"
)
_OF_SOMEBODY = re.compile(
    r"/(people|api/v1/users)/(?P<user>[^/]+)(/(password|one-time-password|handover|sessions(/.+)?|roles/.+))?"
)
_OF_A_ROLE = re.compile(r"/api/v1/grants/(?P<grant>[^/]+)")


async def spare(connection: HTTPConnection) -> None:
    """Return unless this would take a shared account from others; else Conflict. Before every request."""
    centre: Centre = connection.app.state.centre
    if not centre.settings.practice or connection.scope.get("method", "GET") in SAFE_METHODS:
        return
    if await run_in_threadpool(_is_of_all, connection, centre):
        message = N_(
            "Everybody who practises has this account, so it stays as it is: password, second step, sign-ins and "
            "roles. Add an account of your own to practise that with."
        )
        raise Conflict("shared_account", message)


def _is_of_all(connection: HTTPConnection, centre: Centre) -> bool:
    path = connection.url.path
    with centre.store.reading() as db:
        if _OWN.fullmatch(path):
            return _login(db, connection, centre) in practice.LOGINS
        if found := _OF_A_ROLE.fullmatch(path):
            role = db.get(RoleGrant, found["grant"])
            user = db.get(User, role.user_id) if role is not None else None
        else:
            found = _OF_SOMEBODY.fullmatch(path)
            user = db.get(User, found["user"]) if found else None
        return user is not None and user.login in practice.LOGINS


def _login(db: Session, connection: HTTPConnection, centre: Centre) -> str | None:
    """Who is asking, None for nobody known."""
    now, sent = centre.clock.now(), connection.headers.get("authorization", "")
    if sent.lower().startswith(_BEARER):
        known = signin.known_by_token(db, now, sent[len(_BEARER) :].strip())
    else:
        known = signin.known_by_cookie(db, now, cookie_of(connection, centre))
    return known.actor.login if known is not None else None
