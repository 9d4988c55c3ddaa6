"""All SQL about relays that come again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from scheduler.broadcasts.repository import Target, chosen
from scheduler.people.models import User
from scheduler.relays.models import Relay, RelayRun, RelayTarget
from scheduler.workflow import State
from scheduler.zones.models import Zone
from scheduler.zones.repository import below


def get(db: Session, relay_id: str, *, lock: bool = False) -> Relay | None:
    return db.get(Relay, relay_id, with_for_update=lock, populate_existing=lock)


def index(db: Session, paths: Iterable[str], *, over: bool) -> Sequence[Relay]:
    """Those of the subtrees of `paths`, those that still come first or those that are over, newest first."""
    ended = (State.DONE, State.CANCELLED)
    query = select(Relay).join(Zone, col(Zone.id) == Relay.zone_id).where(below(paths))
    query = query.where(col(Relay.state).in_(ended) if over else col(Relay.state).not_in(ended))
    return db.exec(query.order_by(col(Relay.id).desc()).limit(200)).all()


def due(db: Session, now: datetime) -> Sequence[Relay]:
    query = select(Relay).where(Relay.state == State.APPROVED, col(Relay.next_at) <= now)
    return db.exec(query.order_by(col(Relay.next_at), Relay.id)).all()


def approved(db: Session) -> Sequence[Relay]:
    return db.exec(select(Relay).where(Relay.state == State.APPROVED).order_by(Relay.id)).all()


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


def runs(db: Session, relay_id: str, limit: int) -> Sequence[RelayRun]:
    """The last occurrences, the newest first."""
    query = select(RelayRun).where(RelayRun.relay_id == relay_id)
    return db.exec(query.order_by(col(RelayRun.due_at).desc()).limit(limit)).all()


def people(db: Session, user_ids: Collection[str]) -> dict[str, str]:
    return {user.id: user.name for user in db.exec(select(User).where(col(User.id).in_(set(user_ids)))).all()}
