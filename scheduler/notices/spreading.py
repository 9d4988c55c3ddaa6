"""From what happened to who is told of it (does I/O; one transaction takes an event and leaves its notices).

Rules
- People are told what they chose and may see: that something waits, who could approve it now; what became of it, who
  wrote or changed it; a fault, who sees the receiver; an emergency, who sees a place that hears it, or one within. A
  role that has ended lets nobody see anything.
- Nobody is told what they did themselves.
- Programs are told what was chosen for them in their zone and below, emergencies that reach into it too.
- What is told is what was so when it was told: later changes are other events.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from scheduler.broadcasts import drafts, repository
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.repository import Target
from scheduler.broadcasts.rights import steps_for
from scheduler.emergency.models import OrderTarget
from scheduler.notices.models import Channel, Kind, Notice, NoticeChoice, NoticeEvent, Webhook
from scheduler.people import signin
from scheduler.people.actor import Actor
from scheduler.people.models import User
from scheduler.relays import repository as relays
from scheduler.relays import views as relay_views
from scheduler.relays.models import Relay
from scheduler.rights import Action
from scheduler.store.types import new_id
from scheduler.workflow import Event, State
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone

AT_ONCE = 50
OF_PLANS = (Kind.WAITING, Kind.APPROVED, Kind.RETIMED, Kind.RETURNED, Kind.CANCELLED)
OF_EMERGENCIES = (Kind.EMERGENCY, Kind.EMERGENCY_OVER)
_SEEN_BY = {Kind.WAITING: Action.BROADCAST_APPROVE, Kind.FAULT: Action.RECEIVER_READ, Kind.DIGEST: Action.REPORT_READ}


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody, where and of what they are told, and the `paths` by id of the zones of their roles, ended ones too."""

    actor: Actor
    address: str
    kinds: frozenset[str]
    paths: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What an event comes to: `data` to be told, and where it is of."""

    data: dict[str, Any]
    paths: tuple[str, ...]
    planned: Broadcast | Relay | None = None


def spread(db: Session, now: datetime, channels: Collection[Channel]) -> int:
    """Turn the oldest events into notices by these channels; how many events there were."""
    query = select(NoticeEvent).order_by(col(NoticeEvent.id)).limit(AT_ONCE).with_for_update(skip_locked=True)
    events = db.exec(query).all()
    if not events:
        return 0
    listeners = people(db) if Channel.MAIL in channels else []
    programs = hooks(db) if Channel.HOOK in channels else []
    for event in events:
        told = _told(db, event)
        if told is not None:
            to_mail = [one.actor.user_id for one in listeners if _wants(one, event, told, now)]
            to_call = [hook.id for hook, path in programs if _calls(hook, path, event, told)]
            for user_id in to_mail:
                add(db, now, event, told.data, user_id=user_id)
            for hook_id in to_call:
                add(db, now, event, told.data, hook_id=hook_id)
        db.delete(event)
    return len(events)


def add(
    db: Session,
    now: datetime,
    event: NoticeEvent,
    data: dict[str, Any],
    *,
    user_id: str | None = None,
    hook_id: str | None = None,
) -> None:
    """One notice of `event`, unless it is there already."""
    key = f"{event.kind.value}:{event.subject}:{event.id or event.at.isoformat()}:{user_id or hook_id}"
    if db.exec(select(Notice.id).where(Notice.key == key)).first() is None:
        db.add(
            Notice(
                id=new_id(now), key=key, channel=Channel.HOOK if hook_id else Channel.MAIL, user_id=user_id,
                hook_id=hook_id, kind=event.kind, subject=event.subject, zone_path=event.zone_path, at=event.at,
                data=data, created_at=now, next_at=now,
            )
        )  # fmt: skip


def people(db: Session, among: Collection[str] | None = None) -> list[Listener]:
    """Everybody (or those `among` these) who has an open account and an address, in a fixed number of queries."""
    query = select(User, NoticeChoice).join(NoticeChoice, col(NoticeChoice.user_id) == User.id)
    if among is not None:
        query = query.where(col(User.id).in_(among))
    rows = db.exec(query.where(col(User.disabled).is_(False)).order_by(User.id)).all()
    grants = signin.grants_of(db, [user.id for user, _choice in rows])
    zones = zone_sql.zones(db, {grant.zone_id for held in grants.values() for grant in held})
    return [
        Listener(
            Actor(user_id=user.id, login=user.login, name=user.name, language=user.language, grants=grants[user.id]),
            choice.address,
            frozenset(choice.kinds),
            {grant.zone_id: zones[grant.zone_id].path for grant in grants[user.id] if grant.zone_id in zones},
        )
        for user, choice in rows
    ]


def hooks(db: Session) -> Sequence[tuple[Webhook, str]]:
    """Every program that is told anything, and the path of its zone."""
    query = select(Webhook, Zone.path).join(Zone, col(Zone.id) == Webhook.zone_id)
    return db.exec(query.where(col(Webhook.ended_at).is_(None)).order_by(Webhook.id)).all()


def may_be_told(db: Session, one: Listener, notice: Notice, now: datetime) -> bool:
    """Whether they have the right to see what the notice tells of still, in one of its places, within or around it."""
    if notice.kind is Kind.TRIAL:
        return True
    emergency = notice.kind in OF_EMERGENCIES
    paths = [zone.path for zone in _hearing(db, notice.subject)] if emergency else [notice.zone_path]
    return _sees(one, notice.kind, paths, now)


def _told(db: Session, event: NoticeEvent) -> Told | None:
    """None where it is no more: what waited was taken back or decided meanwhile."""
    if event.kind in OF_PLANS:
        return _of_relay(db, event) if event.subject.startswith("relay:") else _of_broadcast(db, event)
    if event.kind in OF_EMERGENCIES:
        zones = _hearing(db, event.subject)
        places = [zone.name for zone in zones]
        return Told(event.data | {"places": places}, tuple(zone.path for zone in zones))
    return Told(event.data, (event.zone_path,))


def _hearing(db: Session, subject: str) -> Sequence[Zone]:
    query = select(Zone).join(OrderTarget, col(OrderTarget.zone_id) == Zone.id)
    return db.exec(query.where(OrderTarget.order_id == subject.partition(":")[2]).order_by(Zone.path)).all()


def _of_broadcast(db: Session, event: NoticeEvent) -> Told | None:
    row = repository.get(db, event.subject.partition(":")[2])
    if row is None or (event.kind is Kind.WAITING and row.state != State.SUBMITTED):
        return None
    titles, _people, _zones = repository.names(db, [row])
    asked_local = {"asked_local": row.asked_local} if event.kind is Kind.RETIMED else {}
    when = drafts.when_of(row).model_dump(mode="json")
    data = {"title": titles[row.announcement_id], "when": when} | asked_local
    return _of_plan(db, event, row, repository.targets(db, [row.id])[row.id], data)


def _of_relay(db: Session, event: NoticeEvent) -> Told | None:
    row = db.get(Relay, event.subject.partition(":")[2])
    if row is None or (event.kind is Kind.WAITING and row.state != State.SUBMITTED):
        return None
    data = {"title": row.title, "when": relay_views.when_of(row).model_dump(mode="json")}
    return _of_plan(db, event, row, relays.targets(db, row.id), data)


def _of_plan(
    db: Session, event: NoticeEvent, row: Broadcast | Relay, targets: Collection[Target], data: dict[str, Any]
) -> Told:
    by = db.get(User, event.by_id) if event.by_id else None
    said = {
        "cls": row.cls.value,
        "timezone": row.timezone,
        "places": [target.group.name if target.group else target.zones[0].name for target in targets],
        "zone": db.get_one(Zone, row.zone_id).name,
        "by": by.name if by is not None else "Loa",
    }
    paths = tuple(path for target in targets for path in target.paths)
    return Told(event.data | data | said, paths, row)


def _wants(one: Listener, event: NoticeEvent, told: Told, now: datetime) -> bool:
    actor, row = one.actor, told.planned
    if event.kind.value not in one.kinds or actor.user_id == event.by_id:
        return False
    if row is not None and event.kind is Kind.WAITING:
        return Event.APPROVE in steps_for(actor, row, told.paths, now)
    if row is not None:
        mine = actor.user_id in {row.author_id, *row.editor_ids}
        return mine and _sees(one, event.kind, [event.zone_path], now)
    if event.kind is Kind.FAULT:
        return actor.may(Action.RECEIVER_READ, event.zone_path, now)
    return _sees(one, event.kind, told.paths, now)


def _calls(hook: Webhook, path: str, event: NoticeEvent, told: Told) -> bool:
    if event.kind.value not in hook.kinds:
        return False
    if event.kind in OF_EMERGENCIES:
        return _meet([path], told.paths)
    return event.zone_path.startswith(path)


def _sees(one: Listener, kind: Kind, paths: Collection[str], now: datetime) -> bool:
    zone_ids = one.actor.zones_for(_SEEN_BY.get(kind, Action.BROADCAST_READ), now)
    return _meet([one.paths[zone_id] for zone_id in zone_ids if zone_id in one.paths], paths)


def _meet(ours: Iterable[str], theirs: Collection[str]) -> bool:
    """Whether one of the subtrees lies in one of the others."""
    return any(a.startswith(b) or b.startswith(a) for a in ours for b in theirs)
