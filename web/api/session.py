"""The own session and account: /api/v1/session, /api/v1/me, /api/v1/tokens."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import Session

from scheduler.people import account, invitations, service, sessions, signin
from scheduler.people.models import ApiToken, User
from scheduler.people.schemas import (
    FactorProof,
    JoinInput,
    Me,
    OwnChange,
    PasswordChange,
    PasswordProof,
    RecoveryCodes,
    SessionList,
    SignInInput,
    TokenAsked,
    TokenCreated,
    TokenList,
    TokenView,
    TotpCode,
    TotpEnrolment,
)
from scheduler.people.signin import Credentials, Known, Place
from scheduler.rights import Action
from web.auth import (
    AnyKnown,
    BySession,
    CurrentActor,
    Now,
    ReadDb,
    TheCentre,
    WriteDb,
    address_of,
    device_of,
    give_cookie,
    greet,
    same_origin,
    session_lifetime,
    take_cookie,
)
from web.problems import responses

router = APIRouter(prefix="/api/v1", responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN))
NOT_FOUND = responses(HTTPStatus.NOT_FOUND)


@router.post(
    "/session",
    tags=["session"],
    status_code=HTTPStatus.CREATED,
    dependencies=[Depends(same_origin)],
    responses=responses(HTTPStatus.TOO_MANY_REQUESTS),
)
def sign_in(body: SignInInput, request: Request, response: Response, centre: TheCentre, now: Now) -> Me:
    """Sign in with password and, where it is on, the second factor; sets the session's cookie. Scripts use tokens.

    Code `code_needed` asks for the second factor: send the same again with `code`.
    """
    credentials = Credentials(body.login, body.password, address_of(request), body.code, device_of(request))
    signed_in = signin.sign_in(centre.store, now, credentials, session_lifetime(centre.settings))
    give_cookie(response, centre.settings, signed_in)
    known = Known(signed_in.actor, signin.digest(signed_in.cookie), signed_in.csrf_token)
    greet(request, known, now)
    with centre.store.reading() as db:
        return _me(db, known, now)


@router.post(
    "/join",
    tags=["session"],
    status_code=HTTPStatus.CREATED,
    dependencies=[Depends(same_origin)],
    responses=responses(HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
)
def join(body: JoinInput, request: Request, response: Response, centre: TheCentre, now: Now) -> Me:
    """Make one's own account with the code of an invitation; signs in as POST /session does."""
    place = Place(address_of(request), device_of(request))
    signed_in = invitations.join(centre.store, now, body, place, session_lifetime(centre.settings))
    give_cookie(response, centre.settings, signed_in)
    known = Known(signed_in.actor, signin.digest(signed_in.cookie), signed_in.csrf_token)
    greet(request, known, now)
    with centre.store.reading() as db:
        return _me(db, known, now)


@router.get("/sessions", tags=["session"])
def list_sessions(db: ReadDb, known: BySession, now: Now) -> SessionList:
    """Where you are signed in, this sign-in marked."""
    return SessionList(items=sessions.own(db, known, now))


@router.delete("/sessions/{session_id}", tags=["session"], status_code=HTTPStatus.NO_CONTENT, responses=NOT_FOUND)
def end_session(session_id: str, db: WriteDb, known: BySession, now: Now) -> None:
    """End one of your sign-ins at once."""
    sessions.end_own(db, known, now, session_id)


@router.delete("/session", tags=["session"], status_code=HTTPStatus.NO_CONTENT)
def sign_out(response: Response, centre: TheCentre, db: WriteDb, known: BySession, now: Now) -> None:
    """End the session; its cookie is worth nothing from now on."""
    signin.sign_out(db, known.actor, now, known.token_sha256)
    take_cookie(response, centre.settings)


@router.delete("/session/others", tags=["session"], status_code=HTTPStatus.NO_CONTENT)
def sign_out_others(db: WriteDb, known: BySession, now: Now) -> None:
    """End every other session of yours."""
    signin.sign_out_others(db, known.actor, now, known.token_sha256)


@router.get("/me", tags=["session"])
def me(db: ReadDb, known: AnyKnown, now: Now) -> Me:
    """Who you are, your roles, and the CSRF token of the session."""
    return _me(db, known, now)


