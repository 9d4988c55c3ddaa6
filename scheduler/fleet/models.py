"""The receivers, what they say of themselves, what they measured, and what was told them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, false
from sqlmodel import Field, SQLModel

from broadcast.wire.documents import BroadcastClass
from scheduler.store.types import Json, UtcDateTime, word_of


class Receiver(SQLModel, table=True):
    """One speaker node. `state` is its last `ReceiverState`; `seen_at` is when the centre last heard anything of it.

    `self_test_minute` is of the local day, None for no test by itself; `self_test_asked_at` asks for one more.
    `faulty` and `playing` are what its state says of that, so that thousands are counted without reading their states:
    all that their condition is made of stands in one index, and so does `bank_said`, which `fleet.bank_said` reads.
    """

    __table_args__ = (
        Index(
            "ix_receiver_condition",
            *("zone_id", "revoked_at", "enrolled_at", "online", "seen_at", "faulty", "playing", "id"),
        ),
        Index("ix_receiver_bank", "zone_id", "revoked_at", "enrolled_at", "bank_said", "id"),
    )
    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    code: str | None = Field(default=None, max_length=40)
    name: str = Field(max_length=120)
    latitude: float | None = None
    longitude: float | None = None
    horns: int | None = None
    watts: int | None = None
    volume_by_hour: list[int] | None = Field(default=None, sa_column=Column(Json))
    languages: list[str] | None = Field(default=None, sa_column=Column(Json))
    note: str = ""
    amplifier_lead_ms: int = 0
    amplifier_tail_ms: int = 0
    self_test_minute: int | None = None
    self_test_level_dbfs: float = -40.0
    self_test_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    month_budget_mb: int | None = None
    certificate_serial: str | None = Field(default=None, max_length=48)
    certificate_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    enrolled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    restart_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    photo_sha256: str | None = Field(default=None, max_length=64)
    photo_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    online: bool = False
    faulty: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    playing: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    bank_said: str | None = None
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    state: dict[str, Any] | None = Field(default=None, sa_column=Column(Json))
    ack_number: int = Field(default=0, sa_type=BigInteger)
    heard_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    heard_dbfs: float | None = None
    version: int = 1


class PreparedMessage(SQLModel, table=True):
    """What somebody at the receiver can start by its `name`: a contact that closes, a command that is given."""

    __tablename__ = "prepared_message"
    receiver_id: str = Field(foreign_key="receiver.id", primary_key=True)
    name: str = Field(primary_key=True, max_length=40)
    recording_id: str = Field(foreign_key="recording.id", index=True)
    broadcast_class: BroadcastClass = Field(sa_type=word_of(BroadcastClass))


class EnrolmentSecret(SQLModel, table=True):
    """A one-time code's secret half, as SHA-256; `certificate` is the PEM that it was used for."""

    secret_sha256: str = Field(primary_key=True, max_length=64)
    receiver_id: str = Field(foreign_key="receiver.id", index=True)
    created_by: str = Field(max_length=26)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    certificate: str | None = None


class RevokedCertificate(SQLModel, table=True):
    """A receiver certificate that the broker must refuse until it expires; the CRL is made from these rows."""

    serial: str = Field(primary_key=True, max_length=48)
    receiver_id: str = Field(foreign_key="receiver.id", index=True)
    revoked_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class StoredReport(SQLModel, table=True):
    """A `PlayReport` as received; the key makes a report that is sent twice count once.

    `microphone` is the verdict of the node's microphone (`Hearing`), None where there was none; `chunks`, `late_chunks`
    and `concealed_us` are a live session's, None for a recording.
    """

    __tablename__ = "play_report"
    __table_args__ = (
        Index("ix_play_report_latest", "planned_start_at", "receiver_id", "number"),
        Index("ix_play_report_day", "receiver_id", "planned_start_at"),
    )
    receiver_id: str = Field(foreign_key="receiver.id", primary_key=True)
    number: int = Field(sa_type=BigInteger, primary_key=True)
    airing_id: str = Field(max_length=96, index=True)
    broadcast_id: str = Field(max_length=64, index=True)
    outcome: str = Field(max_length=20)
    planned_start_at: datetime = Field(sa_type=UtcDateTime)
    planned_duration_us: int = Field(sa_type=BigInteger)
    start_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    start_error_us: int | None = Field(default=None, sa_type=BigInteger)
    end_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    played_us: int = Field(sa_type=BigInteger)
    gap_us: int = Field(sa_type=BigInteger)
    underruns: int
    rms_dbfs: float | None = None
    peak_dbfs: float | None = None
    clipped_frames: int = Field(default=0, sa_type=BigInteger)
    microphone: str | None = Field(default=None, max_length=20)
    microphone_correlation: float | None = None
    microphone_delay_us: int | None = Field(default=None, sa_type=BigInteger)
    microphone_dbfs: float | None = None
    chunks: int | None = Field(default=None, sa_type=BigInteger)
    late_chunks: int | None = Field(default=None, sa_type=BigInteger)
    concealed_us: int | None = Field(default=None, sa_type=BigInteger)
    media_sha256: str | None = Field(default=None, max_length=64)
    media_ready_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str = Field(default="", max_length=80)
    received_at: datetime = Field(sa_type=UtcDateTime, index=True)


class IssuedDocument(SQLModel, table=True):
    """The last signed document of a topic; its number never goes back.

    The broker has it when `published_number` is its number; `published_at` is when it last confirmed one of this topic.
    `left_out` members are not in it, as they did not fit or receivers would refuse them.
    """

    topic: str = Field(primary_key=True, max_length=120)
    number: int = Field(sa_type=BigInteger)
    content_sha256: str = Field(max_length=64)
    jws: str
    issued_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    published_number: int | None = Field(default=None, sa_type=BigInteger)
    left_out: int | None = None


class DirtyTopic(SQLModel, table=True):
    """A topic whose document must be made anew; written in the transaction that changed its reason, so none is lost.

    `trouble` is why that failed the last time.
    """

    topic: str = Field(primary_key=True, max_length=120)
    since: datetime = Field(sa_type=UtcDateTime)
    trouble: str | None = Field(default=None, max_length=200)
