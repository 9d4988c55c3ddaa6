"""What people do about notices: where they get them, which programs are told, and what was delivered.

Rules
- An address is one's own business. Programs and the log are for who sets things up in the zone.
- A program's secret is made here and shown once. Where a program may be is decided by the address check of the caller
  and again each time that it is called.
"""

import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from scheduler.errors import Conflict, Invalid, NotFound
from scheduler.notices.models import Channel, Kind, Notice, NoticeChoice, NoticeEvent, NoticeState, Webhook
from scheduler.notices.schemas import (
    CHOICES,
    FIRST_CHOICE,
    ChoiceIn,
    ChoiceOut,
    DeliveryOut,
    DeliveryPage,
    HookCreated,
    HookIn,
    HookOut,
)
from scheduler.notices.spreading import add
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.people.models import User
from scheduler.rights import Action
from scheduler.store.types import new_id
from scheduler.zones import names
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone
from scheduler.zones.repository import below

MAX_HOOKS = 50
TRIAL_EVERY = timedelta(minutes=1)
_NO_SUCH = "There is no such thing, or it is not in your area."

CheckUrl = Callable[[str], None]


def choice(db: Session, actor: Actor, *, mail_works: bool) -> ChoiceOut:
    """Where the actor gets mail, and which."""
    row = db.get(NoticeChoice, actor.user_id)
    query = select(Notice).where(Notice.user_id == actor.user_id, col(Notice.tries) > 0)
    last = db.exec(query.order_by(col(Notice.id).desc()).limit(1)).first()
    return ChoiceOut(
        address=row.address if row is not None else "",
        kinds=[Kind(kind) for kind in row.kinds] if row is not None else list(FIRST_CHOICE),
        mail_works=mail_works,
        last_sent_at=last.sent_at if last is not None else None,
        trouble=last.trouble if last is not None else None,
    )


def choose(db: Session, actor: Actor, now: datetime, asked: ChoiceIn) -> None:
    """Have mail go there from now on, or no more."""
    row = db.get(NoticeChoice, actor.user_id, with_for_update=True)
    kinds = sorted({kind.value for kind in asked.kinds if kind in CHOICES})
    if row is not None and not asked.address:
        db.delete(row)
    elif asked.address:
        row = row or NoticeChoice(user_id=actor.user_id, address="", kinds=[])
        row.address, row.kinds = asked.address, kinds
        db.add(row)
    home = _home(db, actor)
    audit.record(db, actor, now, "notices.choose", f"user:{actor.user_id}", zone_path=home, kinds=kinds)


def try_out(db: Session, actor: Actor, now: datetime) -> None:
    """Send the actor a mail that says nothing but that mail arrives; one a minute."""
    if db.get(NoticeChoice, actor.user_id) is None:
        raise Invalid("no_address", "Write your mail address first.", field="address")
    query = select(Notice.id).where(
        Notice.user_id == actor.user_id, Notice.kind == Kind.TRIAL, col(Notice.created_at) > now - TRIAL_EVERY
    )
    if db.exec(query).first() is not None:
        raise Conflict("tried_just_now", "One is on its way. Wait a minute before the next.", field="address")
    event = NoticeEvent(
        kind=Kind.TRIAL, subject=f"user:{actor.user_id}", zone_path=_home(db, actor) or "", by_id=actor.user_id, at=now
    )
    add(db, now, event, {}, user_id=actor.user_id)


def hooks(db: Session, actor: Actor, now: datetime) -> list[HookOut]:
    """The programs that are told of what happens where the actor sets things up."""
    paths = zones.paths_of(db, actor.zones_for(Action.SETTINGS_EDIT, now))
    query = select(Webhook, Zone).join(Zone, col(Zone.id) == Webhook.zone_id).where(below(paths))
    rows = db.exec(query.where(col(Webhook.ended_at).is_(None)).order_by(Webhook.name, Webhook.id)).all()
    return [_hook(row, zone) for row, zone in rows]


