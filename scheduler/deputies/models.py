"""Who approves in whose place."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from scheduler.store.types import UtcDateTime


class Deputy(SQLModel, table=True):
    """`deputy_id` approves for `principal_id` in `zone_id` and below, until `until` or until it was ended before.

    It counts only as long as the principal may approve there; `named_by` is the principal or an administrator.
    """

    id: str = Field(primary_key=True, max_length=26)
    principal_id: str = Field(foreign_key="app_user.id", index=True)
    deputy_id: str = Field(foreign_key="app_user.id", index=True)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    until: datetime = Field(sa_type=UtcDateTime)
    named_by: str = Field(max_length=26)
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
