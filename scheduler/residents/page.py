"""What residents of a place may know: what is on the air there, what comes, what was announced, what is in force.

Reads the database by a fixed number of queries.

Rules
- Only what `repository.shown` lets through, and of it only what was taken down when it was approved.
- What comes is what the receivers of the place will play by the same timeline; what they would leave out is not told.
- Sound can be had once its airing has begun.
- An emergency is told while it is in force, and for a while that it is over; drills and tests never, nor who asked for
  one and why.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlmodel import Session

from broadcast.clock import from_us, to_us
from scheduler.bank.models import BankSource
from scheduler.bank.shipped import DEFAULT_LANGUAGE
from scheduler.broadcasts import planning
from scheduler.broadcasts.villages import REPORTS_WITHIN
from scheduler.emergency.life import State as OrderState
from scheduler.emergency.models import EmergencyOrder, OrderTarget
from scheduler.errors import NotFound
from scheduler.relays import drawing
from scheduler.residents import repository
from scheduler.residents.notice import Notice, Time
from scheduler.residents.places import Here
from scheduler.residents.publishing import Said, said_of
from scheduler.residents.relayed import relayed
from scheduler.residents.repository import Banked, Shown
from scheduler.timeline import Segment
from scheduler.zones.models import Zone

LOOK_BACK = timedelta(days=30)
LOOK_AHEAD = timedelta(days=7)
OVER_TOLD = timedelta(hours=3)


class Alarm(Struct, frozen=True, kw_only=True):
    """An emergency; `ended_at` once it is over. `texts` may be empty where it is only spoken."""

    titles: tuple[str, ...]
    texts: tuple[str, ...]
    places: tuple[str, ...]
    since: datetime
    ended_at: datetime | None


class Outlook(Struct, frozen=True, kw_only=True):
    """`coming` holds one airing each, by time; `past` each notice once, what was on last first.

    Without `loudspeakers` there is none at or below the place: what is told was or will be read, and heard by nobody.
    """

    alarms: tuple[Alarm, ...]
    on_air: tuple[Notice, ...]
    coming: tuple[Notice, ...]
    past: tuple[Notice, ...]
    loudspeakers: bool


def outlook(db: Session, here: Here, now: datetime) -> Outlook:
    """All that a page of the place shows."""
    rows = repository.shown(db, here.zone_ids, now - LOOK_BACK, now + LOOK_AHEAD)
    said = _said(db, here, rows)
    segments = _segments(db, here, now)
    sounding = _starts(segments)
    relays_now, relays_coming = relayed(db, segments, now)
    on_air = [row for row in rows if row.airing.id in sounding and sounding[row.airing.id] <= now]
    coming = [row for row in rows if row.airing.id in sounding and sounding[row.airing.id] > now]
    past = [row for row in rows if row.airing.end_at <= now]
    heard = repository.heard(db, [row.airing.id for row in past], here.zone.path) if past else set()
    loudspeakers = repository.receivers_at(db, here.zone.path)
    return Outlook(
        alarms=alarms(db, here, now),
        on_air=(*(_notice(said, row, (_time(row),)) for row in on_air), *relays_now),
        coming=tuple(
            sorted(
                (*(_notice(said, row, (_time(row, start=sounding[row.airing.id]),)) for row in coming), *relays_coming),
                key=lambda notice: (notice.times[0].start, notice.id, notice.title),
            )
        ),
        past=_grouped(said, [(row, _fate(row, heard, now, measured=loudspeakers)) for row in past]),
        loudspeakers=loudspeakers,
    )


def notice(db: Session, here: Here, now: datetime, publication_id: str) -> Notice:
    """One notice with all its times in the place, the latest first; else NotFound."""
    rows = repository.shown(db, here.zone_ids, now - LOOK_BACK, now + LOOK_AHEAD, publication_id)
    if any(row.airing.start_at > now for row in rows):
        sounding = _starts(_segments(db, here, now))
        rows = [row for row in rows if row.airing.start_at <= now or row.airing.id in sounding]
    said = _said(db, here, rows)
    if not rows or publication_id not in said:
        raise NotFound("not_found", "There is no such page.")
    return _grouped(said, [(row, None) for row in rows])[0]


def audible(db: Session, here: Here, now: datetime, publication_id: str, language: str) -> Said:
    """The sound of a notice whose first airing in the place has begun; else NotFound."""
    found = notice(db, here, now, publication_id)
    if found.begun(now):
        for said in found.recordings:
            if said.language == language:
                return said
    raise NotFound("not_found", "There is no such page.")


def alarms(db: Session, here: Here, now: datetime) -> tuple[Alarm, ...]:
    """The emergencies in force in the place, in one above or in one below, and those just over; the latest first."""
    rows = repository.alarms(db, here.zone_ids, here.zone.path, now - OVER_TOLD)
    if not rows:
        return ()
    held = planning.places(db, [zone for _order, _target, zone in rows])
    bank_ids = {part["id"] for order, _target, _zone in rows for part in order.parts if part["kind"] == "bank"}
    banked = repository.banked(db, bank_ids)
    aimed: dict[str, list[tuple[OrderTarget, Zone]]] = {}
    for order, target, zone in rows:
        if zone.id in here.zone_ids or held[zone.id].effective.public_page:
            aimed.setdefault(order.id, []).append((target, zone))
    orders = {order.id: order for order, _target, _zone in rows}
    found = (_alarm(orders[order_id], where, banked, now) for order_id, where in aimed.items())
    return tuple(alarm for alarm in found if alarm.ended_at is None or alarm.ended_at > now - OVER_TOLD)


def _alarm(
    order: EmergencyOrder, aimed: Sequence[tuple[OrderTarget, Zone]], banked: Mapping[str, Banked], now: datetime
) -> Alarm:
    in_force = order.state == OrderState.ISSUED and (order.until_at is None or order.until_at > now)
    live = [zone for target, zone in aimed if target.ended_at is None] if in_force else []
    ends = [moment for target, _zone in aimed if (moment := target.ended_at) is not None]
    said = [_words(part, banked) for part in order.parts]
    return Alarm(
        titles=tuple(title for title, _text in said if title),
        texts=tuple(text for _title, text in said if text),
        places=tuple(zone.name for zone in live or [zone for _target, zone in aimed]),
        since=from_us(order.start_us) if order.start_us is not None else order.issued_at or now,
        ended_at=None if live else min(now, order.ended_at or (max(ends) if ends else order.until_at or now)),
    )


def _words(part: Mapping[str, str], banked: Mapping[str, Banked]) -> tuple[str, str]:
    """A title and a text of one part; both are empty of a siren, a recording and a live voice, which are only heard."""
    if part["kind"] == "bank" and part["id"] in banked:
        entry, media = banked[part["id"]]
        spoken = [one for one in media if one.source is not BankSource.TONE]
        title = entry.titles.get(DEFAULT_LANGUAGE) or next(iter(entry.titles.values()), "")
        first = next((one.text for one in spoken if one.language == DEFAULT_LANGUAGE), None)
        return (title, first or next((one.text for one in spoken if one.text), "")) if spoken else ("", "")
    return "", part.get("text", "") if part["kind"] == "text" else ""


def _said(db: Session, here: Here, rows: Sequence[Shown]) -> dict[str, tuple[str, tuple[Said, ...]]]:
    """Title and recordings by publication, in the order of the place's languages."""
    wanted = {language: place for place, language in enumerate(here.effective.languages)}
    found = repository.publications(db, {row.airing.publication_id for row in rows})
    return {
        publication.id: (
            publication.title,
            tuple(sorted(said_of(publication), key=lambda said: wanted.get(said.language, len(wanted)))),
        )
        for publication in found.values()
    }


