"""Who approves in whose place. Each function is part of one transaction and checks the right to it first.

Rules
- Approvers name a deputy for themselves where they approve in their own right; whoever administers people somewhere
  does so for an approver there.
- A deputy is another person whose account belongs there; nobody makes themselves somebody's deputy.
- It has an end, at most MOST ahead. The principal, the deputy and those who could have named them may end it before.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.announcements import finding
from scheduler.deputies import repository
from scheduler.deputies.models import Deputy
from scheduler.deputies.schemas import Candidate, DeputyIn, DeputyOut, DeputyPage
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.people.models import User
from scheduler.people.proof import Needed, if_has_one
from scheduler.rights import Action
from scheduler.store.alone import alone
from scheduler.store.types import new_id
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone

MOST = timedelta(days=400)
SHOWN_AFTER = timedelta(days=90)
"""How long what is over is still listed."""
MOST_CANDIDATES = 500
_NO_SUCH = "There is no such thing, or it is not in your area."


def index(db: Session, actor: Actor, now: datetime) -> list[DeputyOut]:
    """The actor's own, and all where the actor administers people; also what ended of late."""
    paths = zones.paths_of(db, actor.zones_for(Action.USER_EDIT, now))
    return _shown(db, actor, now, repository.listed(db, paths, actor.user_id, over_since=now - SHOWN_AFTER))


def page(db: Session, actor: Actor, now: datetime, *, before: str | None, limit: int) -> DeputyPage:
    """The same, the last named first; `before` is the last page's `next`."""
    paths = zones.paths_of(db, actor.zones_for(Action.USER_EDIT, now))
    since = now - SHOWN_AFTER
    rows = repository.listed(db, paths, actor.user_id, over_since=since, before=before, limit=limit + 1)
    items = _shown(db, actor, now, rows[:limit])
    return DeputyPage(items=items, next=items[-1].id if len(rows) > limit else None)


def name(db: Session, actor: Actor, now: datetime, asked: DeputyIn) -> DeputyOut:
    """Have somebody approve in the place of the actor, or of an approver whom the actor administers."""
    zone = zones.zone(db, asked.zone_id)
    if zone is None:
        raise NotFound("not_found", _NO_SUCH, field="zone_id")
    require(actor, Action.DEPUTY_NAME, zone.path, now)
    principal_id = asked.principal_id or actor.user_id
    _check(actor, asked, principal_id, now)
    if principal_id != actor.user_id:
        require(actor, Action.USER_EDIT, zone.path, now)
    approvers = repository.approvers_of(db, zones.ids_of(zone.path), now)
    if principal_id not in {user.id for user in approvers}:
        raise Invalid("not_an_approver", "Only who approves there has a deputy there.", field="zone_id")
    if not repository.belongs_below(db, asked.deputy_id, zone.path):
        raise Invalid("unknown_person", "Choose somebody whose account belongs there.", field="deputy_id")
    alone(db, f"deputies:{principal_id}")
    for row, *_ in repository.listed(db, [], principal_id, over_since=now):
        same = (row.principal_id, row.deputy_id, row.zone_id) == (principal_id, asked.deputy_id, zone.id)
        if same and row.ended_at is None:
            raise Conflict("deputy_there", "This person is the deputy there already. End that first.")
    row = Deputy(
        id=new_id(now), principal_id=principal_id, deputy_id=asked.deputy_id, zone_id=zone.id, until=asked.until,
        named_by=actor.user_id, created_at=now,
    )  # fmt: skip
    db.add(row)
    db.flush()
    until, whose = asked.until.isoformat(), principal_id
    audit.record(
        db, actor, now, "deputy.name", f"user:{row.deputy_id}", zone_path=zone.path, on_behalf_of=whose, until=until
    )
    return _one(db, actor, now, row.id)


def takes_code(actor: Actor, asked: DeputyIn) -> Needed:
    """Of everybody where it lends what somebody else holds; one's own, of who has a second factor."""
    return asked.principal_id not in (None, actor.user_id) or if_has_one(actor)


