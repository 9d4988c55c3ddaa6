"""What is to be delivered: taking it, and noting what came of it (does I/O).

Rules
- It is taken in a transaction before it is tried, and its end is noted in another at once: nothing is tried by two at
  a time, and nothing is lost when the centre ends in between.
- One is taken at a time, emergencies first: nothing waits, taken, behind what is slow.
- Who may not be told any more, or has no address any more, is not told; of several faults those that they see still.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, case, or_
from sqlmodel import Session, col, select

from scheduler.notices import patience, spreading
from scheduler.notices.models import Channel, Kind, Notice, NoticeState, Webhook
from scheduler.notices.spreading import OF_EMERGENCIES, Listener
from scheduler.people import home

AT_ONCE = 20
NO_ADDRESS = "nobody to tell: the account or the address is gone"
NO_RIGHT = "nobody to tell: the right to see it is gone, or it waits no more"


class Job(Struct, frozen=True, kw_only=True):
    """One notice to deliver; `to` is an address, or a URL with its `secret`."""

    id: str
    channel: Channel
    to: str
    secret: str
    language: str
    timezone: str | None
    name: str
    kind: Kind
    subject: str
    at: datetime
    data: dict[str, Any]


def take(db: Session, now: datetime, channel: Channel) -> Job | None:
    """What is due by this channel, as being sent from now on; what nobody may be told is given up on the way."""
    waiting = and_(col(Notice.state) == NoticeState.WAITING, col(Notice.next_at) <= now)
    silent = and_(col(Notice.state) == NoticeState.SENDING, col(Notice.begun_at) <= now - patience.SILENT_AFTER)
    query = (
        select(Notice, Webhook)
        .outerjoin(Webhook, col(Webhook.id) == Notice.hook_id)
        .where(col(Notice.channel) == channel, or_(waiting, silent))
        .order_by(case((col(Notice.kind).in_(OF_EMERGENCIES), 0), else_=1), col(Notice.next_at), col(Notice.id))
        .limit(AT_ONCE)
        .with_for_update(of=Notice, skip_locked=True)
    )
    rows = db.exec(query).all()
    if not rows:
        return None
    readers = spreading.people(db, {notice.user_id for notice, _hook in rows if notice.user_id})
    by_id = {one.actor.user_id: one for one in readers}
    for notice, hook in rows:
        one = by_id.get(notice.user_id or "")
        data = notice.data if one is None else spreading.still_told(db, one, notice, now)
        job = _job(db, notice, one, hook, data or {})
        if job is not None and data is not None:
            notice.tries += 1
            notice.state, notice.begun_at = NoticeState.SENDING, now
            return job
        notice.state, notice.trouble = NoticeState.GIVEN_UP, NO_ADDRESS if job is None else NO_RIGHT
    return None


def done(db: Session, now: datetime, notice_id: str, trouble: str | None) -> None:
    """It was delivered, or `trouble` says why not."""
    notice = db.get_one(Notice, notice_id, with_for_update=True)
    notice.begun_at = None
    notice.trouble = trouble[:300] if trouble is not None else None
    if trouble is None:
        notice.state, notice.sent_at = NoticeState.SENT, now
    else:
        again = patience.next_try(notice.created_at, notice.tries, now)
        notice.state = NoticeState.GIVEN_UP if again is None else NoticeState.WAITING
        notice.next_at = again or notice.next_at
    db.add(notice)


def _job(db: Session, notice: Notice, one: Listener | None, hook: Webhook | None, data: dict[str, Any]) -> Job | None:
    to, secret, language = "", "", "vi"
    if one is not None:
        to, language = one.address, one.actor.language
    if hook is not None and hook.ended_at is None:
        to, secret = hook.url, hook.secret
    if not to:
        return None
    return Job(
        id=notice.id,
        channel=notice.channel,
        to=to,
        secret=secret,
        language=language,
        timezone=home.timezone(db, one.actor.user_id) if one is not None else None,
        name=one.actor.name if one is not None else "",
        kind=notice.kind,
        subject=notice.subject,
        at=notice.at,
        data=data,
    )
