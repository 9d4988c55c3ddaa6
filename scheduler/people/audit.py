"""The record of who did what. Rows are only ever added, in the transaction of the thing they tell of."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry

_SUBJECT_LETTERS = 120


def record(
    db: Session, actor: Actor, now: datetime, action: str, subject: str, *, zone_path: str | None = None, **detail: Any
) -> None:
    """Note that `actor` did `action` (`zone.rename`) to `subject` (`zone:ID`); `detail` is JSON and holds no secret."""
    db.add(
        AuditEntry(
            at=now,
            user_id=actor.user_id or None,
            action=action,
            subject=subject[:_SUBJECT_LETTERS],
            zone_path=zone_path,
            detail=detail,
        )
    )
