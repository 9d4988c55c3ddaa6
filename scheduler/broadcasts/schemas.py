"""What the API and the pages send and get about broadcasts."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from broadcast.wire.documents import AfterCut, BroadcastClass, Late
from scheduler.clashes import EffectKind
from scheduler.days import Day, Moment
from scheduler.recurrence import MAX_TEXT
from scheduler.timeline import Reason
from scheduler.workflow import Event, State
from scheduler.zones.schemas import Id, Input

MAX_TARGETS = 500
MAX_WINDOW_S = 24 * 3600

LocalTime = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$"),
    Field(description="Wall time in the zone's time zone.", examples=["2026-11-23T17:00"]),
]


class Now(Input):
    """As soon as it is approved, its sound is ready, and receivers had time to fetch it."""

    kind: Literal["now"] = "now"


class At(Input):
    kind: Literal["at"] = "at"
    starts_local: LocalTime
    skip_holidays: bool = Field(default=False, description="Not heard where that day is a day off.")


class Repeat(Input):
    """Each time that the rule (RFC 5545) meets from `starts_local` on, up to the end of the day `until`."""

    kind: Literal["repeat"] = "repeat"
    starts_local: LocalTime
    rrule: str = Field(min_length=1, max_length=MAX_TEXT, examples=["FREQ=WEEKLY;BYDAY=MO,TH"])
    until: Day | None = Field(default=None, examples=["2026-12-31"])
    exdates: list[Day | Moment] = Field(
        default=[], max_length=400, description="Days, or single occurrences, that are left out."
    )
    skip_holidays: bool = False


When = Annotated[Now | At | Repeat, Field(discriminator="kind")]


class BroadcastIn(Input):
    """An announcement placed in time and zones. `zone_id` is the zone in whose name it is sent."""

    zone_id: Id
    announcement_id: Id
    cls: BroadcastClass = BroadcastClass.NORMAL
    zone_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)
    group_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)
    when: When = Field(examples=[{"kind": "at", "starts_local": "2026-11-23T17:00"}])
    order: int = Field(default=0, ge=-(2**31), le=2**31 - 1, description="Settles equals of one class: smaller first.")
    late: Late = Late.JOIN
    after_cut: AfterCut = AfterCut.TIMELINE
    window_s: int = Field(default=0, ge=0, le=MAX_WINDOW_S, description="How late a whole playing may still begin.")
    public: bool = Field(default=True, description="Once approved, residents read it and listen again.")


class ApproveIn(Input):
    """`starts_local` is another time than was asked for; `document_no` the number of the signed paper."""

    starts_local: LocalTime | None = None
    document_no: str | None = Field(default=None, max_length=60, examples=["45/TB-UBND"])


class MoveIn(Input):
    starts_local: LocalTime


class ReturnIn(Input):
    reason: str = Field(min_length=1, max_length=500, examples=["Sai ngày: thứ Bảy là 14/6."])


class CancelIn(Input):
    """Without `occurrence` the whole broadcast."""

    occurrence: Moment | None = Field(default=None, examples=["2026-11-26T10:00:00Z"])


class StopIn(Input):
    """Of a repeating broadcast only what is on the air now is stopped, unless `whole`."""

    whole: bool = False


class Notice(BaseModel):
    """Something to know that forbids nothing; `message` has %(name)s places for `params`."""

    code: str = Field(examples=["no_receivers"])
    message: str
    params: dict[str, str | int] = {}


class TargetOut(BaseModel):
    """A zone, or a group with the zones it has now; `ended` zones are not broadcast to."""

    zone_id: Id | None = None
    group_id: Id | None = None
    name: str = Field(examples=["Thôn 4"])
    zone_ids: list[Id]
    ended: bool = False


class BroadcastOut(BaseModel):
    """`possible` is what whoever asks may do with it now. `when` is as it was saved."""

    id: Id
    zone_id: Id
    zone_name: str = Field(examples=["Xã Trà Leng"])
    announcement_id: Id
    title: str = Field(examples=["Lịch tiêm chủng mở rộng"])
    cls: BroadcastClass
    origin: str = Field(examples=["commune"])
    state: State
    targets: list[TargetOut]
    when: When
    timezone: str = Field(examples=["Asia/Ho_Chi_Minh"])
    starts_local: str | None = Field(examples=["2026-11-23T17:00:00"], description="Of `now`, once it is settled.")
    next_start: datetime | None = Field(examples=["2026-11-23T10:00:00Z"])
    duration_us: int | None = Field(examples=[130_000_000], description="The longest recording that is ready.")
    sound_ready: bool
    order: int
    late: Late
    after_cut: AfterCut
    window_s: int
    public: bool
    author_id: Id
    author_name: str = Field(examples=["Nguyễn Thị Lan"])
    approver_name: str | None = Field(examples=["Hồ Văn Minh"])
    on_behalf_of: list[str] = Field(default=[], examples=[[]], description="As whose deputy it was approved.")
    asked_local: str | None = Field(
        default=None, examples=[None], description="What was asked for, where the approver chose another time."
    )
    document_no: str | None = Field(default=None, examples=["45/TB-UBND"])
    return_reason: str | None
    created_at: datetime
    submitted_at: datetime | None
    approved_at: datetime | None
    cancelled_at: datetime | None
    version: int
    possible: list[Event | Literal["stop", "hide"]]
    unaired: bool = Field(default=False, description="It is done and was to be heard nowhere: days off, or no sound.")
    notices: list[Notice] = []


class BroadcastPage(BaseModel):
    """`next` is the cursor of the following page; absent on the last."""

    items: list[BroadcastOut]
    next: str | None = None


class EffectOut(BaseModel):
    """How one airing would sound otherwise than planned; times are UTC, `local` is wall time there."""

    kind: EffectKind
    airing_id: str
    broadcast_id: str
    title: str
    cls: BroadcastClass
    proposed: bool = Field(description="The broadcast that is being written, not one that was planned already.")
    at: datetime
    local: str = Field(examples=["2026-11-23T17:00:00"])
    lost_us: int = Field(description="How much less of it sounds.")
    other_title: str | None = Field(description="What has the air instead.")


class PlaceEffects(BaseModel):
    """Zones in which the same happens; `more` of the effects are not listed."""

    zone_ids: list[Id]
    zone_names: list[str]
    effects: list[EffectOut]
    more: int = 0


class DayOff(BaseModel):
    """An occurrence that is not heard in these zones, since that day is one off there; `local` is its own wall time."""

    start: datetime
    local: str = Field(examples=["2026-11-23T17:00:00"])
    zone_ids: list[Id]
    zone_names: list[str]


class Choice(BaseModel):
    """A way out of what clashes: save the broadcast with this `order` or at this time."""

    kind: Literal["replace", "play_after", "another_time"]
    order: int | None = None
    starts_local: str | None = None
    start: datetime | None = None


class PreviewOut(BaseModel):
    """What saving would do. `estimated` says that lengths are guessed.

    `occurrences` are the first of them, without those of the `days_off` on which they air nowhere.
    """

    occurrences: list[datetime]
    occurrences_local: list[str]
    estimated: bool
    places: list[PlaceEffects]
    days_off: list[DayOff] = []
    choices: list[Choice]
    notices: list[Notice]


class SegmentOut(BaseModel):
    """What sounds in `[start, end)`, from `offset_us` of the recording on."""

    airing_id: str
    broadcast_id: str
    title: str
    cls: BroadcastClass
    start: datetime
    end: datetime
    offset_us: int


class SilentOut(BaseModel):
    """What does not sound, or no more, from `at` on, and why."""

    airing_id: str
    broadcast_id: str
    title: str
    at: datetime
    reason: Reason


class TimelineOut(BaseModel):
    """A local day of one zone as its receivers will play it."""

    zone_id: Id
    day: date
    timezone: str
    segments: list[SegmentOut]
    silent: list[SilentOut]


class AiringOut(BaseModel):
    """One occurrence: when, where, and what became of it on `total` receivers."""

    id: str
    start: datetime
    end: datetime
    zone_ids: list[Id]
    withdrawn_at: datetime | None
    heard: int
    reported: int


BoardState = Literal[
    "planned",
    "no_sound",
    "fetching",
    "ready",
    "on_air",
    "heard",
    "not_heard",
    "not_kept",
    "waiting_report",
    "not_played",
    "stopped",
]


class BoardAiring(BaseModel):
    """One airing in one village. `state` counts `count` of `total` receivers.

    Of a relay `broadcast_id` is `relay.` and its id, here, in timelines and in what is waiting.
    """

    airing_id: str
    broadcast_id: str
    title: str
    cls: BroadcastClass
    start: datetime
    end: datetime
    local: str = Field(examples=["17:00"])
    state: BoardState
    count: int
    total: int
    reason: Reason | None = Field(description="Why it does not sound here, of `not_played`.")


class BoardWaiting(BaseModel):
    """What would be aired here once it is sent and approved; its sound may not be produced yet."""

    broadcast_id: str
    title: str
    cls: BroadcastClass
    start: datetime
    end: datetime
    local: str = Field(examples=["17:00"])
    state: State


class Span(BaseModel):
    """`[start, end)`."""

    start: datetime
    end: datetime


class BoardVillage(BaseModel):
    """`sessions` are those that count against the quota of `sessions_per_day`, each `session_minutes` long at most."""

    zone_id: Id
    zone_name: str
    parent_name: str | None
    timezone: str
    online: int
    total: int
    airings: list[BoardAiring]
    waiting: list[BoardWaiting] = []
    quiet: list[Span] = Field(default=[], description="Quiet hours within the day.")
    sessions: list[Span] = []
    sessions_per_day: int | None = None
    session_minutes: int | None = None
    holidays: list[str] = Field(default=[], examples=[["Tết Dương lịch"]])


class BoardOut(BaseModel):
    """`next` is the `after` of the next page; null on the last one."""

    day: date
    at: datetime
    villages: list[BoardVillage]
    next: str | None = None
