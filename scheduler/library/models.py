"""How long recordings are kept where, what was deleted of them, and files that are still to be deleted."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel

from scheduler.announcements.models import Category
from scheduler.store.types import Json, UtcDateTime, word_of


class RetentionRule(SQLModel, table=True):
    """Announcements of `zone_id` and below (of all categories where none is named) are kept for `keep_days`.

    Nothing is deleted by a rule that is not `in_force`: it was only tried.
    """

    __tablename__ = "retention_rule"
    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    category: Category | None = Field(default=None, sa_type=word_of(Category))
    keep_days: int
    in_force: bool = False
    set_by: str = Field(foreign_key="app_user.id")
    version: int = 1


class RetentionRun(SQLModel, table=True):
    """One night. Bytes are of files that were deleted, and of what lay in the two stores afterwards."""

    __tablename__ = "retention_run"
    id: str = Field(primary_key=True, max_length=26)
    began_at: datetime = Field(sa_type=UtcDateTime, index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    announcement_ids: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    files: int = 0
    freed_bytes: int = Field(default=0, sa_type=BigInteger)
    media_bytes: int = Field(default=0, sa_type=BigInteger)
    originals_bytes: int = Field(default=0, sa_type=BigInteger)


class Shelf(StrEnum):
    MEDIA = "media"
    ORIGINALS = "originals"


class DoomedFile(SQLModel, table=True):
    """A file that nothing referred to when its recording was deleted; it is looked at again before it goes."""

    __tablename__ = "doomed_file"
    shelf: Shelf = Field(sa_type=word_of(Shelf), primary_key=True)
    sha256: str = Field(primary_key=True, max_length=64)
    since: datetime = Field(sa_type=UtcDateTime)
