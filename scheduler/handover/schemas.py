"""What is handed over when an official leaves, as pages and API show and send it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from scheduler.people.schemas import Code, SessionView, TokenView
from scheduler.zones.schemas import Id, Input

MAX_ITEMS = 2000


class Kind(StrEnum):
    BROADCAST = "broadcast"
    ANNOUNCEMENT = "announcement"
    PLAYLIST = "playlist"
    BULLETIN = "bulletin"
    RELAY = "relay"
    LIVE = "live"
    REPORT = "report"  # the daily word of what was not heard in a zone; its id is the zone's


class ItemView(BaseModel):
    """Something that somebody answers for.

    `state` is that of the broadcast, the talk or the relay; else `unused` of an announcement, or `kept`.
    """

    kind: Kind
    id: str
    title: str
    state: str = Field(examples=["draft"])
    zone_id: str
    zone_name: str
    starts_local: str | None = Field(None, description="Wall time of a broadcast.")
    starts_at: datetime | None = Field(None, description="Of a live talk.")


class ApprovalView(BaseModel):
    """A broadcast or a relay that waits and that they could approve; `others` are who else can."""

    kind: Kind = Kind.BROADCAST
    id: str
    title: str
    zone_name: str
    others: list[str]


class HandoverView(BaseModel):
    user_id: str
    items: list[ItemView]
    elsewhere: int = Field(description="So many more belong to zones in which you do not administer people.")
    approvals: list[ApprovalView]
    sessions: list[SessionView]
    tokens: list[TokenView]


class ItemName(Input):
    kind: Kind
    id: Id


class HandoverIn(Input):
    """What goes to whom, and what ends. All of it happens, or nothing."""

    to: Annotated[str, Field(max_length=26, description="The person who takes the items; empty if none are moved.")] = (
        ""
    )
    items: list[ItemName] = Field(default_factory=list, max_length=MAX_ITEMS)
    give_roles: bool = Field(default=False, description="Give their roles, with the same ends, to that person too.")
    code: Code = Field(default="", description="Of your own second factor, typed anew, where roles are given.")
    end_access: bool = Field(default=False, description="End roles, sign-ins and tokens; the account is closed.")
    leave_rest: bool = Field(default=False, description="End the access though items are left that nobody took.")
