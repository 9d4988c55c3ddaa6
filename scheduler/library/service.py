"""Finding announcements to use again: search, labels, history. Each function is part of one transaction."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlmodel import Session

from scheduler.announcements import finding
from scheduler.announcements import repository as announcements
from scheduler.announcements import service as announcement_service
from scheduler.announcements.schemas import AnnouncementOut
from scheduler.errors import Invalid
from scheduler.library import repository
from scheduler.library.repository import Aired, Use
from scheduler.library.schemas import MAX_TAGS, HistoryOut, LabelsIn, LibraryItem, LibraryPage, Search, UseOut
from scheduler.live.repository import AIRING_PREFIX
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.zones import repository as zones

HISTORY = 50


def search(
    db: Session, actor: Actor, now: datetime, wanted: Search, *, before: str | None = None, limit: int = 50
) -> LibraryPage:
    """The announcements that fit of the zones that the actor sees, newest first."""
    paths = zones.paths_of(db, actor.zones_for(Action.ANNOUNCEMENT_READ, now))
    words = finding.wanted(wanted.q)
    named = repository.zones_named(db, paths, words) if words.pieces else []
    rows = repository.page(db, paths, wanted, named=named, before=before, limit=limit + 1)
    shown = rows[:limit]
    ids = [announcement.id for announcement, _zone, _author in shown]
    recordings, held = announcements.recordings_of(db, ids), announcements.held(db, ids)
    used = repository.uses(db, ids, now)
    above = zones.zones(db, {zone_id for _announcement, zone, _author in shown for zone_id in zones.ids_of(zone.path)})
    items = []
    for announcement, zone, author in shown:
        seen = announcement_service.shown(
            announcement, zone, author, recordings[announcement.id], held=held, actor=actor, now=now
        )
        use = used.get(announcement.id, Use())
        place = [above[zone_id].name for zone_id in reversed(zones.ids_of(zone.path)[:-1]) if zone_id in above]
        items.append(
            LibraryItem(**seen.model_dump(), place=place, times=use.times, heard=use.heard, last_at=use.last_at)
        )
    return LibraryPage(items=items, next=ids[-1] if len(rows) > limit else None)


def tags(db: Session, actor: Actor, now: datetime) -> list[str]:
    """The tags that are in use, the most used first."""
    return repository.tags(db, zones.paths_of(db, actor.zones_for(Action.ANNOUNCEMENT_READ, now)))


def label(
    db: Session, actor: Actor, now: datetime, announcement_id: str, asked: LabelsIn, *, version: int
) -> AnnouncementOut:
    """Put an announcement under a category and tags; its sound stays as it is."""
    announcement = announcement_service.editable(db, actor, now, announcement_id, version)
    cleaned = {finding.clean_tag(tag).lower(): finding.clean_tag(tag) for tag in asked.tags}
    cleaned.pop("", None)
    if len(cleaned) > MAX_TAGS:
        raise Invalid("too_many_tags", "An announcement has at most %(limit)s tags.", field="tags", limit=MAX_TAGS)
    announcement.category, announcement.tags = asked.category, list(cleaned.values())
    category = asked.category.value if asked.category else ""
    return announcement_service.done(db, actor, now, announcement, "label", category=category, tags=announcement.tags)


def history(db: Session, actor: Actor, now: datetime, announcement_id: str) -> HistoryOut:
    """Where and when it was broadcast, live too, and how many loudspeakers were heard; the last of it."""
    announcement_service.readable(db, actor, now, announcement_id)
    found = [
        *repository.airings(db, announcement_id, now, HISTORY + 1),
        *repository.talks(db, announcement_id, now, HISTORY + 1),
    ]
    rows = sorted(found, key=lambda one: one.start_at, reverse=True)
    heard = repository.heard(db, [aired.id for aired in rows[:HISTORY]])
    seen = zones.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    names = {
        zone.id: zone.name
        for zone in zones.zones(db, {zone_id for aired in rows for zone_id in aired.zone_ids}).values()
        if any(zone.path.startswith(path) or path.startswith(zone.path) for path in seen)
    }
    homes = zones.zones(db, {aired.whole.zone_id for aired in rows})
    own = {zone.id for zone in homes.values() if actor.may(Action.ANNOUNCEMENT_READ, zone.path, now)}
    items = [
        _use(aired, announcement_id, names, *heard.get(aired.id, (None, None)), own=own) for aired in rows[:HISTORY]
    ]
    return HistoryOut(items=items, more=len(rows) > HISTORY)


def _use(
    aired: Aired,
    announcement_id: str,
    names: Mapping[str, str],
    heard: int | None,
    receivers: int | None,
    *,
    own: Collection[str],
) -> UseOut:
    """`names` are of the zones that the asker sees; who sees none of a talk's zones may not see the talk.

    `own` are the zones whose announcements the asker reads: another's is called as it was heard where they see.
    """
    shown = [names[zone_id] for zone_id in aired.zone_ids if zone_id in names]
    talk_id = aired.id if aired.kind is not None and shown else None
    live_id = f"{AIRING_PREFIX}{talk_id}" if talk_id else None
    whole, heard_as = aired.whole, aired.whole.changed_at is None or aired.whole.changed_at <= aired.start_at
    told = whole.zone_id in own or (bool(shown) and heard_as)
    return UseOut(
        airing_id=aired.id if aired.kind is None else live_id,
        broadcast_id=aired.broadcast_id,
        live=aired.kind,
        talk_id=talk_id,
        within=None if whole.id == announcement_id else whole.title if told else "",
        start=aired.start_at,
        zone_names=shown,
        other_zones=len(aired.zone_ids) - len(shown),
        heard=heard,
        receivers=receivers,
    )
