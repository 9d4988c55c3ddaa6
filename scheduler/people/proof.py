"""Proving oneself anew by a code of the second factor, a few tries of which may be wrong.

Rules
- Whoever has something sound by themselves, changes what orders say, gives rights, takes over an account or a
  loudspeaker, or changes what protects a place types a code for it: a stolen cookie or token does none of these.
- Who has no second factor sets one up first; the machine (its command line) proves nothing. What is only one's own
  (`if_has_one`) takes a code of who has one; so does everything where one practises.
- Whatever takes back or silences for a while takes none.
- The code is looked at after everything else is right: what was mistyped elsewhere costs none, and counts as none.
- What is refused is in the audit record, never the code; where no code was looked at, once in QUIET for each act.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from scheduler.errors import Forbidden, Problem
from scheduler.people import audit, limits, repository, signin
from scheduler.people.actor import Actor
from scheduler.people.models import User
from scheduler.people.signin import NotSignedIn
from scheduler.store.engine import Store, StoreBusy

WRONG, TOO_MANY = "wrong_code", "too_many_sign_ins"
OF_CODE = frozenset({WRONG, TOO_MANY, "code_needed", "second_factor_needed"})
RIGHTS = "rights"
"""What wrong codes are counted by here, so that they make nobody wait at the emergency desk."""

REFUSED = "proof.refused"
QUIET = timedelta(minutes=1)

T = TypeVar("T")
Needed = bool | Callable[[Session], bool]
"""Whether an act takes a code, known beforehand or to be found out."""


class Deed(Struct, frozen=True):
    """What the code is typed for: its name in the record, what it is done to, and where it is asked from."""

    action: str
    subject: str = ""
    address: str = ""


def anew(
    store: Store,
    actor: Actor,
    now: datetime,
    code: str,
    act: Callable[[Session], T],
    *,
    of: Deed,
    needed: Needed = True,
) -> T:
    """What `act` gives, in a transaction of its own that stays only with a right code; else a Problem of field `code`.

    Forbidden without a second factor, NotSignedIn for no code, a wrong one or a used one, TooMany after some. Where
    `needed` is to be found out, what `act` does must be refused if that has changed since.
    """
    if not isinstance(needed, bool):
        with store.reading() as db:
            needed = needed(db)
    try:
        return _with_code(store, actor, now, code, act) if needed else _without(store, act)
    except Problem as refusal:
        if refusal.code in OF_CODE:
            note(store, actor, now, of, refusal)
        raise


def _without(store: Store, act: Callable[[Session], T]) -> T:
    with store.writing() as db:
        return act(db)


def _with_code(store: Store, actor: Actor, now: datetime, code: str, act: Callable[[Session], T]) -> T:
    counted = _counted(store, actor, now, code)
    try:
        with store.writing() as db:
            made = act(db)
            db.flush()
            take(db, actor, now, code)
    except NotSignedIn:
        raise
    except Exception:
        with store.writing() as db:
            repository.forget_attempts(db, counted)
        raise
    return made


def note(store: Store, actor: Actor, now: datetime, of: Deed, refusal: Problem) -> None:
    """Keep who was refused what, where the account belongs; the refusal stands without it."""
    with suppress(SQLAlchemyError, StoreBusy), store.writing() as db:
        said = {"code": refusal.code, "act": of.action}
        if refusal.code != WRONG and repository.said_since(db, actor.user_id, REFUSED, now - QUIET, **said):
            return
        user = repository.user(db, actor.user_id)
        home = repository.zone_path(db, user.zone_id) if user is not None and user.zone_id else None
        detail = {**said, "address": of.address, "token": actor.scope is not None}
        audit.record(db, actor, now, "proof.refused", of.subject, zone_path=home, **detail)


def take(db: Session, actor: Actor, now: datetime, code: str) -> None:
    """Take the code, which is worth nothing from now on; else Forbidden or NotSignedIn."""
    if not actor.user_id:
        return
    user = repository.user(db, actor.user_id, lock=True)
    if user is None or not user.totp_confirmed:
        message = "This takes a second factor, and you have none. Set it up on your account page."
        raise Forbidden("second_factor_needed", message, field="code")
    if not code.strip():
        raise NotSignedIn("code_needed", "Type the six figures that your telephone shows.", field="code")
    use(db, actor, user, code, now, kind=RIGHTS)


def has_one(db: Session, actor: Actor) -> bool:
    """Whether the actor has a second factor."""
    user = repository.user(db, actor.user_id)
    return user is not None and user.totp_confirmed


def if_has_one(actor: Actor, needed: Needed = True) -> Callable[[Session], bool]:
    """That a code is `needed` of whom can give one; where that protects less than it would be in the way of others."""

    def asked(db: Session) -> bool:
        return has_one(db, actor) and (needed if isinstance(needed, bool) else needed(db))

    return asked


def count(db: Session, actor: Actor, now: datetime, kind: str) -> list[int]:
    """Count a code as wrong until it has proved right, in a transaction before; else TooMany.

    Nothing is counted of who has no second factor: no code of theirs is looked at.
    """
    return signin.count_failure(db, now, {_subject(actor, kind): limits.PAIR}) if has_one(db, actor) else []


def use(db: Session, actor: Actor, user: User, code: str, now: datetime, *, kind: str) -> None:
    """Take the code, which is worth nothing from now on; else NotSignedIn."""
    signin.use_code(db, user, code, now)
    repository.forget_failures(db, _subject(actor, kind))


def _counted(store: Store, actor: Actor, now: datetime, code: str) -> list[int]:
    if not code.strip():
        return []
    with store.writing() as db:
        return count(db, actor, now, RIGHTS)


def _subject(actor: Actor, kind: str) -> str:
    return f"{kind}:{actor.user_id}"
