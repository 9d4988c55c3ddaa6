"""All SQL about deputies."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from scheduler.deputies.lending import lent
from scheduler.deputies.models import Deputy
from scheduler.people.models import RoleGrant, User
from scheduler.rights import Grant, Role
from scheduler.zones.models import Zone
from scheduler.zones.repository import below

Row = tuple[Deputy, User, User, Zone]


def get(db: Session, deputy_id: str) -> Deputy | None:
    return db.get(Deputy, deputy_id, with_for_update=True)


class Lent(NamedTuple):
    """By one role of the principal; `grant` is None where that is not held in the deputy's zone."""

    id: str
    deputy_id: str
    grant: Grant | None


def roles_lent(db: Session, user_ids: Collection[str]) -> list[Lent]:
    """What each that deputises holds by that, of principals whose account is open."""
    role_zone: Any = aliased(Zone)
    columns: Any = (
        *(Deputy.id, Deputy.deputy_id, Deputy.principal_id, Deputy.until),
        *(col(RoleGrant.until).label("role_until"), Zone.path, role_zone.path.label("role_path")),
    )
    query: Any = (
        select(*columns)
        .join(RoleGrant, col(RoleGrant.user_id) == Deputy.principal_id)
        .join(User, col(User.id) == Deputy.principal_id)
        .join(Zone, col(Zone.id) == Deputy.zone_id)
        .join(role_zone, col(role_zone.id) == RoleGrant.zone_id)
        .where(
            col(Deputy.deputy_id).in_(user_ids),
            col(Deputy.ended_at).is_(None),
            RoleGrant.role == Role.APPROVER.value,
            col(User.disabled).is_(False),
        )
        .order_by(Deputy.id, RoleGrant.id)
    )
    return [
        Lent(key, deputy_id, lent(whose, path=path, until=until, role_path=role_path, role_until=role_until))
        for key, deputy_id, whose, until, role_until, path, role_path in db.execute(query)
    ]


def open_of(db: Session, user_id: str, now: datetime) -> Sequence[tuple[Deputy, Zone]]:
    """Those that are not over and in which this person is the deputy or the principal."""
    query = select(Deputy, Zone).join(Zone, col(Zone.id) == Deputy.zone_id)
    query = query.where(
        or_(col(Deputy.deputy_id) == user_id, col(Deputy.principal_id) == user_id),
        col(Deputy.ended_at).is_(None),
        col(Deputy.until) > now,
    )
    return db.exec(query.order_by(Deputy.id).with_for_update(of=Deputy)).all()


def listed(
    db: Session,
    paths: Collection[str],
    user_id: str,
    *,
    over_since: datetime,
    deputy_id: str | None = None,
    before: str | None = None,
    limit: int | None = None,
) -> Sequence[Row]:
    """Those in zones below `paths` and those of a person, also what ended after `over_since`; the latest end first.

    With a `limit` the last named first, those before the id `before`.
    """
    principal, deputy = aliased(User), aliased(User)
    query = (
        select(Deputy, principal, deputy, Zone)
        .join(principal, col(principal.id) == Deputy.principal_id)
        .join(deputy, col(deputy.id) == Deputy.deputy_id)
        .join(Zone, col(Zone.id) == Deputy.zone_id)
        .where(
            col(Deputy.until) > over_since,
            or_(col(Deputy.ended_at).is_(None), col(Deputy.ended_at) > over_since),
            or_(below(paths), col(Deputy.principal_id) == user_id, col(Deputy.deputy_id) == user_id),
        )
    )
    if deputy_id is not None:
        query = query.where(Deputy.id == deputy_id)
    if limit is None:
        return db.exec(query.order_by(col(Deputy.until).desc(), Deputy.id)).all()
    if before is not None:
        query = query.where(col(Deputy.id) < before)
    return db.exec(query.order_by(col(Deputy.id).desc()).limit(limit)).all()


def people_below(db: Session, paths: Collection[str], limit: int | None = None) -> Sequence[User]:
    """Open accounts that belong at or below `paths`, by name."""
    return db.exec(_belonging(paths).order_by(User.name, User.id).limit(limit)).all()


def belongs_below(db: Session, user_id: str, path: str) -> bool:
    """Whether this is an open account that belongs at or below `path`."""
    return db.exec(_belonging([path]).where(User.id == user_id)).first() is not None


def _belonging(paths: Collection[str]) -> SelectOfScalar[User]:
    query = select(User).join(Zone, col(Zone.id) == User.zone_id)
    return query.where(below(paths), col(User.disabled).is_(False))


def approvers_of(db: Session, zone_ids: Collection[str], now: datetime) -> Sequence[User]:
    """Who approves in their own right in one of the zones, that is has the role at one of these ids."""
    query = (
        select(User)
        .join(RoleGrant, col(RoleGrant.user_id) == User.id)
        .where(
            col(RoleGrant.zone_id).in_(zone_ids),
            RoleGrant.role == Role.APPROVER.value,
            or_(col(RoleGrant.until).is_(None), col(RoleGrant.until) > now),
            col(User.disabled).is_(False),
        )
        .distinct()
        .order_by(User.name, User.id)
    )
    return db.exec(query).all()
