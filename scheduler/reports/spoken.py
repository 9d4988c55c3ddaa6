"""Live talks and relays as the book takes them down (all SQL on talks and on what came of relays).

Rules
- A talk counts when it ended, for then its length is known.
- A relay that was due and did not sound counts too, as long as it was to last: from the moment it is noted, or, where
  a talk was made of it that never began, when that is over. What people ended before its time was never due.
- Villages that a relay was left out of count with the others, and the rule that left them out is why they missed it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from broadcast.clock import US_PER_S, to_us
from scheduler.live.models import LiveEnd, LiveKind, LiveTalk, LiveTarget
from scheduler.relays import timing
from scheduler.relays.models import Relay, RelayRun
from scheduler.reports.begun import REPORTS_WITHIN, Begun
from scheduler.reports.figures import Kind

BY_PEOPLE = (LiveEnd.SPEAKER, LiveEnd.STOPPED)
ENDED = "ended_"
"""Begins the reason of one whose talk was over before it began; a `LiveEnd` follows."""


def first_moments(db: Session) -> tuple[datetime | None, datetime | None]:
    """When the first talk ended, and when the first relay that did not come was noted."""
    return db.scalar(select(func.min(col(LiveTalk.ended_at)))), db.scalar(select(func.min(col(RelayRun.noted_at))))


def spoken(db: Session, since: datetime, until: datetime) -> list[Begun]:
    """What is known in `(since, until]` to have sounded, or not to sound though it was due."""
    return [*_noted(db, since, until), *_talks(db, since, until)]


def _noted(db: Session, since: datetime, until: datetime) -> Iterable[Begun]:
    at = col(RelayRun.noted_at)
    query = select(RelayRun, Relay).join(Relay, col(Relay.id) == col(RelayRun.relay_id))
    for run, relay in db.execute(query.where(at > since, at <= until, col(RelayRun.talk_id).is_(None))):
        yield Begun(
            id=timing.airing_at(relay, to_us(run.due_at)).id,
            broadcast_id=f"{timing.PREFIX}{relay.id}",
            kind=Kind.LIVE,
            cls=relay.cls,
            title=relay.title,
            start_at=run.due_at,
            duration_us=relay.limit_s * US_PER_S,
            zone_ids=list(run.zone_ids),
            stopped_at=None,
            due_at=run.noted_at,
            reason=run.trouble,
            silent=dict(run.silent),
        )


def _talks(db: Session, since: datetime, until: datetime) -> Iterable[Begun]:
    at, relayed = col(LiveTalk.ended_at), col(LiveTalk.kind) == LiveKind.RELAY
    due = or_(col(LiveTalk.began_at).is_not(None), (at > col(LiveTalk.starts_at)) & relayed)
    query = select(LiveTalk, col(RelayRun.silent)).outerjoin(RelayRun, col(RelayRun.talk_id) == col(LiveTalk.id))
    rows = db.execute(query.where(at > since, at <= until, due)).all()
    zones: dict[str, list[str]] = defaultdict(list)
    aimed = select(col(LiveTarget.talk_id), col(LiveTarget.zone_id)).distinct()
    for talk_id, zone_id in db.execute(aimed.where(col(LiveTarget.talk_id).in_([talk.id for talk, _ in rows]))):
        zones[talk_id].append(zone_id)
    for talk, silent in rows:
        yield _of_talk(talk, [*zones[talk.id], *(silent or ())], silent or {})


def _of_talk(talk: LiveTalk, zone_ids: list[str], silent: dict[str, str]) -> Begun:
    ended_at = talk.ended_at or talk.starts_at
    start_at, end_at, reason = talk.began_at or talk.starts_at, ended_at, None
    if talk.began_at is None:
        ended = talk.end_reason or LiveEnd.FAILED
        end_at = ended_at if ended in BY_PEOPLE else start_at + timedelta(seconds=talk.limit_s)
        reason = f"{ENDED}{ended}"
    heard_until = timedelta(milliseconds=talk.delay_ms) + REPORTS_WITHIN
    return Begun(
        id=talk.id,
        broadcast_id=f"{timing.PREFIX}{talk.relay_id}" if talk.relay_id else talk.id,
        kind=Kind.LIVE,
        cls=talk.cls,
        title=talk.title,
        start_at=start_at,
        duration_us=max(0, (end_at - start_at) // timedelta(microseconds=1)),
        zone_ids=zone_ids,
        stopped_at=None,
        due_at=ended_at if reason else ended_at + heard_until,
        reason=reason,
        silent=silent,
    )
