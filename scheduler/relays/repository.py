"""All SQL about relays that come again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import and_, case, delete, func, update
from sqlmodel import Session, col, select

from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.broadcasts.aiming import Target, chosen
from scheduler.live.models import LiveTalk
from scheduler.people.models import User
from scheduler.relays.models import Relay, RelayRun, RelayTarget
from scheduler.workflow import State
from scheduler.zones.models import Zone
from scheduler.zones.repository import below


def get(db: Session, relay_id: str, *, lock: bool = False) -> Relay | None:
    return db.get(Relay, relay_id, with_for_update=lock, populate_existing=lock)


def some(db: Session, relay_ids: Collection[str]) -> Sequence[Relay]:
    """Those of these ids that there are, oldest first."""
    return db.exec(select(Relay).where(col(Relay.id).in_(relay_ids)).order_by(Relay.id)).all()


def index(
    db: Session, paths: Iterable[str], states: Collection[State], *, before: str | None = None, limit: int = 200
) -> Sequence[Relay]:
    """Those of the subtrees of `paths` in one of `states`, newest first."""
    query = select(Relay).join(Zone, col(Zone.id) == Relay.zone_id).where(below(paths), col(Relay.state).in_(states))
    if before is not None:
        query = query.where(col(Relay.id) < before)
    return db.exec(query.order_by(col(Relay.id).desc()).limit(limit)).all()


def submitted(db: Session, paths: Iterable[str], day: str, limit: int) -> Sequence[Relay]:
    """Those that wait in the subtrees of `paths`: first those whose last day is `day` or later, by their first."""
    over = case((col(Relay.until_local) < day, 1), else_=0)
    query = select(Relay).join(Zone, col(Zone.id) == Relay.zone_id)
    query = query.where(below(paths), Relay.state == State.SUBMITTED).order_by(over, col(Relay.starts_local), Relay.id)
    return db.exec(query.limit(limit)).all()


def due(db: Session, now: datetime) -> Sequence[Relay]:
    query = select(Relay).where(Relay.state == State.APPROVED, col(Relay.next_at) <= now)
    return db.exec(query.order_by(col(Relay.next_at), Relay.id)).all()


def look_again(db: Session, now: datetime) -> None:
    """Have those that leave days off out looked at again at once: such a day came, or was taken away."""
    comes = and_(col(Relay.state) == State.APPROVED, col(Relay.paused_at).is_(None), col(Relay.next_at) > now)
    db.execute(update(Relay).where(comes, col(Relay.skip_holidays)).values(next_at=now))


def in_state(db: Session, states: Collection[State]) -> Sequence[Relay]:
    """Those that are not paused, oldest first."""
    query = select(Relay).where(col(Relay.state).in_(states), col(Relay.paused_at).is_(None))
    return db.exec(query.order_by(Relay.id)).all()


def target_ids(db: Session, relay_ids: Collection[str]) -> dict[str, tuple[list[str], list[str]]]:
    """The zones and groups of each."""
    found: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    query = select(RelayTarget).where(col(RelayTarget.relay_id).in_(relay_ids))
    for row in db.exec(query.order_by(col(RelayTarget.id))).all():
        if row.zone_id is not None:
            found[row.relay_id][0].append(row.zone_id)
        if row.group_id is not None:
            found[row.relay_id][1].append(row.group_id)
    return found


def targets(db: Session, relay_id: str) -> tuple[Target, ...]:
    zone_ids, group_ids = target_ids(db, [relay_id])[relay_id]
    return chosen(db, zone_ids, group_ids)


def set_targets(db: Session, relay_id: str, zone_ids: Iterable[str], group_ids: Iterable[str]) -> None:
    db.execute(delete(RelayTarget).where(col(RelayTarget.relay_id) == relay_id))
    db.add_all(RelayTarget(relay_id=relay_id, zone_id=zone_id) for zone_id in zone_ids)
    db.add_all(RelayTarget(relay_id=relay_id, group_id=group_id) for group_id in group_ids)
    db.flush()


def runs(db: Session, relay_ids: Collection[str], limit: int) -> dict[str, list[RelayRun]]:
    """The last occurrences of each, the newest first."""
    place = func.row_number().over(partition_by=col(RelayRun.relay_id), order_by=col(RelayRun.due_at).desc())
    last = select(RelayRun.relay_id, RelayRun.due_at, place.label("place")).where(col(RelayRun.relay_id).in_(relay_ids))
    found = last.subquery()
    here = and_(found.c.relay_id == col(RelayRun.relay_id), found.c.due_at == col(RelayRun.due_at))
    query = select(RelayRun).join(found, here).where(found.c.place <= limit)
    by_relay: dict[str, list[RelayRun]] = defaultdict(list)
    for run in db.exec(query.order_by(col(RelayRun.due_at).desc())).all():
        by_relay[run.relay_id].append(run)
    return by_relay


def last_due(db: Session, relay_id: str) -> datetime | None:
    """The last occurrence that came."""
    query = select(RelayRun.due_at).where(RelayRun.relay_id == relay_id)
    return db.exec(query.order_by(col(RelayRun.due_at).desc()).limit(1)).first()


def runs_between(db: Session, since: datetime, until: datetime) -> Sequence[tuple[RelayRun, Relay, LiveTalk | None]]:
    """What came in `[since, until)`, with the talk that was made of it."""
    query = select(RelayRun, Relay, LiveTalk).join(Relay, col(Relay.id) == RelayRun.relay_id)
    query = query.outerjoin(LiveTalk, col(LiveTalk.id) == RelayRun.talk_id)
    query = query.where(col(RelayRun.due_at) >= since, col(RelayRun.due_at) < until)
    return db.exec(query.order_by(col(RelayRun.due_at), col(RelayRun.relay_id))).all()


def titles(db: Session, announcement_ids: Collection[str]) -> dict[str, str]:
    query = select(Announcement.id, Announcement.title).where(col(Announcement.id).in_(announcement_ids))
    return dict(db.exec(query).all())


def sound_of(db: Session, announcement_id: str) -> Recording | None:
    """What is heard of it where only one language can be: the first that is produced."""
    query = select(Recording).where(
        Recording.announcement_id == announcement_id, Recording.state == RecordingState.READY
    )
    return db.exec(query.order_by(col(Recording.created_at)).limit(1)).first()


def people(db: Session, user_ids: Collection[str]) -> dict[str, str]:
    return {user.id: user.name for user in db.exec(select(User).where(col(User.id).in_(set(user_ids)))).all()}