def _segments(db: Session, here: Here, now: datetime) -> Sequence[Segment]:
    """What sounds in the place from now on, by the timeline that receivers play by, relays with it."""
    window = to_us(now), to_us(now + LOOK_AHEAD)
    by_id = planning.places(db, [here.zone], window)
    place = by_id[here.zone.id]
    whole = planning.day_start(place, window[0]), window[1]
    plans = drawing.with_relays(db, planning.plans(db, by_id.values(), whole, now), by_id, whole, now).plans
    return planning.heard(place, plans.heard_in(place), window).segments


def _starts(segments: Sequence[Segment]) -> dict[str, datetime]:
    """When each airing sounds first."""
    found: dict[str, datetime] = {}
    for segment in segments:
        found.setdefault(segment.airing_id, from_us(segment.start_us))
    return found


def _fate(row: Shown, heard: Collection[str], now: datetime, *, measured: bool) -> bool | None:
    if row.airing.id in heard:
        return True
    return False if measured and now >= row.airing.end_at + REPORTS_WITHIN else None


def _grouped(
    said: Mapping[str, tuple[str, tuple[Said, ...]]], rows: Sequence[tuple[Shown, bool | None]]
) -> tuple[Notice, ...]:
    """Each notice once with all its times, the latest first; what was on last comes first."""
    times: dict[str, list[Time]] = {}
    last: dict[str, Shown] = {}
    for row, fate in sorted(rows, key=lambda pair: (pair[0].airing.start_at, pair[0].airing.id), reverse=True):
        publication_id = row.airing.publication_id or ""
        times.setdefault(publication_id, []).append(_time(row, fate=fate))
        last.setdefault(publication_id, row)
    return tuple(_notice(said, last[one], tuple(found)) for one, found in times.items())


def _notice(said: Mapping[str, tuple[str, tuple[Said, ...]]], row: Shown, times: tuple[Time, ...]) -> Notice:
    publication_id = row.airing.publication_id or ""
    title, recordings = said[publication_id]
    return Notice(id=publication_id, title=title, recordings=recordings, cls=row.cls, sender=row.sender, times=times)


def _time(row: Shown, *, start: datetime | None = None, fate: bool | None = None) -> Time:
    airing = row.airing
    moved = start - airing.start_at if start is not None else timedelta(0)
    return Time(airing.id, airing.start_at + moved, airing.end_at + moved, fate)
