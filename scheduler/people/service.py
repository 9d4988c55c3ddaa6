"""What administrators do with people's accounts and roles.

Rules
- An account is managed by who may edit people where it belongs and in every zone where it holds a role that has not
  ended, of its own or as somebody's deputy: nobody takes over an account that reaches further
  than their own administration.
- A role is given or taken by who may edit people in its zone and sees the person; nobody gives one to themselves.
- The last administrator of a zone without a parent stays, so that nobody is locked out of the whole; nor does the last
  one without an end go while others have one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.people import audit, passwords, repository, signin
from scheduler.people.actor import Actor, require
from scheduler.people.models import RoleGrant, User
from scheduler.people.schemas import GrantNew, GrantView, UserChange, UserNew, UserView
from scheduler.rights import Action, Role
from scheduler.store.alone import alone
from scheduler.store.types import new_id
from scheduler.zones import names
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone

_NO_SUCH_PERSON = "There is no such person, or they are not in your area."
FAR_OFF = datetime(9000, 1, 1, tzinfo=UTC)
_NOWHERE = ""  # the path of what belongs to no zone: only the machine reaches it


def list_users(
    db: Session, actor: Actor, now: datetime, *, after: str | None = None, limit: int = 100
) -> Sequence[User]:
    """The people whose accounts belong to zones in which the actor may see people, by login."""
    paths = repository.zone_paths(db, actor.zones_for(Action.USER_READ, now))
    return repository.users_below(db, paths, after=after, limit=limit)


def user_for(db: Session, actor: Actor, now: datetime, user_id: str) -> User:
    """The person if it is the actor or one they may see; else NotFound."""
    user = repository.user(db, user_id)
    if user is None or (user.id != actor.user_id and not _sees(db, actor, now, user)):
        raise NotFound("not_found", _NO_SUCH_PERSON)
    return user


def create_user(db: Session, actor: Actor, now: datetime, new: UserNew, password_hash: str) -> User:
    """An account without any role yet. `password_hash` is of a one-time password; see `one_time`."""
    path = _path(db, new.zone_id, "zone_id")
    require(actor, Action.USER_EDIT, path, now)
    login = new.login.casefold()
    alone(db, f"login:{login}")
    if repository.user_by_login(db, login) is not None:
        raise Conflict("login_taken", "This login name is taken.", field="login")
    user = User(
        id=new_id(now),
        login=login,
        name=names.clean(new.name),
        zone_id=new.zone_id,
        password_hash=password_hash,
        language=new.language,
        phone=new.phone or None,
        created_at=now,
    )
    db.add(user)
    db.flush()
    audit.record(db, actor, now, "user.create", f"user:{user.id}", zone_path=path, login=login)
    return user


def one_time() -> tuple[str, str]:
    """A first password and its hash; made before the transaction begins, since hashing takes a while."""
    password = passwords.one_time()
    return password, passwords.hashed(password)


def change_user(db: Session, actor: Actor, now: datetime, user_id: str, *, version: int, change: UserChange) -> User:
    """Rename, re-home, disable or enable an account; disabling ends its sessions and tokens at once."""
    user = managed(db, actor, now, user_id)
    if user.version != version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    sent = change.model_fields_set
    if "name" in sent:
        user.name = names.clean(change.name)
    if "zone_id" in sent:
        require(actor, Action.USER_EDIT, _path(db, change.zone_id, "zone_id"), now)
        user.zone_id = change.zone_id
    if "language" in sent:
        user.language = change.language
    if "phone" in sent:
        user.phone = change.phone or None
    if "disabled" in sent and change.disabled != user.disabled:
        _disable(db, actor, now, user, change.disabled)
    user.version += 1
    db.add(user)
    detail = change.model_dump(exclude_unset=True, exclude={"code"})
    audit.record(db, actor, now, "user.change", f"user:{user.id}", zone_path=_home(db, user), **detail)
    return user


def enables(db: Session, user_id: str, change: UserChange) -> bool:
    """Whether this would let somebody sign in again who may not."""
    user = repository.user(db, user_id)
    return user is not None and user.disabled and "disabled" in change.model_fields_set and not change.disabled


def reset_password(db: Session, actor: Actor, now: datetime, user_id: str, password_hash: str) -> User:
    """Give a one-time password to someone who lost theirs; the second factor is taken off and sessions end."""
    user = managed(db, actor, now, user_id)
    user.password_hash, user.must_change_password = password_hash, True
    user.totp_secret, user.totp_confirmed = None, False
    user.version += 1
    db.add(user)
    repository.end_sessions_of(db, user.id)
    repository.end_tokens_of(db, user.id)
    repository.end_recovery_codes(db, user.id)
    audit.record(db, actor, now, "user.reset_password", f"user:{user.id}", zone_path=_home(db, user))
    return user


def give_role(db: Session, actor: Actor, now: datetime, new: GrantNew) -> GrantView:
    """A role for a person the actor sees, in a zone where the actor may edit people."""
    path = _path(db, new.zone_id, "zone_id")
    require(actor, Action.USER_EDIT, path, now)
    user = user_for(db, actor, now, new.user_id)
    if user.id == actor.user_id:
        raise Forbidden("own_role", "Nobody gives a role to themselves. Ask another administrator.")
    if new.until is not None and new.until <= now:
        raise Invalid("until_past", "This is over already.", field="until")
    alone(db, f"roles:{user.id}")
    for row, _zone in repository.grants_of(db, [user.id]):
        if (row.zone_id, row.role) == (new.zone_id, new.role.value):
            raise Conflict("role_there", "The person has this role there already. Take it first to change its end.")
    row = RoleGrant(id=new_id(now), user_id=user.id, zone_id=new.zone_id, role=new.role.value, until=new.until)
    db.add(row)
    db.flush()
    until = new.until.isoformat() if new.until else None
    audit.record(db, actor, now, "role.give", f"user:{user.id}", zone_path=path, role=row.role, until=until)
    return next(view for view in grant_views(db, [user.id]) if view.id == row.id)


def take_role(db: Session, actor: Actor, now: datetime, grant_id: str) -> None:
    """End a role at once."""
    row = repository.grant(db, grant_id)
    path = repository.zone_path(db, row.zone_id) if row else None
    if row is None or path is None or not actor.may(Action.USER_READ, path, now):
        raise NotFound("not_found", "There is no such role, or it is not in your area.")
    require(actor, Action.USER_EDIT, path, now)
    keep_an_administrator(db, now, [row])
    audit.record(db, actor, now, "role.take", f"user:{row.user_id}", zone_path=path, role=row.role)
    db.delete(row)


def change_role_end(db: Session, actor: Actor, now: datetime, grant_id: str, until: datetime | None) -> None:
    """Let a role end at another time, or never."""
    row = repository.grant(db, grant_id)
    path = repository.zone_path(db, row.zone_id) if row else None
    if row is None or path is None or not actor.may(Action.USER_READ, path, now):
        raise NotFound("not_found", "There is no such role, or it is not in your area.")
    require(actor, Action.USER_EDIT, path, now)
    if row.user_id == actor.user_id:
        raise Forbidden("own_role", "Nobody gives a role to themselves. Ask another administrator.")
    if until is not None and until <= now:
        raise Invalid("until_past", "This is over already.", field="until")
    if until is not None and row.until is None:
        keep_an_administrator(db, now, [row])
    row.until = until
    db.add(row)
    said = until.isoformat() if until else None
    audit.record(db, actor, now, "role.until", f"user:{row.user_id}", zone_path=path, role=row.role, until=said)


def ending_soon(db: Session, actor: Actor, now: datetime, within: timedelta) -> list[tuple[str, GrantView]]:
    """Roles in the actor's zones that end within so long, the first first, with the names of who holds them."""
    paths = repository.zone_paths(db, actor.zones_for(Action.USER_READ, now))
    rows = repository.grants_ending(db, paths, now, now + within)
    names = repository.names_of(db, {row.user_id for row, _zone in rows})
    return [(names.get(view.user_id, ""), view) for view in _grant_views(db, rows)]


