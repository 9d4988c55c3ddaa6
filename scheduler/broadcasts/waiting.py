"""What would be aired on a day if it were sent and approved (reads the database; a fixed number of queries)."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import Airing
from scheduler.broadcasts import airings, planning, repository
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.planning import Place
from scheduler.broadcasts.repository import Placed
from scheduler.broadcasts.schemas import BoardWaiting
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.workflow import State
from scheduler.zones.forest import zones_by_id

UNSENT = (State.DRAFT, State.SUBMITTED, State.RETURNED)


def waiting(
    db: Session, actor: Actor, now: datetime, by_id: Mapping[str, Place], windows: Mapping[str, Window]
) -> dict[str, list[BoardWaiting]]:
    """By zone, what waits to be sent or approved and begins in the window of the zone's time zone.

    Only those see it who see the zone in whose name it is to be sent.
    """
    items = repository.placed(db, by_id.keys(), UNSENT)
    senders = zones_by_id(db, {item.broadcast.zone_id for item in items})
    seen = [item for item in items if actor.may(Action.BROADCAST_READ, senders[item.broadcast.zone_id].path, now)]
    whole = min((w[0] for w in windows.values()), default=0), max((w[1] for w in windows.values()), default=0)
    aired = planning.aired_in(db, seen, by_id, whole)
    return {
        zone_id: [
            _shown(item, airing, place)
            for item, by_zone in aired
            for airing in planning.reaching(place, by_zone)
            if windows[place.timezone][0] <= airing.start_us < windows[place.timezone][1]
            and (item.broadcast.rrule is None or airing.start_us >= to_us(now))  # else a draft fills days of the past
        ]
        for zone_id, place in by_id.items()
        if place.timezone in windows
    }


def _shown(item: Placed, airing: Airing, place: Place) -> BoardWaiting:
    start = from_us(airing.start_us)
    return BoardWaiting(
        broadcast_id=item.broadcast.id,
        title=item.title,
        cls=item.broadcast.cls,
        start=start,
        end=from_us(airing.start_us + airing.media_for(place.effective.languages).duration_us),
        local=airings.local_text(start, place.timezone)[11:16],
        state=State(item.broadcast.state),
    )
