"""An emergency order's life as a table (pure).

Rules
- Asked, it sounds nowhere; it is confirmed, withdrawn, or lapses after ASKED_FOR.
- Issued, it sounds until its end, or until it is cancelled, as by STOP ALL or a correction.
- A pair of state and event that the table does not list raises NotPossible and changes nothing. All other states are
  final.
"""

from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from scheduler.errors import Conflict

ASKED_FOR = timedelta(minutes=15)


class State(StrEnum):
    ASKED = "asked"
    ISSUED = "issued"
    OVER = "over"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Event(StrEnum):
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"  # nobody confirmed it in time
    FINISH = "finish"
    CANCEL = "cancel"


TABLE = MappingProxyType(
    {
        (State.ASKED, Event.CONFIRM): State.ISSUED,
        (State.ASKED, Event.WITHDRAW): State.WITHDRAWN,
        (State.ASKED, Event.LAPSE): State.EXPIRED,
        (State.ISSUED, Event.FINISH): State.OVER,
        (State.ISSUED, Event.CANCEL): State.CANCELLED,
    }
)


class NotPossible(Conflict):
    """The order is not in a state for this."""


def step(state: State, event: Event) -> State:
    """The state after `event`, else NotPossible."""
    after = TABLE.get((state, event))
    if after is None:
        raise NotPossible("not_possible", "This can no longer be done with this order.", state=state.value)
    return after


def possible(state: State) -> tuple[Event, ...]:
    """The events that `state` takes, in the order of their definition."""
    return tuple(event for event in Event if (state, event) in TABLE)


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.ASKED}"]
    lines += [f"    {before} --> {after}: {event}" for (before, event), after in TABLE.items()]
    lines += [f"    {state} --> [*]" for state in State if not possible(state)]
    return "\n".join(lines) + "\n"
