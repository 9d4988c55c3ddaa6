"""Editions as they are shown (reads the database; a fixed number of queries for any number of them)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlmodel import Session

from broadcast.clock import to_us
from scheduler.announcements import repository as announcement_sql
from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.broadcasts import planning
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.planning import Place
from scheduler.bulletins import repository
from scheduler.bulletins.calendar import comes, coming, instant, start_of
from scheduler.bulletins.models import Bulletin, BulletinEdition
from scheduler.bulletins.schemas import EditionOut, SlotOut
from scheduler.people.actor import Actor
from scheduler.policy import local_day
from scheduler.rights import Action
from scheduler.workflow import State
from scheduler.zones.models import Zone

PASSED = timedelta(days=7)
"""So long ago an edition may have been due that was moved and still comes."""
Wanted = tuple[Bulletin, Zone, date, str]


def places(db: Session, zones: Sequence[Zone], now: datetime, until: datetime) -> dict[str, Place]:
    """What holds in these zones, with the days off until then."""
    return planning.places(db, zones, (to_us(now), to_us(until)))


def next_of(bulletin: Bulletin, place: Place, now: datetime, days: int) -> list[tuple[date, str]]:
    return list(coming(bulletin, place.timezone, now, days, place.holidays))


def starts_at(day: date, at: str, timezone: str, sent: Broadcast | None) -> datetime:
    """When an edition is heard: as was decided on its broadcast, if that still stands."""
    if sent is None or sent.state == State.CANCELLED or sent.starts_local is None:
        return start_of(day, at, timezone)
    return instant(sent.starts_local, sent.timezone)


def ahead(
    db: Session,
    actor: Actor,
    now: datetime,
    rows: Sequence[tuple[Bulletin, Zone]],
    held: dict[str, Place],
    *,
    days: int,
    at_most: int | None = None,
) -> list[EditionOut]:
    """What is still to come of these templates within `days`, by time: the next (`at_most` of each), and all begun.

    So what was moved stays, and what was begun for a day that was declared off.
    """
    by_id = {bulletin.id: bulletin for bulletin, _zone in rows}
    begun = defaultdict(list)
    for bulletin_id, day, at in repository.editions(db, by_id.keys(), now.date() - PASSED):
        begun[bulletin_id].append((day, at))
    wanted: list[Wanted] = []
    for bulletin, zone in rows:
        usual = next_of(bulletin, held[zone.id], now, days)[:at_most]
        wanted += [(bulletin, zone, *one) for one in dict.fromkeys([*usual, *begun[bulletin.id]])]
    last = now + timedelta(days=days + 1)
    found = [
        one
        for one in shown(db, actor, now, wanted, held)
        if now < one.starts <= last
        and (one.state not in (None, State.CANCELLED) or comes(by_id[one.bulletin_id], one.day, one.at, ()))
    ]
    return sorted(found, key=lambda one: (one.starts, one.bulletin_id))


def shown(
    db: Session, actor: Actor, now: datetime, wanted: Sequence[Wanted], held: dict[str, Place]
) -> list[EditionOut]:
    """These editions, also those that nobody has begun."""
    first = min((day for _bulletin, _zone, day, _at in wanted), default=now.date())
    rows = repository.editions(db, {bulletin.id for bulletin, *_rest in wanted}, first)
    named = {slot["stand_in_id"] for bulletin, *_rest in wanted for slot in bulletin.slots if slot.get("stand_in_id")}
    named |= {announcement_id for row in rows.values() for announcement_id in row.filled.values()}
    known = repository.announcements(db, named)
    recordings = announcement_sql.recordings_of(db, known.keys())
    sent = repository.broadcasts(db, {row.broadcast_id for row in rows.values() if row.broadcast_id})
    made = []
    for bulletin, zone, day, at in wanted:
        row = rows.get((bulletin.id, day, at))
        slots = [_slot(slot, row, known, recordings) for slot in bulletin.slots]
        broadcast = sent.get(row.broadcast_id or "") if row is not None else None
        place = held[zone.id]
        starts = starts_at(day, at, place.timezone, broadcast)
        heard_anyway = broadcast is not None and not broadcast.skip_holidays
        off = bulletin.skip_holidays and local_day(place.timezone, to_us(starts)) in place.holidays
        made.append(
            EditionOut(
                bulletin_id=bulletin.id,
                name=bulletin.name,
                day=day,
                at=at,
                starts=starts,
                day_off=off and not heard_anyway,
                slots=slots,
                filled=sum(slot.source == "filled" for slot in slots),
                duration_us=_length(slots),
                announcement_id=row.announcement_id if row is not None else None,
                broadcast_id=broadcast.id if broadcast is not None else None,
                state=State(broadcast.state) if broadcast is not None else None,
                changed=row is not None and row.sent is not None and row.sent != heard(bulletin, row, known),
                may_edit=starts > now and actor.may(Action.BROADCAST_EDIT, zone.path, now),
                version=row.version if row is not None else 0,
            )
        )
    return made


def heard(bulletin: Bulletin, row: BulletinEdition | None, known: dict[str, Announcement]) -> dict[str, str]:
    """The announcement of each slot that is not skipped, in their order."""
    filled = row.filled if row is not None else {}
    chosen = {slot["key"]: (filled.get(slot["key"]), slot.get("stand_in_id")) for slot in bulletin.slots}
    found = {key: next((one for one in ids if one in known), None) for key, ids in chosen.items()}
    return {key: announcement_id for key, announcement_id in found.items() if announcement_id is not None}


def _slot(
    slot: dict[str, Any],
    row: BulletinEdition | None,
    known: dict[str, Announcement],
    recordings: dict[str, list[Recording]],
) -> SlotOut:
    filled = row.filled.get(slot["key"]) if row is not None else None
    source: Literal["filled", "stand_in", "skipped"]
    source = "filled" if filled in known else "stand_in" if slot.get("stand_in_id") in known else "skipped"
    made = SlotOut(key=slot["key"], name=slot["name"], source=source)
    announcement = known.get((filled if source == "filled" else slot.get("stand_in_id")) or "")
    if announcement is None:
        return made
    found = recordings[announcement.id]
    ready = [one.duration_us for one in found if one.state is RecordingState.READY and one.duration_us is not None]
    made.announcement_id, made.title = announcement.id, announcement.title
    made.duration_us = max(ready, default=None)
    made.sound = RecordingState.READY if ready else found[0].state if found else None
    return made


def _length(slots: Sequence[SlotOut]) -> int | None:
    lengths = [slot.duration_us for slot in slots if slot.source != "skipped"]
    return sum(one for one in lengths if one) if lengths and None not in lengths else None
