"""Zones as they are named on a command line."""

from sqlmodel import Session, col, or_, select

from scheduler.errors import Conflict, NotFound
from scheduler.zones.models import Zone


def zone_named(db: Session, word: str) -> Zone:
    """The zone with this id or code; never by name, since names repeat."""
    found = db.exec(select(Zone).where(or_(col(Zone.id) == word, col(Zone.code) == word))).all()
    if not found:
        raise NotFound("not_found", "There is no zone with the id or code %(word)s. See: loa zone tree", word=word)
    if len(found) > 1:
        raise Conflict("ambiguous", "Several zones have the code %(word)s. Use an id from: loa zone tree", word=word)
    return found[0]
