"""Notices: /api/v1/me/notices is one's own mail, /webhooks are programs, /notices is what was told to whom."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from scheduler.notices import service
from scheduler.notices.models import NoticeState
from scheduler.notices.schemas import ChoiceIn, ChoiceOut, DeliveryPage, HookCreated, HookIn, HookList
from web.auth import CurrentActor, Now, ReadDb, TheCentre, WriteDb
from web.notices.call import Caller
from web.problems import responses

router = APIRouter(
    prefix="/api/v1",
    tags=["notices"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)


@router.get("/me/notices")
def get_own_notices(db: ReadDb, actor: CurrentActor, centre: TheCentre) -> ChoiceOut:
    """Where you get mail, of what, and whether the last one arrived."""
    return service.choice(db, actor, mail_works=centre.settings.smtp_url is not None)


@router.put("/me/notices")
def choose_own_notices(body: ChoiceIn, db: WriteDb, actor: CurrentActor, now: Now, centre: TheCentre) -> ChoiceOut:
    """Have mail go there from now on; with an empty address none is sent."""
    service.choose(db, actor, now, body)
    db.flush()
    return service.choice(db, actor, mail_works=centre.settings.smtp_url is not None)


@router.post(
    "/me/notices/trial",
    status_code=HTTPStatus.NO_CONTENT,
    responses=responses(HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS),
)
def try_own_notices(db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """Send yourself a mail that says nothing but that mail arrives; one a minute."""
    service.try_out(db, actor, now)


@router.get("/webhooks")
def list_webhooks(db: ReadDb, actor: CurrentActor, now: Now) -> HookList:
    """The programs that are told of what happens where you set things up, by name; at most 50."""
    return HookList(items=service.hooks(db, actor, now))


@router.post("/webhooks", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT))
def create_webhook(body: HookIn, db: WriteDb, actor: CurrentActor, now: Now, centre: TheCentre) -> HookCreated:
    """Have a program told from now on.

    Not repeatable by Idempotency-Key: the key of the signature is shown this once and kept for nobody.
    """
    return service.add_hook(db, actor, now, body, Caller(centre.settings.private_hooks).check)


@router.delete("/webhooks/{hook_id}", status_code=HTTPStatus.NO_CONTENT)
def end_webhook(hook_id: str, db: WriteDb, actor: CurrentActor, now: Now) -> None:
    """Tell it nothing more."""
    service.end_hook(db, actor, now, hook_id)


@router.get("/notices")
def list_notices(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    state: Annotated[list[NoticeState], Query(description="Only these; may be repeated.")] = [],  # noqa: B006 -- FastAPI copies
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DeliveryPage:
    """What was told of what happened where you set things up, by mail and to programs; the latest first."""
    return service.log(db, actor, now, states=state, before=before, limit=limit)
