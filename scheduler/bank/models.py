"""The message bank: what every receiver holds ahead of time."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel

from scheduler.announcements.models import RecordingState
from scheduler.store.types import Json, UtcDateTime, word_of


class BankSource(StrEnum):
    TONE = "tone"
    TEXT = "text"
    RECORDING = "recording"


class BankEntry(SQLModel, table=True):
    """One revision of a message; `id` is `name.revision`. Nothing of it changes but `dropped_at`.

    `siren` is the name of the tone that goes before it, as a suggestion. `made_by` is None for what comes with Loa.
    `dropped_at` is when it left the receivers: a newer revision is there and no order names this one.
    """

    __tablename__ = "bank_entry"
    id: str = Field(primary_key=True, max_length=48)
    name: str = Field(max_length=40, index=True)
    revision: int
    titles: dict[str, str] = Field(sa_column=Column(Json, nullable=False))
    siren: str | None = Field(default=None, max_length=40)
    made_by: str | None = Field(default=None, max_length=26)
    made_at: datetime = Field(sa_type=UtcDateTime)
    dropped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BankMedia(SQLModel, table=True):
    """One language of an entry, and the job that produces it.

    `text` is what is said without what frames a drill; of a tone, its name. `original_sha256` is what was sent.
    `claimed_at` is when its job was taken, and once that is done when it was. An `error_code` is of the last try that
    failed: it stays while it is tried again. `voice` is the id of the one that reads the text; None of the one that is
    always there, or where that was not kept yet.
    """

    __tablename__ = "bank_media"
    entry_id: str = Field(foreign_key="bank_entry.id", primary_key=True)
    language: str = Field(max_length=16, primary_key=True)
    source: BankSource = Field(sa_type=word_of(BankSource))
    text: str | None = None
    original_sha256: str | None = Field(default=None, max_length=64)
    original_name: str | None = Field(default=None, max_length=200)
    state: RecordingState = Field(default=RecordingState.QUEUED, sa_type=word_of(RecordingState), index=True)
    attempts: int = 0
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    voice: str | None = Field(default=None, max_length=300)
    error_code: str | None = Field(default=None, max_length=40)
    sha256: str | None = Field(default=None, max_length=64, index=True)
    size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    duration_us: int | None = Field(default=None, sa_type=BigInteger)
