"""What the API and the pages send and get about deputies."""

from datetime import datetime

from pydantic import BaseModel, Field

from scheduler.days import Moment
from scheduler.people.schemas import Code
from scheduler.zones.schemas import Id, Input

_EXAMPLE_ID = "01KB3CWZ5M4Q7R8S9TAVBXCYDZ"


class DeputyIn(Input):
    """`principal_id` is oneself where it is left out; another only for whoever administers people there."""

    deputy_id: Id = Field(examples=[_EXAMPLE_ID])
    zone_id: Id = Field(examples=[_EXAMPLE_ID], description="There and in all zones below.")
    until: Moment = Field(examples=["2026-12-05T17:00:00+07:00"], description="At most 400 days from now.")
    principal_id: Id | None = Field(default=None, examples=[_EXAMPLE_ID])
    code: Code = Field(default="", description="Of your own second factor, typed anew, where it is for another.")


class DeputyOut(BaseModel):
    """`counts` is whether it gives anything now: the principal must have the right themselves."""

    id: Id
    principal_id: Id
    principal_name: str = Field(examples=["Hồ Văn Minh"])
    deputy_id: Id
    deputy_name: str = Field(examples=["Nguyễn Thị Lan"])
    zone_id: Id
    zone_name: str = Field(examples=["Xã Trà Leng"])
    until: datetime
    ended_at: datetime | None
    counts: bool
    may_end: bool


class DeputyPage(BaseModel):
    """`next` is the cursor of the following page; absent on the last."""

    items: list[DeputyOut]
    next: str | None = None


class Candidate(BaseModel):
    """Somebody who could be named, or for whom somebody could be."""

    id: Id
    name: str
    login: str


class CandidateList(BaseModel):
    """`people` could be named; `principals` are approvers whom whoever asks administers."""

    people: list[Candidate]
    principals: list[Candidate]
