"""Proving oneself anew before something sounds, as `people.proof` has it; counted apart from other codes."""

from datetime import datetime

from sqlmodel import Session

from scheduler.people import proof
from scheduler.people.actor import Actor
from scheduler.people.models import User

_KIND = "emergency"


def count(db: Session, actor: Actor, now: datetime) -> None:
    """Count a code as wrong until it has proved right, in a transaction before; else TooMany."""
    proof.count(db, actor, now, _KIND)


def use(db: Session, actor: Actor, user: User, code: str, now: datetime) -> None:
    """Take the code, which is worth nothing from now on; else NotSignedIn."""
    proof.use(db, actor, user, code, now, kind=_KIND)
