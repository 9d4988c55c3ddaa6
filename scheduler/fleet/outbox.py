"""The outbox of documents (all its SQL): what must be made anew, what was made, and what the broker has.

Every step is one transaction that says itself what is still to do, so that a process killed anywhere goes on there:
a dirty row goes in the transaction that stores its document, and a document is unpublished until it is confirmed.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, select

from broadcast.wire.topics import PREFIX
from scheduler.fleet.documents import NEVER, Last, Sealed, Unfit
from scheduler.fleet.models import DirtyTopic, IssuedDocument

ZONES, NOW = f"{PREFIX}/zones/", "/now"
TROUBLE_LETTERS = 200
FORGOTTEN_NUMBERS = 1000
"""More documents of one topic than are made in the seconds around a backup, where the time alone is no greater."""
_LACKING = col(IssuedDocument.published_number).is_distinct_from(col(IssuedDocument.number))


def mark_dirty(db: Session, topics: Iterable[str], now: datetime) -> None:
    """Have the documents of `topics` (`broadcast.wire.topics`) made anew once this transaction is committed."""
    rows = [{"topic": topic, "since": now} for topic in sorted(set(topics))]
    if not rows:
        return
    make = postgresql_insert if db.get_bind().dialect.name == "postgresql" else sqlite_insert
    insert = make(DirtyTopic)
    db.connection().execute(
        insert.on_conflict_do_update(index_elements=["topic"], set_={"since": insert.excluded.since}), rows
    )


def note_trouble(db: Session, topic: str, why: str) -> None:
    """Have it seen that the document of a marked topic cannot be made, until it is."""
    row = db.get(DirtyTopic, topic, populate_existing=True)
    if row is not None:
        row.trouble = why[:TROUBLE_LETTERS]


def reason(error: Exception) -> str:
    """What is kept of why a document cannot be made: no value of a person's is in it."""
    return str(error) if isinstance(error, Unfit) else type(error).__name__


def troubles(db: Session) -> dict[str, str]:
    """Topics whose receivers hold an older document than they should, or less than all of it, and why."""
    rows = db.exec(select(IssuedDocument.topic, IssuedDocument.left_out).where(col(IssuedDocument.left_out) > 0))
    found = {topic: f"{left_out} left out" for topic, left_out in rows}
    stuck = db.exec(select(DirtyTopic.topic, DirtyTopic.trouble).where(col(DirtyTopic.trouble).is_not(None)))
    return found | {topic: trouble or "" for topic, trouble in stuck}


def mark_due(db: Session, before: datetime, now: datetime) -> bool:
    """Mark what expires before `before`, and what a clock that was ahead issued; whether there was any."""
    ends, ahead = col(IssuedDocument.expires_at) <= before, col(IssuedDocument.issued_at) > now
    due = db.exec(select(IssuedDocument.topic).where(ends | (ahead & (col(IssuedDocument.jws) != "")))).all()
    mark_dirty(db, due, now)
    return bool(due)


def dirty(db: Session, limit: int) -> list[tuple[str, datetime]]:
    """Topics to make anew and since when: what zones play now first, then what they play, then the longest waiting."""
    topic = col(DirtyTopic.topic)
    urgent = topic.endswith(NOW).desc(), topic.startswith(ZONES).desc()
    found = db.exec(select(DirtyTopic).order_by(*urgent, col(DirtyTopic.since), topic).limit(limit))
    return [(row.topic, row.since) for row in found]


def settle(db: Session, topic: str, since: datetime) -> bool:
    """Take a topic off the list if nobody marked it again after `since`; whether it was taken off."""
    row = db.exec(select(DirtyTopic).where(DirtyTopic.topic == topic).with_for_update()).one_or_none()
    if row is None or row.since != since:
        return False
    db.delete(row)
    return True


def unmark(db: Session, topic: str) -> None:
    """Take a topic off the list, whoever marked it: its document was made in this transaction."""
    row = db.exec(select(DirtyTopic).where(DirtyTopic.topic == topic).with_for_update()).one_or_none()
    if row is not None:
        db.delete(row)


