"""Who may do what, and what they did."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field, SQLModel

from scheduler.store.types import Json, UtcDateTime


class User(SQLModel, table=True):
    """`must_change_password` holds after a one-time first password; nothing else can be done until it is changed.

    `zone_id` is where the account belongs: who administers people there may manage it. An account without one is
    managed from the machine's command line.
    """

    __tablename__ = "app_user"
    id: str = Field(primary_key=True, max_length=26)
    login: str = Field(unique=True, max_length=80)
    name: str = Field(max_length=120)
    zone_id: str | None = Field(default=None, foreign_key="zone.id", index=True)
    password_hash: str
    must_change_password: bool = True
    totp_secret: str | None = None
    totp_confirmed: bool = False
    totp_last_step: int = 0
    language: str = Field(default="vi", max_length=8)
    phone: str | None = Field(default=None, max_length=40)
    disabled: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1


class RoleGrant(SQLModel, table=True):
    """`role` for the whole subtree of `zone_id`, until `until` if that is set."""

    id: str = Field(primary_key=True, max_length=26)
    user_id: str = Field(foreign_key="app_user.id", index=True)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    role: str = Field(max_length=20)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WebSession(SQLModel, table=True):
    """A sign-in; only the SHA-256 of the cookie's value is kept.

    `address` and `device` (a browser's name for itself) are for the person to recognise it by.
    """

    token_sha256: str = Field(primary_key=True, max_length=64)
    user_id: str = Field(foreign_key="app_user.id", index=True)
    csrf_token: str = Field(max_length=64)
    second_factor: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    address: str | None = Field(default=None, max_length=64)
    device: str | None = Field(default=None, max_length=300)


class RecoveryCode(SQLModel, table=True):
    """Stands once for a code of the second factor. It has 79 random bits, so its SHA-256 cannot be turned round."""

    __tablename__ = "recovery_code"
    id: int | None = Field(default=None, primary_key=True)
    user_id: str = Field(foreign_key="app_user.id", index=True)
    sha256: str = Field(max_length=64)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Invitation(SQLModel, table=True):
    """A place kept for somebody: the code's first letters (`selector`) find it, the others are kept hashed (argon2).

    `roles` are what the person gets: `zone_id`, `role` and `until` (ISO 8601, or null). `tries_left` counts wrong
    codes down. `by_id` is who invited, None for Loa's own command line.
    """

    id: str = Field(primary_key=True, max_length=26)
    selector: str = Field(unique=True, max_length=8)
    code_hash: str
    tries_left: int
    name: str = Field(max_length=120)
    phone: str | None = Field(default=None, max_length=40)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    roles: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    by_id: str | None = Field(default=None, foreign_key="app_user.id")
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    user_id: str | None = Field(default=None, foreign_key="app_user.id")


class ApiToken(SQLModel, table=True):
    """A bearer token for scripts; it can never do more than its user. `scope` is a list of actions."""

    id: str = Field(primary_key=True, max_length=26)
    token_sha256: str = Field(unique=True, max_length=64)
    user_id: str = Field(foreign_key="app_user.id", index=True)
    name: str = Field(max_length=120)
    scope: list[str] = Field(sa_column=Column(Json, nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class SignInAttempt(SQLModel, table=True):
    """A sign-in tried: failed ones slow the next down, a succeeded one makes its address known for the login."""

    id: int | None = Field(default=None, primary_key=True)
    subject: str = Field(index=True, max_length=120)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    succeeded: bool = False


class AuditEntry(SQLModel, table=True):
    """Who did what to what, when. Rows are only ever added.

    `number` and `sha256` are its place in the chain (`scheduler.people.chain`), given when its transaction ends.
    `words` are what it is found by, all of them from the row itself. What has been done, and by whom, is read from an
    index.
    """

    __table_args__ = (Index("ix_auditentry_said", "action", "user_id", "zone_path", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    user_id: str | None = Field(default=None, max_length=26, index=True)
    action: str = Field(max_length=60)
    subject: str = Field(max_length=120)
    zone_path: str | None = Field(default=None, max_length=460)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    number: int | None = Field(default=None, sa_type=BigInteger, unique=True)
    sha256: str | None = Field(default=None, max_length=64)
    words: str | None = None


class IdempotencyKey(SQLModel, table=True):
    """The answer given to a creation, so that a repeated request gets the same one and creates nothing."""

    user_id: str = Field(primary_key=True, max_length=26)
    key: str = Field(primary_key=True, max_length=120)
    request_sha256: str = Field(max_length=64)
    status: int
    body: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)
