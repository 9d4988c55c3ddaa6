"""Signing in and out, and finding out who a cookie or a bearer token stands for.

The password is checked between two short transactions: argon2 takes a while, and no writer waits for it.
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar

from msgspec import Struct
from sqlmodel import Session

from scheduler.deputies import repository as deputies
from scheduler.errors import Problem, TooMany
from scheduler.people import audit, limits, passwords, refused, repository, totp
from scheduler.people.actor import Actor
from scheduler.people.models import ApiToken, SignInAttempt, User, WebSession
from scheduler.rights import Action, Grant, Role
from scheduler.store.alone import alone
from scheduler.store.engine import Store

TOKEN_PREFIX = "loa_"  # noqa: S105 -- what every bearer token begins with
IDLE_SHARE = 4  # a session unused for a quarter of its life is over
TOUCH_EVERY = timedelta(minutes=1)


class NotSignedIn(Problem):
    """Nobody is known to be asking, or what they showed is wrong."""

    status: ClassVar[HTTPStatus] = HTTPStatus.UNAUTHORIZED


class SignedIn(Struct, frozen=True):
    """A new session: `cookie` is given to the browser once and kept nowhere."""

    actor: Actor
    cookie: str
    csrf_token: str
    expires_at: datetime


class Place(Struct, frozen=True):
    """Where somebody sits: an address, and what their browser calls itself."""

    address: str
    device: str = ""


class Credentials(Struct, frozen=True):
    """`address` is where the request came from, `device` what the browser calls itself.

    `code` is the second factor's, or a recovery code, empty when not asked for yet.
    """

    login: str
    password: str
    address: str
    code: str = ""
    device: str = ""


class Known(Struct, frozen=True):
    """Who a cookie stands for. A bearer token has no `csrf_token`, nothing to end and nothing to forge."""

    actor: Actor
    token_sha256: str
    csrf_token: str | None = None
    touch: bool = False


def sign_in(store: Store, now: datetime, credentials: Credentials, lifetime: timedelta) -> SignedIn:
    """A session for the right password (and code), else NotSignedIn, or TooMany while one has to wait."""
    login = credentials.login.strip().casefold()
    try:
        return _signed_in(store, now, login, credentials, lifetime)
    except (NotSignedIn, TooMany) as refusal:
        if refusal.code != "code_needed":
            refused.note(store, now, login, credentials.address, refusal)
        raise


def _signed_in(store: Store, now: datetime, login: str, credentials: Credentials, lifetime: timedelta) -> SignedIn:
    with store.writing() as db:
        attempts = _admit(db, login, credentials.address, now)
        user = repository.user_by_login(db, login)
    right = passwords.verified(credentials.password, user.password_hash if user else None)
    if user is None or not right or user.disabled:
        raise NotSignedIn("wrong_credentials", "The login name or the password is wrong.")
    with store.writing() as db:
        signed_in = _admitted(db, now, user.id, credentials, attempts=attempts, lifetime=lifetime)
    if signed_in is None:
        raise NotSignedIn("code_needed", "Type the six figures that your telephone shows.", field="code")
    return signed_in


def known_by_cookie(db: Session, now: datetime, cookie: str) -> Known | None:
    """Who holds this session, if it is neither over nor idle for too long."""
    token_sha256 = digest(cookie)
    found = repository.web_session(db, token_sha256)
    if found is None:
        return None
    session, user = found
    idle = (session.expires_at - session.created_at) / IDLE_SHARE
    if user.disabled or now >= session.expires_at or now - session.last_used_at >= idle:
        return None
    actor = actor_of(db, user, second_factor=session.second_factor)
    touch = now - session.last_used_at >= TOUCH_EVERY
    return Known(actor, token_sha256, session.csrf_token, touch)


def known_by_token(db: Session, now: datetime, token: str) -> Known | None:
    """Who this bearer token stands for, with no more than its scope."""
    found = repository.api_token(db, digest(token)) if token.startswith(TOKEN_PREFIX) else None
    if found is None or found[1].disabled or now >= found[0].expires_at:
        return None
    row, user = found
    return Known(actor_of(db, user, scope=scope_of(row)), row.token_sha256)


def lasts(db: Session, now: datetime, token_sha256: str) -> bool:
    """Whether the session or the bearer token whose digest this is has been ended by nobody and has not run out."""
    found = repository.web_session(db, token_sha256) or repository.api_token(db, token_sha256)
    return found is not None and not found[1].disabled and now < found[0].expires_at


def touch(db: Session, now: datetime, token_sha256: str) -> None:
    """Note that the session was used, so that it does not count as idle."""
    repository.touch_session(db, token_sha256, now)


def sign_out(db: Session, actor: Actor, now: datetime, token_sha256: str) -> None:
    """End the session; its cookie is worth nothing from now on."""
    repository.end_session(db, token_sha256)
    _note(db, actor, now, "session.end")


def sign_out_others(db: Session, actor: Actor, now: datetime, token_sha256: str) -> None:
    """End every other session of the person, such as one left open at the office."""
    repository.end_sessions_of(db, actor.user_id, but=token_sha256)
    _note(db, actor, now, "session.end_others")


def actor_of(db: Session, user: User, *, second_factor: bool = False, scope: frozenset[Action] | None = None) -> Actor:
    """The person with the grants they hold, those of a deputy among them."""
    return Actor(
        user_id=user.id,
        login=user.login,
        name=user.name,
        language=user.language,
        grants=grants_of(db, [user.id])[user.id],
        second_factor=second_factor,
        scope=scope,
        must_change_password=user.must_change_password,
    )


def grants_of(db: Session, user_ids: Collection[str]) -> dict[str, tuple[Grant, ...]]:
    """What each of these people holds, in two queries for any number of them."""
    roles = {role.value for role in Role}
    found: dict[str, list[Grant]] = {user_id: [] for user_id in user_ids}
    for user_id, role, zone_id, until in repository.roles_held(db, user_ids):
        if role in roles:
            found[user_id].append(Grant(Role(role), zone_id, until))
    for one in deputies.roles_lent(db, user_ids):
        found[one.deputy_id] += [one.grant] if one.grant is not None else []
    return {user_id: tuple(grants) for user_id, grants in found.items()}


def machine(db: Session) -> Actor:
    """Loa itself, on the machine it runs on: administrator of every root zone, without a name in the audit."""
    grants = tuple(Grant(Role.ADMINISTRATOR, zone_id) for zone_id in repository.root_ids(db))
    return Actor(user_id="", login="loa", name="Loa", grants=grants)


def scope_of(row: ApiToken) -> frozenset[Action]:
    known = {action.value for action in Action}
    return frozenset(Action(word) for word in row.scope if word in known)


def digest(secret: str) -> str:
    """What is kept of a cookie or token: they have 256 random bits, so a plain hash cannot be turned round."""
    return hashlib.sha256(secret.encode()).hexdigest()


def count_failure(db: Session, now: datetime, subjects: Mapping[str, limits.Limit]) -> list[int]:
    """Count a try as failed until it has succeeded, so that many at once cannot slip through; else TooMany."""
    alone(db, *subjects)
    repository.drop_old_attempts(db, failed_before=now - limits.WINDOW, succeeded_before=now - limits.KNOWN_FOR)
    since = now - limits.WINDOW
    waits = (limits.wait_s(limit, repository.failures(db, name, since), now) for name, limit in subjects.items())
    if (wait_s := max(waits)) > 0:
        message = "Too many wrong passwords. Try again in %(wait_s)s seconds."
        raise TooMany("too_many_sign_ins", message, retry_after_s=wait_s, wait_s=wait_s)
    attempts = [SignInAttempt(subject=subject, at=now) for subject in subjects]
    db.add_all(attempts)
    db.flush()
    return [attempt.id for attempt in attempts if attempt.id is not None]


def _admit(db: Session, login: str, address: str, now: datetime) -> list[int]:
    names = limits.subjects(login, address)
    known_here = repository.signed_in_before(db, names.pair, now - limits.KNOWN_FOR)
    everywhere = limits.UNLIMITED if known_here else limits.LOGIN
    return count_failure(db, now, {names.pair: limits.PAIR, names.address: limits.ADDRESS, names.login: everywhere})


def _admitted(
    db: Session, now: datetime, user_id: str, credentials: Credentials, *, attempts: list[int], lifetime: timedelta
) -> SignedIn | None:
    """The session, or None where the second factor is still to be given; not a failure then."""
    user = repository.user(db, user_id, lock=True)
    if user is None or user.disabled:
        raise NotSignedIn("wrong_credentials", "The login name or the password is wrong.")
    repository.forget_attempts(db, attempts)
    if user.totp_confirmed and not credentials.code.strip():
        return None
    if user.totp_confirmed:
        use_code(db, user, credentials.code, now)
    names = limits.subjects(user.login, credentials.address)
    repository.forget_failures(db, names.pair)
    repository.drop_old_sessions(db, now)
    db.add(SignInAttempt(subject=names.pair, at=now, succeeded=True))
    return open_session(db, now, user, lifetime, Place(credentials.address, credentials.device))


def use_code(db: Session, user: User, code: str, now: datetime) -> None:
    """Take a code of the second factor or a recovery code, worth nothing from now on; else NotSignedIn."""
    step = totp.matching_step(user.totp_secret or "", code, now, user.totp_last_step)
    if step is None and repository.use_recovery_code(db, user.id, recovery_digest(code), now):
        home = repository.zone_path(db, user.zone_id) if user.zone_id else None
        left = repository.recovery_codes_left(db, user.id)
        audit.record(db, actor_of(db, user), now, "recovery.use", f"user:{user.id}", zone_path=home, left=left)
        return
    if step is None:
        raise NotSignedIn("wrong_code", "The code is wrong or was used already. Wait for the next one.", field="code")
    user.totp_last_step = step
    db.add(user)


def recovery_digest(code: str) -> str:
    """Of its letters and figures alone: a recovery code is typed from paper."""
    return digest("".join(filter(str.isalnum, code.casefold())))


def open_session(db: Session, now: datetime, user: User, lifetime: timedelta, place: Place) -> SignedIn:
    """A session of somebody who has proved who they are."""
    cookie, csrf_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    db.add(
        WebSession(
            token_sha256=digest(cookie),
            user_id=user.id,
            csrf_token=csrf_token,
            second_factor=user.totp_confirmed,
            created_at=now,
            last_used_at=now,
            expires_at=now + lifetime,
            address=place.address[:64],
            device=place.device[:300],
        )
    )
    actor = actor_of(db, user, second_factor=user.totp_confirmed)
    _note(db, actor, now, "session.begin")
    return SignedIn(actor, cookie, csrf_token, now + lifetime)


def _note(db: Session, actor: Actor, now: datetime, action: str) -> None:
    """In the record of the zone where the account belongs, so that whoever administers it sees who came and went."""
    user = repository.user(db, actor.user_id)
    home = repository.zone_path(db, user.zone_id) if user is not None and user.zone_id else None
    audit.record(db, actor, now, action, f"user:{actor.user_id}", zone_path=home)
