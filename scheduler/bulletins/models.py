"""Daily bulletins: a template with named slots, and what an editor fills them with for one day and time."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, UniqueConstraint, true
from sqlmodel import Field, SQLModel

from broadcast.wire.documents import BroadcastClass
from scheduler.store.types import Json, UtcDateTime, word_of


class Bulletin(SQLModel, table=True):
    """`slots` are `scheduler.bulletins.schemas.Slot`, in the order in which they are heard.

    It comes at each of `times` (`05:00`, by the clock of `zone_id`) on `weekdays` (Monday 0). `opening`, `between` and
    `closing` are chimes. Of a `public` one, residents are shown each edition once it is approved.
    """

    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    name: str = Field(max_length=200)
    slots: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    times: list[str] = Field(sa_column=Column(Json, nullable=False))
    weekdays: list[int] = Field(sa_column=Column(Json, nullable=False))
    skip_holidays: bool = False
    cls: BroadcastClass = Field(default=BroadcastClass.NORMAL, sa_type=word_of(BroadcastClass))
    opening: str | None = Field(default=None, max_length=20)
    between: str | None = Field(default=None, max_length=20)
    closing: str | None = Field(default=None, max_length=20)
    pause_ms: int = 1500
    public: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    author_id: str = Field(foreign_key="app_user.id")
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1


class BulletinTarget(SQLModel, table=True):
    """A zone or a group in which it is heard; exactly one of the two is set."""

    __tablename__ = "bulletin_target"
    id: int | None = Field(default=None, primary_key=True)
    bulletin_id: str = Field(foreign_key="bulletin.id", index=True)
    zone_id: str | None = Field(default=None, foreign_key="zone.id", index=True)
    group_id: str | None = Field(default=None, foreign_key="zone_group.id", index=True)


class BulletinEdition(SQLModel, table=True):
    """One day and time of a bulletin. `filled` is the announcement of each slot by its key.

    `announcement_id` and `broadcast_id` are what was made of it when it was sent last, `sent` what was filled then.
    """

    __tablename__ = "bulletin_edition"
    __table_args__ = (UniqueConstraint("bulletin_id", "day", "at"),)
    id: str = Field(primary_key=True, max_length=26)
    bulletin_id: str = Field(foreign_key="bulletin.id", index=True)
    day: date = Field(index=True)
    at: str = Field(max_length=5)
    filled: dict[str, str] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    sent: dict[str, str] | None = Field(default=None, sa_column=Column(Json))
    announcement_id: str | None = Field(default=None, foreign_key="announcement.id")
    broadcast_id: str | None = Field(default=None, foreign_key="broadcast.id", index=True)
    version: int = 1
