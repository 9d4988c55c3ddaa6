"""Which receivers hold the whole message bank, by what they said of themselves last."""

from datetime import datetime

from sqlmodel import Session

from broadcast.wire import topics
from broadcast.wire.documents import ReceiverState
from broadcast.wire.fault_codes import FaultCode
from scheduler.bank import repository as bank
from scheduler.bank.schemas import BankAtReceiver, BankCompleteness
from scheduler.errors import NotFound
from scheduler.fleet import repository as fleet
from scheduler.fleet.views import said
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.zones import repository as zones


def index(db: Session, actor: Actor, now: datetime, zone_id: str | None = None) -> BankCompleteness:
    """Of the receivers that the actor sees, in `zone_id` and below if that is given, and that were enrolled."""
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_READ, now))
    if zone_id is not None:
        zone = zones.zone(db, zone_id)
        if zone is None:
            raise NotFound("not_found", "There is no such zone, or it is not in your area.")
        require(actor, Action.RECEIVER_READ, zone.path, now)
        paths = [zone.path]
    messages = sum(held.ready for held in bank.held(db))
    total, incomplete = 0, []
    for receiver, zone in fleet.receivers_below(db, paths):
        if receiver.enrolled_at is None or receiver.revoked_at is not None:
            continue
        total += 1
        lacks = missing(said(receiver), zone.path, messages)
        if lacks != 0:
            incomplete.append(BankAtReceiver(receiver_id=receiver.id, name=receiver.name, missing=lacks))
    return BankCompleteness(complete=total - len(incomplete), total=total, incomplete=incomplete)


def missing(state: ReceiverState | None, path: str, messages: int) -> int | None:
    """How many of the bank's `messages` a receiver in the zone with this path lacks, by what it said; None if nothing.

    It tells of what it lacks, as many as fit, and not of each of the many sounds that it has. Topics in its numbers
    have no prefix.
    """
    if state is None or not state.numbers:  # as in a last will
        return None
    if topics.bank(zones.ids_of(path)[0]).removeprefix(f"{topics.PREFIX}/") not in state.numbers:
        return messages
    return next((1 + one.detail.count(",") for one in state.faults if one.code == FaultCode.BANK_MISSING), 0)
