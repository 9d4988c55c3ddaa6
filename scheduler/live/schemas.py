"""What the API and the pages send and get about live talks."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements import naming
from scheduler.days import Moment
from scheduler.live.delay import MAX_MS, MIN_MS
from scheduler.live.models import LiveEnd, LiveKind, LiveState
from scheduler.zones.schemas import Id, Input

MAX_TARGETS = 500
MAX_LIMIT_MIN = 120
MIN_BPS, MAX_BPS = 12_000, 48_000
Title = Annotated[str, Field(max_length=10 * naming.MAX_TITLE, examples=["Xã nói chuyện với bà con"])]


class LiveIn(Input):
    """Who wants to speak where. `zone_id` is the zone in whose name; what is not set is chosen for these places.

    A relay needs `source_url` and may begin later (`starts_at`); a recording that was listened to, `recording_id`.
    An emergency needs `order_id`, an issued emergency order.
    """

    zone_id: Id
    zone_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)
    group_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)
    kind: LiveKind = LiveKind.MICROPHONE
    title: Title
    cls: BroadcastClass = BroadcastClass.PRIORITY
    delay_ms: int | None = Field(default=None, ge=MIN_MS, le=MAX_MS, description="How far behind it is heard.")
    bitrate_bps: int | None = Field(default=None, ge=MIN_BPS, le=MAX_BPS, description="Less where a link is weak.")
    limit_min: int = Field(default=10, ge=1, le=MAX_LIMIT_MIN)
    order_id: Id | None = None
    recording_id: Id | None = None
    source_url: str | None = Field(default=None, max_length=500, examples=["https://stream.example/vov1.mp3"])
    starts_at: Moment | None = Field(default=None, description="Of a relay; now when absent.")


class AheadOut(BaseModel):
    """A talk that another one waits for; which and whose is null for whoever sees no place that hears it."""

    id: str | None
    title: str | None
    cls: BroadcastClass
    state: LiveState
    speaker_name: str | None


class LiveOut(BaseModel):
    """A talk. `may_begin` says that it is its turn, until `turn_until`; `speak_at` when the opening chime is over."""

    id: str
    zone_id: str
    kind: LiveKind
    cls: BroadcastClass
    state: LiveState
    title: str
    speaker_id: str
    speaker_name: str
    order_id: str | None
    recording_id: str | None
    source_url: str | None
    zone_ids: list[str]
    zone_names: list[str]
    delay_ms: int
    bitrate_bps: int
    limit_s: int
    asked_at: datetime
    starts_at: datetime
    began_at: datetime | None
    speak_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    may_begin: bool
    turn_until: datetime | None
    ahead: list[AheadOut]
    silent: bool
    end_reason: LiveEnd | None
    end_detail: str | None
    announcement_id: str | None
    keep_until: datetime | None
    may_end: bool
    version: int


class LivePage(BaseModel):
    items: list[LiveOut]
    next: str | None = Field(None, description="`before` of the next page; null on the last one.")


class LiveAdvice(BaseModel):
    """What is suggested for a talk to these places, and why: what receivers reported of the last talks there."""

    delay_ms: int
    bitrate_bps: int
    late_ratio: float | None = Field(description="Of all chunks the part that came late; null where none was reported.")
    chunks: int
    receivers: int
