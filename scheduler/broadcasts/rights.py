"""Who may do what with a broadcast, by its zones (pure).

Rules
- What is done with a broadcast needs the right in every zone that it is aimed at, all zones of a group among them, and
  in the zone that a group belongs to: its members may be others tomorrow, or none.
- An emergency is written and sent only by those who may issue one, and approved by those who may confirm one.
- Whoever approves as a deputy does so for nobody who wrote or changed it.
- It is seen by those who see the zone in whose name it is sent; while it waits, by those who may approve in all its
  zones; and, once it is approved, by those who see a zone that hears it, from above or from within.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Protocol

from broadcast.wire.documents import BroadcastClass
from scheduler.people.actor import Actor, require
from scheduler.rights import Action, on_behalf_of, other_person
from scheduler.workflow import Event, State, possible

WRITE = (Action.BROADCAST_EDIT,)
_NEEDED = {
    Event.EDIT: WRITE,
    Event.SUBMIT: (Action.BROADCAST_SUBMIT,),
    Event.APPROVE: (Action.BROADCAST_APPROVE,),
    Event.RETURN: (Action.BROADCAST_APPROVE,),
    Event.CANCEL: (Action.BROADCAST_CANCEL,),
}
_EMERGENCY = {
    Event.EDIT: (Action.EMERGENCY_ISSUE,),
    Event.SUBMIT: (Action.EMERGENCY_ISSUE,),
    Event.APPROVE: (Action.EMERGENCY_CONFIRM,),
}
JUDGING = (Event.APPROVE, Event.RETURN)
UNSEEN = (State.DRAFT, State.SUBMITTED, State.RETURNED)


class Planned(Protocol):
    """A broadcast, or whatever else lives as one does."""

    id: str
    state: str
    cls: BroadcastClass
    editor_ids: list[str]


def needed(event: Event, cls: BroadcastClass) -> tuple[Action, ...]:
    """The rights that a step with a broadcast of this class takes."""
    return _NEEDED[event] + (_EMERGENCY.get(event, ()) if cls is BroadcastClass.EMERGENCY else ())


def require_step(
    actor: Actor,
    event: Event,
    cls: BroadcastClass,
    paths: Iterable[str],
    now: datetime,
    *,
    author_ids: Collection[str] = (),
) -> None:
    """Return if the actor has what `event` takes in each of `paths`; else Forbidden or NotFound."""
    actor = actor.judging(author_ids) if event in JUDGING else actor
    for path in paths:
        for action in needed(event, cls):
            require(actor, action, path, now)


def steps_for(actor: Actor, planned: Planned, paths: Collection[str], now: datetime) -> list[Event]:
    """The steps that `actor` could take now, in the order of the workflow."""
    events = [event for event in possible(State(planned.state)) if event in _NEEDED]
    return [event for event in events if has_rights(actor, event, planned, paths, now)]


def has_rights(actor: Actor, event: Event, planned: Planned, paths: Collection[str], now: datetime) -> bool:
    """Whether `actor` may take this step with it, where its state lets anybody."""
    if event is Event.APPROVE and not other_person(planned.editor_ids, actor.user_id):
        return False
    judge = actor.judging(planned.editor_ids) if event in JUDGING else actor
    return all(judge.may_everywhere(action, paths, now) for action in needed(event, planned.cls))


def acts_for(actor: Actor, planned: Planned, paths: Collection[str], now: datetime) -> list[str]:
    """As whose deputy `actor` would approve it; of nobody where they may do so themselves."""
    judge = actor.judging(planned.editor_ids)
    return list(on_behalf_of(judge.grants, Action.BROADCAST_APPROVE, paths, now))


def judges(actor: Actor, state: State, paths: Collection[str], now: datetime) -> bool:
    """Whether it waits for an approval that takes a right in each of `paths`, and `actor` has it there."""
    rights = Action.BROADCAST_READ, Action.BROADCAST_APPROVE
    return state is State.SUBMITTED and all(actor.may_everywhere(right, paths, now) for right in rights)


def may_see(
    actor: Actor,
    state: State,
    now: datetime,
    *,
    sender: str,
    targets: Iterable[str],
    seen: Collection[str],
    judged: Collection[str] = (),
) -> bool:
    """Whether `actor`, who sees the subtrees of the paths `seen`, sees a broadcast sent from `sender` to `targets`.

    `judged` are the paths in which approving it takes a right.
    """
    if actor.may(Action.BROADCAST_READ, sender, now) or judges(actor, state, judged, now):
        return True
    return state not in UNSEEN and any(path.startswith(own) or own.startswith(path) for path in targets for own in seen)