def add_hook(db: Session, actor: Actor, now: datetime, asked: HookIn, check: CheckUrl) -> HookCreated:
    """Have a program told from now on; `check` refuses an address that nothing is sent to."""
    zone = zones.zone(db, asked.zone_id)
    if zone is None:
        raise NotFound("not_found", _NO_SUCH, field="zone_id")
    require(actor, Action.SETTINGS_EDIT, zone.path, now)
    check(asked.url)
    kinds = sorted({kind.value for kind in asked.kinds if kind in CHOICES})
    if not kinds:
        raise Invalid("no_kinds", "Choose what is told.", field="kinds")
    if len(hooks(db, actor, now)) >= MAX_HOOKS:
        raise Conflict("too_many_hooks", "There are %(count)s programs. Take some out.", count=MAX_HOOKS)
    row = Webhook(
        id=new_id(now), zone_id=zone.id, name=names.clean(asked.name), url=asked.url,
        secret=secrets.token_urlsafe(32), kinds=kinds, created_by=actor.user_id, created_at=now,
    )  # fmt: skip
    db.add(row)
    db.flush()
    audit.record(db, actor, now, "webhook.create", f"webhook:{row.id}", zone_path=zone.path, url=row.url, kinds=kinds)
    return HookCreated(**_hook(row, zone).model_dump(), secret=row.secret)


def end_hook(db: Session, actor: Actor, now: datetime, hook_id: str) -> None:
    """Tell it nothing more."""
    row = db.get(Webhook, hook_id, with_for_update=True)
    zone = zones.zone(db, row.zone_id) if row is not None else None
    if row is None or zone is None or row.ended_at or not actor.may(Action.SETTINGS_EDIT, zone.path, now):
        raise NotFound("not_found", _NO_SUCH)
    row.ended_at, row.secret = now, ""
    db.add(row)
    audit.record(db, actor, now, "webhook.end", f"webhook:{row.id}", zone_path=zone.path)


def log(
    db: Session,
    actor: Actor,
    now: datetime,
    *,
    states: Collection[NoticeState] = (),
    before: str | None = None,
    limit: int = 50,
) -> DeliveryPage:
    """What was told of what happened where the actor sets things up, the latest first."""
    paths = zones.paths_of(db, actor.zones_for(Action.SETTINGS_EDIT, now))
    starts = [col(Notice.zone_path).startswith(path) for path in paths]
    if not starts:
        return DeliveryPage(items=[])
    query = (
        select(Notice, User.name, Webhook.name)
        .outerjoin(User, col(User.id) == Notice.user_id)
        .outerjoin(Webhook, col(Webhook.id) == Notice.hook_id)
        .where(or_(*starts))
    )
    if states:
        query = query.where(col(Notice.state).in_(states))
    if before is not None:
        query = query.where(col(Notice.id) < before)
    rows = db.exec(query.order_by(col(Notice.id).desc()).limit(limit + 1)).all()
    items = [_delivery(notice, user or hook or "") for notice, user, hook in rows[:limit]]
    return DeliveryPage(items=items, next=items[-1].id if len(rows) > limit else None)


def standing_trouble(db: Session, channel: Channel) -> str | None:
    """Why what was tried last by this channel was not delivered, None where it was."""
    query = select(Notice).where(Notice.channel == channel, col(Notice.tries) > 0, Notice.state != NoticeState.SENDING)
    last = db.exec(query.order_by(col(Notice.next_at).desc(), col(Notice.id).desc()).limit(1)).first()
    return last.trouble if last is not None and last.state is not NoticeState.SENT else None


def _hook(row: Webhook, zone: Zone) -> HookOut:
    return HookOut(
        id=row.id, zone_id=zone.id, zone_name=zone.name, name=row.name, url=row.url,
        kinds=[Kind(kind) for kind in row.kinds], created_at=row.created_at,
    )  # fmt: skip


def _delivery(notice: Notice, to: str) -> DeliveryOut:
    return DeliveryOut(
        id=notice.id,
        at=notice.at,
        channel=notice.channel,
        kind=notice.kind,
        subject=notice.subject,
        to=to,
        state=notice.state,
        tries=notice.tries,
        next_at=notice.next_at if notice.state is NoticeState.WAITING else None,
        sent_at=notice.sent_at,
        trouble=notice.trouble,
    )


def _home(db: Session, actor: Actor) -> str | None:
    user = db.get(User, actor.user_id)
    zone = zones.zone(db, user.zone_id) if user is not None and user.zone_id else None
    return zone.path if zone is not None else None
