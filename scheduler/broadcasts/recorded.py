"""All SQL about the airings that are recorded of broadcasts, and what receivers reported of them."""

from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, distinct, exists, func, not_, or_, select, update
from sqlmodel import Session, col

from scheduler.broadcasts import aiming
from scheduler.broadcasts.models import Broadcast, BroadcastTarget, PlannedAiring
from scheduler.broadcasts.repository import PLAYING
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.fleet.results import Result, result
from scheduler.reports.models import ReportAiring, ReportLine
from scheduler.workflow import State
from scheduler.zones.forest import at_or_below
from scheduler.zones.models import Zone
from scheduler.zones.repository import below as within
from scheduler.zones.repository import ids_of

LONGEST = timedelta(days=2)
"""No airing takes longer: its sound, and the window of a day in which a whole playing may begin."""


class Played(NamedTuple):
    """An airing as it was planned last, what has become of its broadcast, and the title that the book has of it."""

    airing: PlannedAiring
    broadcast: Broadcast
    title: str | None

    @property
    def announcement_id(self) -> str:
        """What it said; of older rows only what the broadcast says now is known."""
        return self.airing.announcement_id or self.broadcast.announcement_id


def played(
    db: Session,
    zone_ids: Collection[str],
    start: datetime,
    end: datetime,
    now: datetime,
    *,
    above: Collection[str] = (),
) -> list[Played]:
    """What sounded in `[start, end)` and was over by `now` or stopped, whatever became of its broadcast since.

    Of the broadcasts that are aimed at one of these zones, or sent in the name of one: it may be aimed elsewhere now.
    Of those of the zones `above` only what leaves holidays out.
    """
    ours = aiming.with_place_in(zone_ids)
    if above:
        ours = or_(ours, and_(col(Broadcast.skip_holidays), aiming.with_place_in(above)))
    start_at, end_at = col(PlannedAiring.start_at), col(PlannedAiring.end_at)
    withdrawn_at = col(PlannedAiring.withdrawn_at)
    query = (
        select(PlannedAiring, Broadcast, col(ReportAiring.title))
        .join(Broadcast, col(Broadcast.id) == col(PlannedAiring.broadcast_id))
        .outerjoin(ReportAiring, col(ReportAiring.id) == col(PlannedAiring.id))
        .where(
            start_at > start - LONGEST,
            start_at < min(end, now),
            end_at > start,
            or_(and_(end_at <= now, withdrawn_at.is_(None)), withdrawn_at > start_at),
            ours,
        )
        .order_by(col(PlannedAiring.id))
    )
    return [Played(*row) for row in db.execute(query)]


def plan_group_anew(db: Session, group_id: str, now: datetime) -> None:
    """Have what is aimed at the group planned again."""
    mine = exists().where(
        col(BroadcastTarget.broadcast_id) == col(Broadcast.id), col(BroadcastTarget.group_id) == group_id
    )
    _plan_anew(db, mine, now)


def plan_place_anew(db: Session, path: str, now: datetime, *, for_holidays: bool = False) -> None:
    """Have what is aimed at the zone and below planned again, of what is aimed above it what leaves holidays out.

    With `for_holidays`, only what leaves them out.
    """
    leaving_out = col(Broadcast.skip_holidays)
    below = aiming.aimed(lambda zone_id: at_or_below(db, [path], zone_id))
    above = aiming.aimed(lambda zone_id: zone_id.in_(ids_of(path)[:-1]))
    _plan_anew(db, or_(and_(below, leaving_out) if for_holidays else below, and_(above, leaving_out)), now)


def _plan_anew(db: Session, which: ColumnElement[bool], now: datetime) -> None:
    """What is recorded of these holds no longer than `now`: left to `PLANNED_AGAIN_AFTER`, the past would be false."""
    wanted = select(col(Broadcast.id)).where(
        col(Broadcast.state).in_(PLAYING), col(Broadcast.planned_until) > now, which
    )
    in_order = wanted.order_by(col(Broadcast.id)).with_for_update()  # two changes do not wait for one another
    db.execute(update(Broadcast).where(col(Broadcast.id).in_(in_order)).values(planned_until=now))


