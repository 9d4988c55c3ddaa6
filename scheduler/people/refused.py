"""Refused sign-ins in the audit record, where the account belongs; so few rows that no flood fills it.

Rules
- Of one account from one place (an address, as `limits` has it) each reason has a row at its first refusal and another
  once it was tried `limits.PAIR.free` times, which says how often; then none until WINDOW has passed.
- Of one account from everywhere, and of all names that there are not, at most MOST rows within HOUR; the last says so.
- A name that nobody has is not kept: people type their password there.
- Who typed a right password and a wrong code counts as the account, as at `proof`; who else it was nobody knows.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from scheduler.errors import Problem
from scheduler.people import audit, limits, repository
from scheduler.people.actor import Actor
from scheduler.people.models import User
from scheduler.store.alone import alone
from scheduler.store.engine import Store, StoreBusy

ACTION = "session.refused"
HOUR = timedelta(hours=1)
MOST = 20
WAITS = "too_many_sign_ins"


def note(store: Store, now: datetime, login: str, address: str, refusal: Problem) -> None:
    """Keep that a sign-in was refused, if that is one to keep; the refusal stands without it."""
    code = refusal.code
    with suppress(SQLAlchemyError, StoreBusy):
        with store.reading() as db:
            if _said(db, now, login, address, code) is None:
                return
        with store.writing() as db:
            user = repository.user_by_login(db, login)
            alone(db, f"refused:{_subject(user)}")
            if (said := _said(db, now, login, address, code)) is not None:
                _record(db, now, user, said)


def _record(db: Session, now: datetime, user: User | None, said: dict[str, Any]) -> None:
    as_them = user is not None and said["code"] == "wrong_code"
    actor = Actor(user_id=user.id if user is not None and as_them else "", login="", name="")
    home = repository.zone_path(db, user.zone_id) if user is not None and user.zone_id else None
    whose = {"login": user.login} if user is not None else {}
    audit.record(db, actor, now, ACTION, _subject(user), zone_path=home, **said, **whose)


def _said(db: Session, now: datetime, login: str, address: str, code: str) -> dict[str, Any] | None:
    """What the row says; None where there is to be none."""
    place = limits.place_of(address)
    rows = repository.told_of(db, ACTION, _subject(repository.user_by_login(db, login)), now - HOUR)
    alike = {"code": code, "address": place}
    before = [at for at, detail in rows if alike.items() <= detail.items() and at > now - limits.WINDOW]
    if len(rows) >= MOST:
        return None
    tried = len(repository.failures(db, limits.subjects(login, address).pair, now - limits.WINDOW))
    if before and (len(before) > 1 or tried < limits.PAIR.free or code == WAITS):
        return None
    last = {"last": True} if len(rows) == MOST - 1 else {}
    return alike | {"tries": tried - 1 if before else 1} | last


def _subject(user: User | None) -> str:
    return f"user:{user.id if user is not None else ''}"
