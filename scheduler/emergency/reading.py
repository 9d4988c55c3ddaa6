"""What is read of orders, by whom."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from broadcast.wire.now import Purpose
from scheduler.emergency import repository, views
from scheduler.emergency.life import State
from scheduler.emergency.rights import may_see
from scheduler.emergency.schemas import OrderOut, OrderPage
from scheduler.emergency.views import Held
from scheduler.errors import NotFound
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql

_NO_SUCH = "There is no such thing, or it is not in your area."


def get(db: Session, actor: Actor, now: datetime, order_id: str, *, purpose: Purpose | None = None) -> OrderOut:
    """One order; with `purpose`, NotFound if it is for another."""
    return views.shown(db, actor, now, [readable(db, actor, now, order_id, purpose=purpose).row])[0]


def index(
    db: Session,
    actor: Actor,
    now: datetime,
    *,
    purpose: Purpose | None = None,
    states: Collection[State] = (),
    before: str | None = None,
    limit: int = 50,
) -> OrderPage:
    """The orders that the actor sees, newest first; `before` is the last page's `next`.

    A page may hold fewer than `limit`: what is only asked for is seen by those who could let it sound.
    """
    own = zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    above = {zone_id for path in own for zone_id in zone_sql.ids_of(path)}
    rows = repository.page(
        db, own, above, actor.user_id, purpose=purpose, states=states, before=before, limit=limit + 1
    )
    placed = repository.targets(db, [row.id for row in rows]) if rows else {}
    seen = [row for row in rows[:limit] if may_see(actor, row, Held(row, placed[row.id]).paths, own, now)]
    if states:  # nobody may have noted yet what time did to it
        seen = [row for row in seen if views.state_now(row, now) in states]
    following = rows[limit - 1].id if len(rows) > limit else None
    return OrderPage(items=views.shown(db, actor, now, seen), next=following)


def readable(
    db: Session, actor: Actor, now: datetime, order_id: str, *, purpose: Purpose | None = None, lock: bool = False
) -> Held:
    """The order if the actor sees it and it is for `purpose`; else NotFound."""
    row = repository.get(db, order_id, lock=lock)
    if row is None or purpose not in (None, row.purpose):
        raise NotFound("not_found", _NO_SUCH)
    held = Held(row, repository.targets(db, [order_id])[order_id])
    seen = zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    if not may_see(actor, row, [zone.path for _target, zone in held.placed], seen, now):
        raise NotFound("not_found", _NO_SUCH)
    return held
