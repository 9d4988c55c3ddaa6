"""All SQL about broadcasts, their targets and their airings."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import CTE, ColumnElement, Select, and_, delete, distinct, exists, func, not_, or_, select, update
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements.models import Announcement, Recording
from scheduler.broadcasts.models import Broadcast, BroadcastTarget, PlannedAiring
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.fleet.results import Result, result
from scheduler.people.models import User
from scheduler.reports.models import ReportLine
from scheduler.workflow import State
from scheduler.zones.forest import at_or_below
from scheduler.zones.models import Group, GroupMember, Zone
from scheduler.zones.repository import below as within
from scheduler.zones.repository import ids_of

PLAYING = (State.APPROVED, State.ON_AIR)
LONGEST = timedelta(days=2)
"""No airing takes longer: its sound, and the window of a day in which a whole playing may begin."""
MOST_BEHIND_UTC = timedelta(hours=12)
"""No clock on earth is further behind."""


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a broadcast: a zone, or a group with its members and the path of the zone that it belongs to."""

    zones: tuple[Zone, ...]
    group: Group | None = None
    home_path: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Where rights are needed: in each zone, and where a group belongs, as its members may be others tomorrow."""
        return (*(zone.path for zone in self.zones), *([self.home_path] if self.home_path is not None else ()))

    def live(self, day: date) -> tuple[Zone, ...]:
        """Its zones that are there on `day`."""
        return tuple(zone for zone in self.zones if zone.valid_until is None or day < zone.valid_until)


@dataclass(frozen=True, slots=True)
class Placed:
    """A broadcast that sounds in `zone_ids` (of those asked for), with what it says."""

    broadcast: Broadcast
    title: str
    recordings: tuple[Recording, ...]
    zone_ids: frozenset[str]


class Played(NamedTuple):
    """An airing as it was planned last, and what has become of its broadcast."""

    airing: PlannedAiring
    broadcast: Broadcast

    @property
    def announcement_id(self) -> str:
        """What it said; of older rows only what the broadcast says now is known."""
        return self.airing.announcement_id or self.broadcast.announcement_id


class Living(NamedTuple):
    """A receiver as the board needs it."""

    zone_id: str
    online: bool
    state: Mapping[str, Any] | None


def get(db: Session, broadcast_id: str) -> Broadcast | None:
    return db.get(Broadcast, broadcast_id)


def several(db: Session, broadcast_ids: Collection[str]) -> list[Broadcast]:
    return list(db.scalars(select(Broadcast).where(col(Broadcast.id).in_(broadcast_ids)).order_by(col(Broadcast.id))))


def locked(db: Session, broadcast_id: str) -> Broadcast | None:
    """As `get`, kept from other transactions until this one ends."""
    return db.get(Broadcast, broadcast_id, with_for_update=True, populate_existing=True)


def set_targets(db: Session, broadcast_id: str, zone_ids: Iterable[str], group_ids: Iterable[str]) -> None:
    db.execute(delete(BroadcastTarget).where(col(BroadcastTarget.broadcast_id) == broadcast_id))
    db.add_all(BroadcastTarget(broadcast_id=broadcast_id, zone_id=zone_id) for zone_id in zone_ids)
    db.add_all(BroadcastTarget(broadcast_id=broadcast_id, group_id=group_id) for group_id in group_ids)
    db.flush()


def targets(db: Session, broadcast_ids: Collection[str]) -> dict[str, tuple[Target, ...]]:
    """The targets of each broadcast, ended zones too."""
    home = aliased(Zone)
    query = (
        select(col(BroadcastTarget.broadcast_id), Zone, Group, col(home.path))
        .select_from(BroadcastTarget)
        .outerjoin(Group, col(Group.id) == col(BroadcastTarget.group_id))
        .outerjoin(home, col(home.id) == col(Group.zone_id))
        .outerjoin(GroupMember, col(GroupMember.group_id) == col(Group.id))
        .outerjoin(Zone, or_(col(Zone.id) == col(BroadcastTarget.zone_id), col(Zone.id) == col(GroupMember.zone_id)))
        .where(col(BroadcastTarget.broadcast_id).in_(broadcast_ids))
        .order_by(col(BroadcastTarget.id), col(Zone.path))
    )
    direct: dict[str, list[Target]] = {broadcast_id: [] for broadcast_id in broadcast_ids}
    members: dict[tuple[str, str], list[Zone]] = defaultdict(list)
    groups: dict[str, tuple[Group, str]] = {}
    for broadcast_id, zone, group, home_path in db.execute(query):
        if group is None:
            direct[broadcast_id].append(Target((zone,)))
        else:
            groups[group.id] = group, home_path
            members[broadcast_id, group.id] += [zone] if zone is not None else []
    for (broadcast_id, group_id), zones in members.items():
        direct[broadcast_id].append(Target(tuple(zones), *groups[group_id]))
    return {broadcast_id: tuple(found) for broadcast_id, found in direct.items()}


def chosen(db: Session, zone_ids: Collection[str], group_ids: Collection[str]) -> tuple[Target, ...]:
    """Zones and groups as targets, those that there are."""
    zones = db.scalars(select(Zone).where(col(Zone.id).in_(zone_ids)).order_by(col(Zone.path)))
    found = [Target((zone,)) for zone in zones]
    home = aliased(Zone)
    query = (
        select(Group, col(home.path), Zone)
        .join(home, col(home.id) == col(Group.zone_id))
        .outerjoin(GroupMember, col(GroupMember.group_id) == col(Group.id))
        .outerjoin(Zone, col(Zone.id) == col(GroupMember.zone_id))
        .where(col(Group.id).in_(group_ids))
        .order_by(col(Group.id), col(Zone.path))
    )
    groups: dict[str, tuple[Group, str, list[Zone]]] = {}
    for group, home_path, zone in db.execute(query):
        groups.setdefault(group.id, (group, home_path, []))[2].extend([zone] if zone is not None else [])
    return (*found, *(Target(tuple(members), group, path) for group, path, members in groups.values()))


def placed(
    db: Session, zone_ids: Collection[str], states: Collection[State] = PLAYING, *, above: Collection[str] = ()
) -> list[Placed]:
    """What is to sound in these zones, by id; of the zones `above` only what comes again and leaves holidays out."""
    wanted = select(col(Broadcast.id)).where(col(Broadcast.state).in_(states))
    leaving_out = wanted.where(col(Broadcast.skip_holidays), col(Broadcast.rrule).is_not(None))
    where: dict[str, set[str]] = defaultdict(set)
    for ids, those in ((zone_ids, wanted), (above, leaving_out)):
        for broadcast_id, zone_id in db.execute(_placements(ids, those.cte("wanted"))) if ids else ():
            where[broadcast_id].add(zone_id)
    query = (
        select(Broadcast, col(Announcement.title))
        .join(Announcement, col(Announcement.id) == col(Broadcast.announcement_id))
        .where(col(Broadcast.id).in_(where))
        .order_by(col(Broadcast.id))
    )
    rows = [(broadcast, title) for broadcast, title in db.execute(query)]
    recordings = recordings_of(db, {broadcast.announcement_id for broadcast, _title in rows})
    return [Placed(b, title, recordings[b.announcement_id], frozenset(where[b.id])) for b, title in rows]


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
    ours = _with_place_in(zone_ids)
    if above:
        ours = or_(ours, and_(col(Broadcast.skip_holidays), _with_place_in(above)))
    start_at, end_at = col(PlannedAiring.start_at), col(PlannedAiring.end_at)
    withdrawn_at = col(PlannedAiring.withdrawn_at)
    query = (
        select(PlannedAiring, Broadcast)
        .join(Broadcast, col(Broadcast.id) == col(PlannedAiring.broadcast_id))
        .where(
            start_at > start - LONGEST,
            start_at < min(end, now),
            end_at > start,
            or_(and_(end_at <= now, withdrawn_at.is_(None)), withdrawn_at > start_at),
            ours,
        )
        .order_by(col(PlannedAiring.id))
    )
    return [Played(row, broadcast) for row, broadcast in db.execute(query)]


def _with_place_in(zone_ids: Collection[str]) -> ColumnElement[bool]:
    """Of a broadcast: that it is aimed at one of these zones, or sent in the name of one."""

    def there(zone_id: Mapped[str] | Mapped[str | None]) -> ColumnElement[bool]:
        return func.coalesce(zone_id, "").in_(zone_ids)  # no index: most of what is aimed there is of other days

    return or_(there(col(Broadcast.zone_id)), _aimed(there))


def _aimed(there: Callable[[Mapped[str] | Mapped[str | None]], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Of a broadcast: that it is aimed at a zone that is `there`, directly or by a group."""
    grouped = select(col(GroupMember.group_id)).where(there(col(GroupMember.zone_id)))
    return exists().where(
        col(BroadcastTarget.broadcast_id) == col(Broadcast.id),
        or_(there(col(BroadcastTarget.zone_id)), col(BroadcastTarget.group_id).in_(grouped)),
    )


