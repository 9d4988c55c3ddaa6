"""The book of what was planned and what was heard, and who is told of it each morning."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, Index, false, text
from sqlmodel import Field, SQLModel

from broadcast.wire.documents import BroadcastClass
from scheduler.reports.figures import Kind
from scheduler.store.types import Json, UtcDateTime, word_of


class ReportAiring(SQLModel, table=True):
    """What was to sound, as it was when it began: `id` is the airing's, an order's or a live talk's.

    `day` is the local day of its planned start, so that what runs past midnight counts once. `duration_us` is what one
    receiver was asked to play, up to `stopped_at` where people stopped it; 0 for orders, whose length nobody plans.
    `unit_ids` are the units of its lines. From `due_at` on a missing report is a miss; then it is `settled`, and
    reports that come later still count. `reason` is why it sounded nowhere though it was due, `silent` why it was left
    out in some villages, by their ids.
    """

    __tablename__ = "report_airing"
    __table_args__ = (Index("ix_report_airing_start", "start_at", "id"),)
    id: str = Field(primary_key=True, max_length=96)
    broadcast_id: str = Field(max_length=64, index=True)
    kind: Kind = Field(sa_type=word_of(Kind))
    cls: BroadcastClass = Field(default=BroadcastClass.NORMAL, sa_type=word_of(BroadcastClass))
    title: str = Field(max_length=200)
    day: date = Field(index=True)
    start_at: datetime = Field(sa_type=UtcDateTime)
    duration_us: int = Field(sa_type=BigInteger)
    zone_ids: list[str] = Field(sa_column=Column(Json, nullable=False))
    unit_ids: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    settled: bool = Field(default=False, index=True)
    reason: str | None = Field(default=None, max_length=40)
    silent: dict[str, str] = Field(default_factory=dict, sa_column=Column(Json, nullable=False, server_default="{}"))


class ReportLine(SQLModel, table=True):
    """An airing in one village: `figures.Figures` of the receivers that were to play it, fixed when it began.

    `reason` is the commonest of `missed_by`, which counts receivers by why they missed it. `unit_id` is the commune
    that the village stood in on that day, or the village itself where it stood in none.
    """

    __tablename__ = "report_line"
    __table_args__ = (
        Index("ix_report_line_day_unit", "day", "unit_id"),
        Index("ix_report_line_zone_day", "zone_id", "day"),
        Index(
            "ix_report_line_missed",
            *("day", "reason", "missed", "kind", "settled", "zone_id"),
            sqlite_where=text("reason IS NOT NULL"),
            postgresql_where=text("reason IS NOT NULL"),
        ),
    )
    airing_id: str = Field(foreign_key="report_airing.id", primary_key=True)
    zone_id: str = Field(foreign_key="zone.id", primary_key=True)
    unit_id: str = Field(foreign_key="zone.id")
    day: date
    kind: Kind = Field(sa_type=word_of(Kind))
    receiver_ids: list[str] = Field(sa_column=Column(Json, nullable=False))
    receivers: int = 0
    fetched: int = 0
    started: int = 0
    heard: int = 0
    microphones: int = 0
    missed: int = 0
    reason: str | None = Field(default=None, max_length=80)
    missed_by: dict[str, int] = Field(default_factory=dict, sa_column=Column(Json, nullable=False))
    error_us: int | None = Field(default=None, sa_type=BigInteger)
    level_dbfs: float | None = None
    microphone_dbfs: float | None = None
    requested_us: int = Field(default=0, sa_type=BigInteger)
    played_us: int = Field(default=0, sa_type=BigInteger)
    settled: bool = False


class ReportDay(SQLModel, table=True):
    """`figures.Sums` of the settled lines of one unit on one day, written together with them.

    `error_us` is kept as the latest and the earliest start. Of a `closed` one lines may be gone: its sums stay.
    """

    __tablename__ = "report_day"
    __table_args__ = (
        Index(
            "ix_report_day_closed",
            *("unit_id", "day"),
            sqlite_where=text("closed IS 1"),
            postgresql_where=text("closed IS TRUE"),
        ),
    )
    day: date = Field(primary_key=True)
    unit_id: str = Field(foreign_key="zone.id", primary_key=True)
    airings: int
    heard: int
    partly: int
    plays: int
    plays_fetched: int
    plays_started: int
    plays_heard: int
    plays_missed: int
    emergencies: int
    emergencies_heard: int
    requested_us: int = Field(sa_type=BigInteger)
    played_us: int = Field(sa_type=BigInteger)
    latest_us: int | None = Field(default=None, sa_type=BigInteger)
    earliest_us: int | None = Field(default=None, sa_type=BigInteger)
    closed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class ReportBook(SQLModel, table=True):
    """How far the book is kept: one row. Whoever keeps it has it until `claimed_until`."""

    __tablename__ = "report_book"
    id: int = Field(default=1, primary_key=True)
    opened_until: datetime = Field(sa_type=UtcDateTime)
    reported_until: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime = Field(sa_type=UtcDateTime)


class ReportSubscription(SQLModel, table=True):
    """Who wants to be told each morning what was not heard in a zone; `sent_day` is the last day that was told."""

    __tablename__ = "report_subscription"
    user_id: str = Field(foreign_key="app_user.id", primary_key=True)
    zone_id: str = Field(foreign_key="zone.id", primary_key=True)
    since: datetime = Field(sa_type=UtcDateTime)
    sent_day: date | None = None
