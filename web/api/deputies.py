"""Who approves in whose place: /api/v1/deputies."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session

from scheduler.deputies import service
from scheduler.deputies.schemas import CandidateList, DeputyIn, DeputyOut, DeputyPage
from web.auth import CurrentActor, Now, ReadDb, WriteDb
from web.once import CreateOnce
from web.problems import responses
from web.proving import Anew

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
def list_candidates(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    q: Annotated[str, Query(max_length=120, description="A part of the name, or the beginning of the login.")] = "",
) -> CandidateList:
    """Who could be named, 500 at most, and for whom other than yourself."""
    people, principals = service.candidates(db, actor, now, typed=q.strip())
    return CandidateList(people=people, principals=principals)


@router.post("", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS))
def name_deputy(body: DeputyIn, *, anew: Anew, actor: CurrentActor, now: Now, once: CreateOnce) -> DeputyOut:
    """Have somebody approve in your place, or in that of an approver whom you administer, until an end.

    It takes a `code`; only in your own place, if you have no second factor, none.
    """

    def act(db: Session) -> DeputyOut:
        return once(db, now, lambda: service.name(db, actor, now, body))

    return anew(body.code, act, "deputy.name", f"user:{body.deputy_id}", needed=service.takes_code(actor, body))


@router.delete("/{deputy_id}", status_code=HTTPStatus.NO_CONTENT, responses=responses(HTTPStatus.CONFLICT))
def end_deputy(deputy_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """End it at once."""
    service.end(db, actor, now, deputy_id)
