"""What the API and the page forms send and get about receivers."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from broadcast.wire.documents import BroadcastClass, Hearing
from scheduler.fleet.results import Result
from scheduler.zones.schemas import Code, Id, Input, Language, Latitude, Longitude, Name

_EXAMPLE_ID = "01KB3CX1M8N6P7Q8R9STAVWXYZ"
_EXAMPLE_ZONE = "01KB3CWZ5M4Q7R8S9TAVBXCYDZ"
_VOLUME = [0] * 5 + [80] * 16 + [40] * 3

Percent = Annotated[int, Field(ge=0, le=100)]
VolumeByHour = Annotated[list[Percent], Field(min_length=24, max_length=24, examples=[_VOLUME])]
Horns = Annotated[int, Field(ge=0, le=100)]
Watts = Annotated[int, Field(ge=0, le=100_000)]
Note = Annotated[str, StringConstraints(max_length=2000)]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), Field(examples=["12:15"])]
MAX_MESSAGES = 16


class Condition(StrEnum):
    """A receiver in one word."""

    UNENROLLED = "unenrolled"  # no machine was installed as this receiver yet
    NEVER = "never"  # installed, but nothing was heard from it
    ONLINE = "online"
    PLAYING = "playing"
    FAULT = "fault"  # connected, and it tells of a fault
    OFFLINE = "offline"
    SILENT = "silent"  # said to be connected, but nothing was heard of it for too long
    REVOKED = "revoked"  # shut out


class ReceiverNew(Input):
    zone_id: Id = Field(examples=[_EXAMPLE_ZONE])
    name: Name = Field(examples=["Nhà văn hóa thôn 1"])
    code: Code | None = Field(None, examples=["TL-01"])
    latitude: Latitude | None = Field(None, examples=[15.28])
    longitude: Longitude | None = Field(None, examples=[107.99])
    horns: Horns | None = Field(None, examples=[3])
    watts: Watts | None = Field(None, examples=[100])
    volume_by_hour: VolumeByHour | None = Field(None, description="Per cent for each local hour; null is all full.")
    languages: list[Language] | None = Field(None, max_length=8, description="Null is the zone's.", examples=[["vi"]])
    note: Note = ""


class MessageIn(Input):
    """What somebody at the receiver can start: a contact that closes, a command that is given."""

    name: str = Field(
        min_length=1, max_length=40, pattern=r"^[a-z0-9-]+$", description="As the node knows it.", examples=["fire"]
    )
    recording_id: Id
    cls: BroadcastClass = Field(BroadcastClass.PRIORITY, description="At most the one that it was approved with.")


class ReceiverChange(Input):
    """What is not sent stays as it is."""

    name: Name = Field("", examples=["Nhà văn hóa thôn 1"])
    code: Code | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    horns: Horns | None = None
    watts: Watts | None = None
    languages: list[Language] | None = Field(None, max_length=8)
    note: Note = ""
    amplifier_lead_ms: int = Field(0, ge=0, le=10_000, description="Switched on so long before a sound.")
    amplifier_tail_ms: int = Field(0, ge=0, le=600_000, description="Switched off so long after one.")
    self_test_at: TimeOfDay | None = Field(None, description="Local time of the daily self-test; null is none.")
    self_test_level_dbfs: float = Field(-40.0, ge=-60, le=-6, allow_inf_nan=False)
    month_budget_mb: int | None = Field(None, ge=1, le=1_000_000, description="Megabytes; null is no budget.")
    messages: list[MessageIn] = Field(default=[], max_length=MAX_MESSAGES)


class ReceiverMove(Input):
    zone_id: Id = Field(examples=[_EXAMPLE_ZONE])


class ReceiverVolume(Input):
    volume_by_hour: VolumeByHour | None = Field(
        description="Per cent for each local hour; null is all full.", examples=[[60] * 6 + [100] * 15 + [60] * 3]
    )

    @property
    def silent(self) -> bool:
        """Whether not even an emergency would be heard."""
        return self.volume_by_hour is not None and max(self.volume_by_hour) == 0


class CodeNew(Input):
    hours: int = Field(24, ge=1, le=72, description="How long it can be used.")


class EnrolmentCodeView(BaseModel):
    """Shown once: only a hash of it is kept."""

    code: str = Field(examples=["7Q2M4-K9DXT-3FZ8B-P6HWC"])
    expires_at: datetime


class EnrolmentIn(BaseModel):
    """As `broadcast.wire.enrolment.EnrolmentRequest`; what a newer receiver says beside it is left aside."""

    code: str = Field(max_length=64, examples=["7Q2M4-K9DXT-3FZ8B-P6HWC"])
    csr: str = Field(
        max_length=32 * 1024,
        description="Certificate request in PEM, P-256 or Ed25519.",
        examples=["-----BEGIN CERTIFICATE REQUEST-----\n…\n-----END CERTIFICATE REQUEST-----\n"],
    )
    software: str = Field("", max_length=64, examples=["loa/0.1.0"])


class BrokerView(BaseModel):
    host: str = Field(examples=["loa.example"])
    port: int = Field(examples=[8883])


class EnrolmentReplyView(BaseModel):
    """The payload of `reply`, as `broadcast.wire.enrolment.EnrolmentReply`."""

    kind: Literal["enrolment"]
    receiver_id: str = Field(examples=[_EXAMPLE_ID])
    certificate: str = Field(description="PEM; its name is the receiver's id.")
    ca: str = Field(description="PEM of the CA that broker and receivers trust.")
    broker: BrokerView
    media_urls: list[str] = Field(examples=[["https://loa.example/media/"]])


class EnrolmentOut(BaseModel):
    """As `broadcast.wire.enrolment.EnrolmentAnswer`. Verify `reply` by the key that fits the code before using it."""

    reply: str = Field(
        description="Compact JWS (EdDSA) by one of `order_keys`; its payload is an EnrolmentReplyView as JSON.",
        examples=["eyJhbGciOiJFZERTQSIsImtpZCI6IjFmMmU…"],
        json_schema_extra={
            "contentMediaType": "application/jose",
            "contentSchema": {"$ref": "#/components/schemas/EnrolmentReplyView"},
        },
    )
    order_keys: list[str] = Field(
        description="Ed25519 keys, raw in base64url. The second half of the code is the start of the SHA-256 of one.",
        examples=[["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"]],
    )


class FaultView(BaseModel):
    code: str = Field(examples=["media_missing"])
    detail: str
    since: datetime | None


class HeardView(BaseModel):
    """What the node's microphone says of a sound."""

    verdict: Hearing
    correlation: float = Field(description="With what was written to the device, 0 to 1.", examples=[0.93])
    delay_us: int | None = Field(description="From the device to the microphone.", examples=[12_400])
    level_dbfs: float | None = Field(description="At the microphone.", examples=[-31.5])


