"""Proving oneself anew before something sounds: a code of the second factor, a few tries of which may be wrong."""

from datetime import datetime

from sqlmodel import Session

from scheduler.people import limits, signin
from scheduler.people import repository as people
from scheduler.people.actor import Actor
from scheduler.people.models import User


def count(db: Session, actor: Actor, now: datetime) -> None:
    """Count a code as wrong until it has proved right, in a transaction before; else TooMany.

    Nothing is counted of who has no second factor: no code of theirs is looked at.
    """
    user = people.user(db, actor.user_id)
    if user is None or not user.totp_confirmed:
        return
    signin.count_failure(db, now, {_subject(actor): limits.PAIR})


def use(db: Session, actor: Actor, user: User, code: str, now: datetime) -> None:
    """Take the code, which is worth nothing from now on; else NotSignedIn."""
    signin.use_code(db, user, code, now)
    people.forget_failures(db, _subject(actor))


def _subject(actor: Actor) -> str:
    return f"emergency:{actor.user_id}"
