"""From what happened to who is told of it (does I/O; one transaction takes an event and leaves its notices).

Rules
- People are told what they chose and may see: that something waits, who could approve it now; what became of it, who
  wrote or changed it; a fault, who sees the receiver; an emergency, who sees a place that hears it, or one within. A
  role that has ended lets nobody see anything.
- Nobody is told what they did themselves.
- Whether they may see it is asked again when it is delivered, by how things are then: something waits still, and for
  them; of the faults of several places those are left that they see.
- Programs are told what was chosen for them in their zone and below, emergencies that reach into it too.
- What is told is what was so when it was told: later changes are other events.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from scheduler.broadcasts import aiming, drafts, repository
from scheduler.broadcasts.aiming import Target
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.rights import may_see, steps_for
from scheduler.emergency.models import OrderTarget
from scheduler.fleet.models import Receiver
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
OF_PLANS = (Kind.WAITING, Kind.APPROVED, Kind.RETIMED, Kind.RETURNED, Kind.CANCELLED, Kind.NO_SOUND)
OF_EMERGENCIES = (Kind.EMERGENCY, Kind.EMERGENCY_OVER)
OF_FAULTS = (Kind.FAULT, Kind.FAULT_OVER)


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody, where and of what they are told, and the `paths` by id of the zones of their roles, ended ones too."""

    actor: Actor
    address: str
    kinds: frozenset[str]
    paths: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be approved or was, the path of its `sender` as it is now, and its targets."""

    row: Broadcast | Relay
    sender: str
    targets: Collection[Target]

    @property
    def judged(self) -> tuple[str, ...]:
        """Where approving it takes a right: for a relay in the sender's zone too."""
        paths = tuple(path for target in self.targets for path in target.paths)
        return (self.sender, *paths) if isinstance(self.row, Relay) else paths


@dataclass(frozen=True, slots=True)
class Told:
    """What an event comes to: `data` to be told, and where it is of; of a plan, that."""

    data: dict[str, Any]
    paths: tuple[str, ...] = ()
    plan: Plan | None = None


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
    made = notice(now, event, data, user_id=user_id, hook_id=hook_id)
    if db.exec(select(Notice.id).where(Notice.key == made.key)).first() is None:
        db.add(made)


