"""Notices: /api/v1/me/notices is one's own mail, /webhooks are programs, /notices is what was told to whom."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session

from scheduler.notices import service
from scheduler.notices.models import NoticeState
from scheduler.notices.schemas import ChoiceIn, ChoiceOut, DeliveryPage, HookCreated, HookIn, HookList
from scheduler.people.proof import if_has_one
from scheduler.rights import Action
from web.auth import BySession, CurrentActor, Now, ReadDb, TheCentre, WriteDb, needs
from web.notices.call import Caller
from web.problems import responses
from web.proving import Anew, TypedCode

router = APIRouter(
    prefix="/api/v1",
    tags=["notices"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)


@router.get("/me/notices")
def get_own_notices(db: ReadDb, _known: BySession, actor: CurrentActor, centre: TheCentre) -> ChoiceOut:
    """Where you get mail, of what, and whether the last one arrived."""
    return service.choice(db, actor, mail_works=centre.settings.smtp_url is not None)


@router.put("/me/notices")
def choose_own_notices(
    body: ChoiceIn,
    *,
    anew: Anew,
    _known: BySession,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    code: TypedCode = "",
) -> ChoiceOut:
    """Have mail go there from now on; with an empty address none is sent. With a code if you have a second factor."""

    def act(db: Session) -> ChoiceOut:
        service.choose(db, actor, now, body)
        db.flush()
        return service.choice(db, actor, mail_works=centre.settings.smtp_url is not None)

    return anew(code, act, "notices.choose", f"user:{actor.user_id}", needed=if_has_one(actor))


@router.post(
    "/me/notices/trial",
    status_code=HTTPStatus.NO_CONTENT,
    responses=responses(HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS),
)
def try_own_notices(db: WriteDb, _known: BySession, actor: CurrentActor, now: Now) -> None:
    """Send yourself a mail that says nothing but that mail arrives; one a minute."""
    service.try_out(db, actor, now)


@router.get("/webhooks", dependencies=[needs(Action.SETTINGS_EDIT)])
def list_webhooks(db: ReadDb, actor: CurrentActor, now: Now) -> HookList:
    """The programs that are told of what happens where you set things up, by name; at most 50."""
    return HookList(items=service.hooks(db, actor, now))


@router.post("/webhooks", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT))
def create_webhook(
    body: HookIn, *, anew: Anew, actor: CurrentActor, now: Now, centre: TheCentre, code: TypedCode = ""
) -> HookCreated:
    """Have a program told from now on; with a code if you have a second factor.

    Not repeatable by Idempotency-Key: the key of the signature is shown this once and kept for nobody.
    """
    check = Caller(centre.settings.private_hooks).check

    def act(db: Session) -> HookCreated:
        return service.add_hook(db, actor, now, body, check)

    return anew(code, act, "webhook.create", f"zone:{body.zone_id}", needed=if_has_one(actor))


@router.delete("/webhooks/{hook_id}", status_code=HTTPStatus.NO_CONTENT)
def end_webhook(hook_id: str, *, anew: Anew, actor: CurrentActor, now: Now, code: TypedCode = "") -> None:
    """Tell it nothing more; with a code if you have a second factor."""

    def act(db: Session) -> None:
        service.end_hook(db, actor, now, hook_id)

    anew(code, act, "webhook.end", f"webhook:{hook_id}", needed=if_has_one(actor))


@router.get("/notices", dependencies=[needs(Action.SETTINGS_EDIT)])
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
