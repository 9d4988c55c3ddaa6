"""What is said: an announcement and its recordings, one a language."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, UniqueConstraint, event
from sqlmodel import Field, SQLModel

from scheduler.announcements import finding
from scheduler.store.types import Json, UtcDateTime, word_of


class Source(StrEnum):
    TEXT = "text"
    FILE = "file"
    MICROPHONE = "microphone"
    PARTS = "parts"  # other announcements, one after the other


class RecordingState(StrEnum):
    QUEUED = "queued"
    PRODUCING = "producing"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"  # its sound was kept long enough; what it said stays


class Category(StrEnum):
    """What an announcement is about."""

    NEWS = "news"
    NOTICE = "notice"
    FARMING = "farming"
    HEALTH = "health"
    SCHOOL = "school"
    CULTURE = "culture"
    SAFETY = "safety"
    DISASTER = "disaster"
    UTILITIES = "utilities"
    OTHER = "other"


class Announcement(SQLModel, table=True):
    """`editor_ids` are all who wrote, recorded or changed what it says, in those that it was copied from too.

    `changed_at` is when what it says, or its title, was changed last; None since it was made. `words` is what its title
    and tags are found by; each recording has its own.
    """

    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    title: str = Field(max_length=200)
    author_id: str = Field(foreign_key="app_user.id")
    editor_ids: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    copied_from_id: str | None = Field(default=None, max_length=26)
    category: Category | None = Field(default=None, sa_type=word_of(Category))
    tags: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False, server_default="[]"))
    words: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
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
    words: str | None = None
    voice: str | None = Field(default=None, max_length=80)
    speed: float = 1.0
    original_sha256: str | None = Field(default=None, max_length=64, index=True)
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


class RecordingPart(SQLModel, table=True):
    """What a recording of the source PARTS is put together from; `part_id` is a recording of another announcement."""

    __tablename__ = "recording_part"
    recording_id: str = Field(foreign_key="recording.id", primary_key=True, ondelete="CASCADE")
    place: int = Field(primary_key=True)
    part_id: str = Field(max_length=26, index=True)


@event.listens_for(Announcement, "before_insert")
@event.listens_for(Announcement, "before_update")
def _announcement_words(_mapper: object, _connection: Connection, row: Announcement) -> None:
    row.words = finding.words_of(row.title, row.tags)


@event.listens_for(Recording, "before_insert")
@event.listens_for(Recording, "before_update")
def _recording_words(_mapper: object, _connection: Connection, row: Recording) -> None:
    row.words = finding.words_of(row.text) if row.text else None
