"""The record of who did what. Rows are only ever added, in the transaction of the thing they tell of.

An entry gets its place in the chain at the very end of its transaction: whoever is chained waits only for another
that commits, never for work that is still going on, and holds nothing else that a third could wait for.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session, col, select

from scheduler.people.actor import Actor
from scheduler.people.chain import FIRST, Entry, plain, sha256_of, words_of
from scheduler.people.models import AuditEntry
from scheduler.store.alone import alone

_SUBJECT_LETTERS = 120
_AUDITED = "loa_audited"


def record(
    db: Session, actor: Actor, now: datetime, action: str, subject: str, *, zone_path: str | None = None, **detail: Any
) -> None:
    """Note that `actor` did `action` (`zone.rename`) to `subject` (`zone:ID`); `detail` is JSON and holds no secret."""
    subject, said = subject[:_SUBJECT_LETTERS], plain(detail)
    db.add(
        AuditEntry(
            at=now,
            user_id=actor.user_id or None,
            action=action,
            subject=subject,
            zone_path=zone_path,
            detail=said,
            words=words_of(action, subject, said),
        )
    )
    db.info[_AUDITED] = True


def entry_of(row: AuditEntry) -> Entry:
    """What is hashed of a row; one without a place in the chain has the number 0."""
    return Entry(
        number=row.number or 0,
        at=row.at,
        user_id=row.user_id,
        action=row.action,
        subject=row.subject,
        zone_path=row.zone_path,
        detail=row.detail,
        sha256=row.sha256 or "",
    )


def head(db: Session) -> tuple[int, str]:
    """Number and hash of the newest entry; 0 and `FIRST` where there is none."""
    query = select(AuditEntry.number, AuditEntry.sha256).where(col(AuditEntry.number).is_not(None))
    newest = db.exec(query.order_by(col(AuditEntry.number).desc()).limit(1)).first()
    return (newest[0] or 0, newest[1] or FIRST) if newest else (0, FIRST)


@event.listens_for(AnySession, "before_commit")
def _chain(db: AnySession) -> None:
    """Chain what this transaction noted; a savepoint that ends is no commit."""
    if not db.info.get(_AUDITED) or db.in_nested_transaction() or not isinstance(db, Session):
        return
    db.info[_AUDITED] = False
    chain(db)


def chain(db: Session) -> None:
    """Give what has no place in the chain yet its own, after all that has."""
    db.flush()
    alone(db, "audit")
    number, before = head(db)
    rows = db.exec(select(AuditEntry).where(col(AuditEntry.number).is_(None)).order_by(col(AuditEntry.id))).all()
    for row in rows:
        number += 1
        row.number = number
        row.sha256 = before = sha256_of(entry_of(row), before)
        db.add(row)
