"""Places and free sets of places."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from scheduler.store.types import Json, word_of


class ZoneKind(StrEnum):
    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"
    VILLAGE = "village"
    HAMLET = "hamlet"
    OTHER = "other"


class SecondPerson(StrEnum):
    """Who must let an emergency or a drill sound in a zone."""

    TWO_PEOPLE = "two_people"  # another person than the one who asked
    SECOND_FACTOR = "second_factor"  # or the same one, with a code of the second factor typed anew


class Zone(SQLModel, table=True):
    """A place in the tree. Its identity is `id`, never its name: Trà Don and Trà Dơn differ by one diacritic.

    `path` is the ids from the root to itself as `/a/b/c/`, so that a subtree is a prefix. A setting that is None is
    the parent's. `valid_until` is the first day on which the zone is no more.
    """

    id: str = Field(primary_key=True, max_length=26)
    parent_id: str | None = Field(default=None, foreign_key="zone.id", index=True)
    path: str = Field(index=True, max_length=460)
    kind: ZoneKind = Field(sa_type=word_of(ZoneKind))
    code: str | None = Field(default=None, max_length=40, index=True)
    name: str = Field(max_length=120)
    valid_from: date | None = None
    valid_until: date | None = None
    latitude: float | None = None
    longitude: float | None = None
    timezone: str | None = Field(default=None, max_length=64)
    quiet_hours: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(Json))
    quota: dict[str, Any] | None = Field(default=None, sa_column=Column(Json))
    max_airing_s: int | None = None
    approval_classes: list[str] | None = Field(default=None, sa_column=Column(Json))
    languages: list[str] | None = Field(default=None, sa_column=Column(Json))
    fallback_recording_id: str | None = Field(default=None, max_length=26)
    second_person: SecondPerson | None = Field(default=None, sa_type=word_of(SecondPerson))
    public_page: bool | None = None
    version: int = 1


class Group(SQLModel, table=True):
    """A free set of zones (a flood basin, a parish); `zone_id` is where its editors need their rights.

    One with `valid_from` is a place of the administration that is no zone of its own, such as a commune that others
    were merged into: from that day on and before `valid_until` reports can be made by it.
    """

    __tablename__ = "zone_group"
    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    code: str | None = Field(default=None, max_length=40)
    name: str = Field(max_length=120)
    valid_from: date | None = None
    valid_until: date | None = None
    version: int = 1


class GroupMember(SQLModel, table=True):
    __tablename__ = "zone_group_member"
    group_id: str = Field(foreign_key="zone_group.id", primary_key=True)
    zone_id: str = Field(foreign_key="zone.id", primary_key=True)


class Holiday(SQLModel, table=True):
    """A day on which broadcasts that skip holidays are silent, in a zone and all below it."""

    zone_id: str = Field(foreign_key="zone.id", primary_key=True)
    day: date = Field(primary_key=True)
    name: str = Field(max_length=120)


class ZonePast(SQLModel, table=True):
    """What a zone was called and under which zone it stood before the day `until`."""

    __tablename__ = "zone_past"
    zone_id: str = Field(foreign_key="zone.id", primary_key=True)
    until: date = Field(primary_key=True)
    parent_id: str | None = Field(default=None, foreign_key="zone.id")
    name: str = Field(max_length=120)
    code: str | None = Field(default=None, max_length=40)
