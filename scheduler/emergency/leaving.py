"""What moved away from where an order is aimed would lose it, and its correction: it waits until that is over."""

from datetime import datetime

from sqlmodel import Session

from scheduler.emergency import repository
from scheduler.emergency.life import State
from scheduler.errors import Conflict
from scheduler.zones.repository import ids_of


def check_leaving(db: Session, now: datetime, old_path: str, new_path: str) -> None:
    """Return if what moves from one path to the other stays below all that orders are aimed at; else Conflict."""
    left = set(ids_of(old_path)) - set(ids_of(new_path))
    for row, _target in repository.unfinished(db, left):
        ends_at = row.lapses_at if row.state == State.ASKED else row.until_at
        if ends_at is None or now < ends_at:
            message = "An emergency, a drill or a test is asked for or in force there. Move it when that is over."
            raise Conflict("order_there", message)
