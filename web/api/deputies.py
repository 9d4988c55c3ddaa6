"""Who approves in whose place: /api/v1/deputies."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from scheduler.deputies import service
from scheduler.deputies.schemas import CandidateList, DeputyIn, DeputyOut, DeputyPage
from web.auth import CurrentActor, Now, ReadDb, WriteDb
from web.once import CreateOnce
from web.problems import responses

router = APIRouter(
    prefix="/api/v1/deputies",
    tags=["approval"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)


@router.get("")
def list_deputies(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DeputyPage:
    """Yours, whose deputy you are, and all where you administer people; newest first, also what ended of late."""
    return service.page(db, actor, now, before=before, limit=limit)


@router.get("/candidates")
def list_candidates(db: ReadDb, actor: CurrentActor, now: Now) -> CandidateList:
    """Who could be named, and for whom other than yourself."""
    people, principals = service.candidates(db, actor, now)
    return CandidateList(people=people, principals=principals)


@router.post("", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT))
def name_deputy(body: DeputyIn, *, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce) -> DeputyOut:
    """Have somebody approve in your place, or of an approver whom you administer, until an end."""
    return once(db, now, lambda: service.name(db, actor, now, body))


@router.delete("/{deputy_id}", status_code=HTTPStatus.NO_CONTENT, responses=responses(HTTPStatus.CONFLICT))
def end_deputy(deputy_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """End it at once."""
    service.end(db, actor, now, deputy_id)
