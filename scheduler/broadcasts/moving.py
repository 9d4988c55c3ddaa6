"""Another time for what is planned: the same broadcast said anew, through the service that checks it all.

Rules
- What comes once and has not begun can be moved by whoever may edit it; what repeats is edited as a whole.
- What was sent stays sent: where its places want approval it waits for it again, elsewhere it is planned at once.
"""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct
from sqlmodel import Session

from scheduler.broadcasts import aiming, airings, planning, repository, service
from scheduler.broadcasts.aiming import Target
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.rights import steps_for
from scheduler.broadcasts.schemas import At, BroadcastIn, BroadcastOut
from scheduler.errors import Conflict
from scheduler.people.actor import Actor
from scheduler.workflow import Event, State, approval_needed

SENT = (State.SUBMITTED, State.APPROVED)


class Movable(Struct, frozen=True, kw_only=True):
    """Something that can be given another time; moving it would have it wait for approval again if `approved`."""

    version: int
    starts_local: str
    places: int
    approved: bool


def move(
    db: Session, actor: Actor, now: datetime, broadcast_id: str, starts_local: str, *, version: int
) -> BroadcastOut:
    """Have it begin at `starts_local` instead, sent as far as it was."""
    item = service.view(db, actor, now, broadcast_id)
    made = service.edit(db, actor, now, broadcast_id, moved(item, starts_local), version=version)
    if item.state in SENT and made.state is State.DRAFT:
        made = service.submit(db, actor, now, broadcast_id, version=made.version)
    return made


def moved(item: BroadcastOut, starts_local: str) -> BroadcastIn:
    """All that `item` says, at another time; Conflict for what does not come once."""
    if not isinstance(item.when, At):
        raise Conflict("not_movable", "Only what comes once can be moved. Edit the broadcast instead.")
    return BroadcastIn(
        zone_id=item.zone_id,
        announcement_id=item.announcement_id,
        cls=item.cls,
        zone_ids=[target.zone_id for target in item.targets if target.zone_id],
        group_ids=[target.group_id for target in item.targets if target.group_id],
        when=item.when.model_copy(update={"starts_local": starts_local}),
        order=item.order,
        late=item.late,
        after_cut=item.after_cut,
        window_s=item.window_s,
        public=item.public,
    )


def movable(db: Session, actor: Actor, now: datetime, broadcast_ids: Collection[str]) -> dict[str, Movable]:
    """Those of the broadcasts that the actor may move, by id; in a fixed number of queries."""
    rows = [row for row in repository.several(db, broadcast_ids) if _comes_once(row, now)]
    targets = aiming.targets(db, [row.id for row in rows])
    zones = {zone.id: zone for found in targets.values() for target in found for zone in target.live(now)}
    places = planning.places(db, zones.values())
    found = {}
    for row in rows:
        paths = [path for target in targets[row.id] for path in target.paths]
        if Event.EDIT not in steps_for(actor, row, paths, now):
            continue
        live = _live(targets[row.id], now)
        needed = any(approval_needed(row.cls, places[zone_id].effective.approval_classes) for zone_id in live)
        found[row.id] = Movable(
            version=row.version,
            starts_local=row.starts_local or "",
            places=len(live),
            approved=row.state == State.APPROVED and needed,
        )
    return found


def _comes_once(row: Broadcast, now: datetime) -> bool:
    if row.rrule is not None or row.immediate or row.starts_local is None:
        return False
    start = airings.next_start(row, now)
    return start is not None and start > now


def _live(targets: Collection[Target], now: datetime) -> set[str]:
    return {zone.id for target in targets for zone in target.live(now)}
