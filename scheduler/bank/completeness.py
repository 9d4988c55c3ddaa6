"""Which receivers hold the message bank, or what one chooses of it, by what they said of themselves last (reads).

Rules
- A receiver tells the number of the bank's document that it has, and which of its messages it lacks, as many as fit;
  not each of the many that it has. So it holds what that document names and what it does not say that it lacks.
- What the newest document names is known. One before it named what was produced long enough before it was made, for a
  document's number is the second of its making.
- Who said nothing, or of no document, holds nothing.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlmodel import Session

from broadcast.clock import US_PER_S, to_us
from broadcast.wire import topics
from broadcast.wire.documents import MAX_FAULT_DETAIL
from broadcast.wire.jws import unverified
from scheduler.bank import repository as bank
from scheduler.bank.schemas import BankAtReceiver, BankCompleteness
from scheduler.errors import NotFound
from scheduler.fleet import bank_said, outbox
from scheduler.fleet import repository as fleet
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.zones import repository as zones

SETTLED = timedelta(hours=1)
"""More than it takes to produce a message and to number documents anew after a backup was put back."""
NOTHING: frozenset[str] = frozenset()
MOST = 200


class Holding(NamedTuple):
    """How many of `total` receivers hold each set of messages."""

    total: int
    sets: Mapping[frozenset[str], int]

    def of(self, bank_ids: Collection[str]) -> int:
        """The receivers that hold all of these."""
        return sum(count for held, count in self.sets.items() if held.issuperset(bank_ids))


class _Message(msgspec.Struct, frozen=True):
    id: str


class _Document(msgspec.Struct, frozen=True):
    number: int
    messages: tuple[_Message, ...] = ()


def index(
    db: Session, actor: Actor, now: datetime, zone_id: str | None = None, *, after: str = "", limit: int = MOST
) -> BankCompleteness:
    """Of the receivers that the actor sees, in `zone_id` and below if that is given, and that were enrolled.

    Of those that lack something at most `limit`, by name, after the `next` of the page before.
    """
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_READ, now))
    if zone_id is not None:
        zone = zones.zone(db, zone_id)
        if zone is None:
            raise NotFound("not_found", "There is no such zone, or it is not in your area.")
        require(actor, Action.RECEIVER_READ, zone.path, now)
        paths = [zone.path]
    known = Known(db)
    total, incomplete = 0, dict[str, tuple[str, str, int | None]]()
    for topic, here in _by_topic(paths):
        said = fleet.said_below(db, here)
        lacks = {one: known.lacking(topic, one) for one in {one for _key, _name, one in said}}
        total += len(said)
        lacking = ((key, name, lacks[one]) for key, name, one in said if lacks[one] != 0)
        incomplete |= {f"{one[1].casefold()} !{one[0]}": one for one in lacking}
    listed = sorted(at for at in incomplete if at > after)
    following = listed[limit - 1] if len(listed) > limit else None
    found = [incomplete[at] for at in listed[:limit]]
    shown = [BankAtReceiver(receiver_id=key, name=name, missing=missing) for key, name, missing in found]
    return BankCompleteness(complete=total - len(incomplete), total=total, incomplete=shown, next=following)


def holding(db: Session, paths: Collection[str]) -> Holding:
    """What the receivers hold that were enrolled at or below `paths`; the caller has the right to know it."""
    known = Known(db)
    sets: Counter[frozenset[str]] = Counter()
    for topic, here in _by_topic(paths):
        for said, count in fleet.counted_below(db, here):
            sets[known.holds(topic, said) or NOTHING] += count
    return Holding(sets.total(), sets)


def _by_topic(paths: Collection[str]) -> list[tuple[str, list[str]]]:
    """The bank of each root zone, and which of `paths` hear it."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(topics.bank(zones.ids_of(path)[0]), []).append(path)
    return list(found.items())


class Known:
    """What the bank's documents name: the newest of each root zone, and the ones before."""

    def __init__(self, db: Session) -> None:
        held = [one for one in bank.held(db) if one.ready]
        self.ready = frozenset(one.entry.id for one in held)
        self._sure_from: dict[str, int] = {}
        for one in held:
            self._sure_from[one.entry.id] = to_us(one.settled_at + SETTLED) // US_PER_S
        self._newest: dict[str, tuple[int, frozenset[str]]] = {}
        for topic, jws in outbox.documents(db, map(topics.bank, bank.root_ids(db))):
            document = msgspec.json.decode(unverified(jws), type=_Document)
            self._newest[topic] = document.number, frozenset(message.id for message in document.messages)
        self._named: dict[tuple[str, int], frozenset[str]] = {}

    def lacks(self, said: str | None, path: str) -> int | None:
        """How many of the bank's messages a receiver in the zone with this path lacks; None if it said nothing."""
        return self.lacking(topics.bank(zones.ids_of(path)[0]), said)

    def lacking(self, topic: str, said: str | None) -> int | None:
        """The same of the bank with this topic."""
        held = self.holds(topic, said)
        return len(self.ready - held) if held is not None else None

    def holds(self, topic: str, said: str | None) -> frozenset[str] | None:
        """What a receiver holds by its `bank_said`."""
        if said is None:
            return None
        return self._named_by(topic, bank_said.read(said, topic.removeprefix(f"{topics.PREFIX}/")))

    def _named_by(self, topic: str, said: bank_said.Said) -> frozenset[str]:
        number, lacks = said
        if (topic, number) not in self._named:
            self._named[topic, number] = self._names(topic, number)
        named = self._named[topic, number]
        if not lacks:
            return named
        listed = lacks.split(", ")
        cut_at = listed[-1] if len(lacks) >= MAX_FAULT_DETAIL else None  # the list is in order
        return frozenset(one for one in named if one not in listed and (cut_at is None or one < cut_at))

    def _names(self, topic: str, number: int) -> frozenset[str]:
        newest, named = self._newest.get(topic, (0, NOTHING))
        if number >= newest:
            return named
        return frozenset(one for one in self.ready if self._sure_from[one] <= number)