def _placements(zone_ids: Collection[str], wanted: CTE) -> "Select[tuple[str, str]]":
    """(broadcast, zone) pairs, directly or by a group."""
    zone_id, member_id = col(BroadcastTarget.zone_id), col(GroupMember.zone_id)
    broadcast_id, ids = col(BroadcastTarget.broadcast_id), select(wanted.c.id)
    direct = select(broadcast_id, zone_id).where(zone_id.in_(zone_ids), broadcast_id.in_(ids))
    grouped = (
        select(broadcast_id, member_id)
        .join(GroupMember, col(GroupMember.group_id) == col(BroadcastTarget.group_id))
        .where(member_id.in_(zone_ids), broadcast_id.in_(ids))
    )
    return direct.union(grouped)  # type: ignore[return-value]  # a union is executed as a select


def recordings_of(db: Session, announcement_ids: Collection[str]) -> Mapping[str, tuple[Recording, ...]]:
    found: dict[str, list[Recording]] = defaultdict(list)
    query = (
        select(Recording)
        .where(col(Recording.announcement_id).in_(announcement_ids))
        .order_by(col(Recording.created_at), col(Recording.id))
    )
    for recording in db.scalars(query):
        found[recording.announcement_id].append(recording)
    return {announcement_id: tuple(found[announcement_id]) for announcement_id in announcement_ids}


