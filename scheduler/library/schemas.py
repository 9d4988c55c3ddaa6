"""What the API and the pages send and get about the library."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from scheduler.announcements.finding import MAX_TAG_LETTERS
from scheduler.announcements.models import Category
from scheduler.announcements.schemas import AnnouncementOut
from scheduler.live.models import LiveKind
from scheduler.zones.schemas import Id, Input

MAX_TAGS = 10


class Search(Input):
    """What is looked for; `q` with diacritics exactly, without any however it is written."""

    q: str = Field(default="", max_length=200, examples=["tra don"])
    category: Category | None = None
    tag: str = Field(default="", max_length=MAX_TAG_LETTERS)
    zone_id: str = Field(default="", max_length=26, description="This zone and below.")

    before: str | None = Field(default=None, max_length=26, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=200)

    @property
    def narrows(self) -> bool:
        return bool(self.q.strip() or self.category or self.tag or self.zone_id)


class LabelsIn(Input):
    category: Category | None = None
    tags: list[Annotated[str, Field(max_length=4 * MAX_TAG_LETTERS)]] = Field(
        default=[], max_length=MAX_TAGS, examples=[["vụ đông xuân"]]
    )


class LibraryItem(AnnouncementOut):
    """An announcement with where it belongs and how often it was used, also as a part of others.

    `place` are the zones above its own, nearest first. Of `times` broadcast it was heard somewhere `heard` times.
    """

    place: list[str] = Field(examples=[["Huyện Nam Trà My"]])
    times: int
    heard: int
    last_at: datetime | None


class LibraryPage(BaseModel):
    """`next` is the cursor of the following page; absent on the last."""

    items: list[LibraryItem]
    next: str | None = None


class UseOut(BaseModel):
    """One airing: of the announcement itself, or of `within`, which it was a part of.

    It was a broadcast's, or a live talk's or a relay's that the announcement was kept from or was played in.
    """

    airing_id: str | None = Field(description="Null of a live talk that whoever asks may not see.")
    broadcast_id: Id | None = Field(description="Null of what was broadcast live.")
    live: LiveKind | None = Field(description="How it was broadcast live; null of a broadcast.")
    talk_id: Id | None = Field(description="The live talk, where its log is; null for whoever may not see it.")
    within: str | None = Field(description="Null of the announcement itself, empty where whoever asks may not see it.")
    start: datetime
    zone_names: list[str]
    other_zones: int = Field(description="Zones that whoever asks does not see.")
    heard: int | None = Field(description="Loudspeakers that it was heard from, null while nothing is known.")
    receivers: int | None


class HistoryOut(BaseModel):
    items: list[UseOut]
    more: bool
