"""What the API and the pages send and get about relays that come again."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements.schemas import Title
from scheduler.broadcasts.schemas import MAX_TARGETS, Repeat
from scheduler.clashes import EffectKind
from scheduler.days import Moment
from scheduler.live.schemas import MAX_LIMIT_MIN
from scheduler.workflow import Event, State
from scheduler.zones.schemas import Id, Input


class RelayIn(Input):
    """Another station's stream at each time that the rule meets, for `limit_min` minutes at most."""

    zone_id: Id
    title: Title = Field(examples=["Thời sự VOV1"])
    source_url: str = Field(max_length=500, examples=["https://stream.example/vov1.mp3"])
    fallback_id: Id | None = Field(
        default=None, examples=[None], description="The announcement that is heard while the source is silent."
    )
    limit_min: int = Field(ge=1, le=MAX_LIMIT_MIN, examples=[15])
    when: Annotated[
        Repeat,
        Field(
            examples=[
                {"kind": "repeat", "starts_local": "2026-11-23T05:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"}
            ]
        ),
    ]
    cls: BroadcastClass = BroadcastClass.NORMAL
    public: bool = Field(default=True, description="Once approved, residents read when it comes.")
    zone_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)
    group_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)

    @field_validator("cls")
    @classmethod
    def _not_emergency(cls, value: BroadcastClass) -> BroadcastClass:
        if value is BroadcastClass.EMERGENCY:
            raise PydanticCustomError("relay_class", "A relay is normal or priority.")
        return value


class RelayApproveIn(Input):
    """`document_no` is the number of the signed paper."""

    document_no: str | None = Field(default=None, max_length=60, examples=["45/TB-UBND"])


class RestoreIn(Input):
    occurrence: Moment = Field(examples=["2026-11-26T10:00:00Z"])


class ConflictOut(BaseModel):
    """An occurrence that would not sound whole in some villages."""

    start: datetime
    kind: EffectKind
    zone_names: list[str]


class RunOut(BaseModel):
    """One occurrence that came; `trouble` is why it was not heard, for example `nowhere_free`."""

    due_at: datetime
    talk_id: str | None
    trouble: str | None
    left_out: list[str] = Field(description="Villages in which it was not heard by the rules that hold there.")


class RelayOut(BaseModel):
    """`coming` are its next occurrences, `possible` is what whoever asks may do with it now.

    `skipped` are those to come that were left out since it was approved; they are among the `exdates` too.
    """

    id: Id
    zone_id: Id
    zone_name: str
    title: str
    source_url: str
    host_allowed: bool
    fallback_id: Id | None
    fallback_title: str | None
    limit_s: int
    when: Repeat
    cls: BroadcastClass
    public: bool
    state: State
    zone_ids: list[Id]
    group_ids: list[Id]
    place_names: list[str]
    author_id: Id
    author_name: str
    approver_name: str | None
    on_behalf_of: list[str] = Field(examples=[[]], description="As whose deputy it was approved.")
    document_no: str | None = Field(examples=["45/TB-UBND"])
    return_reason: str | None
    submitted_at: datetime | None
    paused_at: datetime | None
    coming: list[datetime]
    skipped: list[datetime]
    possible: list[Event | Literal["pause", "resume"]]
    version: int


class RelayPage(BaseModel):
    items: list[RelayOut]
    next: str | None = Field(None, description="`before` of the next page; null on the last one.")


class RelayDetail(RelayOut):
    """With what its next occurrences would meet, and what became of the last ones."""

    acts_for: list[str] = Field(examples=[[]], description="As whose deputy whoever asks would approve it.")
    conflicts: list[ConflictOut]
    runs: list[RunOut]