def notice(
    now: datetime, event: NoticeEvent, data: dict[str, Any], *, user_id: str | None = None, hook_id: str | None = None
) -> Notice:
    """Of `event`, to be told to a person or a program."""
    key = f"{event.kind.value}:{event.subject}:{event.id or event.at.isoformat()}:{user_id or hook_id}"
    return Notice(
        id=new_id(now), key=key, channel=Channel.HOOK if hook_id else Channel.MAIL, user_id=user_id,
        hook_id=hook_id, kind=event.kind, subject=event.subject, zone_path=event.zone_path, at=event.at,
        data=data, created_at=now, next_at=now,
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


def still_told(db: Session, one: Listener, notice: Notice, now: datetime) -> dict[str, Any] | None:
    """What of the notice's data they have the right to see still; None if nothing."""
    if notice.kind in OF_FAULTS:
        faults = _seen_faults(db, one, notice.data.get("faults", ()), now)
        return notice.data | {"faults": faults} if faults else None
    if notice.kind in OF_PLANS:
        plan = _plan(db, notice.kind, notice.subject)
        seen = plan is not None and _sees_plan(one, notice.kind, plan, now)
    elif notice.kind in OF_EMERGENCIES:
        hearing = [zone.path for zone in _hearing(db, notice.subject)]
        seen = _meet(own(one, Action.BROADCAST_READ, now), hearing)
    else:
        here = zone_sql.paths_of(db, zone_sql.ids_of(notice.zone_path)[-1:])
        seen = notice.kind is Kind.TRIAL or _meet(own(one, Action.REPORT_READ, now), here)
    return notice.data if seen else None


def _told(db: Session, event: NoticeEvent) -> Told | None:
    """None where it is no more: what waited was taken back or decided meanwhile."""
    if event.kind in OF_PLANS:
        plan = _plan(db, event.kind, event.subject)
        return _of_plan(db, event, plan) if plan is not None else None
    if event.kind in OF_EMERGENCIES:
        zones = _hearing(db, event.subject)
        places = [zone.name for zone in zones]
        return Told(event.data | {"places": places}, tuple(zone.path for zone in zones))
    return Told(event.data, (event.zone_path,))


def _hearing(db: Session, subject: str) -> Sequence[Zone]:
    query = select(Zone).join(OrderTarget, col(OrderTarget.zone_id) == Zone.id)
    return db.exec(query.where(OrderTarget.order_id == subject.partition(":")[2]).order_by(Zone.path)).all()


def _plan(db: Session, kind: Kind, subject: str) -> Plan | None:
    what, _, key = subject.partition(":")
    row = db.get(Relay, key) if what == "relay" else repository.get(db, key)
    if row is None or (kind is Kind.WAITING and row.state != State.SUBMITTED):
        return None
    targets = relays.targets(db, key) if isinstance(row, Relay) else aiming.targets(db, [key])[key]
    return Plan(row, db.get_one(Zone, row.zone_id).path, targets)


def _of_plan(db: Session, event: NoticeEvent, plan: Plan) -> Told:
    row = plan.row
    by = db.get(User, event.by_id) if event.by_id else None
    said = {
        "cls": row.cls.value,
        "timezone": row.timezone,
        "places": [target.group.name if target.group else target.zones[0].name for target in plan.targets],
        "zone": db.get_one(Zone, row.zone_id).name,
        "by": by.name if by is not None else "Loa",
    }
    what = _of_relay(row) if isinstance(row, Relay) else _of_broadcast(db, event.kind, row)
    return Told(event.data | what | said, plan=plan)


def _of_broadcast(db: Session, kind: Kind, row: Broadcast) -> dict[str, Any]:
    titles, _people, _zones = repository.names(db, [row])
    asked_local = {"asked_local": row.asked_local} if kind is Kind.RETIMED else {}
    return {"title": titles[row.announcement_id], "when": drafts.when_of(row).model_dump(mode="json")} | asked_local


def _of_relay(row: Relay) -> dict[str, Any]:
    return {"title": row.title, "when": relay_views.when_of(row).model_dump(mode="json")}


def _chosen_as(kind: Kind) -> str:
    """What one chooses to be told of it: that it was approved goes with that it will not be heard after all."""
    return (Kind.APPROVED if kind is Kind.NO_SOUND else kind).value


def _wants(one: Listener, event: NoticeEvent, told: Told, now: datetime) -> bool:
    actor, plan = one.actor, told.plan
    if _chosen_as(event.kind) not in one.kinds or actor.user_id == event.by_id:
        return False
    if plan is not None:
        theirs = {plan.row.author_id, *plan.row.editor_ids}
        if event.kind is Kind.NO_SOUND and plan.row.approver_id is not None:
            theirs.add(plan.row.approver_id)
        mine = event.kind is Kind.WAITING or actor.user_id in theirs
        return mine and _sees_plan(one, event.kind, plan, now)
    if event.kind is Kind.FAULT:
        return actor.may(Action.RECEIVER_READ, event.zone_path, now)
    return _meet(own(one, Action.BROADCAST_READ, now), told.paths)


def _calls(hook: Webhook, path: str, event: NoticeEvent, told: Told) -> bool:
    if _chosen_as(event.kind) not in hook.kinds:
        return False
    if event.kind in OF_EMERGENCIES:
        return _meet([path], told.paths)
    return event.zone_path.startswith(path)


def _sees_plan(one: Listener, kind: Kind, plan: Plan, now: datetime) -> bool:
    """Whether they could approve what waits; of what became of it, whether they see it."""
    if kind is Kind.WAITING:
        return Event.APPROVE in steps_for(one.actor, plan.row, plan.judged, now)
    aimed = [zone.path for target in plan.targets for zone in target.zones]
    seen = own(one, Action.BROADCAST_READ, now)
    return may_see(one.actor, State(plan.row.state), now, sender=plan.sender, targets=aimed, seen=seen)


def _seen_faults(db: Session, one: Listener, faults: Collection[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Those of receivers that they see where these stand now."""
    query = select(Receiver.id, Zone.path).join(Zone, col(Zone.id) == Receiver.zone_id)
    here = dict(db.exec(query.where(col(Receiver.id).in_({fault["receiver_id"] for fault in faults}))).all())
    seen = {key for key, path in here.items() if one.actor.may(Action.RECEIVER_READ, path, now)}
    return [fault for fault in faults if fault["receiver_id"] in seen]


def own(one: Listener, action: Action, now: datetime) -> list[str]:
    """The paths at and below which they may do it."""
    return [one.paths[zone_id] for zone_id in one.actor.zones_for(action, now) if zone_id in one.paths]


def _meet(ours: Iterable[str], theirs: Collection[str]) -> bool:
    """Whether one of the subtrees lies in one of the others."""
    return any(a.startswith(b) or b.startswith(a) for a in ours for b in theirs)
