"""What people and programs are told, from the act that it tells of until it is delivered."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from scheduler.store.types import Json, UtcDateTime, word_of


class Kind(StrEnum):
    WAITING = "waiting"  # somebody is to approve it
    APPROVED = "approved"
    RETIMED = "retimed"  # approved for another time than was asked for
    RETURNED = "returned"
    CANCELLED = "cancelled"
    NO_SOUND = "no_sound"  # of what was approved none could be produced: it will not be heard
    FAULT = "fault"  # of a receiver, since longer than is set
    FAULT_OVER = "fault_over"  # of which was told
    EMERGENCY = "emergency"  # issued
    EMERGENCY_OVER = "emergency_over"
    DIGEST = "digest"  # what was not heard yesterday
    TRIAL = "trial"  # whether it arrives at all


class Channel(StrEnum):
    MAIL = "mail"
    HOOK = "hook"


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    GIVEN_UP = "given_up"


class NoticeEvent(SQLModel, table=True):
    """Something to be told, written in the transaction in which it happened; gone once it is known whom to tell."""

    __tablename__ = "notice_event"
    id: int | None = Field(default=None, primary_key=True)
    kind: Kind = Field(sa_type=word_of(Kind))
    subject: str = Field(max_length=120)
    zone_path: str = Field(max_length=460)
    by_id: str | None = Field(default=None, max_length=26)
    at: datetime = Field(sa_type=UtcDateTime)
    data: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))


class Notice(SQLModel, table=True):
    """One thing to tell one person or one program. `key` says what and whom, so that it is told once.

    `trouble` is why the last try failed. `begun_at` is of the try that is going on.
    """

    id: str = Field(primary_key=True, max_length=26)
    key: str = Field(max_length=200, unique=True)
    channel: Channel = Field(sa_type=word_of(Channel))
    user_id: str | None = Field(default=None, foreign_key="app_user.id", index=True)
    hook_id: str | None = Field(default=None, foreign_key="webhook.id", index=True)
    kind: Kind = Field(sa_type=word_of(Kind))
    subject: str = Field(max_length=120)
    zone_path: str = Field(max_length=460)
    at: datetime = Field(sa_type=UtcDateTime)
    data: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    state: NoticeState = Field(default=NoticeState.WAITING, sa_type=word_of(NoticeState), index=True)
    tries: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    next_at: datetime = Field(sa_type=UtcDateTime)
    begun_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    trouble: str | None = Field(default=None, max_length=300)


class NoticeChoice(SQLModel, table=True):
    """Where a person gets mail, and of which `kinds`; without a row, none."""

    __tablename__ = "notice_choice"
    user_id: str = Field(foreign_key="app_user.id", primary_key=True)
    address: str = Field(max_length=254)
    kinds: list[str] = Field(sa_column=Column(Json, nullable=False))


class Webhook(SQLModel, table=True):
    """A program that is told of `kinds` in `zone_id` and below; `secret` is the HMAC key that both hold."""

    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    name: str = Field(max_length=120)
    url: str = Field(max_length=500)
    secret: str = Field(max_length=64)
    kinds: list[str] = Field(sa_column=Column(Json, nullable=False))
    created_by: str = Field(max_length=26)
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
