"""What time does to live talks (part of one transaction): turns pass, the lost and the overdue end."""

from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.emergency import repository as emergencies
from scheduler.emergency.life import State
from scheduler.emergency.views import state_now
from scheduler.live import repository, turns
from scheduler.live.models import LiveEnd, LiveKind, LiveState, LiveTalk
from scheduler.live.service import Change, give_turns, over, told

LOST = timedelta(seconds=10)
OVERDUE = timedelta(seconds=10)
"""How long past its limit whoever carries a talk may take to end it well."""


def due(db: Session, now: datetime) -> bool:
    """Whether `tick` may have something to do."""
    return bool(repository.not_over(db) or repository.to_withdraw(db, now) or repository.to_forget(db, now))


def tick(db: Session, now: datetime) -> Change:
    """What time does to talks: turns come and go, the lost and the overdue end, the heard are taken from documents."""
    change = Change()
    for talk in repository.not_over(db):
        reason = _due_end(db, talk, now)
        if reason is not None:
            change |= over(db, now, talk, reason)
    for talk in repository.to_withdraw(db, now):
        talk.withdrawn = True
        change |= told(db, now, talk)
    return change | give_turns(db, now)


def _due_end(db: Session, talk: LiveTalk, now: datetime) -> LiveEnd | None:
    order = emergencies.get(db, talk.order_id) if talk.order_id is not None else None
    if talk.order_id is not None and (order is None or state_now(order, now) is not State.ISSUED):
        return LiveEnd.STOPPED
    if talk.state is LiveState.ON_AIR:
        limit = timedelta(seconds=talk.limit_s) + OVERDUE + timedelta(milliseconds=talk.delay_ms + talk.opening_ms)
        if talk.seen_at is not None and now - talk.seen_at > LOST:
            return LiveEnd.CENTRE_LEFT
        return LiveEnd.LIMIT if talk.began_at is not None and now > talk.began_at + limit else None
    if talk.kind is LiveKind.MICROPHONE:
        turn_over = talk.turn_at is not None and now - talk.turn_at > timedelta(microseconds=turns.TURN_US)
        return LiveEnd.TURN_MISSED if turn_over else None
    return LiveEnd.TURN_MISSED if now > talk.starts_at + timedelta(seconds=talk.limit_s) else None
