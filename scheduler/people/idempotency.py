"""A creation asked for twice with one key happens once, and both askers get the same answer."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from scheduler.errors import Conflict, Invalid
from scheduler.people import repository
from scheduler.people.models import IdempotencyKey

KEPT_FOR = timedelta(days=2)
MAX_LETTERS = 120
_PENDING = 0


def claim(db: Session, now: datetime, user_id: str, key: str, request_sha256: str) -> IdempotencyKey | None:
    """The answer kept for this key, or None if the caller is first and must `keep` its own in this transaction.

    A key used for another request is Invalid. Where two ask at the same instant, the second waits for the first.
    """
    if not 1 <= len(key) <= MAX_LETTERS:
        raise Invalid("bad_idempotency_key", "A key has 1 to 120 characters.", field="Idempotency-Key")
    repository.drop_old_answers(db, now - KEPT_FOR)
    row = repository.answer(db, user_id, key)
    if row is None:
        row = IdempotencyKey(
            user_id=user_id, key=key, request_sha256=request_sha256, status=_PENDING, body={}, created_at=now
        )
        try:
            with db.begin_nested():
                db.add(row)
        except IntegrityError:
            row = repository.answer(db, user_id, key)
        else:
            return None
    if row is None or row.status == _PENDING:
        raise Conflict("being_done", "This is being done at the moment. Ask again in a second.")
    if row.request_sha256 != request_sha256:
        message = "This key was used for another request."
        raise Invalid("idempotency_key_reused", message, field="Idempotency-Key")
    return row


def keep(db: Session, user_id: str, key: str, status: int, body: dict[str, Any]) -> None:
    """Keep the answer to what `claim` let pass."""
    row = repository.answer(db, user_id, key)
    if row is None:
        raise LookupError(key)
    row.status, row.body = status, body
    db.add(row)
