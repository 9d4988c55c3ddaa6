"""Handing over what somebody answers for, when they leave.

Rules
- Who manages the account hands over; what belongs to zones in which they may not edit people stays, and is counted.
- Who takes an item has the right to it there, in every place that it is aimed at.
- Nothing is written anew: whoever wrote or changed an item stays among its authors and still never approves it, nor
  does who takes it. Who has approved an item does not take it.
- Access ends in the same transaction, and only when no item is left, or it is said that they may be. With the roles
  end those lent as a deputy and to deputies: an account that is opened again holds nothing. Then no mail goes to them
  any more either; programs that are told of things are nobody's own and go on.
- The last administrator of all does not go.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from types import MappingProxyType

from sqlmodel import Session

from scheduler.broadcasts import aiming
from scheduler.broadcasts.rights import Planned, has_rights
from scheduler.bulletins.models import Bulletin
from scheduler.deputies import service as deputies
from scheduler.errors import Conflict, Invalid
from scheduler.handover import repository
from scheduler.handover.items import Item, items_of
from scheduler.handover.schemas import ApprovalView, HandoverIn, HandoverView, Kind
from scheduler.live.models import LiveTalk
from scheduler.people import audit, service, sessions, signin
from scheduler.people import repository as people
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant, User
from scheduler.people.schemas import GrantNew
from scheduler.people.signin import actor_of
from scheduler.relays import places as relay_places
from scheduler.reports.models import ReportSubscription
from scheduler.rights import Action
from scheduler.workflow import Event
from scheduler.zones.repository import ids_of

Can = Callable[[Planned, Collection[str]], bool]
"""Whether somebody could approve this in these zones."""


def view(db: Session, actor: Actor, now: datetime, user_id: str) -> HandoverView:
    """All that goes or ends when this person leaves."""
    user = service.managed(db, actor, now, user_id, lock=False)
    items, elsewhere = _items(db, actor, now, user)
    signed_in, tokens = sessions.of(db, actor, now, user_id)
    return HandoverView(
        user_id=user.id,
        items=[item.view for item in items],
        elsewhere=elsewhere,
        approvals=_approvals(db, user, now),
        sessions=signed_in,
        tokens=tokens,
    )


def takers(db: Session, actor: Actor, now: datetime, user_id: str) -> list[User]:
    """The people to choose from: whom the actor sees, who may sign in and is somebody else."""
    found = service.list_users(db, actor, now, limit=1000)
    return [user for user in found if not user.disabled and user.id != user_id]


class NotTheirs(Conflict):
    """Who was to take it may not have some of it; `reasons` says why by the item's id: `Item.refusal`'s word."""

    reasons: Mapping[str, str] = MappingProxyType({})


def hand_over(db: Session, actor: Actor, now: datetime, user_id: str, asked: HandoverIn) -> None:
    """All of it, or a Problem: Invalid, Conflict, NotTheirs. The transaction must end with a Problem."""
    user = service.managed(db, actor, now, user_id)
    if user.id == actor.user_id:
        raise Conflict("own_account", "Nobody hands over their own account. Ask another administrator.")
    items, _elsewhere = _items(db, actor, now, user, lock=True)
    wanted = {(name.kind, name.id) for name in asked.items}
    moved = [item for item in items if (item.view.kind, item.view.id) in wanted]
    if len(moved) != len(wanted):
        raise Conflict("items_changed", "Some of this has changed meanwhile. Look at it again.")
    taker = _taker(db, actor, now, user, asked)
    if taker is not None:
        receiving = actor_of(db, taker)
        if asked.give_roles:
            receiving = _with_roles(db, actor, now, user, taker)
        refused = {item.view.id: reason for item in moved if (reason := item.refusal(receiving, now))}
        if refused:
            message = "%(name)s cannot take all of this. Choose another person for the rest."
            problem = NotTheirs("not_theirs", message, name=taker.name)
            problem.reasons = refused
            raise problem
        for item in moved:
            _move(db, actor, now, item, taker)
    if asked.end_access:
        if len(moved) < len(items) and not asked.leave_rest:
            raise Conflict("items_left", "Some of this would be nobody's. Hand it over too, or say that it may stay.")
        _end_access(db, actor, now, user)
    detail = {"to": taker.id if taker else None, "items": len(moved), "ended": asked.end_access}
    audit.record(db, actor, now, "user.hand_over", f"user:{user.id}", zone_path=_home(db, user), **detail)


def _taker(db: Session, actor: Actor, now: datetime, user: User, asked: HandoverIn) -> User | None:
    if not asked.to:
        if asked.items or asked.give_roles:
            raise Invalid("no_taker", "Choose who takes it.", field="to")
        return None
    taker = service.user_for(db, actor, now, asked.to)
    if taker.id == user.id or taker.disabled:
        raise Invalid("no_taker", "Choose who takes it.", field="to")
    return taker


def _items(db: Session, actor: Actor, now: datetime, user: User, *, lock: bool = False) -> tuple[list[Item], int]:
    """What the person answers for in the zones where the actor may edit people, and how much there is elsewhere."""
    found = items_of(db, user, lock=lock)
    mine = [item for item in found if not actor.user_id or actor.may(Action.USER_EDIT, item.home, now)]
    return mine, len(found) - len(mine)


def _move(db: Session, actor: Actor, now: datetime, item: Item, taker: User) -> None:
    row, before = item.row, ""
    if isinstance(row, ReportSubscription):
        before = row.user_id
        db.delete(row)
        db.flush()
        if db.get(ReportSubscription, (taker.id, row.zone_id)) is None:
            db.add(ReportSubscription(user_id=taker.id, zone_id=row.zone_id, since=now, sent_day=row.sent_day))
    elif isinstance(row, LiveTalk):
        before, row.speaker_id = row.speaker_id, taker.id
    else:
        before, row.author_id = row.author_id, taker.id
        if not isinstance(row, Bulletin):
            row.editor_ids = sorted({*row.editor_ids, before, taker.id})
    if not isinstance(row, ReportSubscription):
        row.version += 1
        db.add(row)
    subject = f"{item.view.kind.value}:{item.view.id}"
    detail = {"from_id": before, "to": taker.id, "to_name": taker.name, "title": item.view.title}
    audit.record(db, actor, now, f"{item.view.kind.value}.hand_over", subject, zone_path=item.home, **detail)


def _with_roles(db: Session, actor: Actor, now: datetime, user: User, taker: User) -> Actor:
    """The taker, with the roles of who leaves as well and for as long; each as any role is given."""
    held = {(grant.zone_id, grant.role): grant for grant in service.grant_views(db, [taker.id])}
    for grant in service.grant_views(db, [user.id]):
        if grant.until is not None and grant.until <= now:
            continue
        had = held.get((grant.zone_id, grant.role))
        if had is None:
            new = GrantNew(user_id=taker.id, zone_id=grant.zone_id, role=grant.role, until=grant.until)
            service.give_role(db, actor, now, new)
        elif had.until is not None and (grant.until is None or had.until < grant.until):
            service.change_role_end(db, actor, now, had.id, grant.until)
    return actor_of(db, taker)


def _end_access(db: Session, actor: Actor, now: datetime, user: User) -> None:
    rows = [row for row, _zone in people.grants_of(db, [user.id])]
    service.keep_an_administrator(db, now, rows)
    for row in rows:
        _take(db, actor, now, row)
    deputies.end_all_of(db, actor, now, user.id)
    people.end_sessions_of(db, user.id)
    people.end_tokens_of(db, user.id)
    people.end_recovery_codes(db, user.id)
    repository.end_mail_to(db, user.id)
    user.disabled = True
    user.version += 1
    db.add(user)


def _take(db: Session, actor: Actor, now: datetime, row: RoleGrant) -> None:
    path = people.zone_path(db, row.zone_id)
    audit.record(db, actor, now, "role.take", f"user:{row.user_id}", zone_path=path, role=row.role)
    db.delete(row)


def _approvals(db: Session, user: User, now: datetime) -> list[ApprovalView]:
    """What waits and the person could approve, and who else could."""
    me = actor_of(db, user)
    if not me.zones_for(Action.BROADCAST_APPROVE, now):
        return []
    broadcasts, relays = repository.submitted(db), repository.relays_submitted(db)
    targets = aiming.targets(db, [row.id for row, _title, _zone in broadcasts])
    aimed = relay_places.targets_of(db, [row for row, _zone in relays])
    waiting: list[tuple[Kind, Planned, str, str, list[str]]] = [
        (Kind.BROADCAST, row, title, zone, relay_places.paths_of(targets[row.id])) for row, title, zone in broadcasts
    ]
    waiting += [(Kind.RELAY, row, row.title, zone, relay_places.paths_of(aimed[row.id])) for row, zone in relays]
    may, mine = _approvers(db, now, user.id), _can(me, now)

    def others(row: Planned, paths: list[str]) -> list[str]:
        """Whoever approves at or above the first place, and so perhaps everywhere; deputies of who leaves no longer."""
        near = {one.user_id: one for zone_id in ids_of(paths[0]) for one in may[zone_id]} if paths else {}
        can = sorted((one for one in near.values() if _can(one, now)(row, paths)), key=lambda one: one.name)
        return [one.name for one in can]

    return [
        ApprovalView(
            kind=kind,
            id=row.id,
            title=title,
            zone_name=zone_name,
            others=others(row, paths),
        )
        for kind, row, title, zone_name, paths in waiting
        if mine(row, paths)
    ]


def _approvers(db: Session, now: datetime, without: str) -> Mapping[str, list[Actor]]:
    """By the zones for which they may approve; all but this person and what others hold as their deputies."""
    users = repository.holders(db, Action.BROADCAST_APPROVE)
    grants = signin.grants_of(db, [user.id for user in users])
    found: dict[str, list[Actor]] = defaultdict(list)
    for user in users:
        if user.id == without:
            continue
        held = tuple(grant for grant in grants[user.id] if grant.on_behalf_of != without)
        actor = Actor(user_id=user.id, login=user.login, name=user.name, grants=held)
        for zone_id in actor.zones_for(Action.BROADCAST_APPROVE, now):
            found[zone_id].append(actor)
    return found


def _can(actor: Actor, now: datetime) -> Can:
    return lambda row, paths: has_rights(actor, Event.APPROVE, row, paths, now)


def _home(db: Session, user: User) -> str | None:
    return people.zone_path(db, user.zone_id) if user.zone_id else None
