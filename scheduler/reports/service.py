"""What people read of the book: plan and heard by village, and the report of stations (reads the database).

Rules
- Everybody sees what they may see reports of, and nothing beside it; of a station that is more, that part is counted.
- Only what is settled is summed, so that a sum never says "not heard" of what may still be reported.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from scheduler.emergency.models import OrderProgressRow
from scheduler.errors import Invalid, NotFound
from scheduler.fleet.models import StoredReport
from scheduler.fleet.results import HEARD, result
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.policy import day_bounds
from scheduler.policy import zone as zone_info
from scheduler.reports import repository, sources, summing, views
from scheduler.reports.area import Area, area_of, is_small
from scheduler.reports.begun import LIVE
from scheduler.reports.beside import beside
from scheduler.reports.boundaries import Atlas
from scheduler.reports.digest import MOST, Digest, missed
from scheduler.reports.figures import Sums, total
from scheduler.reports.models import ReportSubscription
from scheduler.reports.schemas import (
    AiringHeard,
    DetailsGone,
    LineOut,
    LinePage,
    ReceiverHeard,
    SubscriptionOut,
    SummaryOut,
    VillageDay,
)
from scheduler.reports.spans import Length, Span, span_of
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone

By = Literal["station", "commune", "village"]
BRING_WITHIN, MOST_DAYS = timedelta(minutes=15), 7
_NO_ZONE = "There is no such zone, or it is not in your area."


def zone_of(db: Session, actor: Actor, now: datetime, zone_id: str | None) -> Zone:
    """The zone that is asked for; without one the highest that the actor sees reports of."""
    if zone_id is None:
        found = zone_sql.zones(db, actor.zones_for(Action.REPORT_READ, now))
        if not found:
            raise NotFound("not_found", _NO_ZONE)
        return min(found.values(), key=lambda zone: (len(zone.path), zone.path))
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        raise NotFound("not_found", _NO_ZONE)
    require(actor, Action.REPORT_READ, zone.path, now)
    return zone


def summary(
    db: Session,
    actor: Actor,
    now: datetime,
    zone_id: str | None,
    span: Span,
    *,
    boundaries: date | None = None,
    by: By = "station",
) -> SummaryOut:
    """The sums of a span: of each station by the boundaries of a day (of the span's last one), or of each village.

    By `commune` is by the tree of zones alone, where a station may be several of them that were merged.
    """
    zone = zone_of(db, actor, now, zone_id)
    on = boundaries or span.last
    whole = by != "village" and not is_small(db, zone) and not summing.apart(db, min(span.first, on))
    read = _by_unit if whole else _by_village
    atlas, summed = read(db, span, _area(db, actor, now, zone, on), on, merged=by == "station")
    rows, different = views.stations(summed)
    if by == "village":
        rows = views.villages(atlas, summed, repository.middles(db, summed.sums.keys() | summed.clusters.keys()))
    return SummaryOut(
        zone_id=zone.id,
        zone_name=zone.name,
        length=span.length,
        first=span.first,
        last=span.last,
        boundaries=on,
        changes=list(atlas.changes()),
        stations=rows,
        total=views.total_of(zone, rows, different),
        gone=summed.gone,
    )


def why(db: Session, actor: Actor, now: datetime, zone_id: str | None, span: Span) -> list[tuple[str, int]]:
    """Why programmes were not heard in a zone, the commonest first, with how many receivers missed them."""
    zone = zone_of(db, actor, now, zone_id)
    return repository.reasons(db, span, _area(db, actor, now, zone, span.last).here)


def lines(
    db: Session,
    actor: Actor,
    now: datetime,
    zone_id: str | None,
    span: Span,
    *,
    only_missed: bool = False,
    after: str | None = None,
    limit: int = 100,
) -> LinePage:
    """Airings by village, the latest first."""
    area = _area(db, actor, now, zone_of(db, actor, now, zone_id), span.last)
    rows = repository.lines(
        db, span, area.shown, only_missed=only_missed, after=_after(after) if after else None, limit=limit + 1
    )
    shown = _lines(db, _atlas_of(db, rows), rows[:limit])
    more = len(rows) > limit
    return LinePage(items=shown, next=_cursor(rows[limit - 1]) if more else None, gone=_gone(db, span, area))


def village_day(db: Session, actor: Actor, now: datetime, zone_id: str, day: date) -> VillageDay:
    """A local day of a zone's own receivers, with what each of them reported."""
    zone = zone_of(db, actor, now, zone_id)
    atlas, span = repository.atlas(db, paths=[], zone_ids=[zone.id]), span_of(Length.DAY, day)
    rows = repository.own_lines(db, span, zone.id)
    receiver_ids = {key for line, _airing in rows for key in line.receiver_ids}
    names = repository.named(db, receiver_ids)
    said = _heard(*sources.told(db, [airing.id for _line, airing in rows], receiver_ids), names)
    airings = [
        AiringHeard(
            **shown.model_dump(),
            results=[
                said.get((airing.id, key))
                or ReceiverHeard(
                    receiver_id=key,
                    name=names.get(key, key),
                    reason=airing.silent.get(line.zone_id) or airing.reason,
                )
                for key in line.receiver_ids
            ],
        )
        for shown, (line, airing) in zip(_lines(db, atlas, rows), rows, strict=True)
    ]
    above = [atlas.places[key].name for key in zone_sql.ids_of(zone.path)[:-1] if key in atlas.places]
    return VillageDay(
        zone_id=zone.id,
        zone_name=zone.name,
        place=above,
        day=day,
        timezone=atlas.timezone(zone.id),
        figures=views.figures_out(summing.of_village(db, span, zone.id)),
        airings=airings,
        gone=_gone(db, span, Area(zone.id, zone.path)),
    )


def subscription(db: Session, actor: Actor, now: datetime, zone_id: str) -> SubscriptionOut:
    """Whether the actor is told each morning what was not heard there."""
    zone = zone_of(db, actor, now, zone_id)
    held = repository.subscription(db, actor.user_id, zone.id)
    return SubscriptionOut(zone_id=zone.id, subscribed=held is not None)


def subscriptions(db: Session, actor: Actor, now: datetime) -> list[tuple[Zone, bool]]:
    """The zones that the actor is told of each morning, and the highest one that could be; with whether it is."""
    told = list(repository.subscribed_zones(db, actor.user_id))
    if not actor.zones_for(Action.REPORT_READ, now):
        return [(zone, True) for zone in told]
    usual = zone_of(db, actor, now, None)
    more = [] if usual.id in {zone.id for zone in told} else [(usual, False)]
    return [*((zone, True) for zone in told), *more]


def subscribe(db: Session, actor: Actor, now: datetime, zone_id: str, *, wanted: bool) -> SubscriptionOut:
    """Be told from now on, or no more; asked twice it is the same."""
    zone = zone_of(db, actor, now, zone_id)
    held = repository.subscription(db, actor.user_id, zone.id)
    if wanted and held is None:
        db.add(ReportSubscription(user_id=actor.user_id, zone_id=zone.id, since=now))
    if not wanted and held is not None:
        db.delete(held)
    if wanted is not (held is not None):
        act = "report.subscribe" if wanted else "report.unsubscribe"
        audit.record(db, actor, now, act, f"zone:{zone.id}", zone_path=zone.path)
    return SubscriptionOut(zone_id=zone.id, subscribed=wanted)


def digest_of(db: Session, zone: Zone, day: date) -> Digest:
    """What was not heard on a day, as it is mailed to all who may see reports of the zone."""
    area = area_of(db, zone, day, lambda _path: False)
    rows = repository.told_lines(db, day, area.shown, MOST)
    told = missed(_lines(db, _atlas_of(db, rows), rows))
    return Digest(zone_name=zone.name, day=day, counts=repository.told_counts(db, day, area.here), missed=told)


Due = tuple[ReportSubscription, date]


def digests_due(db: Session, now: datetime, hour: int, hears_since: datetime) -> list[Due]:
    """Whom to tell of which day, once `hour` has struck where the zone is: the oldest of MOST_DAYS that is not told.

    None before the book is past that day and has taken in what receivers kept while this centre was away: from
    `hears_since` on it hears them, and they have BRING_WITHIN.
    """
    book = repository.book(db)
    if book is None or book.reported_until < hears_since + BRING_WITHIN:
        return []
    subscriptions = repository.subscriptions(db)
    atlas = repository.atlas(db, paths=[], zone_ids={held.zone_id for held in subscriptions})
    found = []
    for held in subscriptions:
        timezone = atlas.timezone(held.zone_id)
        local = now.astimezone(zone_info(timezone))
        told = held.sent_day or held.since.astimezone(local.tzinfo).date() - timedelta(days=2)
        day = max(told + timedelta(days=1), local.date() - timedelta(days=MOST_DAYS))
        if local.hour >= hour and day < local.date() and day_bounds(timezone, day)[1] <= to_us(book.opened_until):
            found.append((held, day))
    return found


def digest_sent(db: Session, held: ReportSubscription, day: date) -> bool:
    """Whether it is still to be handed over: then it counts as sent, and what fails later is the carrier's."""
    row = repository.subscription(db, held.user_id, held.zone_id, lock=True)
    if row is None or row.sent_day != held.sent_day:  # nobody wants it any more, or another process told of it
        return False
    row.sent_day = day
    db.add(row)
    return True


def _area(db: Session, actor: Actor, now: datetime, zone: Zone, on: date) -> Area:
    return area_of(db, zone, on, lambda path: actor.may(Action.REPORT_READ, path, now))


def _by_unit(db: Session, span: Span, area: Area, on: date, *, merged: bool) -> tuple[Atlas, views.Summed]:
    """From what was summed by commune and day: as quick for ten thousand villages as for ten."""
    atlas = repository.atlas(db, paths=())
    sums, reached = area.as_part(summing.by_unit(db, span, area.here), summing.reached_units(db, span))
    clusters = summing.clusters_by_unit(db, area.shown)
    units = sums.keys() | clusters.keys()
    if not units <= atlas.places.keys():  # a village in no commune is its own unit
        atlas = repository.atlas(db)
    return atlas, views.Summed(atlas.stations(units, on, merged=merged), sums, clusters, reached)


def _by_village(db: Session, span: Span, area: Area, on: date, *, merged: bool) -> tuple[Atlas, views.Summed]:
    """From lines; where they are gone, from the sums of the commune, which is a place beside its villages."""
    atlas, gone = repository.atlas(db, paths=[area.path], zone_ids=area.left), _gone(db, span, area)
    closed = summing.by_unit(db, span, area.here, only_closed=True) if gone else {}
    sums, reached = area.as_part(
        summing.by_village(db, span, area.here, some_closed=gone is not None),
        summing.reached_villages(db, span, area.here, some_closed=gone is not None, unit_ids=closed.keys()),
    )
    bulletins = Counter[str]()
    for places, count in reached if gone else ():
        bulletins.update(dict.fromkeys(places, count))
    for unit_id, lost in closed.items():
        sums[unit_id] = total([lost, sums.get(unit_id, Sums())], bulletins[unit_id])
    clusters = summing.clusters_by_village(db, area.shown)
    units = atlas.stations(sums.keys() | clusters.keys(), on, merged=merged)
    return atlas, views.Summed(units, sums, clusters, reached, gone)


def _gone(db: Session, span: Span, area: Area) -> DetailsGone | None:
    """From when on all lines of a span are kept of what belongs to `area`; None where none may be gone."""
    if not summing.any_closed(db):  # it is so everywhere that no rule of retention is in force
        return None
    atlas = repository.atlas(db, paths=[area.path], zone_ids=area.left)
    here = {key for key, place in atlas.places.items() if area.has(key, place.path)}
    last = summing.last_closed(db, span, atlas.units(here, span.first, span.last))
    if not last:
        return None
    return DetailsGone(
        before=max(last.values()) + timedelta(days=1),
        total_whole=last.keys() <= here,
    )


def _atlas_of(db: Session, rows: Sequence[repository.Row]) -> Atlas:
    return repository.atlas(db, paths=[], zone_ids={line.zone_id for line, _airing in rows})


def _lines(db: Session, atlas: Atlas, rows: Sequence[repository.Row]) -> list[LineOut]:
    named = {
        day: atlas.stations({line.zone_id for line, _airing in rows if line.day == day}, day)
        for day in {line.day for line, _airing in rows}
    }
    known = beside(db, rows)
    return [
        views.line(atlas, line, airing, station=named[line.day][line.zone_id].name, known=known)
        for line, airing in rows
    ]


def _heard(
    reports: Iterable[StoredReport], orders: Iterable[OrderProgressRow], names: dict[str, str]
) -> dict[tuple[str, str], ReceiverHeard]:
    """By airing and receiver: the report that says most was heard, as the figures count it."""
    found: dict[tuple[str, str], ReceiverHeard] = {}
    for row in reports:
        key = row.airing_id.removeprefix(LIVE), row.receiver_id
        made = ReceiverHeard(
            receiver_id=row.receiver_id,
            name=names.get(row.receiver_id, row.receiver_id),
            result=result(row.outcome, row.microphone),
            reason=row.reason or None,
            fetched_at=row.media_ready_at,
            started_at=row.start_at,
            error_us=row.start_error_us,
            level_dbfs=row.rms_dbfs,
            microphone=row.microphone,
            microphone_dbfs=row.microphone_dbfs,
            played_us=row.played_us,
        )
        found[key] = max(found.get(key, made), made, key=_worth)
    for order in orders:
        said = sources.said_of_order(order)
        found[order.order_id, order.receiver_id] = ReceiverHeard(
            receiver_id=order.receiver_id,
            name=names.get(order.receiver_id, order.receiver_id),
            result=said.result if said is not None else None,
            reason=order.reason or None,
            started_at=order.sounding_at,
            level_dbfs=order.level_dbfs,
            microphone=order.microphone,
        )
    return found


def _worth(one: ReceiverHeard) -> tuple[bool, bool, int]:
    return one.result in HEARD, one.started_at is not None, one.played_us


def _cursor(row: repository.Row) -> str:
    line, airing = row
    return f"{to_us(airing.start_at)}~{airing.id}~{line.zone_id}"


def _after(cursor: str) -> repository.After:
    parts = cursor.split("~")
    try:
        start_us, airing_id, zone_id = int(parts[0]), parts[1], parts[2]
        return from_us(start_us), airing_id, zone_id
    except (ValueError, IndexError, OverflowError, OSError) as bad:
        raise Invalid("bad_cursor", "This page of the list is not there. Begin again.", field="after") from bad