@router.patch("/me", tags=["session"])
def change_me(body: OwnChange, db: WriteDb, known: BySession, _actor: CurrentActor, now: Now) -> Me:
    """Your name and language."""
    account.change_own(db, known.actor, now, body)
    return _me(db, known, now)


@router.put("/me/password", tags=["session"], status_code=HTTPStatus.NO_CONTENT)
def change_password(body: PasswordChange, centre: TheCentre, known: AnyKnown, now: Now) -> None:
    """Take a new password; ends your other sessions and your tokens. All that a one-time password is good for."""
    account.change_password(centre.store, known, now, body.old_password, body.new_password)


@router.post("/me/totp", tags=["session"], status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT))
def begin_totp(
    body: PasswordProof, centre: TheCentre, known: AnyKnown, _actor: CurrentActor, now: Now
) -> TotpEnrolment:
    """Begin setting up the second factor: the secret, also as a QR code, shown once."""
    return account.begin_totp(centre.store, known, now, body.password)


@router.put("/me/totp", tags=["session"], responses=responses(HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS))
def confirm_totp(
    body: TotpCode, request: Request, centre: TheCentre, known: AnyKnown, _actor: CurrentActor, now: Now
) -> RecoveryCodes:
    """Turn the second factor on with a first code, within 15 minutes; gives ten recovery codes, shown once."""
    codes = account.confirm_totp(centre.store, known, now, body.code, address=address_of(request))
    return RecoveryCodes(codes=codes)


@router.post(
    "/me/recovery-codes",
    tags=["session"],
    status_code=HTTPStatus.CREATED,
    responses=responses(HTTPStatus.CONFLICT),
)
def renew_recovery_codes(
    body: FactorProof, request: Request, centre: TheCentre, known: AnyKnown, _actor: CurrentActor, now: Now
) -> RecoveryCodes:
    """Ten new recovery codes, the only ones from now on; asks for the password once more, and for a code."""
    address = address_of(request)
    codes = account.renew_recovery_codes(centre.store, known, now, body.password, body.code, address=address)
    return RecoveryCodes(codes=codes)


@router.delete("/me/totp", tags=["session"], status_code=HTTPStatus.NO_CONTENT)
def end_totp(
    body: FactorProof, request: Request, centre: TheCentre, known: AnyKnown, _actor: CurrentActor, now: Now
) -> None:
    """Turn the second factor off; asks for the password once more and, where it is on, for a code."""
    account.end_totp(centre.store, known, now, body.password, body.code, address=address_of(request))


@router.get("/tokens", tags=["tokens"])
def list_tokens(db: ReadDb, _known: BySession, actor: CurrentActor) -> TokenList:
    """Your tokens for scripts, without their secrets."""
    return TokenList(items=[_token_view(row) for row in account.list_tokens(db, actor)])


@router.post("/tokens", tags=["tokens"], status_code=HTTPStatus.CREATED)
def create_token(body: TokenAsked, centre: TheCentre, actor: CurrentActor, now: Now) -> TokenCreated:
    """A bearer token with a scope and an end; it never does more than you may.

    Not repeatable by Idempotency-Key, since its secret is kept nowhere.
    """
    row, secret = account.make_token(centre.store, actor, now, body)
    return TokenCreated(**_token_view(row).model_dump(), token=secret)


@router.delete("/tokens/{token_id}", tags=["tokens"], status_code=HTTPStatus.NO_CONTENT, responses=NOT_FOUND)
def delete_token(token_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """End a token at once."""
    account.delete_token(db, actor, now, token_id)


def _me(db: Session, known: Known, now: Now) -> Me:
    user = db.get_one(User, known.actor.user_id)
    view = service.user_views(db, [user])[0]
    return Me(
        **view.model_dump(),
        csrf_token=known.csrf_token,
        confirmed_by_second_factor=known.actor.second_factor,
        actions=[action for action in Action if known.actor.zones_for(action, now)],
    )


def _token_view(row: ApiToken) -> TokenView:
    scope = signin.scope_of(row)
    return TokenView(
        id=row.id,
        name=row.name,
        scope=[action for action in Action if action in scope],
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
