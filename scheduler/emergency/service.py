"""What people do with emergencies and drills. Each function is part of one transaction and checks the right to it first.

Whoever calls one that changes what sounds then awaits `sender.Urgent.send` with the zones concerned.
"""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from broadcast.wire.now import Purpose
from scheduler.emergency.life import State
from scheduler.emergency.schemas import (
    ConfirmIn,
    CorrectIn,
    CorrectOut,
    OrderIn,
    OrderOut,
    OrderPage,
    StopIn,
    StopOut,
    WhoHeard,
)
from scheduler.people.actor import Actor


def ask(db: Session, actor: Actor, now: datetime, purpose: Purpose, draft: OrderIn) -> OrderOut:
    """Ask for an order; nothing sounds before it is confirmed."""
    raise NotImplementedError


def confirm(
    db: Session, actor: Actor, now: datetime, order_id: str, asked: ConfirmIn, *, purpose: Purpose, version: int
) -> OrderOut:
    """Let it sound; `version` is what the confirmer looked at."""
    raise NotImplementedError


def withdraw(db: Session, actor: Actor, now: datetime, order_id: str, *, purpose: Purpose) -> OrderOut:
    """Take back what was asked for and not confirmed."""
    raise NotImplementedError


def cancel(db: Session, actor: Actor, now: datetime, order_id: str, *, purpose: Purpose) -> OrderOut:
    """Silence it everywhere; one person is enough."""
    raise NotImplementedError


def correct(
    db: Session, actor: Actor, now: datetime, order_id: str, asked: CorrectIn, *, purpose: Purpose
) -> CorrectOut:
    """Silence it and say so to the same zones, in one act; one person is enough."""
    raise NotImplementedError


def stop_all(db: Session, actor: Actor, now: datetime, asked: StopIn) -> StopOut:
    """Silence whatever sounds in the zones and below."""
    raise NotImplementedError


def get(db: Session, actor: Actor, now: datetime, order_id: str, *, purpose: Purpose | None = None) -> OrderOut:
    """One order; with `purpose`, NotFound if it is for another."""
    raise NotImplementedError


def index(
    db: Session,
    actor: Actor,
    now: datetime,
    *,
    purpose: Purpose | None = None,
    states: Collection[State] = (),
    before: str | None = None,
    limit: int = 50,
) -> OrderPage:
    """The orders that the actor sees, newest first; `before` is the last page's `next`."""
    raise NotImplementedError


def who_heard(db: Session, actor: Actor, now: datetime, order_id: str) -> WhoHeard:
    """What became of it at each receiver, by village."""
    raise NotImplementedError
