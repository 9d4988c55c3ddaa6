"""The weekly test of a zone's receivers: /api/v1/zones/{zone_id}/rehearsal, /api/v1/rehearsal-runs."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from scheduler.emergency.rehearsal import service
from scheduler.emergency.rehearsal.schemas import RehearsalIn, RehearsalOut, RunDetail, RunIn, RunPage
from web.auth import CurrentActor, Now, ReadDb, WriteDb
from web.conditional import IfMatch, give_etag
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses
from web.proving import Anew, TypedCode
from web.telling import Tell

router = APIRouter(
    prefix="/api/v1",
    tags=["rehearsals"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)


@router.get("/zones/{zone_id}/rehearsal")
def get_rehearsal(zone_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> RehearsalOut:
    """When the zone's receivers are tested each week; where none is set, its ETag is "0"."""
    found = service.view(db, actor, now, zone_id)
    give_etag(response, found.version)
    return found


@router.put("/zones/{zone_id}/rehearsal", responses=EDIT_PROBLEMS)
def set_rehearsal(
    zone_id: str,
    body: RehearsalIn,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    code: TypedCode = "",
) -> RehearsalOut:
    """Test the receivers of the zone and below each week: silently or, with a code, by the test announcement."""

    def act(db: Session) -> RehearsalOut:
        return service.change(db, actor, now, zone_id, body, version=version)

    made = anew(code, act, "rehearsal.set", f"zone:{zone_id}", needed=service.takes_code(body))
    give_etag(response, made.version)
    return made


@router.delete("/zones/{zone_id}/rehearsal", status_code=HTTPStatus.NO_CONTENT, responses=EDIT_PROBLEMS)
def delete_rehearsal(zone_id: str, *, db: WriteDb, actor: CurrentActor, now: Now, version: IfMatch) -> None:
    """Test no more by itself; the reports stay."""
    service.remove(db, actor, now, zone_id, version=version)


@router.post(
    "/zones/{zone_id}/rehearsal/runs", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT)
)
def run_rehearsal(
    zone_id: str,
    body: RunIn,
    *,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    once: CreateOnce,
    tell: Tell,
    code: TypedCode = "",
) -> RunDetail:
    """Test at once; what is heard takes a code."""

    def act(db: Session) -> RunDetail:
        made = once(db, now, lambda: service.run_now(db, actor, now, zone_id, body))
        tell(db, f"rehearsal:{made.id}")
        return made

    return anew(code, act, "rehearsal.run", f"zone:{zone_id}", needed=service.takes_code(body))


@router.get("/zones/{zone_id}/rehearsal/runs")
def list_rehearsal_runs(
    zone_id: str,
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> RunPage:
    """The tests of the zone, the newest first: how many of how many heard."""
    return service.runs(db, actor, now, zone_id, before=before, limit=limit)


@router.get("/rehearsal-runs/{run_id}")
def get_rehearsal_run(run_id: str, db: ReadDb, actor: CurrentActor, now: Now) -> RunDetail:
    """One test, with what was found of each receiver and what is wrong with it."""
    return service.run_report(db, actor, now, run_id)
