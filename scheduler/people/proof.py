"""Proving oneself anew by a code of the second factor, a few tries of which may be wrong.

Rules
- Whoever gives rights or takes over an account types a code for it: a cookie or a token that was stolen does neither.
- Who has no second factor sets one up first; the machine (its command line) proves nothing.
- The code is looked at after everything else is right: what was mistyped elsewhere costs none, and counts as none.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session

from scheduler.errors import Forbidden
from scheduler.people import limits, repository, signin
from scheduler.people.actor import Actor
from scheduler.people.models import User
from scheduler.people.signin import NotSignedIn
from scheduler.store.engine import Store

RIGHTS = "rights"
"""What wrong codes are counted by here, so that they make nobody wait at the emergency desk."""

T = TypeVar("T")


def anew(
    store: Store, actor: Actor, now: datetime, code: str, act: Callable[[Session], T], *, needed: bool = True
) -> T:
    """What `act` gives, in a transaction of its own that stays only with a right code; else a Problem of field `code`.

    Forbidden without a second factor, NotSignedIn for no code, a wrong one or a used one, TooMany after some.
    """
    counted = _counted(store, actor, now, code) if needed else []
    try:
        with store.writing() as db:
            made = act(db)
            if needed:
                db.flush()
                take(db, actor, now, code)
    except NotSignedIn:
        raise
    except Exception:
        with store.writing() as db:
            repository.forget_attempts(db, counted)
        raise
    return made


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
