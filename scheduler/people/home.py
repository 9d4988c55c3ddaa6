"""Where an account belongs, and by whose clock its owner reads (reads the database)."""

from sqlmodel import Session, col, select

from scheduler.people.models import User
from scheduler.zones.models import Zone
from scheduler.zones.rules import effective_rules


def timezone(db: Session, user_id: str) -> str | None:
    """The time zone of the person's place, the one that its loudspeakers play by; None without a place."""
    path = db.exec(select(Zone.path).join(User, col(User.zone_id) == Zone.id).where(User.id == user_id)).one_or_none()
    return effective_rules(db, path).timezone if path is not None else None
