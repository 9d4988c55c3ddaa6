"""A broadcast's life as a table (pure).

Rules
- A pair of state and event that the table does not list raises NotPossible and changes nothing.
- Nothing is approved unless another person than its authors approves it, or its zone needs no approval for its class.
- Whatever changes an approved broadcast takes the approval away, where one is needed.
- What is on the air is not edited; it is cancelled, which stops it.
- A repeating broadcast is approved again between two occurrences (`rest`) and done after the last (`finish`).
- Done and cancelled are final.
"""

from collections.abc import Collection
from enum import StrEnum
from types import MappingProxyType

from broadcast.wire.documents import BroadcastClass
from scheduler.errors import Conflict


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    ON_AIR = "on_air"
    DONE = "done"
    CANCELLED = "cancelled"


class Event(StrEnum):
    EDIT = "edit"
    SUBMIT = "submit"
    APPROVE = "approve"
    RETURN = "return"
    CANCEL = "cancel"
    START = "start"
    REST = "rest"  # an occurrence is over and others are to come
    FINISH = "finish"  # the last occurrence is over, heard or not


class NotPossible(Conflict):
    """The broadcast is not in a state for this."""

    def __init__(self, state: State, event: Event, message: str, code: str = "not_possible") -> None:
        super().__init__(code, message, state=state.value, event=event.value)
        self.state = state
        self.event = event


TABLE = MappingProxyType(
    {
        (State.DRAFT, Event.EDIT): State.DRAFT,
        (State.DRAFT, Event.SUBMIT): State.SUBMITTED,
        (State.DRAFT, Event.CANCEL): State.CANCELLED,
        (State.SUBMITTED, Event.EDIT): State.DRAFT,
        (State.SUBMITTED, Event.APPROVE): State.APPROVED,
        (State.SUBMITTED, Event.RETURN): State.RETURNED,
        (State.SUBMITTED, Event.CANCEL): State.CANCELLED,
        (State.RETURNED, Event.EDIT): State.DRAFT,
        (State.RETURNED, Event.SUBMIT): State.SUBMITTED,
        (State.RETURNED, Event.CANCEL): State.CANCELLED,
        (State.APPROVED, Event.EDIT): State.DRAFT,
        (State.APPROVED, Event.RETURN): State.RETURNED,
        (State.APPROVED, Event.CANCEL): State.CANCELLED,
        (State.APPROVED, Event.START): State.ON_AIR,
        (State.APPROVED, Event.FINISH): State.DONE,
        (State.ON_AIR, Event.REST): State.APPROVED,
        (State.ON_AIR, Event.FINISH): State.DONE,
        (State.ON_AIR, Event.CANCEL): State.CANCELLED,
    }
)
# Where no approval is needed these lead elsewhere.
WITHOUT_APPROVAL = MappingProxyType(
    {
        (State.DRAFT, Event.SUBMIT): State.APPROVED,
        (State.RETURNED, Event.SUBMIT): State.APPROVED,
        (State.APPROVED, Event.EDIT): State.APPROVED,
    }
)


def step(state: State, event: Event, *, approval: bool = True, other_person: bool = False) -> State:
    """The state after `event`, else NotPossible.

    `approval` says whether this broadcast needs one; `other_person` that whoever approves or returns it is none of
    its authors (rights.other_person).
    """
    after = TABLE.get((state, event))
    if after is None:
        raise NotPossible(state, event, "a broadcast that is %(state)s cannot take %(event)s")
    if event is Event.APPROVE and not other_person:
        raise NotPossible(state, event, "whoever wrote or changed a broadcast does not approve it", "own_broadcast")
    return after if approval else WITHOUT_APPROVAL.get((state, event), after)


def possible(state: State) -> tuple[Event, ...]:
    """The events that `state` takes, in the order of their definition."""
    return tuple(event for event in Event if (state, event) in TABLE)


def approval_needed(cls: BroadcastClass, classes: Collection[BroadcastClass] | None) -> bool:
    """Whether the zone's setting (the classes that need approval) names `cls`; all do where nothing was ever set."""
    return classes is None or cls in classes


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.DRAFT}"]
    lines += [f"    {before} --> {after}: {event}" for (before, event), after in TABLE.items()]
    lines += [
        f"    {before} --> {after}: {event} (no approval needed)" for (before, event), after in WITHOUT_APPROVAL.items()
    ]
    lines += [f"    {state} --> [*]" for state in State if not possible(state)]
    return "\n".join(lines) + "\n"
