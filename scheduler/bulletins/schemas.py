"""What the API and the pages send and get about daily bulletins."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from broadcast.produce.request import MAX_PARTS, MAX_PAUSE_MS
from broadcast.wire.documents import BroadcastClass
from scheduler.announcements.models import RecordingState
from scheduler.announcements.schemas import AnyChime, Title
from scheduler.broadcasts.schemas import MAX_TARGETS
from scheduler.workflow import State
from scheduler.zones.schemas import Id, Input

MAX_SLOTS = min(12, MAX_PARTS)
MAX_TIMES = 6
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), Field(examples=["17:00"])]


class Slot(Input):
    """`key` stays when the slot is renamed. `stand_in_id` is heard where nothing is filled in."""

    key: str = Field(default="", max_length=26)
    name: Title = Field(examples=["Thông báo xã"])
    stand_in_id: Id | None = None


class BulletinIn(Input):
    """A template: what it is called, its slots, when it comes and where. Monday is 0."""

    zone_id: Id
    name: Title = Field(examples=["Bản tin hằng ngày"])
    slots: list[Slot] = Field(min_length=1, max_length=MAX_SLOTS, examples=[[{"name": "Thông báo xã"}]])
    times: list[Clock] = Field(min_length=1, max_length=MAX_TIMES, examples=[["05:00", "17:00"]])
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] = Field(default=list(range(7)), min_length=1, max_length=7)
    skip_holidays: bool = False
    cls: BroadcastClass = BroadcastClass.NORMAL
    opening: AnyChime = None
    between: AnyChime = None
    closing: AnyChime = None
    pause_ms: int = Field(default=1500, ge=0, le=MAX_PAUSE_MS)
    public: bool = Field(default=True, description="Residents read each edition that is approved, and listen again.")
    zone_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)
    group_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)

    @field_validator("cls")
    @classmethod
    def _not_emergency(cls, value: BroadcastClass) -> BroadcastClass:
        if value is BroadcastClass.EMERGENCY:
            raise PydanticCustomError("bulletin_class", "A bulletin is normal or priority.")
        return value


class FillIn(Input):
    """The announcement of each slot by its key; what is not named is empty."""

    filled: dict[str, Id] = Field(max_length=MAX_SLOTS, examples=[{"s1": "01KB0ZTVXY0000000000000000"}])


class SlotOut(BaseModel):
    """What is heard in a slot: what was `filled` in, the `stand_in`, or nothing."""

    key: str
    name: str
    source: Literal["filled", "stand_in", "skipped"]
    announcement_id: Id | None = None
    title: str | None = None
    duration_us: int | None = None
    sound: RecordingState | None = None


class EditionOut(BaseModel):
    """One day and time. `state` is that of its broadcast, None where it was not sent; `changed`, that it was since.

    `starts` is when it is heard: by its broadcast, where that was moved. On a `day_off` it is not.
    `duration_us` is known once every part is produced; chimes and pauses are not in it.
    """

    bulletin_id: Id
    name: str
    day: date
    at: Clock
    starts: datetime
    day_off: bool
    slots: list[SlotOut]
    filled: int
    duration_us: int | None
    announcement_id: Id | None
    broadcast_id: Id | None
    state: State | None
    changed: bool
    may_edit: bool
    version: int


class BulletinOut(BaseModel):
    """A template, and its next edition."""

    id: Id
    zone_id: Id
    zone_name: str
    name: str
    slots: list[Slot]
    times: list[Clock]
    weekdays: list[int]
    skip_holidays: bool
    cls: BroadcastClass
    opening: AnyChime
    between: AnyChime
    closing: AnyChime
    pause_ms: int
    public: bool
    zone_ids: list[Id]
    group_ids: list[Id]
    may_edit: bool
    version: int
    next: EditionOut | None = None


class BulletinPage(BaseModel):
    items: list[BulletinOut]
    next: str | None = Field(None, description="`after` of the next page; null on the last one.")
