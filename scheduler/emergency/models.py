"""Emergencies, drills and tests as they were asked for and sent; what became of them; where STOP ALL was said."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel

from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.store.types import Json, UtcDateTime, word_of


class EmergencyOrder(SQLModel, table=True):
    """`parts` are as in `OrderIn`, texts as they are spoken. None is ever edited: another is asked for instead.

    `state` is one of `scheduler.emergency.life`'s. Asked, it is confirmed before `lapses_at`. It sounds until
    `until_at`, or for `minutes` once it begins. `zone_path` is the path of the zone that all its targets lie in, None
    where there is none. `corrects_id` is the order that this one takes back.
    """

    __tablename__ = "emergency_order"
    id: str = Field(primary_key=True, max_length=26)
    purpose: Purpose = Field(sa_type=word_of(Purpose))
    state: str = Field(max_length=20, index=True)
    zone_path: str | None = Field(default=None, max_length=460)
    parts: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    every_s: int = 0
    minutes: int | None = None
    until_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    reason: str = Field(max_length=500)
    author_id: str | None = Field(default=None, foreign_key="app_user.id", index=True)
    confirmer_id: str | None = Field(default=None, foreign_key="app_user.id")
    ender_id: str | None = Field(default=None, foreign_key="app_user.id")
    corrects_id: str | None = Field(default=None, foreign_key="emergency_order.id", index=True)
    asked_at: datetime = Field(sa_type=UtcDateTime, index=True)
    lapses_at: datetime = Field(sa_type=UtcDateTime)
    issued_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    start_us: int | None = Field(default=None, sa_type=BigInteger)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1


class OrderTarget(SQLModel, table=True):
    """A zone that hears the order, with all below it, as it was when asked; `group_id` where a group named it.

    `ended_at` is when it was taken back there before its time.
    """

    __tablename__ = "emergency_target"
    order_id: str = Field(foreign_key="emergency_order.id", primary_key=True)
    zone_id: str = Field(foreign_key="zone.id", primary_key=True, index=True)
    group_id: str | None = Field(default=None, foreign_key="zone_group.id", index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OrderSound(SQLModel, table=True):
    """The sound of the part at `place`: a text as it was spoken, or a recording as it was when it was asked for.

    `feed` is a `broadcast.wire.now.Feed` from which it can be heard before it is fetched whole. Whoever speaks it has
    `job_id` and showed a sign of life at `alive_at`.
    """

    __tablename__ = "emergency_sound"
    order_id: str = Field(foreign_key="emergency_order.id", primary_key=True)
    place: int = Field(primary_key=True)
    state: RecordingState = Field(default=RecordingState.QUEUED, sa_type=word_of(RecordingState), index=True)
    attempts: int = 0
    error_code: str | None = Field(default=None, max_length=40)
    language: str = Field(max_length=16)
    sha256: str | None = Field(default=None, max_length=64, index=True)
    size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    duration_us: int | None = Field(default=None, sa_type=BigInteger)
    feed: dict[str, Any] | None = Field(default=None, sa_column=Column(Json))
    job_id: str | None = Field(default=None, max_length=26)
    alive_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OrderProgressRow(SQLModel, table=True):
    """What a receiver last said of an order, or of a live session; `sounding_at` is its first sample at the horn."""

    __tablename__ = "order_progress"
    order_id: str = Field(primary_key=True, max_length=64)
    receiver_id: str = Field(foreign_key="receiver.id", primary_key=True, index=True)
    received_at: datetime = Field(sa_type=UtcDateTime)
    sounding_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    level_dbfs: float | None = None
    microphone: str | None = Field(default=None, max_length=20)
    reason: str = Field(default="", max_length=80)
    told_at: datetime = Field(sa_type=UtcDateTime, index=True)


class ZoneStop(SQLModel, table=True):
    """Whatever documents of this zone let begin before `stop_us` is over."""

    __tablename__ = "zone_stop"
    zone_id: str = Field(foreign_key="zone.id", primary_key=True)
    stop_us: int = Field(sa_type=BigInteger)
    stopped_by: str | None = Field(default=None, foreign_key="app_user.id")
