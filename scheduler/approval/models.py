"""What approvers were shown of a broadcast, each time that it was sent to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from scheduler.store.types import Json, UtcDateTime


class BroadcastEdition(SQLModel, table=True):
    """`says` is an `approval.differences.Edition` as builtins; `number` counts from 1."""

    __tablename__ = "broadcast_edition"
    broadcast_id: str = Field(foreign_key="broadcast.id", primary_key=True)
    number: int = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by_id: str = Field(max_length=26)
    says: dict[str, Any] = Field(sa_column=Column(Json, nullable=False))
