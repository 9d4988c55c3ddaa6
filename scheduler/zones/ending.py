"""The end of a place, alone or by being merged into another one (part of one transaction).

Rules
- What is merged goes on: the places below it and the loudspeakers in it stand in the other one from that moment on.
- The place itself stays readable under its own id, and reports can be made in the old boundaries: what moves keeps
  where it stood, and play reports stay where they were written.
- A place in which loudspeakers stand does not end without being merged: they would fall silent.
"""

from datetime import datetime

from msgspec import Struct
from sqlmodel import Session

from scheduler.errors import Conflict, Invalid
from scheduler.fleet import repository as fleet
from scheduler.fleet import service as receivers
from scheduler.fleet.schemas import ReceiverMove
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.zones import repository, service
from scheduler.zones.models import Zone
from scheduler.zones.rules import there_now, today
from scheduler.zones.schemas import ZoneChange


class Ending(Struct, frozen=True):
    """What goes with a place: the places right below it, and how many loudspeakers stand in it and below it."""

    zone: Zone
    children: tuple[Zone, ...]
    here: int
    below: int
    into: tuple[Zone, ...]


def outlook(db: Session, actor: Actor, now: datetime, zone_id: str) -> Ending:
    """What would end, and which places of the same kind it can be merged into."""
    zone = service.zone_for(db, actor, now, zone_id)
    require(actor, Action.ZONE_EDIT, zone.path, now)
    total, _online = repository.receiver_counts(db, [zone.path], also_planned=True)
    near = [one for one in repository.children(db, zone.parent_id or "") if one.kind == zone.kind and one.id != zone.id]
    into = (one for one in there_now(db, near, now) if actor.may(Action.ZONE_EDIT, one.path, now))
    children = tuple(there_now(db, repository.children(db, zone.id), now, also_coming=True))
    here = total[zone.id]
    return Ending(zone, children, here, sum(total.values()) - here, tuple(into))


def check(found: Ending, into_id: str | None) -> None:
    """Return if it can end so; else Conflict or Invalid."""
    if found.zone.parent_id is None:
        raise Conflict("root_zone", "A zone without a parent does not end.")
    if into_id is None and found.here + found.below:
        message = "Loudspeakers stand there. Merge it into another place, or move them first."
        raise Invalid("receivers_here", message, field="into")
    if into_id is not None and into_id not in {one.id for one in found.into}:
        raise Invalid("bad_merger", "Choose one of the places that are listed.", field="into")


def end_zone(
    db: Session, actor: Actor, now: datetime, zone_id: str, *, version: int, into_id: str | None = None
) -> Zone:
    """The place is no more from today on. Raises Conflict, Forbidden, Invalid, NotFound, Stale."""
    found = outlook(db, actor, now, zone_id)
    zone = found.zone
    check(found, into_id)
    change = ZoneChange(valid_until=today(db, now, zone))
    ended = service.change_zone(db, actor, now, zone.id, version=version, change=change)
    if into_id is not None:
        _hand_over(db, actor, now, found, into_id)
    moved = [child.name for child in found.children] if into_id is not None else []
    audit.record(
        db, actor, now, "zone.end", f"zone:{zone.id}", zone_path=zone.path, name=zone.name, into=into_id, moved=moved
    )
    return ended


def _hand_over(db: Session, actor: Actor, now: datetime, found: Ending, into_id: str) -> None:
    for child in found.children:
        service.move_zone(db, actor, now, child.id, version=child.version, parent_id=into_id)
    for receiver, where in fleet.receivers_below(db, [found.zone.path]):
        if where.id == found.zone.id:
            move = ReceiverMove(zone_id=into_id)
            receivers.move(db, actor, now, receiver.id, version=receiver.version, move=move)
