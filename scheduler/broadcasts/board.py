"""What plays where on a day, and what became of it (reads the database; a fixed number of queries for any area).

Rules
- Before its start an airing is `fetching` until every receiver of the village has the recording, then `ready`.
- While it should sound, those count that say they play it.
- Afterwards it was `heard` if at least one receiver measured sound at its device and no microphone there says that
  nothing was to be heard, `not_heard` if none did; in between reports are waited for.
- A relay stands among the broadcasts, as `planned` until it comes; then receivers report it as the talk that it is.
- What nobody reported so long ago that a rule may have let go of it is `not_kept`, unless the book has it as missed.
- What the timeline leaves out in a village is `not_played`, with the reason; what was stopped stays on the board.
- Quiet hours, and the sessions that the quota counts, are those of the rules by which receivers play.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlmodel import Session, col

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import SHORT_SHA_CHARS, Airing, BroadcastClass, Quota
from scheduler import days
from scheduler.broadcasts import airings, planning, repository, waiting
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.planning import Place
from scheduler.broadcasts.repository import Living
from scheduler.broadcasts.schemas import (
    AiringOut,
    BoardAiring,
    BoardOut,
    BoardState,
    BoardVillage,
    BoardWaiting,
    SegmentOut,
    SilentOut,
    Span,
    TimelineOut,
)
from scheduler.errors import NotFound
from scheduler.fleet.models import Receiver
from scheduler.fleet.results import HEARD
from scheduler.people.actor import Actor, require
from scheduler.policy import day_bounds, local_day, quiet_intervals
from scheduler.relays import drawing
from scheduler.relays.drawing import Drawn
from scheduler.relays.timing import PREFIX
from scheduler.reports.begun import LIVE
from scheduler.retention.choosing import LEAST_DAYS, Subject
from scheduler.rights import Action
from scheduler.timeline import Resolution, Segment
from scheduler.zones import repository as zone_sql
from scheduler.zones.forest import at_or_below, forest
from scheduler.zones.models import Zone

REPORTS_WITHIN = timedelta(seconds=60)
"""How long after the end a report may take before an airing counts as not heard."""
MINUTE_US = 60_000_000


@dataclass(slots=True)
class _Village:
    """What the receivers of one village say."""

    receivers: int = 0
    online: int = 0
    playing: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    having: Counter[str] = field(default_factory=Counter)  # by how a SHA-256 begins
    heard: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reported: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class _Day:
    """What all villages of the board share."""

    now: datetime
    drawn: Drawn
    windows: dict[str, Window]
    waiting: Mapping[str, list[BoardWaiting]]
    holidays: Mapping[str, str]
    details: Collection[tuple[str, str]] | None
    resolved: dict[tuple[object, ...], Resolution] = field(default_factory=dict)


def board(
    db: Session,
    actor: Actor,
    now: datetime,
    day: date | None = None,
    *,
    zone_id: str | None = None,
    zone_ids: Collection[str] | None = None,
    after: str | None = None,
    limit: int | None = None,
    back: int = 0,
) -> BoardOut:
    """A local day in every village that the actor sees and that has receivers; today without `day`.

    Only those at or below `zone_id`, or `zone_ids`, where they are given; at most `limit` after the village `after`.
    With what sounded on so many days before, `back`.
    """
    paths = _paths(db, actor, now, zone_id)
    if zone_ids is not None:
        paths = _within(paths, [zone.path for zone in zone_sql.zones(db, zone_ids).values()])
    homes, following = _homes(db, paths, after, limit)
    receivers = repository.living(db, homes.keys())
    by_id = planning.places(db, homes.values())
    shown_day = days.checked(day) if day else _today(by_id, homes, now)
    windows = {place.timezone: _window(place.timezone, shown_day, back) for place in by_id.values()}
    window = min((w[0] for w in windows.values()), default=0), max((w[1] for w in windows.values()), default=0)
    by_id = planning.places(db, homes.values(), window)
    drawn = drawing.with_relays(db, planning.plans(db, by_id.values(), window, now), by_id, window, now)
    villages = _said(receivers)
    _add_reports(db, villages, window)
    unsent = waiting.waiting(db, actor, now, by_id, windows)
    for place_id, relays in drawing.unsent(db, actor, now, by_id, windows).items():
        unsent[place_id] = sorted([*unsent.get(place_id, ()), *relays], key=lambda one: one.start)
    off = {row.zone_id: row.name for row in zone_sql.holidays(db, by_id.keys(), shown_day, shown_day)}
    details = _details(db, homes.keys(), (shown_day - timedelta(days=back), shown_day), now)
    shared = _Day(now, drawn, windows, unsent, off, details)
    rows = [_row(by_id[zone.id], by_id.get(zone.parent_id or ""), villages[zone.id], shared) for zone in homes.values()]
    return BoardOut(day=shown_day, at=now, villages=rows, next=following)


def timeline(db: Session, actor: Actor, now: datetime, zone_id: str, day: date | None = None) -> TimelineOut:
    """A local day of one zone as its receivers will play it; today without `day`."""
    zone = _zone(db, actor, now, zone_id)
    place = planning.places(db, [zone])[zone.id]
    shown_day = days.checked(day) if day else local_day(place.timezone, to_us(now))
    window = day_bounds(place.timezone, shown_day)
    by_id = planning.places(db, [zone], window)
    plans = drawing.with_relays(db, planning.plans(db, by_id.values(), window, now), by_id, window, now).plans
    resolution = planning.heard(by_id[zone.id], plans.heard_in(by_id[zone.id]), window)
    known = {airing.id: airing for zone_airings in plans.by_zone.values() for airing in zone_airings}
    segments = [
        SegmentOut(
            airing_id=segment.airing_id,
            broadcast_id=segment.broadcast_id,
            title=plans.title(known[segment.airing_id]),
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
            title=plans.title(known[dropped.airing_id]),
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
            heard=sum(counts[row.id, result] for result in HEARD),
            reported=sum(count for (airing_id, _result), count in counts.items() if airing_id == row.id),
        )
        for row in rows
    ]


def reports_gone(db: Session, shown: Collection[AiringOut], now: datetime) -> set[str]:
    """Those of the airings of which nothing is kept that receivers told, so long ago that a rule may have let it go."""
    old = {
        one.id for one in shown if not one.reported and one.withdrawn_at is None and _may_be_gone(one.start.date(), now)
    }
    return old - repository.with_details(db, old)


def _paths(db: Session, actor: Actor, now: datetime, zone_id: str | None) -> list[str]:
    if zone_id is not None:
        return [_zone(db, actor, now, zone_id).path]
    return zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))


def _within(paths: Collection[str], wanted: Collection[str]) -> list[str]:
    """What is at or below both some of `paths` and some of `wanted`."""
    inner = [one for one in wanted if any(one.startswith(path) for path in paths)]
    return inner + [path for path in paths if any(path.startswith(one) and path != one for one in wanted)]


def _known(db: Session, zone_ids: Collection[str]) -> list[Zone]:
    held = forest(db)
    return list(zone_sql.zones(db, zone_ids).values()) if held is None else [z for z in held.zones if z.id in zone_ids]


def _homes(
    db: Session, paths: Collection[str], after: str | None, limit: int | None
) -> tuple[dict[str, Zone], str | None]:
    """The villages with receivers, commune by commune; after which of them the next page begins."""
    total, _online = zone_sql.receiver_counts(db, paths, at_or_below(db, paths, col(Receiver.zone_id)))
    found = _known(db, total.keys())
    order = sorted(found, key=lambda zone: (zone.path.rsplit("/", 2)[0], zone.name))
    start = next((place for place, zone in enumerate(order, 1) if zone.id == after), 0)
    end = len(order) if limit is None else start + limit
    return {zone.id: zone for zone in order[start:end]}, order[end - 1].id if end < len(order) else None


def _zone(db: Session, actor: Actor, now: datetime, zone_id: str) -> Zone:
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        raise NotFound("not_found", "There is no such zone, or it is not in your area.")
    require(actor, Action.BROADCAST_READ, zone.path, now)
    return zone


def _today(by_id: Mapping[str, Place], homes: Iterable[str], now: datetime) -> date:
    timezone = next((by_id[zone_id].timezone for zone_id in homes), "Asia/Ho_Chi_Minh")
    return local_day(timezone, to_us(now))


def _window(timezone: str, day: date, back: int) -> Window:
    return day_bounds(timezone, day - timedelta(days=back))[0], day_bounds(timezone, day)[1]


def _said(receivers: Iterable[Living]) -> dict[str, _Village]:
    """What receivers say of themselves, by village; a receiver that is away is not playing as far as anybody knows."""
    villages: dict[str, _Village] = defaultdict(_Village)
    for receiver in receivers:
        village = villages[receiver.zone_id]
        village.receivers += 1
        village.online += receiver.online
        state = receiver.state or {}
        if receiver.online and state.get("airing_id"):
            village.playing[state["airing_id"]] += 1
        village.having.update(state.get("ready", ()))
    return villages


def _add_reports(db: Session, villages: Mapping[str, _Village], window: Window) -> None:
    span = from_us(window[0]), from_us(window[1])
    for zone_id, airing_id, result, count in repository.reports_by_zone(db, *span, villages.keys()):
        villages[zone_id].reported[airing_id] += count
        villages[zone_id].heard[airing_id] += count if result in HEARD else 0


def _row(place: Place, above: Place | None, said: _Village, shared: _Day) -> BoardVillage:
    resolution = _resolved(place, shared.drawn.plans.heard_in(place), shared)
    found = [*_airings(place, said, shared, resolution), *_missed(place, said, shared), *_stopped(place, said, shared)]
    rules = place.effective.rules
    return BoardVillage(
        zone_id=place.zone.id,
        zone_name=place.zone.name,
        parent_name=above.zone.name if above else None,
        timezone=place.timezone,
        online=said.online,
        total=said.receivers,
        airings=sorted(found, key=lambda airing: (airing.start, airing.airing_id)),
        waiting=shared.waiting.get(place.zone.id, []),
        quiet=_spans(quiet_intervals(rules, *shared.windows[place.timezone])),
        sessions=_spans(_sessions(resolution.segments, rules.quota)),
        sessions_per_day=rules.quota.sessions_per_day if rules.quota else None,
        session_minutes=rules.quota.session_us // MINUTE_US if rules.quota else None,
        holidays=list(dict.fromkeys(shared.holidays[known] for known in place.path_ids if known in shared.holidays)),
    )


def _spans(intervals: Iterable[Window]) -> list[Span]:
    return [Span(start=from_us(start_us), end=from_us(end_us)) for start_us, end_us in intervals]


def _sessions(segments: Iterable[Segment], quota: Quota | None) -> list[Window]:
    """The sessions of `segments` (sorted) as the timeline counts them; without a quota nothing is counted."""
    if quota is None:
        return []
    found: list[Window] = []
    for segment in segments:
        goes_on = bool(found) and segment.start_us - found[-1][1] < max(quota.gap_us, 1)
        if goes_on:
            found[-1] = found[-1][0], segment.end_us
        elif segment.cls is not BroadcastClass.EMERGENCY:
            found.append((segment.start_us, segment.end_us))
    return found


def _resolved(place: Place, planned: Sequence[Airing], shared: _Day) -> Resolution:
    """Villages with the same airings and rules sound the same: most of a commune is worked out once."""
    key = frozenset(airing.id for airing in planned), place.effective.rules, place.effective.languages
    if key not in shared.resolved:
        shared.resolved[key] = planning.heard(place, planned, shared.windows[place.timezone])
    return shared.resolved[key]


def _airings(place: Place, said: _Village, shared: _Day, resolution: Resolution) -> list[BoardAiring]:
    planned = shared.drawn.plans.heard_in(place)
    window = shared.windows[place.timezone]
    spans: dict[str, Window] = {}
    for segment in resolution.segments:
        start_us, end_us = spans.get(segment.airing_id, (segment.start_us, segment.end_us))
        spans[segment.airing_id] = min(start_us, segment.start_us), max(end_us, segment.end_us)
    reasons = {dropped.airing_id: dropped.reason for dropped in resolution.dropped}
    found = []
    for airing in planned:
        if airing.id in shared.drawn.plans.stopped:
            continue
        if not (airing.id in spans or (airing.id in reasons and window[0] <= airing.start_us < window[1])):
            continue
        media = airing.media_for(place.effective.languages)
        span = spans.get(airing.id, (airing.start_us, airing.start_us + media.duration_us))
        heard_as, of_relay = shared.drawn.known_as.get(airing.id, airing.id), airing.broadcast_id.startswith(PREFIX)
        state, count = _state(heard_as, span, said, said.having[media.sha256[:SHORT_SHA_CHARS]], shared.now)
        if of_relay and state == "fetching":  # there is nothing to fetch
            state = "planned"
        if airing.id not in spans and not said.heard[heard_as]:
            state, count = "not_played", 0
        elif state == "not_heard" and not _is_known(heard_as, place, said, shared):
            state = "not_kept"
        found.append(
            BoardAiring(
                airing_id=airing.id,
                broadcast_id=airing.broadcast_id,
                title=shared.drawn.plans.title(airing),
                cls=airing.cls,
                start=from_us(span[0]),
                end=from_us(span[1]),
                local=_clock_time(from_us(span[0]), place),
                state=state,
                count=count,
                total=said.receivers,
                reason=reasons.get(airing.id),
            )
        )
    return found


def _missed(place: Place, said: _Village, shared: _Day) -> list[BoardAiring]:
    """Relays that did not come here."""
    return [
        BoardAiring(
            airing_id=airing.id,
            broadcast_id=airing.broadcast_id,
            title=shared.drawn.plans.title(airing),
            cls=airing.cls,
            start=from_us(airing.start_us),
            end=from_us(airing.start_us + airing.media[0].duration_us),
            local=_clock_time(from_us(airing.start_us), place),
            state="not_played",
            count=0,
            total=said.receivers,
            reason=None,
        )
        for airing in shared.drawn.missed.get(place.zone.id, ())
    ]


def _state(airing_id: str, span: Window, said: _Village, having: int, now: datetime) -> tuple[BoardState, int]:
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


def _details(
    db: Session, zone_ids: Collection[str], shown: tuple[date, date], now: datetime
) -> Collection[tuple[str, str]] | None:
    """Of which airings in which villages of these days the book still has details; None if of all."""
    return repository.detailed(db, zone_ids, *shown) if _may_be_gone(shown[0], now) else None


def _may_be_gone(day: date, now: datetime) -> bool:
    """Whether a rule of retention may have let go of what was reported on that day."""
    return day <= (now - timedelta(days=LEAST_DAYS[Subject.REPORTS])).date()


def _is_known(airing_id: str, place: Place, said: _Village, shared: _Day) -> bool:
    """Whether what nobody reported as heard was missed, rather than that its reports were let go of."""
    if shared.details is None or said.reported[airing_id]:
        return True
    return (airing_id.removeprefix(LIVE), place.zone.id) in shared.details


def _stopped(place: Place, said: _Village, shared: _Day) -> list[BoardAiring]:
    """What was withdrawn on this day after it had begun here."""
    start_us, end_us = shared.windows[place.timezone]
    plans = shared.drawn.plans
    return [
        BoardAiring(
            airing_id=airing.id,
            broadcast_id=airing.broadcast_id,
            title=plans.title(airing),
            cls=airing.cls,
            start=from_us(airing.start_us),
            end=plans.stopped[airing.id],
            local=_clock_time(from_us(airing.start_us), place),
            state="stopped",
            count=said.reported[airing.id],
            total=said.receivers,
            reason=None,
        )
        for airing in plans.heard_in(place)
        if airing.id in plans.stopped and start_us <= airing.start_us < end_us
    ]


def _clock_time(moment: datetime, place: Place) -> str:
    return airings.local_text(moment, place.timezone)[11:16]
