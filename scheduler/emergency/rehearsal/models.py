"""The weekly test of a zone's receivers, and what came of each."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from scheduler.store.types import Json, UtcDateTime


class Rehearsal(SQLModel, table=True):
    """When the receivers of a zone and below are tested: `weekday` (Monday 0) at `minute` of the zone's local day.

    `silent` asks each for the self-test that nobody hears; else the bank's test announcement sounds, in the name of
    `set_by`.
    """

    zone_id: str = Field(foreign_key="zone.id", primary_key=True)
    weekday: int
    minute: int
    silent: bool
    set_by: str = Field(foreign_key="app_user.id")
    next_at: datetime = Field(sa_type=UtcDateTime, index=True)
    version: int = 1


class RehearsalRun(SQLModel, table=True):
    """One test. `receiver_ids` are those that were to answer, `results` what was found of each once it is closed.

    `trouble` is why it did not take place.
    """

    __tablename__ = "rehearsal_run"
    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    due_at: datetime = Field(sa_type=UtcDateTime)
    began_at: datetime = Field(sa_type=UtcDateTime)
    silent: bool
    receiver_ids: list[str] = Field(sa_column=Column(Json, nullable=False))
    order_id: str | None = Field(default=None, max_length=26)
    closes_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    results: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    trouble: str | None = Field(default=None, max_length=80)