class SelfTestView(BaseModel):
    at: datetime
    heard: HeardView | None = Field(description="Null without a microphone.")


class ClockView(BaseModel):
    trusted: bool
    reason: str = Field(description="Why it is not trusted.", examples=["never_set"])
    error_us: int | None = Field(description="The kernel's estimate of its error.", examples=[1800])
    offset_us: int | None = Field(description="The centre's clock less the node's.", examples=[-4200])
    offset_error_us: int | None = Field(description="Within this `offset_us` is right.", examples=[30_000])


class PowerView(BaseModel):
    on_mains: bool | None
    battery_percent: float | None = Field(examples=[78.0])
    battery_v: float | None = Field(examples=[12.6])


class SignalView(BaseModel):
    kind: str = Field(examples=["lte"])
    percent: float | None = Field(examples=[63.0])
    dbm: float | None = Field(examples=[-87.0])
    operator: str = Field(examples=["Viettel"])


class DataView(BaseModel):
    """Bytes on the node's link in the local day and month."""

    day_up_bytes: int = Field(examples=[210_000])
    day_down_bytes: int = Field(examples=[14_200_000])
    month_bytes: int = Field(examples=[312_000_000])


class MessageView(BaseModel):
    name: str = Field(examples=["fire"])
    cls: BroadcastClass
    recording_id: str
    title: str = Field(examples=["Báo cháy"])
    language: str
    sha256: str | None
    duration_us: int | None


