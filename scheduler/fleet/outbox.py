"""The outbox of documents: what must be made anew and what must be sent, kept in the transactions that caused it."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from scheduler.fleet.models import DirtyTopic


def mark_dirty(db: Session, topics: Iterable[str], now: datetime) -> None:
    """Have the documents of `topics` (names by `broadcast.wire.topics`) made anew once this transaction is committed."""
    for topic in sorted(set(topics)):
        db.merge(DirtyTopic(topic=topic, since=now))
