"""What people do with their own accounts: password, second factor, tokens for scripts."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from scheduler.people import audit, limits, passwords, proof, recovery, repository, signin, totp
from scheduler.people.actor import Actor
from scheduler.people.models import ApiToken, User
from scheduler.people.schemas import OwnChange, TokenAsked, TokenNew, TotpEnrolment
from scheduler.people.signin import Known
from scheduler.rights import Action
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones import names

TOKEN_LIFE = timedelta(days=400)
MAX_TOKENS = 50
CONFIRM_WITHIN = timedelta(minutes=15)
"""A secret of the second factor that nobody confirmed is worth nothing after that."""


def change_password(store: Store, known: Known, now: datetime, old_password: str, new_password: str) -> None:
    """Take the new password and end the person's other sessions and all tokens; else Invalid that says what to do."""
    by_session(known)
    user = prove(store, known.actor, now, old_password, of="user.change_password", field="old_password")
    passwords.checked(new_password, user.login)
    if new_password == old_password:
        raise Invalid("password_same", "The new password must be another one.", field="new_password")
    new_hash = passwords.hashed(new_password)
    with store.writing() as db:
        user = _own(db, known.actor)
        user.password_hash, user.must_change_password = new_hash, False
        user.version += 1
        db.add(user)
        repository.end_sessions_of(db, user.id, but=known.token_sha256)
        repository.end_tokens_of(db, user.id)
        audit.record(db, known.actor, now, "user.change_password", f"user:{user.id}", zone_path=_home(db, user))


def prove(store: Store, actor: Actor, now: datetime, password: str, *, of: str, field: str = "password") -> User:
    """The person if this is their password; else Invalid, which is kept with what it was for, or TooMany after some."""
    if not password:
        raise Invalid("password_missing", "Type your present password.", field=field)
    subject = f"proof:{actor.user_id}"
    with store.writing() as db:
        user = _own(db, actor)
        signin.count_failure(db, now, {subject: limits.PAIR})
    if not passwords.verified(password, user.password_hash):
        refusal = Invalid("password_wrong", "This is not your password.", field=field)
        proof.note(store, actor, now, proof.Deed(of, f"user:{actor.user_id}"), refusal)
        raise refusal
    with store.writing() as db:
        repository.forget_failures(db, subject)
    return user


def change_own(db: Session, actor: Actor, now: datetime, change: OwnChange) -> User:
    """Name, language and telephone."""
    user = _own(db, actor)
    if "name" in change.model_fields_set:
        user.name = names.clean(change.name)
    if "language" in change.model_fields_set:
        user.language = change.language
    if "phone" in change.model_fields_set:
        user.phone = change.phone or None
    user.version += 1
    db.add(user)
    detail = change.model_dump(exclude_unset=True)
    audit.record(db, actor, now, "user.change", f"user:{user.id}", zone_path=_home(db, user), **detail)
    return user


def begin_totp(store: Store, known: Known, now: datetime, password: str) -> TotpEnrolment:
    """A new secret to show once; it is asked for at sign-in once a code of it was confirmed.

    Asks for the password once more: whoever has only a cookie must not become their own second factor.
    """
    by_session(known)
    prove(store, known.actor, now, password, of="totp.begin")
    with store.writing() as db:
        user = _own(db, known.actor)
        if user.totp_confirmed:
            raise Conflict("totp_there", "The second factor is on. Turn it off first.")
        user.totp_secret, user.totp_last_step = totp.new_secret(), 0
        db.add(user)
        audit.record(db, known.actor, now, "totp.begin", f"user:{user.id}", zone_path=_home(db, user))
        uri = totp.enrolment_uri(user.totp_secret, user.login)
        return TotpEnrolment(secret=user.totp_secret, uri=uri, qr_svg=totp.qr_svg(uri))


def being_set_up(db: Session, user: User, now: datetime) -> bool:
    """Whether a second factor was begun that can still be confirmed; the record says when that was."""
    secret = user.totp_secret is not None and not user.totp_confirmed
    return secret and repository.said_since(db, user.id, "totp.begin", now - CONFIRM_WITHIN)


def confirm_totp(store: Store, known: Known, now: datetime, code: str, *, address: str = "") -> list[str]:
    """Turn the second factor on with a first code from the telephone; gives the recovery codes, kept nowhere.

    This session counts as confirmed by it. What is refused is kept, and TooMany comes after some wrong codes: whoever
    has only a cookie must not guess their way to being their own second factor.
    """
    by_session(known)
    subject = f"totp:{known.actor.user_id}"
    try:
        with store.writing() as db:
            _begun(db, known.actor, now)
            signin.count_failure(db, now, {subject: limits.PAIR})
        with store.writing() as db:
            codes = _confirmed(db, known, now, code)
            repository.forget_failures(db, subject)
            return codes
    except (Invalid, TooMany) as refusal:
        deed = proof.Deed("totp.confirm", f"user:{known.actor.user_id}", address)
        proof.note(store, known.actor, now, deed, refusal)
        raise


def _begun(db: Session, actor: Actor, now: datetime) -> User:
    user = _own(db, actor)
    if not being_set_up(db, user, now):
        raise Conflict("totp_not_begun", "Begin setting up the second factor first.")
    return user