def documents(db: Session, topics: Iterable[str]) -> list[tuple[str, bytes]]:
    """The last document of each of these topics that has one."""
    found = db.exec(select(IssuedDocument).where(col(IssuedDocument.topic).in_(list(topics)), IssuedDocument.jws != ""))
    return [(row.topic, row.jws.encode()) for row in found]


def lacking(db: Session, topic: str) -> tuple[int, bytes] | None:
    """Number and bytes of a topic's document if the broker does not have it."""
    row = db.get(IssuedDocument, topic)
    return (row.number, row.jws.encode()) if row is not None and row.published_number != row.number else None


def last(db: Session, topic: str) -> Last | None:
    """What is kept of a topic's document."""
    row = db.get(IssuedDocument, topic, populate_existing=True)
    return Last(row.number, row.content_sha256, row.issued_at, row.expires_at) if row is not None else None


def issue(db: Session, topic: str, sealed: Sealed) -> None:
    """Keep a topic's new document, to be published."""
    row = db.get(IssuedDocument, topic)
    db.merge(
        IssuedDocument(
            topic=topic,
            number=sealed.number,
            content_sha256=sealed.content_sha256,
            jws=sealed.jws.decode(),
            issued_at=sealed.issued_at,
            expires_at=sealed.expires_at,
            published_at=row.published_at if row is not None else None,
            published_number=row.published_number if row is not None else None,
            left_out=sealed.left_out or None,
        )
    )


def retire(db: Session, topic: str) -> None:
    """Have a topic emptied whose zone or receiver is gone; its number is kept."""
    row = db.get(IssuedDocument, topic)
    if row is not None:
        row.content_sha256, row.jws, row.expires_at, row.published_number = "", "", NEVER, None
        row.left_out = None


def unpublished(db: Session, limit: int) -> list[tuple[str, int, bytes]]:
    """(topic, number, what to publish): what zones play now first, then what they play, then the oldest."""
    waiting = select(IssuedDocument).where(_LACKING)
    topic = col(IssuedDocument.topic)
    urgent = topic.endswith(NOW).desc(), topic.startswith(ZONES).desc()
    rows = db.exec(waiting.order_by(*urgent, col(IssuedDocument.issued_at)).limit(limit))
    return [(row.topic, row.number, row.jws.encode()) for row in rows]


def backlog(db: Session) -> int:
    """How many documents the broker does not have yet, or not as they should be."""
    waiting = select(func.count()).select_from(IssuedDocument).where(_LACKING)
    return db.exec(waiting).one() + db.exec(select(func.count()).select_from(DirtyTopic)).one()


def confirm(db: Session, published: Iterable[tuple[str, int]], now: datetime) -> datetime:
    """The broker has these (topic, number), and when: such times always grow, also when the clock is set back.

    Where a newer number was made meanwhile it is published again, whoever published it: the older one may have come
    to the broker after it.
    """
    newest = newest_published(db)
    at = now if newest is None else max(now, newest + timedelta(microseconds=1))
    for topic, number in published:
        row = db.get(IssuedDocument, topic)
        if row is not None and row.number >= number:
            row.published_at, row.published_number = at, number if row.number == number else None
    return at


def newest_published(db: Session) -> datetime | None:
    """When the broker last confirmed a document, whether that was made anew since or not."""
    return db.exec(select(func.max(IssuedDocument.published_at))).one()


def unconfirm(db: Session, after: datetime) -> None:
    """Publish again what was confirmed after `after`: the broker does not remember it."""
    forget = update(IssuedDocument).values(published_number=None)
    db.connection().execute(forget.where(col(IssuedDocument.published_at) > after))


def renumber_all(db: Session, now: datetime) -> None:
    """Give every document a new number although it says the same: newer ones may be about that this store forgot."""
    past = IssuedDocument.number + FORGOTTEN_NUMBERS
    db.connection().execute(update(IssuedDocument).values(content_sha256="", number=past, published_number=past))
    mark_dirty(db, db.exec(select(IssuedDocument.topic)).all(), now)
