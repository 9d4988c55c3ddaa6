"""What the API and the pages send and get about what residents write."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from scheduler.residents.models import FeedbackState, Subject
from scheduler.zones.schemas import Id, Input

MAX_TEXT = 2000
MIN_TEXT = 5
MAX_NOTE = 1000


class FeedbackIn(Input):
    """What a resident writes; all but the text may be left out."""

    model_config = ConfigDict(str_strip_whitespace=True)

    about: Subject = Subject.OTHER
    text: str = Field(min_length=MIN_TEXT, max_length=MAX_TEXT)
    name: str = Field("", max_length=80)
    phone: str = Field("", max_length=40)


class AnswerIn(Input):
    """What was done about it; kept with it, not sent to anybody."""

    note: str = Field("", max_length=MAX_NOTE, examples=["Đã sửa dây loa chiều thứ Ba."])


class FeedbackOut(BaseModel):
    id: Id
    zone_id: Id
    zone_name: str = Field(examples=["Thôn 4"])
    place: list[str] = Field(description="Names of the zones above, from the root.")
    about: Subject
    text: str
    name: str | None
    phone: str | None
    created_at: datetime
    state: FeedbackState
    note: str | None
    answered_by: str | None = Field(None, description="The name of who did.")
    answered_at: datetime | None
    version: int
    may_answer: bool


class FeedbackPage(BaseModel):
    """`next` is the cursor of the following page; absent on the last."""

    items: list[FeedbackOut]
    next: str | None = None
