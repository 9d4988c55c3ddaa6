"""Looking after receivers: /api/v1/faults, what receivers measured, what villages say."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from scheduler.days import Day, Moment
from scheduler.fleet.upkeep import service, village
from scheduler.fleet.upkeep.schemas import (
    ActsIn,
    ActsOut,
    FaultPage,
    HeardIn,
    HeardOut,
    SampleDayList,
    SampleList,
    Show,
    VillageReportClose,
    VillageReportIn,
    VillageReportOut,
    VillageReportPage,
)
from web.auth import CurrentActor, Now, ReadDb, WriteDb
from web.once import CreateOnce
from web.problems import responses
from web.telling import Tell

router = APIRouter(
    prefix="/api/v1",
    tags=["upkeep"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
AiringId = Annotated[str, Path(max_length=96)]
MAX_PAGE = 100_000


@router.get("/faults")
def list_faults(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    show: Show = Show.OPEN,
    receiver_id: Annotated[str | None, Query(max_length=26)] = None,
    code: Annotated[str | None, Query(max_length=40)] = None,
    page: Annotated[int, Query(ge=1, le=MAX_PAGE, description="`next` of the page before.")] = 1,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> FaultPage:
    """Faults of the receivers that you see. One that is over stays here until somebody resets it; none is hidden."""
    return service.faults(db, actor, now, show, receiver_id=receiver_id, code=code, page=page, limit=limit)


@router.post("/faults/acts", responses=responses(HTTPStatus.CONFLICT))
def act_on_faults(body: ActsIn, *, db: WriteDb, actor: CurrentActor, now: Now, tell: Tell) -> ActsOut:
    """Acknowledge, silence or reset faults, all or none. What holds still cannot be reset. Again changes nothing."""
    tell(db, "fault:")
    return service.act(db, actor, now, body.ids, body.act)


@router.get("/receivers/{receiver_id}/samples")
def list_samples(
    receiver_id: str,
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    since: Annotated[
        Moment | None, Query(description="A week ago if not given; 90 days are kept without a rule.")
    ] = None,
) -> SampleList:
    """What the receiver measured, one a quarter of an hour at most, oldest first."""
    return service.samples(db, actor, now, receiver_id, since)


@router.get("/receivers/{receiver_id}/samples/daily")
def list_sample_days(
    receiver_id: str,
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    since: Annotated[Day | None, Query(description="A year ago if not given; 800 days are kept.")] = None,
) -> SampleDayList:
    """What the receiver measured by local days that are over: least, mean and most, oldest first."""
    return service.sample_days(db, actor, now, receiver_id, since)


@router.get("/village-reports")
def list_village_reports(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    closed: Annotated[bool | None, Query(description="Only those that were seen to, or were not.")] = None,
    zone_id: Annotated[str | None, Query(max_length=26)] = None,
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> VillageReportPage:
    """What people in the villages said is wrong, newest first."""
    return village.reports(db, actor, now, closed=closed, zone_id=zone_id, before=before, limit=limit)


@router.post("/village-reports", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.TOO_MANY_REQUESTS))
def report_from_village(
    body: VillageReportIn, *, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce, tell: Tell
) -> VillageReportOut:
    """Say that something is wrong at a place, or at one receiver there."""
    tell(db, "fault:")
    return once(db, now, lambda: village.report(db, actor, now, body))


@router.post("/village-reports/{report_id}/close", responses=responses(HTTPStatus.CONFLICT))
def close_village_report(
    report_id: str, body: VillageReportClose, *, db: WriteDb, actor: CurrentActor, now: Now, tell: Tell
) -> VillageReportOut:
    """It was seen to."""
    tell(db, "fault:")
    return village.close(db, actor, now, report_id, body)


@router.put("/airings/{airing_id}/heard", responses=responses(HTTPStatus.CONFLICT))
def say_heard(
    airing_id: AiringId, body: HeardIn, *, db: WriteDb, actor: CurrentActor, now: Now, tell: Tell
) -> HeardOut:
    """Say whether you heard it in your village. It stands beside what receivers measured."""
    tell(db, f"airing:{airing_id}")
    return village.say_heard(db, actor, now, airing_id, body)