def _confirmed(db: Session, known: Known, now: datetime, code: str) -> list[str]:
    user = _begun(db, known.actor, now)
    step = totp.matching_step(user.totp_secret or "", code, now, user.totp_last_step)
    if step is None:
        raise Invalid("wrong_code", "The code is wrong. Compare the telephone's clock.", field="code")
    user.totp_confirmed, user.totp_last_step = True, step
    user.version += 1
    db.add(user)
    repository.end_sessions_of(db, user.id, but=known.token_sha256)
    repository.confirm_session(db, known.token_sha256)
    audit.record(db, known.actor, now, "totp.confirm", f"user:{user.id}", zone_path=_home(db, user))
    return recovery.make(db, user.id)


def end_totp(store: Store, known: Known, now: datetime, password: str, code: str = "", *, address: str = "") -> None:
    """Turn the second factor off; asks for the password once more and, where it is on, for a code."""
    by_session(known)
    prove(store, known.actor, now, password, of="totp.end")
    _code(store, known.actor, now, code, action="totp.end", address=address)
    with store.writing() as db:
        user = _own(db, known.actor)
        user.totp_secret, user.totp_confirmed = None, False
        user.version += 1
        db.add(user)
        repository.end_recovery_codes(db, user.id)
        audit.record(db, known.actor, now, "totp.end", f"user:{user.id}", zone_path=_home(db, user))


def renew_recovery_codes(
    store: Store, known: Known, now: datetime, password: str, code: str = "", *, address: str = ""
) -> list[str]:
    """Ten new codes, the only ones from now on; asks for the password and a code. Conflict without a second factor."""
    by_session(known)
    prove(store, known.actor, now, password, of="recovery.renew")
    _code(store, known.actor, now, code, action="recovery.renew", address=address)
    with store.writing() as db:
        user = _own(db, known.actor)
        if not user.totp_confirmed:
            raise Conflict("totp_off", "Turn the second step on first.")
        audit.record(db, known.actor, now, "recovery.renew", f"user:{user.id}", zone_path=_home(db, user))
        return recovery.make(db, user.id)


def _code(store: Store, actor: Actor, now: datetime, code: str, *, action: str, address: str) -> None:
    """Take a code of who has a second factor, before anything that would end what it is looked at by."""
    of = proof.Deed(action, f"user:{actor.user_id}", address)
    proof.anew(store, actor, now, code, lambda _db: None, of=of, needed=proof.if_has_one(actor))


def list_tokens(db: Session, actor: Actor) -> Sequence[ApiToken]:
    """The person's own tokens, without their secret."""
    return repository.tokens_of(db, actor.user_id)


def make_token(store: Store, actor: Actor, now: datetime, asked: TokenAsked) -> tuple[ApiToken, str]:
    """`create_token`, for who proves by the password that it is still them."""
    _may_edit_tokens(actor, now)
    prove(store, actor, now, asked.password, of="token.create")
    with store.writing() as db:
        return create_token(db, actor, now, asked)


def create_token(db: Session, actor: Actor, now: datetime, new: TokenNew) -> tuple[ApiToken, str]:
    """A token and its secret, which is kept nowhere. It never does more than its owner may at that moment."""
    _may_edit_tokens(actor, now)
    if not now < new.expires_at <= now + TOKEN_LIFE:
        raise Invalid("bad_expiry", "Choose an end within the next 400 days.", field="expires_at")
    if len(repository.tokens_of(db, actor.user_id)) >= MAX_TOKENS:
        raise Conflict("too_many_tokens", "You have %(count)s tokens. Delete some.", count=MAX_TOKENS)
    secret = signin.TOKEN_PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        id=new_id(now),
        token_sha256=signin.digest(secret),
        user_id=actor.user_id,
        name=names.clean(new.name),
        scope=sorted({action.value for action in new.scope}),
        created_at=now,
        expires_at=new.expires_at,
    )
    db.add(row)
    db.flush()
    audit.record(
        db, actor, now, "token.create", f"token:{row.id}", zone_path=_home(db, _own(db, actor)), scope=row.scope
    )
    return row, secret


def delete_token(db: Session, actor: Actor, now: datetime, token_id: str) -> None:
    """End one of the person's own tokens at once."""
    row = db.get(ApiToken, token_id)
    if row is None or row.user_id != actor.user_id:
        raise NotFound("not_found", "There is no such token.")
    _may_edit_tokens(actor, now)
    audit.record(db, actor, now, "token.delete", f"token:{row.id}", zone_path=_home(db, _own(db, actor)))
    db.delete(row)


def _may_edit_tokens(actor: Actor, now: datetime) -> None:
    """A token cannot make others: one that leaked would never end."""
    if actor.scope is not None or not actor.zones_for(Action.TOKEN_EDIT, now):
        raise Forbidden("forbidden", "You do not have the right to do this here.")


def by_session(known: Known) -> None:
    """Return if this is the person themselves; a token is for its scope, and an account is in none."""
    if known.csrf_token is None:
        raise Forbidden("needs_session", "Sign in with the password to do this; a token cannot.")


def _own(db: Session, actor: Actor) -> User:
    user = repository.user(db, actor.user_id, lock=True)
    if user is None:
        raise NotFound("not_found", "There is no such person, or they are not in your area.")
    return user


def _home(db: Session, user: User) -> str | None:
    return repository.zone_path(db, user.zone_id) if user.zone_id else None
