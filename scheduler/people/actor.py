"""Who is asking, and the one place where what they ask for is refused (pure).

Rules
- The table in `scheduler.rights` decides; a bearer token's scope and an unchanged first password only ever narrow it.
- Reading what lies outside one's own subtrees is NotFound, so that ids tell nothing; every other refusal is Forbidden.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from scheduler.errors import Forbidden, NotFound
from scheduler.rights import Action, Grant, allowed, allowed_somewhere, fit_to_judge

_READING = frozenset(action for action in Action if action.value.endswith(".read"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A signed-in person, or with an empty `user_id` the machine itself (its command line and its jobs).

    `scope` is what a bearer token is limited to, None for everything that `grants` give. `second_factor` says that
    this sign-in was confirmed by one.
    """

    user_id: str
    login: str
    name: str
    language: str = "vi"
    grants: tuple[Grant, ...] = ()
    second_factor: bool = False
    scope: frozenset[Action] | None = None
    must_change_password: bool = False

    def may(self, action: Action, zone_path: str, now: datetime) -> bool:
        """Whether the actor may do `action` in the zone with this path."""
        return self._not_barred(action) and allowed(self.grants, action, zone_path, now)

    def may_everywhere(self, action: Action, zone_paths: Iterable[str], now: datetime) -> bool:
        """Whether the actor may do `action` in each of the zones; of no zones at all, not."""
        paths = tuple(zone_paths)
        return bool(paths) and all(self.may(action, path, now) for path in paths)

    def judging(self, author_ids: Collection[str]) -> "Actor":
        """The same without what they hold as the deputy of one of the authors."""
        return replace(self, grants=fit_to_judge(self.grants, author_ids))

    def zones_for(self, action: Action, now: datetime) -> tuple[str, ...]:
        """Ids of the zones on whose subtrees the actor may do `action`: what a list may be made from."""
        return allowed_somewhere(self.grants, action, now) if self._not_barred(action) else ()

    def covers(self, action: Action) -> bool:
        """Whether `action` may be done to what is the actor's own: a token does only what it is for."""
        return self.scope is None or action in self.scope

    def _not_barred(self, action: Action) -> bool:
        return not self.must_change_password and self.covers(action)


def require_somewhere(actor: Actor, now: datetime, *actions: Action) -> None:
    """Return if the actor may do one of these anywhere; else Forbidden, before anything is shown or filled in."""
    if not any(actor.zones_for(action, now) for action in actions):
        raise Forbidden("forbidden", "You do not have the right to do this here.")


def require(actor: Actor, action: Action, zone_path: str, now: datetime) -> None:
    """Return if the actor may; else raise NotFound for reading what they cannot see, Forbidden for the rest."""
    if actor.may(action, zone_path, now):
        return
    if action in _READING and not actor.may(Action.ZONE_READ, zone_path, now):
        raise NotFound("not_found", "There is no such thing, or it is not in your area.")
    raise Forbidden("forbidden", "You do not have the right to do this here.")
