"""Plan and heard, and the reports upward: /api/v1/plan-heard, /api/v1/summaries."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from scheduler.days import Day
from scheduler.reports import service
from scheduler.reports.schemas import LinePage, SubscriptionOut, SummaryOut, VillageDay
from scheduler.reports.spans import Length, span_of
from web.auth import BySession, CurrentActor, Now, ReadDb, WriteDb
from web.problems import responses

router = APIRouter(
    prefix="/api/v1",
    tags=["reports"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
ZoneId = Annotated[str | None, Query(max_length=26, description="Of this zone and below; else of all that you see.")]
TheLength = Annotated[Length, Query(description="Of the span that `day` lies in; weeks begin on Monday.")]
ADay = Annotated[Day, Query(examples=["2026-11-23"])]


@router.get("/plan-heard")
def list_plan_heard(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    day: ADay,
    length: TheLength = Length.DAY,
    zone_id: ZoneId = None,
    missed: Annotated[bool, Query(description="Only what some receivers missed.")] = False,
    after: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> LinePage:
    """Each airing in each village: planned, fetched, started, heard, missed with the reason; the latest first."""
    return service.lines(db, actor, now, zone_id, span_of(length, day), only_missed=missed, after=after, limit=limit)


@router.get("/zones/{zone_id}/plan-heard/{day}")
def get_village_day(
    zone_id: str, day: Annotated[Day, Path(examples=["2026-11-23"])], db: ReadDb, actor: CurrentActor, now: Now
) -> VillageDay:
    """A local day of one village, with what each of its receivers reported."""
    return service.village_day(db, actor, now, zone_id, day)


@router.get("/summaries")
def get_summary(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    day: ADay,
    length: TheLength = Length.MONTH,
    zone_id: ZoneId = None,
    boundaries: Annotated[
        Day | None, Query(description="By the communes as they were on this day; else on the span's last day.")
    ] = None,
    by: Annotated[
        service.By, Query(description="A row for each station, for each commune of the tree, or for each village.")
    ] = "station",
) -> SummaryOut:
    """The province's columns: stations, clusters, bulletins, played successfully, emergencies, seconds, ratio."""
    return service.summary(db, actor, now, zone_id, span_of(length, day), boundaries=boundaries, by=by)


@router.get("/zones/{zone_id}/digest")
def get_digest_subscription(zone_id: str, db: ReadDb, actor: CurrentActor, now: Now) -> SubscriptionOut:
    """Whether you are told each morning what was not heard there."""
    return service.subscription(db, actor, now, zone_id)


@router.put("/zones/{zone_id}/digest")
def subscribe_digest(zone_id: str, db: WriteDb, _known: BySession, actor: CurrentActor, now: Now) -> SubscriptionOut:
    """Be told each morning what was not heard there; asked again it is the same."""
    return service.subscribe(db, actor, now, zone_id, wanted=True)


@router.delete("/zones/{zone_id}/digest", status_code=HTTPStatus.NO_CONTENT)
def unsubscribe_digest(zone_id: str, db: WriteDb, _known: BySession, actor: CurrentActor, now: Now) -> Response:
    """Be told no more; asked again it is the same."""
    service.subscribe(db, actor, now, zone_id, wanted=False)
    return Response(status_code=HTTPStatus.NO_CONTENT)
