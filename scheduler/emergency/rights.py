"""Who may do what with an order, by the places where it sounds (pure).

Rules
- To ask for one, to take it back or to correct it takes the right to issue its kind in every place where it sounds.
- To let one sound that another asked for takes the right to confirm in every place. Nobody confirms their own; where
  the zones let one person do, that one has a second factor and proves it anew.
- Drills go the same way as emergencies: what is said in one is heard as well.
- While it is only asked for it is seen by those who could confirm or issue it; after that also by those who see a place
  that hears it, from above or from within.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from types import MappingProxyType

from broadcast.wire.now import Purpose
from scheduler.emergency.life import Event, State, possible
from scheduler.emergency.models import EmergencyOrder
from scheduler.people.actor import Actor, require
from scheduler.rights import Action, other_person
from scheduler.zones.models import SecondPerson

ISSUE = MappingProxyType(
    {Purpose.REAL: Action.EMERGENCY_ISSUE, Purpose.DRILL: Action.DRILL_ISSUE, Purpose.TEST: Action.DRILL_ISSUE}
)
NOT_SENT = (State.ASKED, State.WITHDRAWN, State.EXPIRED)


def require_everywhere(actor: Actor, action: Action, paths: Iterable[str], now: datetime) -> None:
    """Return if the actor may do `action` at each of `paths`; else Forbidden or NotFound."""
    for path in paths:
        require(actor, action, path, now)


def alone(order: EmergencyOrder, actor: Actor) -> bool:
    """Whether the actor would confirm what they asked for themselves."""
    return not other_person([order.author_id or ""], actor.user_id)


def strictest(found: Iterable[SecondPerson]) -> SecondPerson:
    """What holds for an order whose places say this."""
    wanted = set(found)
    return SecondPerson.SECOND_FACTOR if wanted == {SecondPerson.SECOND_FACTOR} else SecondPerson.TWO_PEOPLE


def may_confirm(actor: Actor, order: EmergencyOrder, mode: SecondPerson, paths: Collection[str], now: datetime) -> bool:
    """Whether the actor could let it sound, given the right word and code."""
    if alone(order, actor):
        return mode is SecondPerson.SECOND_FACTOR and actor.may_everywhere(ISSUE[order.purpose], paths, now)
    return actor.may_everywhere(Action.EMERGENCY_CONFIRM, paths, now)


def may_withdraw(actor: Actor, order: EmergencyOrder, paths: Collection[str], now: datetime) -> bool:
    """Its author, and whoever could issue or confirm it."""
    own = bool(actor.user_id) and order.author_id == actor.user_id
    rights = (ISSUE[order.purpose], Action.EMERGENCY_CONFIRM)
    return any(actor.may_everywhere(action, paths, now) for action in rights) or (
        own and any(actor.may(ISSUE[order.purpose], path, now) for path in paths)
    )


def steps_for(
    actor: Actor, order: EmergencyOrder, state: State, *, mode: SecondPerson, paths: Collection[str], now: datetime
) -> list[Event]:
    """What the actor could do with it now, in the order of its life."""
    able = {
        Event.CONFIRM: may_confirm(actor, order, mode, paths, now),
        Event.WITHDRAW: may_withdraw(actor, order, paths, now),
        Event.CANCEL: actor.may_everywhere(ISSUE[order.purpose], paths, now),
    }
    return [event for event in possible(state) if able.get(event, False)]


def may_see(actor: Actor, order: EmergencyOrder, paths: Collection[str], seen: Collection[str], now: datetime) -> bool:
    """Whether the actor, who sees the subtrees of the paths `seen`, sees the order that is aimed at `paths`."""
    if actor.user_id and actor.user_id == order.author_id and actor.covers(ISSUE[order.purpose]):
        return True
    if State(order.state) in NOT_SENT:
        rights = (ISSUE[order.purpose], Action.EMERGENCY_CONFIRM)
        return any(actor.may(action, path, now) for action in rights for path in paths)
    return any(path.startswith(own) or own.startswith(path) for path in paths for own in seen)
