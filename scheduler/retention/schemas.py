"""What the API and the pages send and get about retention."""

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from scheduler.announcements.finding import MAX_TAG_LETTERS, clean_tag
from scheduler.announcements.models import Category
from scheduler.retention.choosing import MAX_DAYS, Subject
from scheduler.zones.schemas import Id, Input

Days = Annotated[int, Field(ge=1, le=MAX_DAYS, examples=[365])]
Tag = Annotated[str, Field(max_length=4 * MAX_TAG_LETTERS), AfterValidator(clean_tag)]


class KeepIn(Input):
    """How long: so many whole days, or always where none are given."""

    days: Days | None = None


class RuleIn(KeepIn):
    """What is kept so long in a zone and below; of announcements all, those of a category, or those with a tag."""

    zone_id: Id
    subject: Subject = Field(examples=["live"])
    category: Category | None = None
    tag: Tag | None = Field(None, examples=["tiêm chủng"])

    @model_validator(mode="after")
    def _fits(self) -> "RuleIn":
        self.tag = self.tag.lower() if self.tag else None
        if (self.category or self.tag) and self.subject is not Subject.ANNOUNCEMENTS:
            raise PydanticCustomError("only_announcements", "Only announcements have a category and tags.")
        if self.category and self.tag:
            raise PydanticCustomError("one_of_both", "Choose a category or a tag, not both.")
        return self


class SeenIn(Input):
    """`seen` is that of the dry run that was looked at; with another one nothing is done."""

    seen: str = Field(max_length=64, examples=["5f0c3f6a8b1d2e47"])


class Keep(BaseModel):
    """`days` is None for always."""

    days: int | None


class RuleOut(BaseModel):
    """`in_force` is what holds, `asked` what somebody wants instead and nobody has put in force."""

    id: Id
    zone_id: Id
    zone_name: str = Field(examples=["Xã Trà Leng"])
    subject: Subject
    category: Category | None
    tag: str | None
    in_force: Keep | None
    in_force_since: datetime | None
    asked: Keep | None
    set_by_name: str
    set_at: datetime
    may_edit: bool
    version: int


class RuleList(BaseModel):
    items: list[RuleOut]


class Example(BaseModel):
    """Something that would go; `at` is when it was used last."""

    id: Id
    title: str
    at: datetime


class DryRun(BaseModel):
    """What would go today if the rule as it is asked for held, or (`ends`) if it ended.

    Rows of tables are measured by what a row takes on average, sound by its files. `needed` are old enough and stay,
    because something still needs them.
    """

    rule_id: Id
    ends: bool
    count: int
    size_bytes: int
    oldest: datetime | None
    newest: datetime | None
    needed: int
    examples: list[Example]
    seen: str = Field(description="To be sent when the rule is put in force, or ended.")


class RunResult(BaseModel):
    """What went by one rule; without `rule_id` by the setting of the installation."""

    subject: Subject
    rule_id: Id | None
    zone_name: str
    count: int
    size_bytes: int


class RunOut(BaseModel):
    """One night, with what went in the reader's places. `files` and `freed_bytes` are of the whole installation."""

    day: date
    began_at: datetime
    ended_at: datetime | None
    results: list[RunResult]
    files: int
    freed_bytes: int


class RunList(BaseModel):
    items: list[RunOut]
