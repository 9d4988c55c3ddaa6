"""What the API gives of what waits for an approver."""

from typing import Self

from pydantic import BaseModel, Field

from scheduler.announcements.schemas import RecordingOut
from scheduler.approval.differences import Differences
from scheduler.approval.inbox import Waiting
from scheduler.broadcasts.schemas import BroadcastOut, PlaceEffects
from scheduler.relays.schemas import RelayDetail, RelayOut


class PieceOut(BaseModel):
    """A part of a text: `same`, `added` or `removed`."""

    kind: str = Field(examples=["added"])
    text: str


class ChangedText(BaseModel):
    language: str = Field(examples=["vi"])
    pieces: list[PieceOut]


class DifferencesOut(BaseModel):
    """What was before, where it was something else; texts word by word; languages with another recording."""

    title_before: str | None
    cls_before: str | None
    when_before: dict[str, object] | None
    places_added: list[str]
    places_removed: list[str]
    texts: list[ChangedText]
    sounds: list[str]

    @classmethod
    def of(cls, found: Differences) -> Self:
        return cls.model_validate(found, from_attributes=True)


class WaitingOut(BaseModel):
    """A broadcast to decide on. `differences` is null the first time, `effects` where it is too far ahead to know."""

    broadcast: BroadcastOut
    recordings: list[RecordingOut]
    on_behalf_of: list[str] = Field(examples=[["Hồ Văn Minh"]])
    differences: DifferencesOut | None
    effects: list[PlaceEffects] | None

    @classmethod
    def of(cls, one: Waiting) -> Self:
        return cls(
            broadcast=one.item,
            recordings=[RecordingOut.model_validate(recording.model_dump()) for recording in one.recordings],
            on_behalf_of=list(one.on_behalf_of),
            differences=DifferencesOut.of(one.differences) if one.differences is not None else None,
            effects=one.effects,
        )


class InboxOut(BaseModel):
    """`more` wait than are given. What `passed` is returned or, where it comes once, approved for another time."""

    items: list[WaitingOut]
    relays: list[RelayDetail]
    more: bool
    passed: list[BroadcastOut]
    relays_passed: list[RelayOut]