def receivers(db: Session, paths: Iterable[str]) -> list[Receiver]:
    """The receivers in use at or below any of `paths`."""
    query = select(Receiver).join(Zone, col(Zone.id) == col(Receiver.zone_id)).where(within(paths))
    return list(db.scalars(query.where(col(Receiver.revoked_at).is_(None)).order_by(col(Receiver.id))))


def living(db: Session, zone_ids: Collection[str]) -> list[Living]:
    """What the receivers in use say of themselves in exactly these zones."""
    columns = col(Receiver.zone_id), col(Receiver.online), col(Receiver.state)
    query = select(*columns).where(col(Receiver.zone_id).in_(zone_ids), col(Receiver.revoked_at).is_(None))
    return [Living(*row) for row in db.execute(query)]


def page(
    db: Session,
    own: Iterable[str],
    above: Collection[str],
    *,
    states: Collection[State],
    before: str | None,
    limit: int,
    document: str | None = None,
    judged: Collection[str] = (),
) -> list[Broadcast]:
    """The newest broadcasts of the subtrees of `own`, or that reach into them, also from the zones `above`.

    Those that wait too, where all that approving them takes lies in the subtrees of `judged`.
    """
    own_paths = tuple(own)

    def reaches(zone_id: Mapped[str] | Mapped[str | None]) -> ColumnElement[bool]:
        return or_(at_or_below(db, own_paths, zone_id), zone_id.in_(above))

    aimed = _aimed(reaches)
    theirs = at_or_below(db, own_paths, col(Broadcast.zone_id))
    public = col(Broadcast.state).not_in((State.DRAFT, State.SUBMITTED, State.RETURNED))
    shown = [theirs, and_(aimed, public)]
    if judged:
        shown.append(and_(col(Broadcast.state) == State.SUBMITTED, _all_within(db, judged)))
    query = select(Broadcast).where(or_(*shown)).order_by(col(Broadcast.id).desc()).limit(limit)
    if states:
        query = query.where(col(Broadcast.state).in_(states))
    if before is not None:
        query = query.where(col(Broadcast.id) < before)
    if document is not None:
        query = query.where(col(Broadcast.document_key).contains(document, autoescape=True))
    return list(db.scalars(query))