class RecordingChoice(BaseModel):
    """A recording that may be a prepared message, and the highest class it may have."""

    recording_id: str
    title: str
    language: str
    duration_us: int
    cls: BroadcastClass


class ReceiverView(BaseModel):
    id: str = Field(examples=[_EXAMPLE_ID])
    zone_id: str = Field(examples=[_EXAMPLE_ZONE])
    place: list[str] = Field(description="Names of its zones, from the root.", examples=[["Trà Leng", "Thôn 1"]])
    name: str = Field(examples=["Nhà văn hóa thôn 1"])
    code: str | None = Field(examples=["TL-01"])
    latitude: float | None
    longitude: float | None
    horns: int | None
    watts: int | None
    condition: Condition
    online: bool
    seen_at: datetime | None = Field(description="When the centre last heard of it.")
    heard_at: datetime | None = Field(description="When its horns last sounded.")
    heard_dbfs: float | None = Field(description="How loud that was at the device.", examples=[-19.4])
    faults: list[FaultView]
    files_ready: int = Field(description="Recordings that it holds, of those that it will need.")
    files_needed: int
    version: int


class FileView(BaseModel):
    sha256: str
    done_bytes: int
    size_bytes: int


class ReceiverDetail(ReceiverView):
    volume_by_hour: list[int] | None
    languages: list[str] | None
    note: str
    amplifier_lead_ms: int
    amplifier_tail_ms: int
    self_test_at: TimeOfDay | None
    self_test_level_dbfs: float
    self_test_asked_at: datetime | None = Field(description="When somebody last asked for one more.")
    month_budget_mb: int | None
    restart_asked_at: datetime | None = Field(description="When somebody last asked it to start again.")
    photo_at: datetime | None = Field(description="When its photo was taken in; null without one.")
    messages: list[MessageView]
    enrolled_at: datetime | None
    revoked_at: datetime | None
    certificate_expires_at: datetime | None
    player: str | None = Field(examples=["idle"])
    airing_id: str | None = Field(description="What sounds now.")
    level_dbfs: float | None
    volume_percent: int | None
    clock: ClockView | None
    power: PowerView | None
    signal: SignalView | None
    temperature_c: float | None = Field(examples=[47.5])
    data: DataView | None
    self_test: SelfTestView | None
    cache_bytes: int | None
    free_bytes: int | None
    pending_reports: int | None = Field(description="Reports that it holds still.")
    started_at: datetime | None
    software: str | None
    refused: dict[str, int] = Field(description="Orders that it refused, by reason.")
    files: list[FileView] = Field(description="Recordings that are on their way to it.")


class ReceiverList(BaseModel):
    items: list[ReceiverView]
    next: str | None = Field(None, description="`after` of the next page; null on the last one.")


class ReportOf(StrEnum):
    BROADCAST = "broadcast"
    MESSAGE = "message"  # a prepared message that was started at the node
    LOST = "lost"  # the node lost its record: what it was of is not known


class ReportView(BaseModel):
    """What one receiver measured for one airing."""

    of: ReportOf
    result: Result = Field(description="What the device and the microphone say together.")
    message: str | None = Field(description="The name of the prepared message.", examples=[None])
    receiver_id: str
    number: int
    airing_id: str
    broadcast_id: str
    outcome: str = Field(description="By what was written to the device.", examples=["heard"])
    planned_start_at: datetime
    planned_duration_us: int
    start_at: datetime | None
    start_error_us: int | None
    end_at: datetime | None
    played_us: int
    gap_us: int
    underruns: int
    rms_dbfs: float | None
    peak_dbfs: float | None
    clipped_frames: int
    heard: HeardView | None = Field(description="Null without a microphone.")
    media_sha256: str | None
    media_ready_at: datetime | None
    reason: str
    received_at: datetime


class ReportPage(BaseModel):
    items: list[ReportView]
    next: str | None = Field(None, description="`after` of the next page; null on the last one.")


class ReportList(BaseModel):
    items: list[ReportView]
    next: int | None = Field(None, description="`before` of the next page; null on the last one.")
