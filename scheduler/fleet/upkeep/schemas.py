"""What the API and the pages send and get about faults, measurements and what villages say."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from scheduler.zones.schemas import Id, Input

_EXAMPLE_ID = "01KB3CX1M8N6P7Q8R9STAVWXYZ"
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=1000)]
Answer = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
MAX_ACTS = 500


class Act(StrEnum):
    """What people do with a fault; none of these changes whether it holds."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    RESET = "reset"


class Show(StrEnum):
    """Which faults: those that nobody reset, of these those that hold or are over, or those that were reset."""

    OPEN = "open"
    HOLDS = "holds"
    OVER = "over"
    RESET = "reset"


class DoneBy(BaseModel):
    at: datetime
    name: str | None = Field(description="Null where the person is not known any more.", examples=["Trần Thị Bảy"])


class FaultOut(BaseModel):
    id: str = Field(examples=[_EXAMPLE_ID])
    receiver_id: str
    receiver_name: str = Field(examples=["Nhà văn hóa thôn 1"])
    place: list[str] = Field(description="Names of its zones, from the root.", examples=[["Trà Leng", "Thôn 1"]])
    code: str = Field(description="As in a receiver's `faults`, or `unreachable`.", examples=["horn_not_heard"])
    detail: str
    since: datetime
    until: datetime | None = Field(description="When it was over; null while it holds.")
    times: int = Field(description="How often it began before it was reset.", examples=[1])
    acknowledged: DoneBy | None
    silenced: DoneBy | None
    reset: DoneBy | None
    may_act: bool


class FaultPage(BaseModel):
    items: list[FaultOut]
    holding: int = Field(description="Faults that hold, in all of what you see.", examples=[2])
    over: int = Field(description="Faults that are over and wait to be reset.", examples=[1])
    calling: int = Field(description="Faults that nobody reset or silenced.", examples=[1])
    next: int | None = Field(None, description="`page` of the next page; null on the last one.")


class ActsIn(Input):
    act: Act = Field(examples=["acknowledge"])
    ids: list[Id] = Field(min_length=1, max_length=MAX_ACTS, examples=[["01KAG2Z7M4Y0C8T1W5R9XQ3B6N"]])


class ActsOut(BaseModel):
    changed: int = Field(description="Faults for which that was new.", examples=[1])


class SampleOut(BaseModel):
    """A receiver in a quarter of an hour; null was not measured."""

    at: datetime
    signal_percent: float | None = Field(examples=[63.0])
    signal_dbm: float | None = Field(examples=[-87.0])
    on_mains: bool | None
    battery_percent: float | None
    battery_v: float | None = Field(examples=[12.6])
    temperature_c: float | None = Field(examples=[47.5])
    level_dbfs: float | None
    month_bytes: int | None = Field(examples=[312_000_000])


class SampleList(BaseModel):
    items: list[SampleOut]


class Spread(BaseModel):
    """Of a day."""

    min: float
    mean: float
    max: float


class SampleDayOut(BaseModel):
    """A receiver on a local day, from so many `samples`; null was not measured. Of `month_bytes` the most."""

    day: date
    samples: int
    signal_percent: Spread | None
    signal_dbm: Spread | None
    battery_percent: Spread | None
    battery_v: Spread | None
    temperature_c: Spread | None
    level_dbfs: Spread | None
    month_bytes: int | None


class SampleDayList(BaseModel):
    items: list[SampleDayOut]


class VillageReportIn(Input):
    """What somebody in a village says is wrong."""

    zone_id: Id
    receiver_id: Id | None = None
    text: Text = Field(examples=["Loa rè, nghe không rõ."])


class VillageReportClose(Input):
    answer: Answer = Field("", examples=["Đã thay màng loa."])


class VillageReportOut(BaseModel):
    id: str
    zone_id: str
    place: list[str]
    receiver_id: str | None
    receiver_name: str | None
    text: str
    reported: DoneBy
    closed: DoneBy | None
    answer: str
    may_close: bool


class VillageReportPage(BaseModel):
    items: list[VillageReportOut]
    next: str | None = Field(None, description="`before` of the next page; null on the last one.")


class HeardIn(Input):
    zone_id: Id
    heard: bool = Field(description="Whether it was heard in this village.", examples=[True])


class HeardOut(BaseModel):
    airing_id: str
    zone_id: str
    heard: bool
    by: DoneBy


class Confirmed(BaseModel):
    """What people in a village say of an airing."""

    yes: int = Field(0, examples=[2])
    no: int = Field(0, examples=[0])