def _all_within(db: Session, paths: Collection[str]) -> ColumnElement[bool]:
    """Of a broadcast: that it has targets, and each of `Target.paths` is at one of `paths` or below it."""
    zone_id, group_id = col(BroadcastTarget.zone_id), col(BroadcastTarget.group_id)
    homes = select(col(Group.id)).where(not_(at_or_below(db, paths, col(Group.zone_id))))
    members = select(col(GroupMember.group_id)).where(not_(at_or_below(db, paths, col(GroupMember.zone_id))))
    outside = or_(
        and_(zone_id.is_not(None), not_(at_or_below(db, paths, zone_id))), group_id.in_(homes), group_id.in_(members)
    )
    target = exists().where(col(BroadcastTarget.broadcast_id) == col(Broadcast.id))
    return and_(target, not_(target.where(outside)))


def submitted(db: Session, own: Collection[str], now: datetime, *, passed: bool, limit: int) -> list[Broadcast]:
    """What waits in the subtrees of `own` and may still come, soonest first; or what has `passed`, the latest first.

    What passed in the last day may be among the former, as each has a time zone of its own: its reader looks again.
    """
    starts, until = col(Broadcast.starts_local), col(Broadcast.until_local)
    early = (now - MOST_BEHIND_UTC).astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    repeats = col(Broadcast.rrule).is_not(None)
    goes_on = func.coalesce(until, early) >= early[: len("2026-12-24")]
    comes = or_(starts.is_(None), and_(repeats, goes_on), and_(not_(repeats), starts >= early))
    here = or_(at_or_below(db, own, col(Broadcast.zone_id)), _all_within(db, own))
    query = select(Broadcast).where(col(Broadcast.state) == State.SUBMITTED, here, not_(comes) if passed else comes)
    order = starts.desc() if passed else starts.asc().nulls_first()
    return list(db.scalars(query.order_by(order, col(Broadcast.id).desc()).limit(limit)))


def names(db: Session, broadcasts: Collection[Broadcast]) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Titles by announcement id, names by person id, and names by zone id, of all these."""
    people = {b.author_id for b in broadcasts} | {b.approver_id for b in broadcasts if b.approver_id}
    people |= {user_id for b in broadcasts for user_id in b.approved_for or ()}
    users = select(col(User.id), col(User.name)).where(col(User.id).in_(people))
    places = select(col(Zone.id), col(Zone.name)).where(col(Zone.id).in_({b.zone_id for b in broadcasts}))
    return (
        titles(db, {b.announcement_id for b in broadcasts}),
        dict(db.execute(users).all()),
        dict(db.execute(places).all()),
    )


def titles(db: Session, announcement_ids: Collection[str]) -> dict[str, str]:
    query = select(col(Announcement.id), col(Announcement.title)).where(col(Announcement.id).in_(announcement_ids))
    return dict(db.execute(query).all())


def using(db: Session, announcement_id: str) -> list[Broadcast]:
    """The approved broadcasts of an announcement."""
    query = select(Broadcast).where(
        col(Broadcast.announcement_id) == announcement_id, col(Broadcast.state).in_(PLAYING)
    )
    return list(db.scalars(query.order_by(col(Broadcast.id)).with_for_update()))


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
    leaving_out = and_(col(Broadcast.skip_holidays), col(Broadcast.rrule).is_not(None))
    below = _aimed(lambda zone_id: at_or_below(db, [path], zone_id))
    above = _aimed(lambda zone_id: zone_id.in_(ids_of(path)[:-1]))
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
    """Those that time may have something to do to: on the air, or approved and `running` or with nothing ahead."""
    ahead = exists().where(
        col(PlannedAiring.broadcast_id) == col(Broadcast.id),
        col(PlannedAiring.end_at) > now,
        col(PlannedAiring.withdrawn_at).is_(None),
    )
    planned = col(Broadcast.planned_until).is_not(None)
    waiting = and_(col(Broadcast.state) == State.APPROVED, planned, or_(col(Broadcast.id).in_(running), not_(ahead)))
    query = select(Broadcast).where(or_(col(Broadcast.state) == State.ON_AIR, waiting))
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


def named(db: Session, broadcast_ids: Collection[str]) -> dict[str, tuple[str, BroadcastClass]]:
    """The title and class of each broadcast."""
    query = (
        select(col(Broadcast.id), col(Announcement.title), col(Broadcast.cls))
        .join(Announcement, col(Announcement.id) == col(Broadcast.announcement_id))
        .where(col(Broadcast.id).in_(broadcast_ids))
    )
    return {broadcast_id: (title, cls) for broadcast_id, title, cls in db.execute(query)}


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
