"""What residents wrote, for those who see to it: /api/v1/feedback."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from scheduler.residents import feedback as service
from scheduler.residents.models import FeedbackState
from scheduler.residents.schemas import AnswerIn, FeedbackOut, FeedbackPage
from scheduler.rights import Action
from web.auth import CurrentActor, Now, ReadDb, WriteDb, needs
from web.conditional import IfMatch, give_etag
from web.problems import EDIT_PROBLEMS, responses
from web.telling import Tell

router = APIRouter(
    prefix="/api/v1/feedback",
    tags=["feedback"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)


@router.get("", dependencies=[needs(Action.FEEDBACK_READ)])
def list_feedback(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    state: FeedbackState | None = None,
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> FeedbackPage:
    """What residents of your places wrote on their pages, newest first."""
    return service.index(db, actor, now, state=state, before=before, limit=limit)


@router.get("/{feedback_id}")
def get_feedback(feedback_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> FeedbackOut:
    """One message."""
    found = service.view(db, actor, now, feedback_id)
    give_etag(response, found.version)
    return found


@router.post("/{feedback_id}/answer", responses=EDIT_PROBLEMS)
def answer_feedback(
    feedback_id: str,
    body: AnswerIn,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> FeedbackOut:
    """Note that it was seen to, and what was done; nothing is sent to the resident."""
    made = service.answer(db, actor, now, feedback_id, body, version=version)
    tell(db, f"feedback:{made.id}")
    give_etag(response, made.version)
    return made


@router.delete("/{feedback_id}", status_code=HTTPStatus.NO_CONTENT, responses=EDIT_PROBLEMS)
def delete_feedback(
    feedback_id: str, *, db: WriteDb, actor: CurrentActor, now: Now, version: IfMatch, tell: Tell
) -> None:
    """Take out what is abuse, or names somebody who should not be named."""
    service.remove(db, actor, now, feedback_id, version=version)
    tell(db, f"feedback:{feedback_id}")
