"""What zones above let sound, which a STOP ALL below them does not silence, and whom to call for it (reads)."""

from collections.abc import Collection
from datetime import datetime
from itertools import takewhile

from sqlmodel import Session

from scheduler.emergency import repository, views
from scheduler.emergency.schemas import Contact, FromAbove
from scheduler.live import repository as live
from scheduler.live.models import LiveState
from scheduler.people import repository as people
from scheduler.people.actor import Actor
from scheduler.zones.repository import ids_of


def from_above(db: Session, actor: Actor, now: datetime, paths: Collection[str]) -> list[FromAbove]:
    """The orders, then the live talks, of those zones in which the zones with these paths lie."""
    stopped = {ids_of(path)[-1] for path in paths}
    above = {zone_id for path in paths for zone_id in takewhile(lambda one: one not in stopped, ids_of(path))}
    return [*_orders(db, actor, now, above), *_talks(db, above)] if above else []


def _orders(db: Session, actor: Actor, now: datetime, above: Collection[str]) -> list[FromAbove]:
    rows = {row.id: row for zone_id in sorted(above) for row in repository.in_force(db, zone_id, now)}
    return [
        FromAbove(
            kind=order.purpose.value,
            id=order.id,
            title=", ".join(part.title for part in order.parts if part.title),
            places=[target.name for target in order.targets if target.zone_id in above and target.ended_at is None],
            contacts=_contacts(db, row.author_id, row.confirmer_id),
        )
        for order, row in zip(views.shown(db, actor, now, list(rows.values())), rows.values(), strict=True)
    ]


def _talks(db: Session, above: Collection[str]) -> list[FromAbove]:
    talks = [talk for talk in live.not_over(db) if talk.state is LiveState.ON_AIR]
    zones = live.zones_of(db, [talk.id for talk in talks])
    return [
        FromAbove(kind="live", id=talk.id, title=talk.title, places=places, contacts=_contacts(db, talk.speaker_id))
        for talk in talks
        if (places := [zone.name for zone in zones[talk.id] if zone.id in above])
    ]


def _contacts(db: Session, *user_ids: str | None) -> list[Contact]:
    found = (people.user(db, user_id) for user_id in dict.fromkeys(user_ids) if user_id)
    return [Contact(name=user.name, phone=user.phone) for user in found if user is not None]
