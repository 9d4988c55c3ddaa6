"""What the API and the pages send and get about the library."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from scheduler.announcements.finding import MAX_TAG_LETTERS
from scheduler.announcements.models import Category
from scheduler.announcements.schemas import AnnouncementOut
from scheduler.zones.schemas import Id, Input

MAX_TAGS = 10
MAX_KEEP_DAYS = 3650


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
    """One airing: of the announcement itself, or of `within`, which it was a part of."""

    airing_id: str
    broadcast_id: Id
    within: str | None
    start: datetime
    zone_names: list[str]
    other_zones: int = Field(description="Zones that whoever asks does not see.")
    heard: int | None = Field(description="Loudspeakers that it was heard from, null while nothing is known.")
    receivers: int | None


class HistoryOut(BaseModel):
    items: list[UseOut]
    more: bool


class RuleIn(Input):
    """Announcements of the zone and below, of all categories where none is named, are deleted once they are old."""

    zone_id: Id
    category: Category | None = None
    keep_days: int = Field(ge=30, le=MAX_KEEP_DAYS, examples=[365])
    in_force: bool = Field(default=False, description="Nothing is deleted by a rule that is only tried.")


class RuleOut(BaseModel):
    id: Id
    zone_id: Id
    zone_name: str
    category: Category | None
    keep_days: int
    in_force: bool
    may_edit: bool
    version: int


class DueItem(BaseModel):
    """What the next night would delete."""

    announcement_id: Id
    title: str
    zone_name: str
    category: Category | None
    last_used: datetime = Field(description="Or when it was made.")
    size_bytes: int
    rule_id: Id


class DryRun(BaseModel):
    items: list[DueItem]
    count: int
    size_bytes: int


class RunOut(BaseModel):
    id: Id
    began_at: datetime
    announcements: int
    files: int
    freed_bytes: int
    media_bytes: int
    originals_bytes: int
