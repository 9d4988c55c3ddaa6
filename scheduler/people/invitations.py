"""Inviting somebody by a code that is handed over in person or by telephone; no e-mail is needed.

Rules
- Whoever may edit people in the zone of the account and of every role invites; a code holds a week, for one person.
- A code is `xxxx-yyyyyy`: its first letters find the invitation, the others are kept hashed and may be typed wrong
  five times, whoever types them; then a new code is asked for. An address that guesses waits, too.
- An invitation gives no more than who made it may still give when it is used.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlmodel import Session

from scheduler.errors import Conflict, Invalid, NotFound
from scheduler.people import audit, limits, passwords, repository, signin
from scheduler.people.actor import Actor, require
from scheduler.people.models import Invitation, RoleGrant, User
from scheduler.people.schemas import InvitationNew, InvitationView, InvitedRole, JoinInput
from scheduler.people.signin import Place, SignedIn
from scheduler.rights import Action, Role
from scheduler.store.alone import alone
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones import names
from scheduler.zones.models import Zone

HOLDS = timedelta(days=7)
KEPT_FOR = timedelta(days=14)
"""A code that ran out is shown so long, for a new one to be made."""
TRIES = 5
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_SELECTOR, _SECRET = 4, 6
_FROM_ONE_ADDRESS = limits.Limit(free=10, longest_s=300)
_WRONG = "There is no invitation with this code. Compare it with what you were given."
_NO_SUCH = "There is no such invitation, or it is not in your area."


class Code(Struct, frozen=True):
    """A code, and what is kept of it; made before the transaction, since hashing takes a while."""

    typed: str
    selector: str
    code_hash: str


class Welcome(Struct, frozen=True):
    """What a right code tells whoever typed it."""

    name: str
    zone: str
    roles: list[InvitedRole]


def new_code() -> Code:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_SELECTOR + _SECRET))
    selector, secret = letters[:_SELECTOR], letters[_SELECTOR:]
    return Code(f"{selector}-{secret}", selector, passwords.hashed(secret))


def invite(db: Session, actor: Actor, now: datetime, new: InvitationNew, code: Code) -> InvitationView:
    """Keep a place for somebody; `code` is shown to whoever invites, once."""
    path = _path(db, new.zone_id)
    require(actor, Action.USER_EDIT, path, now)
    for role in new.roles:
        require(actor, Action.USER_EDIT, _path(db, role.zone_id), now)
        if role.until is not None and role.until <= now:
            raise Invalid("until_past", "This is over already.", field="until")
    row = Invitation(
        id=new_id(now),
        selector=_free(db, code),
        code_hash=code.code_hash,
        tries_left=TRIES,
        name=names.clean(new.name),
        phone=new.phone or None,
        zone_id=new.zone_id,
        roles=[role.model_dump(mode="json") for role in new.roles],
        by_id=actor.user_id or None,
        created_at=now,
        expires_at=now + HOLDS,
    )
    db.add(row)
    db.flush()
    said = {"name": row.name, "roles": [f"{role.role.value} {role.zone_id}" for role in new.roles]}
    audit.record(db, actor, now, "invitation.make", f"invitation:{row.id}", zone_path=path, **said)
    return _views(db, now, [(row, db.get_one(Zone, row.zone_id))])[0]


def listed(
    db: Session, actor: Actor, now: datetime, *, before: str | None = None, limit: int | None = None
) -> list[InvitationView]:
    """The open invitations of the zones in which the actor may see people, and those that ran out lately."""
    paths = repository.zone_paths(db, actor.zones_for(Action.USER_READ, now))
    return _views(db, now, repository.invitations_below(db, paths, now - KEPT_FOR, before=before, limit=limit))


def renew(db: Session, actor: Actor, now: datetime, invitation_id: str, code: Code) -> InvitationView:
    """Another code in place of the old one, for another week."""
    row = _open(db, actor, now, invitation_id)
    row.selector, row.code_hash = _free(db, code), code.code_hash
    row.tries_left, row.expires_at = TRIES, now + HOLDS
    row.by_id = actor.user_id or None
    for role in row.roles:
        require(actor, Action.USER_EDIT, _path(db, role["zone_id"]), now)
    db.add(row)
    path = repository.zone_path(db, row.zone_id)
    audit.record(db, actor, now, "invitation.renew", f"invitation:{row.id}", zone_path=path, name=row.name)
    return _views(db, now, [(row, db.get_one(Zone, row.zone_id))])[0]


def withdraw(db: Session, actor: Actor, now: datetime, invitation_id: str) -> None:
    """Its code is worth nothing from now on."""
    row = _open(db, actor, now, invitation_id)
    row.withdrawn_at = now
    db.add(row)
    path = repository.zone_path(db, row.zone_id)
    audit.record(db, actor, now, "invitation.withdraw", f"invitation:{row.id}", zone_path=path, name=row.name)


def look(store: Store, now: datetime, code: str, address: str) -> Welcome:
    """What the code is good for; Invalid for a wrong one, TooMany for whoever guesses."""
    row = _proved(store, now, code, address)
    with store.reading() as db:
        view = _views(db, now, [(row, db.get_one(Zone, row.zone_id))])[0]
    return Welcome(view.name, view.zone_name, view.roles)


def join(store: Store, now: datetime, asked: JoinInput, place: Place, lifetime: timedelta) -> SignedIn:
    """The account that the code is good for, under the login and the password that the person chose; signed in."""
    login = asked.login.casefold()
    row = _proved(store, now, asked.code, place.address)
    password_hash = passwords.hashed(passwords.checked(asked.password, login, "password"))
    with store.writing() as db:
        held = repository.invitation(db, row.id)
        if held is None or not _usable(held, now) or held.code_hash != row.code_hash:
            raise Invalid("wrong_invitation", _WRONG, field="code")
        alone(db, f"login:{login}")
        if repository.user_by_login(db, login) is not None:
            raise Conflict("login_taken", "This login name is taken.", field="login")
        _still_given(db, now, held)
        user = User(
            id=new_id(now),
            login=login,
            name=names.clean(asked.name or held.name),
            zone_id=held.zone_id,
            password_hash=password_hash,
            must_change_password=False,
            language=asked.language,
            phone=held.phone,
            created_at=now,
        )
        db.add(user)
        db.flush()
        for role in (InvitedRole.model_validate(one) for one in held.roles):
            if role.until is None or now < role.until:
                grant = RoleGrant(id=new_id(now), user_id=user.id, zone_id=role.zone_id, role=role.role.value)
                grant.until = role.until
                db.add(grant)
        held.used_at, held.user_id = now, user.id
        db.flush()
        path, joined = repository.zone_path(db, held.zone_id), signin.actor_of(db, user)
        said = {"login": login, "user_id": user.id, "by": held.by_id}
        audit.record(db, joined, now, "invitation.use", f"invitation:{held.id}", zone_path=path, **said)
        return signin.open_session(db, now, user, lifetime, place)


def _proved(store: Store, now: datetime, code: str, address: str) -> Invitation:
    """The invitation of a right code. A try counts as wrong until it has proved right."""
    letters = "".join(filter(str.isalnum, code.casefold()))
    if not letters:
        raise Invalid("code_missing", "Type the code.", field="code")
    subject = f"join:{limits.place_of(address)[:100]}"
    with store.writing() as db:
        attempts = signin.count_failure(db, now, {subject: _FROM_ONE_ADDRESS})
        row = repository.invitation_by_selector(db, letters[:_SELECTOR])
        found = row if row is not None and _usable(row, now) else None
        if found is not None:
            found.tries_left -= 1
    if not passwords.verified(letters[_SELECTOR:], found.code_hash if found else None) or found is None:
        raise Invalid("wrong_invitation", _WRONG, field="code")
    with store.writing() as db:
        repository.forget_attempts(db, attempts)
        held = repository.invitation(db, found.id)
        if held is not None:
            held.tries_left = min(TRIES, held.tries_left + 1)
    return found


def _usable(row: Invitation, now: datetime) -> bool:
    return row.used_at is None and row.withdrawn_at is None and now < row.expires_at and row.tries_left > 0


def _still_given(db: Session, now: datetime, row: Invitation) -> None:
    """Return if whoever invited may still give all of it; else Conflict."""
    if row.by_id is None:
        return
    giver = repository.user(db, row.by_id)
    paths = [_path(db, row.zone_id), *(_path(db, role["zone_id"]) for role in row.roles)]
    may = giver is not None and not giver.disabled
    if giver is None or not may or not signin.actor_of(db, giver).may_everywhere(Action.USER_EDIT, paths, now):
        message = "Whoever invited you may not do so any more. Ask your administrator for a new code."
        raise Conflict("invitation_void", message)


def _open(db: Session, actor: Actor, now: datetime, invitation_id: str) -> Invitation:
    row = repository.invitation(db, invitation_id)
    path = repository.zone_path(db, row.zone_id) if row else None
    if row is None or path is None or not actor.may(Action.USER_READ, path, now):
        raise NotFound("not_found", _NO_SUCH)
    require(actor, Action.USER_EDIT, path, now)
    if row.used_at is not None or row.withdrawn_at is not None:
        raise Conflict("invitation_over", "This invitation was used or withdrawn.")
    return row


def _free(db: Session, code: Code) -> str:
    """The code's selector, once no other invitation has it."""
    alone(db, "invitations")
    taken = repository.invitation_by_selector(db, code.selector)
    if taken is not None:
        raise Conflict("try_again", "This did not work. Try again.")
    return code.selector


def _views(db: Session, now: datetime, rows: Sequence[tuple[Invitation, Zone]]) -> list[InvitationView]:
    ids = {role["zone_id"] for row, _zone in rows for role in row.roles}
    zones = repository.zone_names(db, ids)
    people = repository.names_of(db, {row.by_id for row, _zone in rows if row.by_id})
    return [
        InvitationView(
            id=row.id,
            name=row.name,
            phone=row.phone,
            zone_id=row.zone_id,
            zone_name=zone.name,
            roles=[
                InvitedRole.model_validate(role | {"zone_name": zones.get(role["zone_id"], "")}) for role in row.roles
            ],
            by_name=people.get(row.by_id or ""),
            created_at=row.created_at,
            expires_at=row.expires_at,
            usable=_usable(row, now),
            locked=row.tries_left <= 0,
        )
        for row, zone in rows
        if all(role["role"] in set(Role) for role in row.roles)
    ]


def _path(db: Session, zone_id: str) -> str:
    path = repository.zone_path(db, zone_id)
    if path is None:
        raise NotFound("not_found", "There is no such zone, or it is not in your area.", field="zone_id")
    return path