def roles_of(db: Session, actor: Actor, now: datetime, user_id: str) -> list[GrantView]:
    return grant_views(db, [user_for(db, actor, now, user_id).id])


def grant_views(db: Session, user_ids: Sequence[str]) -> list[GrantView]:
    return _grant_views(db, repository.grants_of(db, user_ids))


def _grant_views(db: Session, rows: Sequence[tuple[RoleGrant, Zone]]) -> list[GrantView]:
    known = {role.value for role in Role}
    above = zone_sql.zones(db, {zone.parent_id for _row, zone in rows if zone.parent_id})
    return [
        GrantView(
            id=row.id,
            user_id=row.user_id,
            zone_id=zone.id,
            zone_name=zone.name,
            zone_above=above[zone.parent_id].name if zone.parent_id in above else "",
            role=Role(row.role),
            until=row.until,
        )
        for row, zone in rows
        if row.role in known
    ]


def user_views(db: Session, users: Sequence[User]) -> list[UserView]:
    grants = grant_views(db, [user.id for user in users])
    return [
        UserView(
            id=user.id,
            login=user.login,
            name=user.name,
            zone_id=user.zone_id,
            language=user.language,
            phone=user.phone,
            disabled=user.disabled,
            must_change_password=user.must_change_password,
            second_factor=user.totp_confirmed,
            grants=[grant for grant in grants if grant.user_id == user.id],
            created_at=user.created_at,
            version=user.version,
        )
        for user in users
    ]


