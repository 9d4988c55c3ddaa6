"""How long what is kept where, and what was let go."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel

from scheduler.announcements.models import Category
from scheduler.retention.choosing import Subject
from scheduler.store.types import Json, UtcDateTime, word_of


class RetentionRule(SQLModel, table=True):
    """What is kept of `subject` in `zone_id` and below, of announcements only those of one sort.

    That is `category` or `tag` (in small letters), if one is set. `days` is what is in force, None where nothing is;
    `asked_days` what somebody asked for and nobody has put in force, both with `choosing.ALWAYS` for good. A rule that
    ended is gone.
    """

    __tablename__ = "retention_rule"
    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    subject: Subject = Field(sa_type=word_of(Subject))
    category: Category | None = Field(default=None, sa_type=word_of(Category))
    tag: str | None = Field(default=None, max_length=40)
    days: int | None = None
    asked_days: int | None = None
    set_by: str = Field(foreign_key="app_user.id")
    set_at: datetime = Field(sa_type=UtcDateTime)
    in_force_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1


class RetentionRun(SQLModel, table=True):
    """One night. `results` are `choosing.Result`s as builtins, of every rule that let something go.

    Whoever does it has it until `claimed_until`. `files` and `freed_bytes` are of sound files that nothing named.
    """

    __tablename__ = "retention_run"
    day: date = Field(primary_key=True)
    began_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_until: datetime = Field(sa_type=UtcDateTime)
    results: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    files: int = 0
    freed_bytes: int = Field(default=0, sa_type=BigInteger)
