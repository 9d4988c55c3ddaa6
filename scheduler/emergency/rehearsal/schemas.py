"""What the API and the pages send and get about rehearsals."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

from scheduler.emergency.schemas import TypedWord
from scheduler.policy import BadRules, minute_of_day
from scheduler.zones.schemas import Id, Input


class Verdict(StrEnum):
    """What was found of one receiver. `heard` and `faint` count as heard.

    Without a microphone a test announcement is heard when the device was given sound; a silent test is only `played`.
    """

    HEARD = "heard"
    FAINT = "faint"
    PLAYED = "played"
    NOT_HEARD = "not_heard"
    FAILED = "failed"
    WAITING = "waiting"  # there is time left to answer
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"


class RunState(StrEnum):
    RUNNING = "running"
    CLOSED = "closed"
    MISSED = "missed"


class _Tested(Input):
    """`silent`: the self-test that nobody hears. What is heard takes a `word`, typed by hand; silence takes none."""

    silent: bool = True
    word: TypedWord = Field("", examples=["THỬ LOA"])


class RehearsalIn(_Tested):
    """Each week on `weekday` (Monday is 0) at `at` by the zone's clock.

    One that is heard is agreed to here, by `word`: nobody types it again when its time comes.
    """

    weekday: int = Field(ge=0, le=6, examples=[0])
    at: str = Field(examples=["16:30"])

    @field_validator("at")
    @classmethod
    def _is_time(cls, value: str) -> str:
        try:
            if minute_of_day(value) < 24 * 60:
                return value
        except BadRules:
            pass
        raise PydanticCustomError("bad_time", "Write a time of day as HH:MM.")


class RunIn(_Tested):
    """A test at once; one that is heard by its `word` only."""


class RehearsalOut(BaseModel):
    """`weekday`, `at` and `next_at` are None where none is set: then `version` is 0."""

    zone_id: Id
    weekday: int | None = None
    at: str | None = Field(None, examples=["16:30"])
    silent: bool = True
    next_at: datetime | None = None
    version: int = 0
    may_edit: bool


class ReceiverResult(BaseModel):
    """`troubles` are fault codes, and why it did not sound."""

    receiver_id: Id
    name: str = Field(examples=["Cụm loa thôn 4"])
    zone_id: Id
    verdict: Verdict
    level_dbfs: float | None = None
    at: datetime | None = None
    troubles: list[str] = Field(default=[], examples=[["clock_untrusted"]])


class RunOut(BaseModel):
    """`heard` of `total` receivers; `played` more where nothing listens.

    `trouble` is why it did not take place, for example `centre_was_away`.
    """

    id: Id
    zone_id: Id
    zone_name: str = Field(examples=["Xã Trà Leng"])
    due_at: datetime
    silent: bool
    state: RunState
    heard: int
    played: int = 0
    total: int
    order_id: Id | None = None
    closes_at: datetime
    closed_at: datetime | None = None
    trouble: str | None = None


class RunDetail(RunOut):
    """Those with something wrong first. While it runs it is what is known so far."""

    receivers: list[ReceiverResult]


class RunPage(BaseModel):
    """`next` is the cursor of the following page; absent on the last."""

    items: list[RunOut]
    next: str | None = None
