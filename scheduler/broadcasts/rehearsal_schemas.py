"""What a rehearsal in virtual time answers."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from scheduler.broadcasts.schemas import PlaceEffects
from scheduler.zones.schemas import Id


class LateOut(BaseModel):
    """A recording that reaches a loudspeaker only `there`, after the `start` at which it should sound."""

    zone_id: Id
    zone_name: str = Field(examples=["Thôn 4"])
    receiver_id: Id
    receiver_name: str = Field(examples=["Cụm loa Thôn 4"])
    title: str
    proposed: bool = Field(description="The broadcast that is being written, not one that was planned already.")
    start: datetime
    there: datetime
    local: str = Field(examples=["2026-11-23T17:00:00"], description="The start as wall time there.")


class RehearsalOut(BaseModel):
    """What would be otherwise from `first` to `last` (both included) if the draft were saved.

    `places` are villages in which something changes; in `unchanged` villages nothing does. `bytes_per_s` is what a link
    is taken to carry where nothing better is known. `left_out` villages were not tried, `more_late` are not listed.
    """

    first: date
    last: date
    times: int = Field(description="How often the draft comes in this time.")
    villages: int
    unchanged: int
    left_out: int
    places: list[PlaceEffects]
    late: list[LateOut]
    more_late: int
    bytes_per_s: int
