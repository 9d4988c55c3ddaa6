"""What an official who leaves answers for: /api/v1/users/{user_id}/handover."""

from http import HTTPStatus

from fastapi import APIRouter
from sqlmodel import Session

from scheduler.handover import service
from scheduler.handover.schemas import HandoverIn, HandoverView
from web.auth import CurrentActor, Now, ReadDb
from web.problems import responses
from web.proving import Anew

router = APIRouter(
    prefix="/api/v1/users/{user_id}/handover",
    tags=["people"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)

CONFLICTS = responses(HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)


@router.get("")
def get_handover(user_id: str, db: ReadDb, actor: CurrentActor, now: Now) -> HandoverView:
    """Their drafts, what waits and is planned, live talks, approvals they could give, sign-ins and tokens."""
    return service.view(db, actor, now, user_id)


@router.post("", status_code=HTTPStatus.CREATED, responses=CONFLICTS)
def hand_over(user_id: str, body: HandoverIn, anew: Anew, actor: CurrentActor, now: Now) -> HandoverView:
    """Give items to another person, and end the access, all or nothing; what is left then. Roles take a `code`."""

    def act(db: Session) -> HandoverView:
        service.hand_over(db, actor, now, user_id, body)
        db.flush()
        return service.view(db, actor, now, user_id)

    return anew(body.code, act, "user.hand_over", f"user:{user_id}", needed=body.give_roles)
