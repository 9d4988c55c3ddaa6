"""What the API and the pages send and get about emergencies, drills, STOP ALL and who heard."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from broadcast.wire.now import MAX_PARTS, Purpose
from scheduler.days import Moment
from scheduler.emergency.life import Event, State
from scheduler.zones.models import SecondPerson
from scheduler.zones.schemas import Id, Input, Language

MAX_TARGETS = 500
MAX_TEXT = 2000
MAX_MINUTES = 24 * 60
MIN_EVERY_S, MAX_EVERY_S = 10, 3600
WORDS = {Purpose.REAL: "KHẨN CẤP", Purpose.DRILL: "DIỄN TẬP", Purpose.TEST: "THỬ LOA"}
"""What whoever lets an order sound types by hand; capitals and spaces around it do not matter."""
MAX_WORD = 40

BankId = Annotated[
    str,
    StringConstraints(max_length=48, pattern=r"^[a-z0-9-]+\.[1-9][0-9]{0,5}$"),
    Field(examples=["siren-rise-fall.1"]),
]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
MAX_CODE = 24
"""One for recovery is longer than those of the second factor."""
TypedWord = Annotated[str, StringConstraints(max_length=MAX_WORD)]
Code = Annotated[str, StringConstraints(max_length=MAX_CODE)]


class BankPart(Input):
    """A message of the bank, on every receiver already."""

    kind: Literal["bank"] = "bank"
    id: BankId


class TextPart(Input):
    """Spoken at the centre as soon as it is asked for. In a drill it is wrapped in a spoken “diễn tập”."""

    kind: Literal["text"] = "text"
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)] = Field(
        examples=["Nước sông Tranh lên nhanh. Bà con thôn 1 di chuyển ngay lên nhà văn hoá."]
    )
    language: Language = "vi"
    voice: str | None = Field(None, max_length=80, examples=["vi-north"])


class RecordingPart(Input):
    """A produced recording of an announcement, such as one's own voice. Not in drills."""

    kind: Literal["recording"] = "recording"
    id: Id


class LivePart(Input):
    """Somebody speaks: the order lets its author begin a live talk of its class in its zones."""

    kind: Literal["live"] = "live"


PartIn = Annotated[BankPart | TextPart | RecordingPart | LivePart, Field(discriminator="kind")]


class OrderIn(Input):
    """`parts` sound one after another, again each `every_s`, until `until` or for `minutes` once it has begun."""

    zone_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)
    group_ids: list[Id] = Field(default=[], max_length=MAX_TARGETS)
    parts: list[PartIn] = Field(
        min_length=1, max_length=MAX_PARTS, examples=[[{"kind": "bank", "id": "siren-rise-fall.1"}]]
    )
    every_s: Literal[0] | Annotated[int, Field(ge=MIN_EVERY_S, le=MAX_EVERY_S)] = Field(0, examples=[60])
    minutes: int | None = Field(None, ge=1, le=MAX_MINUTES, examples=[15], description="15 when neither is sent.")
    until: Moment | None = Field(None, examples=["2026-11-23T02:30:00Z"])
    reason: Reason = Field(examples=["Lũ quét trên sông Tranh, tin của Ban chỉ huy PCTT lúc 01:55."])
    purpose: Purpose | None = Field(None, description="Need not be sent; if it is, it must be what the address is for.")

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.minutes is not None and self.until is not None:
            raise PydanticCustomError("end_twice", "Say either how long or until when.")
        return self


class ConfirmIn(Input):
    """`word` is typed by hand. `code` is the second factor's, from whoever has one and from whoever confirms alone."""

    word: TypedWord = Field(examples=["KHẨN CẤP"])
    code: Code = Field("", examples=["492039"])


class CorrectIn(Input):
    """`bank_id` is one of the bank's corrections (false alarm, all clear)."""

    bank_id: BankId = Field(examples=["false-alarm.1"])
    every_s: Literal[0] | Annotated[int, Field(ge=MIN_EVERY_S, le=MAX_EVERY_S)] = 60
    minutes: int = Field(5, ge=1, le=MAX_MINUTES)
    reason: Reason = Field(examples=["Báo nhầm: cảm biến mưa hỏng."])


class StopAllIn(Input):
    """Everything that sounds in these zones and below falls silent, and does not come back by itself."""

    zone_ids: list[Id] = Field(min_length=1, max_length=MAX_TARGETS, examples=[["01KB3CWZ5M4Q7R8S9TAVBXCYDZ"]])
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class PartOut(BaseModel):
    """`state` of a text: `making` until it can sound, `failed` with `error`. `sha256` is where it can be listened to.

    `duration_us` is None while it is not known.
    """

    kind: Literal["bank", "text", "recording", "live"]
    title: str = Field(examples=["Còi hụ lên xuống"])
    bank_id: str | None = None
    recording_id: str | None = None
    text: str | None = Field(None, description="As it is spoken, a drill's wrapping too.")
    language: str = "vi"
    state: Literal["ready", "making", "failed"] = "ready"
    error: str | None = Field(None, examples=["speech_failed"])
    sha256: str | None = None
    duration_us: int | None = None