def to_plan_further(db: Session, horizon: datetime, limit: int) -> list[Broadcast]:
    """Approved broadcasts whose airings are not recorded as far as `horizon`, the shortest first.

    Of those that are to be planned anew since the same moment, what is to sound soonest comes first.
    """
    planned_until = col(Broadcast.planned_until)
    nearest = (
        select(func.min(col(PlannedAiring.start_at)))
        .where(
            col(PlannedAiring.broadcast_id) == col(Broadcast.id),
            col(PlannedAiring.end_at) > planned_until,
            col(PlannedAiring.withdrawn_at).is_(None),
        )
        .scalar_subquery()
    )
    query = select(Broadcast).where(
        col(Broadcast.state).in_(PLAYING),
        or_(planned_until.is_(None), planned_until < horizon),
    )
    return list(
        db.scalars(
            query.order_by(planned_until.nulls_first(), nearest.asc().nulls_last(), col(Broadcast.id))
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )


def due(db: Session, running: Collection[str], now: datetime) -> list[Broadcast]:
    """Those that time may have something to do to: on the air, or approved and `running` or with nothing ahead.

    What is not recorded up to `now` is not over yet: of it only what is `running`.
    """
    ahead = exists().where(
        col(PlannedAiring.broadcast_id) == col(Broadcast.id),
        col(PlannedAiring.end_at) > now,
        col(PlannedAiring.withdrawn_at).is_(None),
    )
    recorded, runs = col(Broadcast.planned_until) >= now, col(Broadcast.id).in_(running)
    on_air, approved = col(Broadcast.state) == State.ON_AIR, col(Broadcast.state) == State.APPROVED
    query = select(Broadcast).where(or_(and_(on_air, recorded), and_(approved, or_(runs, and_(recorded, not_(ahead))))))
    return list(db.scalars(query.order_by(col(Broadcast.id)).with_for_update(skip_locked=True)))


def running_airings(db: Session, now: datetime) -> dict[str, set[str]]:
    """The airings in whose time `now` lies, by broadcast."""
    found: dict[str, set[str]] = defaultdict(set)
    query = select(col(PlannedAiring.broadcast_id), col(PlannedAiring.id)).where(
        col(PlannedAiring.start_at) <= now, col(PlannedAiring.end_at) > now, col(PlannedAiring.withdrawn_at).is_(None)
    )
    for broadcast_id, airing_id in db.execute(query):
        found[broadcast_id].add(airing_id)
    return found


def planned_of(db: Session, broadcast_id: str, ending_after: datetime) -> list[PlannedAiring]:
    query = select(PlannedAiring).where(
        col(PlannedAiring.broadcast_id) == broadcast_id, col(PlannedAiring.end_at) > ending_after
    )
    return list(db.scalars(query.order_by(col(PlannedAiring.start_at))))


def unpublish(db: Session, broadcast_id: str) -> None:
    """Let residents know of none of the airings any more, whatever the broadcast says next."""
    mine = col(PlannedAiring.broadcast_id) == broadcast_id, col(PlannedAiring.publication_id).is_not(None)
    db.execute(update(PlannedAiring).where(*mine).values(publication_id=None))


def unaired(db: Session, broadcast_ids: Collection[str]) -> set[str]:
    """Those of which nothing was ever to be heard: no airing came, or none had sound."""
    came = exists().where(
        col(PlannedAiring.broadcast_id) == col(Broadcast.id),
        or_(col(PlannedAiring.withdrawn_at).is_(None), col(PlannedAiring.withdrawn_at) > col(PlannedAiring.start_at)),
        col(PlannedAiring.has_sound),
    )
    return set(db.scalars(select(col(Broadcast.id)).where(col(Broadcast.id).in_(broadcast_ids), not_(came))))


def report_counts(db: Session, airing_ids: Collection[str]) -> Counter[tuple[str, Result]]:
    """How many receivers reported which result of which airing."""
    kinds = (col(StoredReport.airing_id), col(StoredReport.outcome), col(StoredReport.microphone))
    query = select(*kinds, func.count(distinct(col(StoredReport.receiver_id))))
    found: Counter[tuple[str, Result]] = Counter()
    for airing_id, outcome, microphone, count in db.execute(
        query.where(col(StoredReport.airing_id).in_(airing_ids)).group_by(*kinds)
    ):
        found[airing_id, result(outcome, microphone)] += count
    return found


class Unreported(NamedTuple):
    """A receiver that told nothing of an airing, where it stands, and when anything was heard of it last."""

    receiver_id: str
    name: str
    place: str
    seen_at: datetime | None


def unreported(db: Session, airing_id: str, start: datetime, zone_ids: Collection[str], limit: int) -> list[Unreported]:
    """The first receivers at these zones and below that were to play it and told nothing, by place and name."""
    paths = list(db.scalars(select(col(Zone.path)).where(col(Zone.id).in_(zone_ids))))
    told = select(col(StoredReport.receiver_id)).where(col(StoredReport.airing_id) == airing_id)
    query = (
        select(col(Receiver.id), col(Receiver.name), col(Zone.name), col(Receiver.seen_at))
        .join(Zone, col(Zone.id) == col(Receiver.zone_id))
        .where(within(paths), col(Receiver.id).not_in(told))
        .where(col(Receiver.enrolled_at) <= start, col(Receiver.revoked_at).is_(None))
        .order_by(col(Zone.path), col(Receiver.name), col(Receiver.id))
        .limit(limit)
    )
    return [Unreported(*row) for row in db.execute(query)]


def reports_by_zone(
    db: Session, start: datetime, end: datetime, zone_ids: Collection[str]
) -> list[tuple[str, str, Result, int]]:
    """(zone, airing, result, receivers) of what was planned in `[start, end)` by receivers of exactly these zones."""
    kinds = (
        col(Receiver.zone_id),
        col(StoredReport.airing_id),
        col(StoredReport.outcome),
        col(StoredReport.microphone),
    )
    query = (
        select(*kinds, func.count(distinct(col(StoredReport.receiver_id))))
        .join(Receiver, col(Receiver.id) == col(StoredReport.receiver_id))
        .where(col(StoredReport.planned_start_at) >= start, col(StoredReport.planned_start_at) < end)
        .where(col(Receiver.zone_id).in_(zone_ids))
        .group_by(*kinds)
    )
    return [
        (zone_id, airing_id, result(outcome, microphone), count)
        for zone_id, airing_id, outcome, microphone, count in db.execute(query)
    ]


def detailed(db: Session, zone_ids: Collection[str], first: date, last: date) -> set[tuple[str, str]]:
    """(airing, zone) of what the book still has of exactly these zones, from one day to another."""
    query = select(col(ReportLine.airing_id), col(ReportLine.zone_id)).where(
        col(ReportLine.zone_id).in_(zone_ids), col(ReportLine.day) >= first, col(ReportLine.day) <= last
    )
    return {(airing_id, zone_id) for airing_id, zone_id in db.execute(query)}


def with_details(db: Session, airing_ids: Collection[str]) -> set[str]:
    """Those of which the book still has a line."""
    return set(
        db.scalars(select(col(ReportLine.airing_id)).where(col(ReportLine.airing_id).in_(airing_ids)).distinct())
    )
