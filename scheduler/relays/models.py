"""Relays of another station that come again and again at fixed times."""

from datetime import datetime

from sqlalchemy import Column, false
from sqlmodel import Field, SQLModel

from broadcast.wire.documents import BroadcastClass
from scheduler.store.types import Json, UtcDateTime, word_of


class Relay(SQLModel, table=True):
    """`starts_local`, `rrule`, `until_local`, `exdates` and `skip_holidays` are as those of a broadcast.

    `skipped` are single instants that were left out since it was approved, of the last day and to come.
    `state` is one of `scheduler.workflow`'s. While it is approved and not paused, `next_at` is when it is looked at
    next: its next occurrence, or sooner where the days off have changed.
    `fallback_id` is the announcement that is heard while the source is silent. Residents read of one that is `public`.
    `approved_for` are those as whose deputy the approver acted, `document_no` is the signed paper's.
    """

    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    title: str = Field(max_length=200)
    source_url: str = Field(max_length=500)
    fallback_id: str | None = Field(default=None, foreign_key="announcement.id", index=True)
    cls: BroadcastClass = Field(default=BroadcastClass.NORMAL, sa_type=word_of(BroadcastClass))
    limit_s: int
    state: str = Field(max_length=20, index=True)
    starts_local: str = Field(max_length=19)
    timezone: str = Field(max_length=64)
    rrule: str = Field(max_length=500)
    until_local: str = Field(max_length=19)
    exdates: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    skipped: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False, server_default="[]"))
    skip_holidays: bool = False
    public: bool = Field(default=True, sa_column_kwargs={"server_default": false()})
    author_id: str = Field(foreign_key="app_user.id", index=True)
    editor_ids: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    approver_id: str | None = Field(default=None, foreign_key="app_user.id")
    return_reason: str | None = Field(default=None, max_length=500)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    submitted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    approved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    approved_for: list[str] | None = Field(default=None, sa_column=Column(Json))
    document_no: str | None = Field(default=None, max_length=60)
    version: int = 1


class RelayTarget(SQLModel, table=True):
    """A zone or a group; exactly one of the two is set."""

    __tablename__ = "relay_target"
    id: int | None = Field(default=None, primary_key=True)
    relay_id: str = Field(foreign_key="relay.id", index=True)
    zone_id: str | None = Field(default=None, foreign_key="zone.id", index=True)
    group_id: str | None = Field(default=None, foreign_key="zone_group.id", index=True)


class RelayRun(SQLModel, table=True):
    """One occurrence that came, noted at `noted_at`; `zone_ids` are where it was to be heard.

    `talk_id` is the live talk made of it, None where none was: `trouble` says why. `left_out` are the names of the
    villages whose rules did not let it sound, `silent` has their ids with the rule, a `clashes.EffectKind`.
    """

    __tablename__ = "relay_run"
    relay_id: str = Field(foreign_key="relay.id", primary_key=True)
    due_at: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    noted_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    talk_id: str | None = Field(default=None, max_length=26, index=True)
    trouble: str | None = Field(default=None, max_length=40)
    zone_ids: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False, server_default="[]"))
    left_out: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    silent: dict[str, str] = Field(default_factory=dict, sa_column=Column(Json, nullable=False, server_default="{}"))
