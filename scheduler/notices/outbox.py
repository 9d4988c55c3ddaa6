"""What is to be delivered: taking it, and noting what came of it (does I/O).

Rules
- It is taken in a transaction before it is tried, and its end is noted in another at once: nothing is tried by two at
  a time, and nothing is lost when the centre ends in between.
- Who may not be told any more, or has no address any more, is not told.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from scheduler.notices import patience
from scheduler.notices.models import Channel, Kind, Notice, NoticeChoice, NoticeState, Webhook
from scheduler.people.models import User

AT_ONCE = 20
NO_ADDRESS = "nobody to tell: the account or the address is gone"


class Job(Struct, frozen=True, kw_only=True):
    """One notice to deliver; `to` is an address, or a URL with its `secret`."""

    id: str
    channel: Channel
    to: str
    secret: str
    language: str
    name: str
    kind: Kind
    subject: str
    at: datetime
    data: dict[str, Any]


def take(db: Session, now: datetime, channels: Collection[Channel], limit: int = AT_ONCE) -> list[Job]:
    """Up to `limit` that are due, as being sent from now on."""
    waiting = and_(col(Notice.state) == NoticeState.WAITING, col(Notice.next_at) <= now)
    silent = and_(col(Notice.state) == NoticeState.SENDING, col(Notice.begun_at) <= now - patience.SILENT_AFTER)
    query = (
        select(Notice, User, NoticeChoice, Webhook)
        .outerjoin(User, col(User.id) == Notice.user_id)
        .outerjoin(NoticeChoice, col(NoticeChoice.user_id) == Notice.user_id)
        .outerjoin(Webhook, col(Webhook.id) == Notice.hook_id)
        .where(col(Notice.channel).in_(channels), or_(waiting, silent))
        .order_by(col(Notice.next_at), col(Notice.id))
        .limit(limit)
        .with_for_update(of=Notice, skip_locked=True)
    )
    jobs = []
    for notice, user, choice, hook in db.exec(query).all():
        job = _job(notice, user, choice, hook)
        notice.tries += 1
        if job is None:
            notice.state, notice.trouble = NoticeState.GIVEN_UP, NO_ADDRESS
        else:
            notice.state, notice.begun_at = NoticeState.SENDING, now
            jobs.append(job)
        db.add(notice)
    return jobs


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


def _job(notice: Notice, user: User | None, choice: NoticeChoice | None, hook: Webhook | None) -> Job | None:
    to, secret, language = "", "", "vi"
    if notice.channel is Channel.MAIL and user is not None and not user.disabled and choice is not None:
        to, language = choice.address, user.language
    if notice.channel is Channel.HOOK and hook is not None and hook.ended_at is None:
        to, secret = hook.url, hook.secret
    if not to:
        return None
    return Job(
        id=notice.id,
        channel=notice.channel,
        to=to,
        secret=secret,
        language=language,
        name=user.name if user is not None else "",
        kind=notice.kind,
        subject=notice.subject,
        at=notice.at,
        data=notice.data,
    )
