"""What time does to live talks (part of one transaction): turns pass, the lost and the overdue end.

What goes wrong with one of them ends that one (`FAILED`) and no other.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session

from scheduler.emergency import repository as emergencies
from scheduler.emergency.life import State
from scheduler.emergency.views import state_now
from scheduler.live import lasting, licence, repository, turns
from scheduler.live.apart import apart
from scheduler.live.models import LiveEnd, LiveKind, LiveState, LiveTalk
from scheduler.live.service import Change, give_turns, give_up, over, told

LOST = timedelta(seconds=10)
OVERDUE = timedelta(seconds=10)
"""How long past its limit whoever carries a talk may take to end it well."""


def due(db: Session, now: datetime) -> bool:
    """Whether `tick` may have something to do."""
    return bool(repository.not_over(db) or repository.to_withdraw(db, now))


def tick(db: Session, now: datetime) -> Change:
    """What time does to talks: turns come and go, the lost and the overdue end, the heard are taken from documents."""
    change = Change()
    for talk in repository.not_over(db):
        change |= _apart(db, now, talk, _end_if_due)
    for talk in repository.to_withdraw(db, now):
        change |= _apart(db, now, talk, _withdraw)
    return change | give_turns(db, now)


def _apart(db: Session, now: datetime, talk: LiveTalk, work: Callable[[Session, datetime, LiveTalk], Change]) -> Change:
    """A talk that fails is ended, or else left alone."""
    ended = partial(apart, db, talk.id, partial(give_up, db, now, talk), Change)
    return apart(db, talk.id, partial(work, db, now, talk), ended)


def _end_if_due(db: Session, now: datetime, talk: LiveTalk) -> Change:
    reason = _due_end(db, talk, now)
    return over(db, now, talk, reason) if reason is not None else Change()


def _withdraw(db: Session, now: datetime, talk: LiveTalk) -> Change:
    talk.withdrawn = True
    return told(db, now, talk)


def _due_end(db: Session, talk: LiveTalk, now: datetime) -> LiveEnd | None:
    order = emergencies.get(db, talk.order_id) if talk.order_id is not None else None
    if talk.order_id is not None and (order is None or state_now(order, now) is not State.ISSUED):
        return LiveEnd.STOPPED
    if talk.state is LiveState.ON_AIR:
        limit = timedelta(seconds=talk.limit_s) + OVERDUE + timedelta(milliseconds=talk.delay_ms + talk.opening_ms)
        if talk.seen_at is not None and now - talk.seen_at > LOST:
            return LiveEnd.CENTRE_LEFT
        return LiveEnd.LIMIT if talk.began_at is not None and now > talk.began_at + limit else None
    if (lost := licence.lost(db, now, talk)) is not None:
        return lost
    if talk.kind is LiveKind.MICROPHONE:
        turn_over = talk.turn_at is not None and now - talk.turn_at > timedelta(microseconds=turns.TURN_US)
        return LiveEnd.TURN_MISSED if turn_over else None
    return LiveEnd.TURN_MISSED if lasting.is_missed(talk, now) else None
