"""Which receivers hold the whole message bank, by what they said of themselves last.

A receiver holds each message in the first of its languages that is there, as `receivers.orders.media_for` chooses.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session

from broadcast.wire import topics
from broadcast.wire.documents import ReceiverState
from scheduler.bank import repository
from scheduler.bank.models import BankMedia
from scheduler.bank.schemas import BankAtReceiver, BankCompleteness
from scheduler.errors import NotFound
from scheduler.fleet import repository as fleet
from scheduler.fleet.models import Receiver
from scheduler.fleet.views import said
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.zones import repository as zones
from scheduler.zones import rules

FAULT = "bank"
"""How the codes of faults that are about the bank begin."""

Message = Sequence[BankMedia]


def index(db: Session, actor: Actor, now: datetime, zone_id: str | None = None) -> BankCompleteness:
    """Of the receivers that the actor sees, in `zone_id` and below if that is given, and that were enrolled."""
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_READ, now))
    if zone_id is not None:
        zone = zones.zone(db, zone_id)
        if zone is None:
            raise NotFound("not_found", "There is no such zone, or it is not in your area.")
        require(actor, Action.RECEIVER_READ, zone.path, now)
        paths = [zone.path]
    rows = [row for row, _zone in fleet.receivers_below(db, paths) if row.enrolled_at and not row.revoked_at]
    found = missing_at(db, [row.id for row in rows])
    lacking = [BankAtReceiver(receiver_id=row.id, name=row.name, missing=found[row.id]) for row in rows]
    incomplete = [one for one in lacking if one.missing != 0]
    return BankCompleteness(complete=len(lacking) - len(incomplete), total=len(lacking), incomplete=incomplete)


def missing_at(db: Session, receiver_ids: Collection[str]) -> dict[str, int | None]:
    """How many sounds of the bank each receiver lacks; None where that is not known."""
    messages = [held.sounds for held in repository.held(db) if held.ready]
    found: dict[str, int | None] = {}
    languages: dict[str, tuple[str, ...]] = {}
    for receiver_id in receiver_ids:
        row = fleet.receiver(db, receiver_id)
        if row is None:
            continue
        receiver, zone = row
        if zone.id not in languages:
            languages[zone.id] = rules.effective(db, zone.path).languages
        found[receiver_id] = _missing(receiver, zone.path, messages, languages[zone.id])
    return found


def missing(
    state: ReceiverState | None, root_id: str, messages: Sequence[Message], languages: Sequence[str]
) -> int | None:
    """How many of the messages' sounds a receiver that said `state` lacks; None if it does not say."""
    if state is None:
        return None
    wanted = {sound.sha256 for sound in (_chosen(message, languages) for message in messages)}
    if topics.bank(root_id) not in state.numbers:
        return len(wanted)
    told = {one.sha256: one.ready_us is not None for one in state.media if one.sha256 in wanted}
    if told:
        return sum(not told.get(sha256 or "", False) for sha256 in wanted)
    return None if any(fault.code.startswith(FAULT) for fault in state.faults) else 0


def _missing(receiver: Receiver, path: str, messages: Sequence[Message], languages: Sequence[str]) -> int | None:
    root_id = zones.ids_of(path)[0]
    return missing(said(receiver), root_id, messages, receiver.languages or languages)


def _chosen(message: Message, languages: Sequence[str]) -> BankMedia:
    for language in languages:
        for sound in message:
            if sound.language == language:
                return sound
    return message[0]
