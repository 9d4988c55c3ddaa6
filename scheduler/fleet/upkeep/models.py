"""What looking after receivers leaves behind: their faults, what they measured, and what people in the villages say."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index, false, text
from sqlmodel import Field, SQLModel

from broadcast.wire.documents import MAX_FAULT_DETAIL
from scheduler.store.types import UtcDateTime

CODE_LETTERS = 40


class FaultRecord(SQLModel, table=True):
    """A fault of a receiver from its beginning until somebody reset it; `records` has the rules.

    `until` is when it was over, None while it holds; `times` is how often it began before it was reset. `held_since`
    is from when on it holds by the centre's clock, as `records.CALM` has it; `told_at` is when notices told of it last;
    who was told waits to hear that it is over as long as it is `told_open`.
    """

    __tablename__ = "fault_record"
    __table_args__ = (
        Index(
            "ix_fault_record_told_open",
            "until",
            sqlite_where=text("told_open IS 1"),
            postgresql_where=text("told_open IS TRUE"),
        ),
    )
    id: str = Field(primary_key=True, max_length=26)
    receiver_id: str = Field(foreign_key="receiver.id", index=True)
    code: str = Field(max_length=CODE_LETTERS)
    detail: str = Field(default="", max_length=MAX_FAULT_DETAIL)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    times: int = 1
    held_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    told_open: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    acknowledged_by: str | None = Field(default=None, max_length=26)
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    silenced_by: str | None = Field(default=None, max_length=26)
    silenced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reset_by: str | None = Field(default=None, max_length=26)
    reset_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class ReceiverSample(SQLModel, table=True):
    """What a receiver said of itself in the quarter of an hour that begins `at`; what it did not measure is None."""

    __tablename__ = "receiver_sample"
    receiver_id: str = Field(foreign_key="receiver.id", primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    signal_percent: float | None = None
    signal_dbm: float | None = None
    on_mains: bool | None = None
    battery_percent: float | None = None
    battery_v: float | None = None
    temperature_c: float | None = None
    level_dbfs: float | None = None
    month_bytes: int | None = Field(default=None, sa_type=BigInteger)


class ReceiverSampleDay(SQLModel, table=True):
    """What a receiver's samples of a local day come to; of `month_bytes` the most. It outlives them."""

    __tablename__ = "receiver_sample_day"
    receiver_id: str = Field(foreign_key="receiver.id", primary_key=True)
    day: date = Field(primary_key=True, index=True)
    samples: int
    signal_percent_min: float | None = None
    signal_percent_mean: float | None = None
    signal_percent_max: float | None = None
    signal_dbm_min: float | None = None
    signal_dbm_mean: float | None = None
    signal_dbm_max: float | None = None
    battery_percent_min: float | None = None
    battery_percent_mean: float | None = None
    battery_percent_max: float | None = None
    battery_v_min: float | None = None
    battery_v_mean: float | None = None
    battery_v_max: float | None = None
    temperature_c_min: float | None = None
    temperature_c_mean: float | None = None
    temperature_c_max: float | None = None
    level_dbfs_min: float | None = None
    level_dbfs_mean: float | None = None
    level_dbfs_max: float | None = None
    month_bytes: int | None = Field(default=None, sa_type=BigInteger)


class VillageReport(SQLModel, table=True):
    """What a village helper says is wrong; open until somebody of the staff closes it."""

    __tablename__ = "village_report"
    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    receiver_id: str | None = Field(default=None, foreign_key="receiver.id", index=True)
    text: str = Field(max_length=1000)
    reported_by: str = Field(max_length=26)
    reported_at: datetime = Field(sa_type=UtcDateTime)
    closed_by: str | None = Field(default=None, max_length=26)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    answer: str = Field(default="", max_length=1000)


class HeardConfirmation(SQLModel, table=True):
    """What one person in a village says of one airing: `heard` or not. The last word counts."""

    __tablename__ = "heard_confirmation"
    airing_id: str = Field(primary_key=True, max_length=96)
    zone_id: str = Field(foreign_key="zone.id", primary_key=True, index=True)
    user_id: str = Field(foreign_key="app_user.id", primary_key=True)
    heard: bool
    at: datetime = Field(sa_type=UtcDateTime)