def end(db: Session, actor: Actor, now: datetime, deputy_id: str) -> DeputyOut:
    """End it at once."""
    row = repository.get(db, deputy_id)
    zone = zones.zone(db, row.zone_id) if row is not None else None
    if row is None or zone is None or not _sees(actor, row, zone.path, now):
        raise NotFound("not_found", _NO_SUCH)
    if not actor.covers(Action.DEPUTY_NAME) and not actor.may(Action.USER_EDIT, zone.path, now):
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    if row.ended_at is not None or row.until <= now:
        raise Conflict("deputy_over", "This is over already.")
    _end(db, actor, now, row, zone)
    return _one(db, actor, now, row.id)


def end_all_of(db: Session, actor: Actor, now: datetime, user_id: str) -> None:
    """End those of somebody who leaves, as a deputy and as a principal; the caller has asked whether the actor may."""
    for row, zone in repository.open_of(db, user_id, now):
        _end(db, actor, now, row, zone)


def _end(db: Session, actor: Actor, now: datetime, row: Deputy, zone: Zone) -> None:
    row.ended_at = now
    db.add(row)
    db.flush()
    audit.record(
        db, actor, now, "deputy.end", f"user:{row.deputy_id}", zone_path=zone.path, on_behalf_of=row.principal_id
    )


def candidates(db: Session, actor: Actor, now: datetime, *, typed: str = "") -> tuple[list[Candidate], list[Candidate]]:
    """Who could be named somewhere, and for whom other than oneself: the latter only for administrators of people.

    The former are MOST_CANDIDATES by name at most: of those whose name, or the beginning of whose login, was `typed`.
    """
    own = zones.paths_of(db, actor.zones_for(Action.DEPUTY_NAME, now))
    people = repository.people_below(db, own, None if typed else MOST_CANDIDATES)
    if typed:
        wanted, login = finding.wanted(typed), typed.strip().lower()
        people = [user for user in people if wanted.in_name(user.name) or user.login.startswith(login)]
    administered = zones.subtree_ids(db, zones.paths_of(db, actor.zones_for(Action.USER_EDIT, now)))
    principals = repository.approvers_of(db, administered, now) if administered else []
    others = [user for user in principals if user.id != actor.user_id]
    people = [user for user in people if user.id != actor.user_id][:MOST_CANDIDATES]
    return _as_candidates(people), _as_candidates(others)


def _check(actor: Actor, asked: DeputyIn, principal_id: str, now: datetime) -> None:
    if asked.deputy_id == principal_id:
        raise Invalid("own_deputy", "Nobody is their own deputy.", field="deputy_id")
    if asked.deputy_id == actor.user_id:
        raise Forbidden("own_role", "Nobody gives a role to themselves. Ask another administrator.")
    if asked.until <= now:
        raise Invalid("until_past", "This is over already.", field="until")
    if asked.until > now + MOST:
        raise Invalid("until_far", "Choose an end within the next %(days)s days.", field="until", days=MOST.days)


def _sees(actor: Actor, row: Deputy, path: str, now: datetime) -> bool:
    return actor.user_id in (row.principal_id, row.deputy_id) or actor.may(Action.USER_EDIT, path, now)


def _one(db: Session, actor: Actor, now: datetime, deputy_id: str) -> DeputyOut:
    paths = zones.paths_of(db, actor.zones_for(Action.USER_EDIT, now))
    since = now - SHOWN_AFTER
    return _shown(db, actor, now, repository.listed(db, paths, actor.user_id, over_since=since, deputy_id=deputy_id))[0]


def _shown(db: Session, actor: Actor, now: datetime, rows: Sequence[repository.Row]) -> list[DeputyOut]:
    by_them = repository.roles_lent(db, {deputy.id for _row, _p, deputy, _z in rows})
    counting = {one.id for one in by_them if one.grant and one.grant.until is not None and now < one.grant.until}
    return [
        DeputyOut(
            id=row.id,
            principal_id=principal.id,
            principal_name=principal.name,
            deputy_id=deputy.id,
            deputy_name=deputy.name,
            zone_id=zone.id,
            zone_name=zone.name,
            until=row.until,
            ended_at=row.ended_at,
            counts=row.id in counting and not deputy.disabled,
            may_end=row.ended_at is None and row.until > now and _sees(actor, row, zone.path, now),
        )
        for row, principal, deputy, zone in rows
    ]


def _as_candidates(users: Sequence[User]) -> list[Candidate]:
    return [Candidate(id=user.id, name=user.name, login=user.login) for user in users]
