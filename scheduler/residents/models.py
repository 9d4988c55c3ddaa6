"""What residents may read and hear, as it was approved, and what they write back."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from scheduler.store.types import Json, UtcDateTime, word_of


class Publication(SQLModel, table=True):
    """What an airing says: `recordings` are `scheduler.residents.publishing.Said`, in the order they were made.

    Its `id` is a hash of all that, so that what is said again is the same publication. It is never changed: an
    announcement may be edited once its broadcast is over, and nobody has approved that.
    """

    id: str = Field(primary_key=True, max_length=26)
    title: str = Field(max_length=200)
    recordings: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)


class Subject(StrEnum):
    NOT_HEARD = "not_heard"
    LOUDNESS = "loudness"
    CONTENT = "content"
    OTHER = "other"


class FeedbackState(StrEnum):
    NEW = "new"
    ANSWERED = "answered"


class Feedback(SQLModel, table=True):
    """What a resident of a zone wrote; `name` and `phone` only where they were given.

    `sender` is a hash of the address it came from, forgotten after a day: it only bounds how much one may send.
    `note` is what was done about it.
    """

    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    about: Subject = Field(sa_type=word_of(Subject))
    text: str = Field(max_length=2000)
    name: str | None = Field(default=None, max_length=80)
    phone: str | None = Field(default=None, max_length=40)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    sender: str | None = Field(default=None, max_length=40, index=True)
    state: FeedbackState = Field(default=FeedbackState.NEW, sa_type=word_of(FeedbackState), index=True)
    note: str | None = Field(default=None, max_length=1000)
    answered_by: str | None = Field(default=None, foreign_key="app_user.id")
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1