def managed(db: Session, actor: Actor, now: datetime, user_id: str, *, lock: bool = True) -> User:
    """The person, locked to be changed, if the actor may manage the account; else NotFound or Forbidden."""
    user = repository.user(db, user_id, lock=lock)
    if user is None or not _sees(db, actor, now, user):
        raise NotFound("not_found", _NO_SUCH_PERSON)
    if actor.user_id:  # the machine manages every account, those of no zone too
        for path in _reach(db, now, user.id, user.zone_id):
            require(actor, Action.USER_EDIT, path, now)
    return user


def manages(db: Session, actor: Actor, now: datetime, view: UserView) -> bool:
    """Whether the actor may manage the account of somebody they see."""
    return actor.may_everywhere(Action.USER_EDIT, _reach(db, now, view.id, view.zone_id), now)


def _reach(db: Session, now: datetime, user_id: str, home_id: str | None) -> list[str]:
    """The paths of where an account belongs and of all that it can act in, now or by a role that is still to end."""
    held = [grant for grant in signin.grants_of(db, [user_id])[user_id] if grant.until is None or now < grant.until]
    home = repository.zone_path(db, home_id) if home_id else None
    return [home or _NOWHERE, *repository.zone_paths(db, {grant.zone_id for grant in held})]


def _sees(db: Session, actor: Actor, now: datetime, user: User) -> bool:
    return not actor.user_id or actor.may(Action.USER_READ, _home(db, user), now)


def _home(db: Session, user: User) -> str:
    return (repository.zone_path(db, user.zone_id) if user.zone_id else None) or _NOWHERE


def _path(db: Session, zone_id: str, field: str) -> str:
    path = repository.zone_path(db, zone_id)
    if path is None:
        raise NotFound("not_found", "There is no such zone, or it is not in your area.", field=field)
    return path


def _disable(db: Session, actor: Actor, now: datetime, user: User, disabled: bool) -> None:
    if disabled:
        if user.id == actor.user_id:
            raise Conflict("own_account", "Nobody disables their own account.")
        keep_an_administrator(db, now, [row for row, _zone in repository.grants_of(db, [user.id])])
        repository.end_sessions_of(db, user.id)
        repository.end_tokens_of(db, user.id)
    user.disabled = disabled


def keep_an_administrator(db: Session, now: datetime, going: Sequence[RoleGrant]) -> None:
    """Return if somebody else administers each root zone, and without an end where such a role goes; else Conflict."""
    alone(db, "administrators")
    roots = set(repository.root_ids(db))
    for row in going:
        if row.role != Role.ADMINISTRATOR.value or row.zone_id not in roots:
            continue
        if row.until is not None and row.until <= now:
            continue
        at = now if row.until is not None else FAR_OFF
        if repository.other_administrators(db, row, at) == 0:
            raise Conflict(
                "last_administrator", "This is the last administrator. Give the role to another person first."
            )
