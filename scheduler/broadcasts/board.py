"""What plays where on a day, and what became of it (reads the database; a fixed number of queries for any area).

Rules
- Before its start an airing is `fetching` until every receiver of the village has the recording, then `ready`.
- While it should sound, those count that say they play it.
- Afterwards it was `heard` if at least one receiver measured sound at its device, `not_heard` if none did; in between
  reports are waited for.
- What the timeline leaves out in a village is `not_played`, with the reason; what was stopped stays on the board.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import Airing, Outcome
from scheduler.broadcasts import airings, planning, repository
from scheduler.broadcasts.models import PlannedAiring
from scheduler.broadcasts.planning import Place, Plans
from scheduler.broadcasts.schemas import (
    AiringOut,
    BoardAiring,
    BoardOut,
    BoardVillage,
    SegmentOut,
    SilentOut,
    TimelineOut,
)
from scheduler.errors import NotFound
from scheduler.fleet.models import Receiver
from scheduler.people.actor import Actor, require
from scheduler.policy import day_bounds, local_day
from scheduler.rights import Action
from scheduler.timeline import Resolution
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone
from scheduler.zones.rules import valid_on

REPORTS_WITHIN = timedelta(seconds=60)
"""How long after the end a report may take before an airing counts as not heard."""

BoardState = Literal["fetching", "ready", "on_air", "heard", "not_heard", "waiting_report", "not_played", "stopped"]


@dataclass(slots=True)
class _Village:
    """What the receivers of one village say."""

    receivers: int = 0
    online: int = 0
    playing: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    having: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    heard: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reported: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def board(db: Session, actor: Actor, now: datetime, day: date | None = None, *, zone_id: str | None = None) -> BoardOut:
    """A local day in every village that the actor sees and that has receivers; today without `day`."""
    paths = _paths(db, actor, now, zone_id)
    receivers = repository.receivers(db, paths)
    homes = zone_sql.zones(db, {receiver.zone_id for receiver in receivers})
    by_id = planning.places(db, homes.values())
    shown_day = day or _today(by_id, homes, now)
    windows = {place.timezone: day_bounds(place.timezone, shown_day) for place in by_id.values()}
    window = min((w[0] for w in windows.values()), default=0), max((w[1] for w in windows.values()), default=0)
    by_id = planning.places(db, homes.values(), window)
    plans = planning.plans(db, by_id.values(), window)
    villages = _said(receivers)
    _add_reports(db, villages, window, paths)
    stopped = repository.stopped(db, from_us(window[0]), from_us(window[1]))
    titles = plans.titles | repository.titles_of(db, {row.broadcast_id for row in stopped})
    cache: dict[tuple[object, ...], Resolution] = {}
    rows = []
    for zone in sorted(homes.values(), key=lambda zone: (zone.path.rsplit("/", 2)[0], zone.name)):
        place, said = by_id[zone.id], villages[zone.id]
        planned = plans.heard_in(place)
        resolution = _resolved(cache, place, plans, planned, windows[place.timezone])
        found = _airings(place, planned, resolution, said, titles, windows[place.timezone], now)
        found += _stopped(place, stopped, said, titles, windows[place.timezone])
        above = by_id.get(zone.parent_id or "")
        rows.append(
            BoardVillage(
                zone_id=zone.id,
                zone_name=zone.name,
                parent_name=above.zone.name if above else None,
                timezone=place.timezone,
                online=said.online,
                total=said.receivers,
                airings=sorted(found, key=lambda airing: (airing.start, airing.airing_id)),
            )
        )
    return BoardOut(day=shown_day, at=now, villages=rows)


def timeline(db: Session, actor: Actor, now: datetime, zone_id: str, day: date | None = None) -> TimelineOut:
    """A local day of one zone as its receivers will play it; today without `day`."""
    zone = _zone(db, actor, now, zone_id)
    place = planning.places(db, [zone])[zone.id]
    shown_day = day or local_day(place.timezone, to_us(now))
    window = day_bounds(place.timezone, shown_day)
    resolution, plans = planning.timeline_for(db, zone.id, window)
    known = {airing.id: airing for zone_airings in plans.by_zone.values() for airing in zone_airings}
    segments = [
        SegmentOut(
            airing_id=segment.airing_id,
            broadcast_id=segment.broadcast_id,
            title=plans.titles[segment.broadcast_id],
            cls=segment.cls,
            start=from_us(segment.start_us),
            end=from_us(segment.end_us),
            offset_us=segment.offset_us,
        )
        for segment in resolution.segments
    ]
    silent = [
        SilentOut(
            airing_id=dropped.airing_id,
            broadcast_id=known[dropped.airing_id].broadcast_id,
            title=plans.titles[known[dropped.airing_id].broadcast_id],
            at=from_us(dropped.at_us),
            reason=dropped.reason,
        )
        for dropped in resolution.dropped
    ]
    return TimelineOut(zone_id=zone.id, day=shown_day, timezone=place.timezone, segments=segments, silent=silent)


def airings_shown(db: Session, broadcast_id: str, since: datetime) -> list[AiringOut]:
    """The airings of a broadcast that end after `since`, as they were planned last, with what was reported."""
    rows = repository.planned_of(db, broadcast_id, since)
    counts = repository.report_counts(db, [row.id for row in rows])
    return [
        AiringOut(
            id=row.id,
            start=row.start_at,
            end=row.end_at,
            zone_ids=row.zone_ids,
            withdrawn_at=row.withdrawn_at,
            heard=counts.get((row.id, Outcome.HEARD), 0),
            reported=sum(count for (airing_id, _outcome), count in counts.items() if airing_id == row.id),
        )
        for row in rows
    ]


def _paths(db: Session, actor: Actor, now: datetime, zone_id: str | None) -> list[str]:
    if zone_id is not None:
        return [_zone(db, actor, now, zone_id).path]
    return zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))


def _zone(db: Session, actor: Actor, now: datetime, zone_id: str) -> Zone:
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        raise NotFound("not_found", "There is no such zone, or it is not in your area.")
    require(actor, Action.BROADCAST_READ, zone.path, now)
    return zone


def _today(by_id: Mapping[str, Place], homes: Iterable[str], now: datetime) -> date:
    timezone = next((by_id[zone_id].timezone for zone_id in homes), "Asia/Ho_Chi_Minh")
    return local_day(timezone, to_us(now))


def _said(receivers: Iterable[Receiver]) -> dict[str, _Village]:
    """What receivers say of themselves, by village; a receiver that is away is not playing as far as anybody knows."""
    villages: dict[str, _Village] = defaultdict(_Village)
    for receiver in receivers:
        village = villages[receiver.zone_id]
        village.receivers += 1
        village.online += receiver.online
        state = receiver.state or {}
        if receiver.online and state.get("airing_id"):
            village.playing[state["airing_id"]] += 1
        for media in state.get("media", ()):
            if media.get("ready_us") is not None:
                village.having[media["sha256"]] += 1
    return villages


def _add_reports(
    db: Session, villages: Mapping[str, _Village], window: tuple[int, int], paths: Collection[str]
) -> None:
    for zone_id, airing_id, outcome, count in repository.reports_by_zone(
        db, from_us(window[0]), from_us(window[1]), paths
    ):
        if zone_id in villages:
            villages[zone_id].reported[airing_id] += count
            villages[zone_id].heard[airing_id] += count if outcome == Outcome.HEARD else 0


def _resolved(
    cache: dict[tuple[object, ...], Resolution],
    place: Place,
    plans: Plans,
    planned: Sequence[Airing],
    window: tuple[int, int],
) -> Resolution:
    """Villages with the same programmes and rules sound the same: most of a commune is worked out once."""
    planned_in = tuple(zone_id for zone_id in place.path_ids if plans.by_zone.get(zone_id))
    key = planned_in, place.effective.rules, place.effective.languages
    if key not in cache:
        cache[key] = planning.heard(place, planned, window)
    return cache[key]


def _airings(
    place: Place,
    planned: Sequence[Airing],
    resolution: Resolution,
    said: _Village,
    titles: Mapping[str, str],
    window: tuple[int, int],
    now: datetime,
) -> list[BoardAiring]:
    spans: dict[str, tuple[int, int]] = {}
    for segment in resolution.segments:
        start_us, end_us = spans.get(segment.airing_id, (segment.start_us, segment.end_us))
        spans[segment.airing_id] = min(start_us, segment.start_us), max(end_us, segment.end_us)
    reasons = {dropped.airing_id: dropped.reason for dropped in resolution.dropped}
    found = []
    for airing in planned:
        if not (airing.id in spans or (airing.id in reasons and window[0] <= airing.start_us < window[1])):
            continue
        whole = airing.start_us, airing.start_us + airing.media_for(place.effective.languages).duration_us
        start_us, end_us = spans.get(airing.id, whole)
        sha256 = airing.media_for(place.effective.languages).sha256
        state, count = _state(airing.id, (start_us, end_us), said, said.having[sha256], now)
        if airing.id not in spans and not said.heard[airing.id]:
            state, count = "not_played", 0
        found.append(
            BoardAiring(
                airing_id=airing.id,
                broadcast_id=airing.broadcast_id,
                title=titles[airing.broadcast_id],
                cls=airing.cls,
                start=from_us(start_us),
                end=from_us(end_us),
                local=_clock_time(from_us(start_us), place),
                state=state,
                count=count,
                total=said.receivers,
                reason=reasons.get(airing.id),
            )
        )
    return found


def _state(
    airing_id: str, span: tuple[int, int], said: _Village, having: int, now: datetime
) -> tuple[BoardState, int]:
    """What is known of an airing, and of how many receivers."""
    now_us = to_us(now)
    if now_us < span[0]:
        return ("ready" if having >= said.receivers else "fetching"), having
    heard = said.heard[airing_id]
    if now_us < span[1]:
        return "on_air", max(said.playing[airing_id], heard)
    waiting = said.reported[airing_id] < said.receivers and now < from_us(span[1]) + REPORTS_WITHIN
    if waiting:
        return "waiting_report", heard
    return ("heard" if heard else "not_heard"), heard


def _stopped(
    place: Place,
    stopped: Iterable[PlannedAiring],
    said: _Village,
    titles: Mapping[str, str],
    window: tuple[int, int],
) -> list[BoardAiring]:
    """What was withdrawn on this day after it had begun here."""
    path_ids = set(place.path_ids)
    return [
        BoardAiring(
            airing_id=row.id,
            broadcast_id=row.broadcast_id,
            title=titles[row.broadcast_id],
            cls=row.cls,
            start=row.start_at,
            end=row.withdrawn_at or row.end_at,
            local=_clock_time(row.start_at, place),
            state="stopped",
            count=said.reported[row.id],
            total=said.receivers,
            reason=None,
        )
        for row in stopped
        if path_ids & set(row.zone_ids) and window[0] <= to_us(row.start_at) < window[1] and valid_on(place.zone, row.start_at.date())
    ]


def _clock_time(moment: datetime, place: Place) -> str:
    return airings.local_text(moment, place.timezone)[11:16]