class OrderTargetOut(BaseModel):
    """A zone that hears it with all below; `ended_at` where it was taken back before its time."""

    zone_id: Id
    name: str = Field(examples=["Xã Trà Leng"])
    place: list[str] = Field(description="Names of the zones above, from the root.")
    group_id: Id | None = None
    receivers: int = Field(examples=[10])
    receivers_online: int = Field(examples=[9])
    ended_at: datetime | None = None


class OrderOut(BaseModel):
    """`possible` is what whoever asks may do with it now. `delivered` says that the broker has it in all its zones.

    `word` is what its confirmation takes; `code_needed` that whoever asks has to type a code with it.
    """

    id: Id
    purpose: Purpose
    state: State
    parts: list[PartOut]
    targets: list[OrderTargetOut]
    every_s: int
    minutes: int | None
    until: datetime | None
    reason: str
    second_person: SecondPerson
    author_id: Id | None
    author_name: str | None = Field(None, examples=["Nguyễn Thị Lan"])
    confirmer_name: str | None = None
    ender_name: str | None = None
    corrects_id: Id | None
    corrected_by: list[Id] = []
    asked_at: datetime
    lapses_at: datetime
    issued_at: datetime | None
    starts_at: datetime | None
    ended_at: datetime | None
    delivered: bool
    word: str = Field(examples=["KHẨN CẤP"])
    code_needed: bool = False
    version: int
    possible: list[Event | Literal["correct"]]


class OrderPage(BaseModel):
    """`next` is the cursor of the following page; absent on the last."""

    items: list[OrderOut]
    next: str | None = None


class LeftOut(BaseModel):
    """A place that is not told by who took the order back, for want of the right to it there.

    Or one to which a receiver that had the order was moved, with zones below it that would hear it too.
    """

    zone_id: Id
    name: str = Field(examples=["Trà Leng › Thôn 1"])


class CorrectOut(BaseModel):
    """The order as it was taken back, and the one that says so; `replaced` said so until now."""

    cancelled: OrderOut
    correction: OrderOut
    replaced: list[Id] = []
    left_out: list[LeftOut] = []
    delivered: bool = False


class Contact(BaseModel):
    name: str
    phone: str | None = Field(examples=["0905 123 456"])


class FromAbove(BaseModel):
    """What zones above still let sound there, and whom to call so that it ends: who asked, confirmed, or speaks."""

    kind: Literal["real", "drill", "test", "live"]
    id: Id
    title: str = Field(examples=["Lũ quét"])
    places: list[str] = Field(examples=[["Tỉnh Quảng Nam"]], description="The zones above that it is for.")
    contacts: list[Contact]


class StopAllOut(BaseModel):
    """`zone_ids` fall silent by the documents of `silenced_by`, if `delivered`; what is `above` goes on there."""

    stopped_at: datetime
    zone_ids: list[Id]
    silenced_by: list[Id]
    cancelled: list[Id]
    above: list[FromAbove]
    delivered: bool = False


class Hearing(StrEnum):
    """How far an order has come at one receiver, the furthest first."""

    HEARD = "heard"  # a first sample at the horn; by the microphone too, where there is one
    PLAYING = "playing"  # it sounds now
    RECEIVED = "received"
    SENT = "sent"  # on line; nothing said of it yet
    FAILED = "failed"
    UNREACHABLE = "unreachable"


class ReceiverHearing(BaseModel):
    receiver_id: Id
    name: str
    zone_id: Id
    state: Hearing
    received_at: datetime | None = None
    sounding_at: datetime | None = None
    ended_at: datetime | None = None
    level_dbfs: float | None = None
    microphone: str | None = Field(None, examples=["heard"])
    reason: str = Field("", examples=["no_device"])
    partly: bool = Field(False, description="It lacks a part, as `reason` says; the others sound.")
    seen_at: datetime | None = Field(None, description="When anything was last heard of it.")


class VillageHearing(BaseModel):
    """`heard` of `total` receivers let it sound; `call` says that some did not, and `contacts` whom to telephone.

    `partly` of those that let it sound lack a part of it.
    """

    zone_id: Id
    name: str = Field(examples=["Thôn 4"])
    place: list[str]
    heard: int
    partly: int = 0
    total: int
    call: bool
    receivers: list[ReceiverHearing]
    contacts: list[Contact] = []


class WhoHeard(BaseModel):
    """`counts` has each state of a receiver; `partly` let it sound without a part that they lack."""

    order_id: Id
    at: datetime
    counts: dict[Hearing, int]
    partly: int = 0
    villages: list[VillageHearing]
