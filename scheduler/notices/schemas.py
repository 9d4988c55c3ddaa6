"""What the API and the pages send and get about notices and the programs that are told of them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from scheduler.notices.models import Channel, Kind, NoticeState
from scheduler.zones.schemas import Id, Input, Name

MAX_URL = 500
CHOICES = (
    Kind.WAITING, Kind.APPROVED, Kind.RETIMED, Kind.RETURNED, Kind.CANCELLED, Kind.FAULT, Kind.EMERGENCY,
    Kind.EMERGENCY_OVER,
)  # fmt: skip
"""What a person or a program chooses; of the day's digest one decides where one reads the report.

Who is told of faults is told that they are over too; who is told of approvals, that there is no sound of one.
"""
FIRST_CHOICE = (Kind.WAITING, Kind.APPROVED, Kind.RETIMED, Kind.RETURNED, Kind.CANCELLED)

Address = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=254, pattern=r"^([^@\s<>,;\"\\]{1,64}@[^@\s<>,;\"\\]{1,189})?$"
    ),
    Field(examples=["lan@traleng.example"], description="Empty: no mail."),
]
Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_URL)]


class ChoiceIn(Input):
    address: Address
    kinds: list[Kind] = Field(default=list(FIRST_CHOICE), max_length=len(Kind), examples=[["waiting", "returned"]])


class ChoiceOut(BaseModel):
    """`mail_works` is whether this centre sends mail at all; `trouble` why the last one did not arrive."""

    address: str = Field(examples=["lan@traleng.example"])
    kinds: list[Kind]
    mail_works: bool
    last_sent_at: datetime | None = None
    trouble: str | None = None


class HookIn(Input):
    zone_id: Id = Field(examples=["01KB3CWZ5M4Q7R8S9TAVBXCYDZ"], description="What happens there and below is told.")
    name: Name = Field(examples=["Trung tâm điều hành"])
    url: Url = Field(examples=["https://ioc.example/loa"])
    kinds: list[Kind] = Field(min_length=1, max_length=len(Kind), examples=[["emergency", "fault"]])


class HookOut(BaseModel):
    id: Id
    zone_id: Id
    zone_name: str = Field(examples=["Xã Trà Leng"])
    name: str
    url: str
    kinds: list[Kind]
    created_at: datetime


class HookCreated(HookOut):
    secret: str = Field(examples=["3hX…"], description="Shown once: the key of the signature.")


class HookList(BaseModel):
    items: list[HookOut]


class DeliveryOut(BaseModel):
    """One notice and what came of it; `to` is a person's or a program's name."""

    id: Id
    at: datetime
    channel: Channel
    kind: Kind
    subject: str = Field(examples=["broadcast:01KB3CWZ5M4Q7R8S9TAVBXCYDZ"])
    to: str = Field(examples=["Nguyễn Thị Lan"])
    state: NoticeState
    tries: int
    next_at: datetime | None
    sent_at: datetime | None
    trouble: str | None = Field(examples=["the mail server refused the password (535)"])


class DeliveryPage(BaseModel):
    items: list[DeliveryOut]
    next: str | None = None
