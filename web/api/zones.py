"""Places: /api/v1/zones, /api/v1/groups, /api/v1/holidays."""

from collections.abc import Iterable
from datetime import date
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from scheduler.zones import calendar, ending, groups, repository, service, views
from scheduler.zones.models import Group, Holiday, Zone
from scheduler.zones.schemas import (
    GroupChange,
    GroupList,
    GroupNew,
    GroupView,
    HolidayFill,
    HolidayList,
    HolidayNew,
    HolidayView,
    ZoneChange,
    ZoneDetail,
    ZoneEnd,
    ZoneList,
    ZoneMove,
    ZoneNew,
    ZoneSettings,
)
from web.auth import CurrentActor, Now, ReadDb, WriteDb
from web.conditional import IfMatch, give_etag
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses
from web.proving import Anew, TypedCode

router = APIRouter(
    prefix="/api/v1",
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
zones_routes = APIRouter(tags=["zones"])
groups_routes = APIRouter(tags=["groups"])
holidays_routes = APIRouter(tags=["holidays"])
ZoneId = Annotated[str, Query(max_length=26, examples=["01KB3CWZ5M4Q7R8S9TAVBXCYDZ"])]


@zones_routes.get("/zones")
def list_zones(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    q: Annotated[
        str | None, Query(max_length=120, description="Search: diacritics that are typed count.", examples=["tra don"])
    ] = None,
    parent_id: Annotated[str | None, Query(max_length=26, description="Only this zone's children.")] = None,
    after: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> ZoneList:
    """The zones that you see with their receivers: the tree in order, one zone's children, or what a search finds.

    Names are not identities: a search for `tra don` finds Trà Don and Trà Dơn, told apart by place and code.
    """
    if q is not None:
        return ZoneList(items=views.zone_views(db, service.search(db, actor, now, q, limit)))
    if parent_id is not None:
        service.zone_for(db, actor, now, parent_id)
        zones = list(repository.children(db, parent_id))
    else:
        zones = list(service.tree(db, actor, now))
    start = next((i for i, zone in enumerate(zones, 1) if zone.id == after), 0)
    shown = zones[start : start + limit]
    more = start + limit < len(zones)
    return ZoneList(items=views.zone_views(db, shown), next=shown[-1].id if more else None)


@zones_routes.post("/zones", status_code=HTTPStatus.CREATED)
def create_zone(
    body: ZoneNew, *, response: Response, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce
) -> ZoneDetail:
    """A new zone under one that you administer."""
    return once(db, now, lambda: _shown(db, response, service.create_zone(db, actor, now, body)))


@zones_routes.get("/zones/{zone_id}")
def get_zone(zone_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> ZoneDetail:
    """One zone with what it sets itself and what holds in it."""
    return _shown(db, response, service.zone_for(db, actor, now, zone_id))


@zones_routes.patch("/zones/{zone_id}", responses=EDIT_PROBLEMS)
def change_zone(
    zone_id: str,
    body: ZoneChange,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    code: TypedCode = "",
) -> ZoneDetail:
    """Rename, recode, place or, with a code, date a zone; `valid_until` ends it."""

    def act(db: Session) -> ZoneDetail:
        return _shown(db, response, service.change_zone(db, actor, now, zone_id, version=version, change=body))

    return anew(code, act, "zone.change", f"zone:{zone_id}", needed=lambda db: service.weighs(db, zone_id, body))


@zones_routes.patch("/zones/{zone_id}/settings", responses=EDIT_PROBLEMS)
def change_settings(
    zone_id: str,
    body: ZoneSettings,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    code: TypedCode = "",
) -> ZoneDetail:
    """Quiet hours, quota, longest airing, time zone, approval, languages; null takes the zone's above again.

    All but the languages and the page for residents take a code.
    """

    def act(db: Session) -> ZoneDetail:
        return _shown(db, response, service.change_settings(db, actor, now, zone_id, version=version, settings=body))

    return anew(code, act, "zone.settings", f"zone:{zone_id}", needed=lambda db: service.weighs(db, zone_id, body))


@zones_routes.post("/zones/{zone_id}/move", responses=EDIT_PROBLEMS)
def move_zone(
    zone_id: str,
    body: ZoneMove,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    code: TypedCode = "",
) -> ZoneDetail:
    """Put a zone and all below it under another one, with a code; both must be yours to administer."""

    def act(db: Session) -> ZoneDetail:
        zone = service.move_zone(db, actor, now, zone_id, version=version, parent_id=body.parent_id)
        return _shown(db, response, zone)

    return anew(code, act, "zone.move", f"zone:{zone_id}")


@zones_routes.post("/zones/{zone_id}/end", responses=EDIT_PROBLEMS)
def end_zone(
    zone_id: str,
    body: ZoneEnd,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    code: TypedCode = "",
) -> ZoneDetail:
    """With a code, from today on it is no more; merged into another place of its kind, what is in it goes on there."""

    def act(db: Session) -> ZoneDetail:
        zone = ending.end_zone(db, actor, now, zone_id, version=version, into_id=body.into_id)
        return _shown(db, response, zone)

    return anew(code, act, "zone.end", f"zone:{zone_id}")


@zones_routes.delete("/zones/{zone_id}", status_code=HTTPStatus.NO_CONTENT, responses=EDIT_PROBLEMS)
def delete_zone(zone_id: str, db: WriteDb, actor: CurrentActor, now: Now, version: IfMatch) -> None:
    """Take out a zone that nothing refers to; give any other a `valid_until`."""
    service.delete_zone(db, actor, now, zone_id, version=version)


@groups_routes.get(
    "/groups",
)
def list_groups(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    after: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> GroupList:
    """Free sets of zones, such as a flood basin, by name."""
    found = groups.list_groups(db, actor, now)
    start = next((place for place, one in enumerate(found, 1) if one.id == after), 0)
    shown = found[start : start + limit]
    more = start + limit < len(found)
    return GroupList(items=views.group_views(db, shown), next=shown[-1].id if more else None)


@groups_routes.post("/groups", status_code=HTTPStatus.CREATED)
def create_group(
    body: GroupNew, *, response: Response, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce
) -> GroupView:
    """A new group; you must administer its zone and each of its members."""
    return once(db, now, lambda: _group(db, response, groups.create_group(db, actor, now, body)))


@groups_routes.get(
    "/groups/{group_id}",
)
def get_group(group_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> GroupView:
    """One group with its members."""
    return _group(db, response, groups.group_for(db, actor, now, group_id))


@groups_routes.patch("/groups/{group_id}", responses=EDIT_PROBLEMS)
def change_group(
    group_id: str,
    body: GroupChange,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    code: TypedCode = "",
) -> GroupView:
    """Rename a group or, with a code, replace its members; planned broadcasts to it follow."""

    def act(db: Session) -> GroupView:
        return _group(db, response, groups.change_group(db, actor, now, group_id, version=version, change=body))

    return anew(code, act, "group.change", f"group:{group_id}", needed=lambda db: groups.weighs(db, group_id, body))


@groups_routes.delete("/groups/{group_id}", status_code=HTTPStatus.NO_CONTENT, responses=EDIT_PROBLEMS)
def delete_group(group_id: str, db: WriteDb, actor: CurrentActor, now: Now, version: IfMatch) -> None:
    """Take out a group that no broadcast names."""
    groups.delete_group(db, actor, now, group_id, version=version)


@holidays_routes.get(
    "/holidays",
)
def list_holidays(
    db: ReadDb, actor: CurrentActor, now: Now, zone_id: ZoneId, year: Annotated[int, Query(ge=2000, le=2100)]
) -> HolidayList:
    """The holidays that a zone keeps, those of the zones above included."""
    return _days(calendar.list_holidays(db, actor, now, zone_id, year))


@holidays_routes.post("/holidays", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT))
def add_holiday(body: HolidayNew, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce) -> HolidayView:
    """A day on which broadcasts that skip holidays are silent, in the zone and all below it."""
    return once(db, now, lambda: _day(calendar.add_holiday(db, actor, now, body)))


@holidays_routes.post(
    "/holidays/fill",
)
def fill_holidays(body: HolidayFill, db: WriteDb, actor: CurrentActor, now: Now) -> HolidayList:
    """Add Vietnam's public holidays of a year, Tết included; answers with those that were not there yet."""
    return _days(calendar.fill_public_holidays(db, actor, now, body.zone_id, body.year))


@holidays_routes.delete("/holidays/{zone_id}/{day}", status_code=HTTPStatus.NO_CONTENT)
def remove_holiday(zone_id: str, day: date, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """A day that was one is none any more; it needs the right to set the zone's settings."""
    calendar.remove_holiday(db, actor, now, zone_id, day)


def _shown(db: Session, response: Response, zone: Zone) -> ZoneDetail:
    give_etag(response, zone.version)
    return views.zone_detail(db, zone)


def _group(db: Session, response: Response, group: Group) -> GroupView:
    give_etag(response, group.version)
    return views.group_views(db, [group])[0]


def _day(row: Holiday) -> HolidayView:
    return HolidayView(zone_id=row.zone_id, day=row.day, name=row.name)


def _days(rows: Iterable[Holiday]) -> HolidayList:
    return HolidayList(items=[_day(row) for row in rows])


for routes in (zones_routes, groups_routes, holidays_routes):
    router.include_router(routes)
