"""What is said: an announcement and its recordings, one a language."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from scheduler.store.types import Json, UtcDateTime, word_of


class Source(StrEnum):
    TEXT = "text"
    FILE = "file"
    MICROPHONE = "microphone"


class RecordingState(StrEnum):
    QUEUED = "queued"
    PRODUCING = "producing"
    READY = "ready"
    FAILED = "failed"


class Announcement(SQLModel, table=True):
    """`editor_ids` are all who wrote, recorded or changed what it says, in those that it was copied from too."""

    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    title: str = Field(max_length=200)
    author_id: str = Field(foreign_key="app_user.id")
    editor_ids: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    copied_from_id: str | None = Field(default=None, max_length=26)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1


class Recording(SQLModel, table=True):
    """One language of an announcement, and the job that produces it.

    `job_id` is who produces it now and `job_seen_at` its last sign of life; a job that has gone quiet is queued again,
    up to a number of `attempts`. An `urgent` one goes before all others.
    """

    __table_args__ = (UniqueConstraint("announcement_id", "language"),)
    id: str = Field(primary_key=True, max_length=26)
    announcement_id: str = Field(foreign_key="announcement.id", index=True)
    language: str = Field(max_length=16)
    source: Source = Field(sa_type=word_of(Source))
    text: str | None = None
    voice: str | None = Field(default=None, max_length=80)
    speed: float = 1.0
    original_sha256: str | None = Field(default=None, max_length=64)
    original_name: str | None = Field(default=None, max_length=200)
    recipe: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    state: RecordingState = Field(default=RecordingState.QUEUED, sa_type=word_of(RecordingState), index=True)
    urgent: bool = False
    progress: float = 0.0
    attempts: int = 0
    job_id: str | None = Field(default=None, max_length=26)
    job_seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error_code: str | None = Field(default=None, max_length=40)
    warnings: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    sha256: str | None = Field(default=None, max_length=64, index=True)
    size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    duration_us: int | None = Field(default=None, sa_type=BigInteger)
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    produced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
