"""All SQL about people."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, false, func, or_, update
from sqlmodel import Session, col, select

from scheduler.people.models import (
    ApiToken,
    AuditEntry,
    IdempotencyKey,
    Invitation,
    RecoveryCode,
    RoleGrant,
    SignInAttempt,
    User,
    WebSession,
)
from scheduler.zones.models import Zone


def user(db: Session, user_id: str, *, lock: bool = False) -> User | None:
    """The person; with `lock`, nobody else changes the row until this transaction ends."""
    return db.get(User, user_id, with_for_update=lock, populate_existing=lock)


def user_by_login(db: Session, login: str) -> User | None:
    return db.exec(select(User).where(User.login == login)).one_or_none()


def users_below(db: Session, zone_paths: Collection[str], *, after: str | None, limit: int) -> Sequence[User]:
    """People whose account belongs below one of the paths, by login."""
    query = select(User).join(Zone, col(Zone.id) == User.zone_id).where(_below(zone_paths))
    if after is not None:
        query = query.where(User.login > after)
    return db.exec(query.order_by(User.login).limit(limit)).all()


def grants_of(db: Session, user_ids: Collection[str]) -> Sequence[tuple[RoleGrant, Zone]]:
    query = select(RoleGrant, Zone).join(Zone, col(Zone.id) == RoleGrant.zone_id)
    return db.exec(query.where(col(RoleGrant.user_id).in_(user_ids)).order_by(RoleGrant.id)).all()


def roles_held(db: Session, user_ids: Collection[str]) -> list[tuple[str, str, str, datetime | None]]:
    """As `grants_of`: whose, which role, in which zone and until when."""
    query = select(RoleGrant.user_id, RoleGrant.role, RoleGrant.zone_id, RoleGrant.until)
    query = query.where(col(RoleGrant.user_id).in_(user_ids)).order_by(RoleGrant.id)
    return [(user_id, role, zone_id, until) for user_id, role, zone_id, until in db.exec(query)]


def grants_ending(
    db: Session, zone_paths: Collection[str], after: datetime, until: datetime
) -> Sequence[tuple[RoleGrant, Zone]]:
    """Those of enabled people below the paths that end in `(after, until]`, the first first."""
    query = select(RoleGrant, Zone).join(Zone, col(Zone.id) == RoleGrant.zone_id)
    query = query.join(User, col(User.id) == RoleGrant.user_id).where(_below(zone_paths), col(User.disabled).is_(False))
    query = query.where(col(RoleGrant.until) > after, col(RoleGrant.until) <= until)
    return db.exec(query.order_by(col(RoleGrant.until), RoleGrant.id).limit(50)).all()


def grant(db: Session, grant_id: str) -> RoleGrant | None:
    return db.get(RoleGrant, grant_id)


def zone_path(db: Session, zone_id: str) -> str | None:
    return db.exec(select(Zone.path).where(Zone.id == zone_id)).one_or_none()


def zone_paths(db: Session, zone_ids: Collection[str]) -> list[str]:
    return list(db.exec(select(Zone.path).where(col(Zone.id).in_(zone_ids))).all())


def zone_names(db: Session, zone_ids: Collection[str]) -> dict[str, str]:
    return dict(db.exec(select(Zone.id, Zone.name).where(col(Zone.id).in_(zone_ids))).all())


def root_ids(db: Session) -> list[str]:
    return list(db.exec(select(Zone.id).where(col(Zone.parent_id).is_(None))).all())


def web_session(db: Session, token_sha256: str) -> tuple[WebSession, User] | None:
    query = select(WebSession, User).join(User, col(User.id) == WebSession.user_id)
    return db.exec(query.where(WebSession.token_sha256 == token_sha256)).one_or_none()


def touch_session(db: Session, token_sha256: str, now: datetime) -> None:
    db.execute(update(WebSession).where(col(WebSession.token_sha256) == token_sha256).values(last_used_at=now))


def end_session(db: Session, token_sha256: str) -> None:
    db.execute(delete(WebSession).where(col(WebSession.token_sha256) == token_sha256))


def end_sessions_of(db: Session, user_id: str, *, but: str | None = None) -> None:
    query = delete(WebSession).where(col(WebSession.user_id) == user_id)
    if but is not None:
        query = query.where(col(WebSession.token_sha256) != but)
    db.execute(query)


def sessions_of(db: Session, user_id: str, now: datetime) -> Sequence[WebSession]:
    """Those that have not run out, the one used last first."""
    query = select(WebSession).where(WebSession.user_id == user_id, WebSession.expires_at > now)
    return db.exec(query.order_by(col(WebSession.last_used_at).desc(), col(WebSession.token_sha256))).all()


def end_recovery_codes(db: Session, user_id: str) -> None:
    db.execute(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))


def use_recovery_code(db: Session, user_id: str, sha256: str, now: datetime) -> bool:
    query = update(RecoveryCode).where(col(RecoveryCode.user_id) == user_id, col(RecoveryCode.sha256) == sha256)
    used = db.execute(query.where(col(RecoveryCode.used_at).is_(None)).values(used_at=now))
    return bool(used.rowcount)  # type: ignore[attr-defined]  # an update's result counts rows


def recovery_codes_left(db: Session, user_id: str) -> int:
    query = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
    return int(db.exec(query.where(col(RecoveryCode.used_at).is_(None))).one())


def invitation(db: Session, invitation_id: str) -> Invitation | None:
    return db.get(Invitation, invitation_id, with_for_update=True, populate_existing=True)


def invitation_by_selector(db: Session, selector: str) -> Invitation | None:
    query = select(Invitation).where(Invitation.selector == selector).with_for_update()
    return db.exec(query.execution_options(populate_existing=True)).one_or_none()


def invitations_below(
    db: Session, zone_paths: Collection[str], since: datetime, *, before: str | None, limit: int | None
) -> Sequence[tuple[Invitation, Zone]]:
    """Those that are open, or ran out after `since`, newest first."""
    query = select(Invitation, Zone).join(Zone, col(Zone.id) == Invitation.zone_id).where(_below(zone_paths))
    query = query.where(col(Invitation.used_at).is_(None), col(Invitation.withdrawn_at).is_(None))
    if before is not None:
        query = query.where(col(Invitation.id) < before)
    return db.exec(query.where(Invitation.expires_at > since).order_by(col(Invitation.id).desc()).limit(limit)).all()


def drop_old_sessions(db: Session, now: datetime) -> None:
    db.execute(delete(WebSession).where(col(WebSession.expires_at) <= now))


def api_token(db: Session, token_sha256: str) -> tuple[ApiToken, User] | None:
    query = select(ApiToken, User).join(User, col(User.id) == ApiToken.user_id)
    return db.exec(query.where(ApiToken.token_sha256 == token_sha256)).one_or_none()


def tokens_of(db: Session, user_id: str) -> Sequence[ApiToken]:
    return db.exec(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id)).all()


def end_tokens_of(db: Session, user_id: str) -> None:
    db.execute(delete(ApiToken).where(col(ApiToken.user_id) == user_id))


def failures(db: Session, subject: str, since: datetime) -> list[datetime]:
    query = select(SignInAttempt.at).where(SignInAttempt.subject == subject, SignInAttempt.at > since)
    return list(db.exec(query.where(col(SignInAttempt.succeeded).is_(False))).all())


def signed_in_before(db: Session, subject: str, since: datetime) -> bool:
    query = select(SignInAttempt.id).where(SignInAttempt.subject == subject, SignInAttempt.at > since)
    return db.exec(query.where(col(SignInAttempt.succeeded).is_(True)).limit(1)).first() is not None


def forget_attempts(db: Session, attempt_ids: Collection[int]) -> None:
    db.execute(delete(SignInAttempt).where(col(SignInAttempt.id).in_(attempt_ids)))


def forget_failures(db: Session, subject: str) -> None:
    query = delete(SignInAttempt).where(col(SignInAttempt.subject) == subject)
    db.execute(query.where(col(SignInAttempt.succeeded).is_(False)))


def drop_old_attempts(db: Session, *, failed_before: datetime, succeeded_before: datetime) -> None:
    failed, at = col(SignInAttempt.succeeded).is_(False), col(SignInAttempt.at)
    db.execute(delete(SignInAttempt).where(or_(failed & (at <= failed_before), at <= succeeded_before)))


def said_since(db: Session, user_id: str, action: str, since: datetime, **said: str) -> bool:
    """Whether the record has an entry of this person and action, after `since`, whose detail has all of `said`."""
    query = select(AuditEntry.detail).where(AuditEntry.user_id == user_id, AuditEntry.action == action)
    return any(said.items() <= detail.items() for detail in db.exec(query.where(AuditEntry.at > since)))


def told_of(db: Session, action: str, subject: str, since: datetime) -> list[tuple[datetime, dict[str, Any]]]:
    """When the record has an entry of this action and subject after `since`, and its detail."""
    query = select(AuditEntry.at, AuditEntry.detail).where(AuditEntry.action == action, AuditEntry.subject == subject)
    return [(at, dict(detail)) for at, detail in db.exec(query.where(AuditEntry.at > since))]


def names_of(db: Session, user_ids: Collection[str]) -> dict[str, str]:
    return dict(db.exec(select(User.id, User.name).where(col(User.id).in_(user_ids))).all())


def other_administrators(db: Session, row: RoleGrant, at: datetime) -> int:
    """How many enabled people other than its holder have the role of `row` on the zone itself at that time."""
    query: Select[Any] = select(func.count(func.distinct(RoleGrant.user_id))).join(
        User, col(User.id) == RoleGrant.user_id
    )
    live = or_(col(RoleGrant.until).is_(None), col(RoleGrant.until) > at)
    query = query.where(
        col(RoleGrant.zone_id) == row.zone_id,
        col(RoleGrant.role) == row.role,
        col(RoleGrant.user_id) != row.user_id,
        col(User.disabled).is_(False),
        live,
    )
    return int(db.execute(query).scalar_one())


def _below(zone_paths: Collection[str]) -> ColumnElement[bool]:
    return _starts(Zone.path, zone_paths)


def _starts(path: str | None, prefixes: Collection[str]) -> ColumnElement[bool]:
    """The condition that a column begins with one of `prefixes`; with none of them it is false, not true."""
    return or_(false(), *(col(path).startswith(prefix) for prefix in prefixes))


def answer(db: Session, user_id: str, key: str) -> IdempotencyKey | None:
    return db.get(IdempotencyKey, (user_id, key), populate_existing=True)


def drop_old_answers(db: Session, before: datetime) -> None:
    db.execute(delete(IdempotencyKey).where(col(IdempotencyKey.created_at) <= before))


def confirm_session(db: Session, token_sha256: str) -> None:
    """The session counts as confirmed by a second factor from now on."""
    db.execute(update(WebSession).where(col(WebSession.token_sha256) == token_sha256).values(second_factor=True))
