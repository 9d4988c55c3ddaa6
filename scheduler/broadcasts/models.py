"""An announcement placed in time and zones, and the airings that came of it."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, false, true
from sqlmodel import Field, SQLModel

from broadcast.wire.documents import AfterCut, BroadcastClass, Late
from scheduler.store.types import Json, UtcDateTime, word_of


class Broadcast(SQLModel, table=True):
    """`starts_local` is wall time in `timezone` (ISO 8601 without offset); `rrule` repeats it there (RFC 5545).

    `zone_id` is the zone in whose name it is sent; the targets are in `BroadcastTarget`. `state` is one of
    `scheduler.workflow`'s. `approver_id` is empty where the zone needs no approval for the class. An `immediate` one
    has no `starts_local` until it is approved and its sound is ready. `editor_ids` are all who wrote or changed it,
    and from its submission on those who wrote what it says. What is `public` is shown to residents once it is approved.
    `planned_until` is how far its airings are recorded as `PlannedAiring`.

    `approved_for` are those as whose deputy the approver acted. `asked_local` is the time that was asked for where the
    approver chose another, "now" for an immediate one. `document_no` is the signed paper's, `document_key` what it is
    found by.
    """

    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    announcement_id: str = Field(foreign_key="announcement.id", index=True)
    cls: BroadcastClass = Field(default=BroadcastClass.NORMAL, sa_type=word_of(BroadcastClass))
    origin: str = Field(default="commune", max_length=20)
    order: int = Field(default=0, sa_column=Column("play_order", BigInteger, nullable=False))
    state: str = Field(max_length=20, index=True)
    immediate: bool = False
    starts_local: str | None = Field(default=None, max_length=19)
    timezone: str = Field(max_length=64)
    rrule: str | None = Field(default=None, max_length=500)
    exdates: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    until_local: str | None = Field(default=None, max_length=19)
    skip_holidays: bool = False
    late: Late = Field(default=Late.JOIN, sa_type=word_of(Late))
    after_cut: AfterCut = Field(default=AfterCut.TIMELINE, sa_type=word_of(AfterCut))
    window_s: int = 0
    public: bool = Field(default=True, sa_column_kwargs={"server_default": false()})
    author_id: str = Field(foreign_key="app_user.id", index=True)
    editor_ids: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    approver_id: str | None = Field(default=None, foreign_key="app_user.id")
    return_reason: str | None = Field(default=None, max_length=500)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    submitted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    approved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    planned_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    approved_for: list[str] | None = Field(default=None, sa_column=Column(Json))
    asked_local: str | None = Field(default=None, max_length=19)
    document_no: str | None = Field(default=None, max_length=60)
    document_key: str | None = Field(default=None, max_length=60, index=True)
    version: int = 1

    def unsaved_copy(self) -> "Broadcast":
        """The same in a row of its own that no session knows; `cls` cannot be given to a model's constructor."""
        copy = Broadcast(**self.model_dump(exclude={"cls"}))
        copy.cls = self.cls
        return copy


class BroadcastTarget(SQLModel, table=True):
    """A zone or a group; exactly one of the two is set."""

    id: int | None = Field(default=None, primary_key=True)
    broadcast_id: str = Field(foreign_key="broadcast.id", index=True)
    zone_id: str | None = Field(default=None, foreign_key="zone.id", index=True)
    group_id: str | None = Field(default=None, foreign_key="zone_group.id", index=True)


class PlannedAiring(SQLModel, table=True):
    """An airing as it was last published: the record of the plan that reports are held against.

    `publication_id` is what residents may know of it, None where they may know nothing. `announcement_id` is what it
    says, whatever its broadcast says by now. `has_sound` is whether there was any before it was over: without, it was
    heard nowhere.
    """

    id: str = Field(primary_key=True, max_length=96)
    broadcast_id: str = Field(foreign_key="broadcast.id", index=True)
    start_at: datetime = Field(sa_type=UtcDateTime, index=True)
    end_at: datetime = Field(sa_type=UtcDateTime, index=True)
    zone_ids: list[str] = Field(sa_column=Column(Json, nullable=False))
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    publication_id: str | None = Field(default=None, max_length=26)
    announcement_id: str | None = Field(default=None, max_length=26, index=True)
    has_sound: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
