"""What the API and the page forms send and get about zones, groups and holidays."""

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from broadcast.wire.documents import BroadcastClass
from scheduler.days import Day
from scheduler.policy import BadRules, minute_of_day
from scheduler.zones.models import SecondPerson, ZoneKind

MINUTE_US = 60_000_000
_PLACE_FROM = "From this day on reports can be made by it, as by a commune that others were merged into."
_EXAMPLE_ID = "01KB3CWZ5M4Q7R8S9TAVBXCYDZ"

Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=26, pattern=r"^[0-9A-Za-z_-]+$"),
    Field(examples=[_EXAMPLE_ID]),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=r"^[\w./-]+$")]
# A tag of BCP 47 means the same in capitals: kept in small letters, so that receivers can compare it.
Language = Annotated[
    str, StringConstraints(max_length=16, to_lower=True, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")
]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class Input(BaseModel):
    """A word that is not known is an error, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid")


class ZoneNew(Input):
    parent_id: Id | None = Field(None, examples=[_EXAMPLE_ID], description="Only the machine itself makes a root.")
    kind: ZoneKind = Field(examples=[ZoneKind.VILLAGE])
    name: Name = Field(examples=["Thôn 4"])
    code: Code | None = Field(None, examples=["20935-04"])
    valid_from: date | None = Field(None, examples=["2025-07-01"])
    valid_until: date | None = Field(None, description="The first day on which it is no more.")
    latitude: Latitude | None = Field(None, examples=[15.28])
    longitude: Longitude | None = Field(None, examples=[107.99])


class ZoneChange(Input):
    """What is not sent stays as it is."""

    kind: ZoneKind = ZoneKind.OTHER
    name: Name = Field("", examples=["Thôn 4"])
    code: Code | None = Field(None, examples=["20935-04"])
    valid_from: date | None = None
    valid_until: date | None = Field(None, description="The first day on which it is no more.", examples=["2027-01-01"])
    latitude: Latitude | None = Field(None, examples=[15.28])
    longitude: Longitude | None = Field(None, examples=[107.99])


class ZoneMove(Input):
    parent_id: Id = Field(examples=[_EXAMPLE_ID])


class ZoneEnd(Input):
    """`into_id` is the place that it is merged into; without one it only ends."""

    into_id: Id | None = Field(None, examples=[None])


class QuietTimes(Input):
    """Local times of day; past midnight when `end` is not after `start`."""

    start: str = Field(examples=["21:30"])
    end: str = Field(examples=["04:45"])
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] = Field(
        default=[0, 1, 2, 3, 4, 5, 6], min_length=1, max_length=7, description="On which it begins; Monday is 0."
    )

    @field_validator("start", "end")
    @classmethod
    def _is_time(cls, value: str) -> str:
        try:
            minute_of_day(value)
        except BadRules as bad:
            raise PydanticCustomError("bad_time", "Write a time of day as HH:MM.") from bad
        return value

    @property
    def stored(self) -> dict[str, object]:
        """As `broadcast.wire.documents.QuietHours` has it."""
        start = minute_of_day(self.start) % 1440
        return {
            "start_minute": start,
            "end_minute": minute_of_day(self.end),
            "weekdays": sorted(set(self.weekdays)),
        }


class QuotaLimits(Input):
    """Sessions a day and how long each may be; sound after a pause of `gap_minutes` is a new session."""

    sessions_per_day: int = Field(ge=0, le=96, examples=[3])
    session_minutes: int = Field(ge=1, le=1440, examples=[45])
    gap_minutes: int = Field(5, ge=0, le=240)

    @property
    def stored(self) -> dict[str, object]:
        """As `broadcast.wire.documents.Quota` has it."""
        return {
            "sessions_per_day": self.sessions_per_day,
            "session_us": self.session_minutes * MINUTE_US,
            "gap_us": self.gap_minutes * MINUTE_US,
        }


class ZoneSettings(Input):
    """What a zone sets for itself and all below it. What is not sent stays; null takes the zone's above again."""

    timezone: str | None = Field(None, max_length=64, examples=["Asia/Ho_Chi_Minh"])
    quiet_hours: list[QuietTimes] | None = Field(None, max_length=32)
    quota: QuotaLimits | None = None
    quota_lifted: bool = Field(default=False, description="No quota here, whatever the zones above set.")
    max_airing_s: int | None = Field(None, ge=1, le=24 * 3600, examples=[3600])
    approval_classes: list[BroadcastClass] | None = Field(None, description="The classes that need approval.")
    languages: list[Language] | None = Field(None, min_length=1, max_length=8, examples=[["vi", "cdo"]])
    fallback_recording_id: Id | None = Field(None, description="Played where an item cannot be.")
    second_person: SecondPerson | None = Field(None, description="Who must let an emergency or a drill sound here.")
    public_page: bool | None = Field(None, description="Whether residents have a page of what was announced here.")

    @model_validator(mode="after")
    def _one_word_on_quota(self) -> Self:
        if self.quota is not None and self.quota_lifted:
            raise PydanticCustomError("quota_twice", "A quota is either set or lifted.")
        return self


class RulesView(BaseModel):
    """What holds, settings of the zones above included."""

    timezone: str
    quiet_hours: list[QuietTimes]
    quota: QuotaLimits | None
    max_airing_s: int
    approval_classes: list[BroadcastClass]
    languages: list[str]
    second_person: SecondPerson
    public_page: bool


class ZoneView(BaseModel):
    id: str = Field(examples=[_EXAMPLE_ID])
    parent_id: str | None
    kind: ZoneKind
    name: str = Field(examples=["Thôn 1"])
    place: list[str] = Field(description="Names of the zones above, from the root.", examples=[["Đà Nẵng", "Trà Leng"]])
    code: str | None
    valid_from: date | None
    valid_until: date | None
    latitude: float | None
    longitude: float | None
    depth: int = Field(description="0 for a root.")
    receivers: int = Field(description="Here and in all zones below.", examples=[10])
    receivers_online: int = Field(examples=[9])
    version: int


class ZoneDetail(ZoneView):
    settings: ZoneSettings = Field(description="What this zone sets itself.")
    rules: RulesView


class ZoneList(BaseModel):
    items: list[ZoneView]
    next: str | None = Field(None, description="`after` of the next page; null on the last one.")


class GroupNew(Input):
    zone_id: Id = Field(examples=[_EXAMPLE_ID], description="Where its editors need their rights.")
    name: Name = Field(examples=["Lưu vực sông Tranh"])
    code: Code | None = None
    valid_from: Day | None = Field(None, description=_PLACE_FROM)
    valid_until: Day | None = Field(None, description="The first day on which it is none any more.")
    member_ids: list[Id] = Field(default=[], max_length=2000)


class GroupChange(Input):
    """What is not sent stays as it is."""

    name: Name = Field("", examples=["Lưu vực sông Tranh"])
    code: Code | None = None
    valid_from: Day | None = Field(None, description=_PLACE_FROM)
    valid_until: Day | None = Field(None, description="The first day on which it is none any more.")
    member_ids: list[Id] = Field(default=[], max_length=2000)


class GroupView(BaseModel):
    id: str
    zone_id: str
    name: str = Field(examples=["Lưu vực sông Tranh"])
    code: str | None
    valid_from: date | None
    valid_until: date | None
    member_ids: list[str]
    version: int


class GroupList(BaseModel):
    items: list[GroupView]
    next: str | None = Field(None, description="`after` of the next page; null on the last one.")


class HolidayNew(Input):
    zone_id: Id = Field(examples=[_EXAMPLE_ID])
    day: Day = Field(examples=["2027-02-06"])
    name: Name = Field(examples=["Tết Nguyên Đán"])


class HolidayFill(Input):
    zone_id: Id = Field(examples=[_EXAMPLE_ID])
    year: int = Field(ge=2000, le=2100, examples=[2027])


class HolidayView(BaseModel):
    zone_id: str
    day: date
    name: str


class HolidayList(BaseModel):
    items: list[HolidayView]
