"""What keeps an announcement as it is: who asks is told what it may see of that (reads the database)."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.announcements import repository
from scheduler.bulletins import repository as bulletins
from scheduler.bulletins.calendar import comes, start_of
from scheduler.errors import Conflict, Named
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.zones import repository as zones
from scheduler.zones.rules import effective


def refuse_as_approved(db: Session, announcement_id: str) -> None:
    """What is approved, or waits for it, is what is heard and read."""
    holding = repository.broadcasts_holding(db, announcement_id)
    if holding:
        raise Conflict(
            "held",
            "Broadcasts hold this announcement as it was approved: %(broadcasts)s. Copy it to change it.",
            broadcasts=", ".join(broadcast.id for broadcast in holding),
        )


def refuse_as_held_elsewhere(db: Session, actor: Actor, now: datetime, announcement_id: str) -> None:
    """An administrator chose it as it is; whoever writes announcements does not change what that is."""
    zones_held = repository.zones_falling_back_on(db, announcement_id)
    if zones_held:
        message = "%(zones)s falls back on this announcement where another cannot be played. Copy it to change it."
        named = _named(db, actor, now, Action.ZONE_READ, [(zone.name, zone.id) for zone in zones_held])
        raise Conflict("held_as_fallback", message, zones=named)
    relays = repository.relays_falling_back_on(db, announcement_id)
    if relays:
        message = "%(relays)s plays this announcement while its source is silent. Copy it to change it."
        named = _named(db, actor, now, Action.BROADCAST_READ, [(relay.title, relay.zone_id) for relay in relays])
        raise Conflict("held_as_stand_in", message, relays=named)
    wholes = repository.put_together_from(db, [announcement_id], unfinished=True)
    if wholes:
        message = "It is being put together with others: %(titles)s. Wait until that is produced."
        named = _named(db, actor, now, Action.ANNOUNCEMENT_READ, [(whole.title, whole.zone_id) for whole in wholes])
        raise Conflict("held_as_part", message, titles=named)
    talks = repository.talks_playing(db, announcement_id)
    if talks:
        message = "%(talks)s plays this announcement live, or is about to. Wait until that is over, or copy it."
        named = _named(db, actor, now, Action.BROADCAST_READ, [(talk.title, talk.zone_id) for talk in talks])
        raise Conflict("held_as_live", message, talks=named)
    receivers = repository.receivers_holding(db, announcement_id)
    if receivers:
        message = "%(receivers)s keeps this announcement to be started there. Copy it to change it."
        named = _named(db, actor, now, Action.RECEIVER_READ, [(one.name, one.zone_id) for one in receivers])
        raise Conflict("held_as_message", message, receivers=named)


def refuse_as_part_of_bulletin(db: Session, actor: Actor, now: datetime, announcement_id: str) -> None:
    """It may be changed, as an edition is put together when it is sent; but a part that is gone would be left out."""
    found = [(bulletin.name, bulletin.zone_id) for bulletin in bulletins.templates_with(db, announcement_id)]
    for edition, bulletin, zone in bulletins.editions_with(db, announcement_id, (now - timedelta(days=1)).date()):
        starts = start_of(edition.day, edition.at, effective(db, zone.path).rules.timezone)
        if starts > now and comes(bulletin, edition.day, edition.at, ()):
            found.append((f"{bulletin.name}, {edition.day:%d/%m/%Y} {edition.at}", zone.id))
    if found:
        message = "It is a part of %(bulletins)s. Choose another one there first."
        named = _named(db, actor, now, Action.BROADCAST_READ, found)
        raise Conflict("held_as_part_of_bulletin", message, bulletins=named)


def _named(db: Session, actor: Actor, now: datetime, action: Action, found: Collection[tuple[str, str]]) -> Named:
    """`found` is (name, id of the zone it belongs to); `action` is what shows it there."""
    homes = zones.zones(db, {zone_id for _name, zone_id in found})
    return Named.of((name, actor.may(action, homes[zone_id].path, now)) for name, zone_id in found)
