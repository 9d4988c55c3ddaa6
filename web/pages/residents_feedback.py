"""What residents write to the people of their place: the form, and what staff see of it."""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import ValidationError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from scheduler.errors import Problem, TooMany
from scheduler.residents import feedback as service
from scheduler.residents.models import FeedbackState, Subject
from scheduler.residents.schemas import AnswerIn, FeedbackIn
from scheduler.rights import Action
from web import auth
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages.frame import Errors, Page, ThePage
from web.pages.residents import READ, head
from web.pages.residents_frame import Place, ThePlace, path_of
from web.pages.residents_paths import PREFIX
from web.pages.words import Look
from web.problems import field_error
from web.telling import tell_after

MAX_BODY_BYTES = 16 * 1024
HONEYPOT = "website"
"""No person sees this field; what fills it is a machine."""
PER_PAGE = 30
ABOUT = {
    Subject.NOT_HEARD: N_("The loudspeaker was not to be heard"),
    Subject.LOUDNESS: N_("Too loud, too quiet or unclear"),
    Subject.CONTENT: N_("About what was announced"),
    Subject.OTHER: N_("Something else"),
}
STATE = {
    FeedbackState.NEW: Look(N_("new"), "busy", "hourglass"),
    FeedbackState.ANSWERED: Look(N_("seen to"), "good", "check"),
}
FILTERS = (("new", N_("Not seen to")), ("answered", N_("Seen to")), ("all", N_("All")))
_FIELDS = ("about", "text", "name", "phone")

public = APIRouter(prefix=PREFIX, include_in_schema=False)
router = APIRouter(prefix="/feedback", include_in_schema=False)


async def _typed(request: Request) -> dict[str, str]:
    """The form's fields, of which a person can have written no more than this."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"connection": "close"})
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20, errors="strict"))
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None


Typed = Annotated[dict[str, str], Depends(_typed)]


@public.api_route("/{key}/feedback", methods=READ)
def form(at: ThePlace, sent: str = "") -> Response:
    return at.front.answer(at.kept("feedback", lambda db: _form(db, at, {}, {}, sent=bool(sent)), bool(sent)))


@public.post("/{key}/feedback")  # noqa: FAST003 -- `key` is the dependency's
async def leave(at: ThePlace, request: Request, typed: Typed) -> Response:
    auth.same_origin(request, at.front.centre)
    return await run_in_threadpool(_left, at, typed, auth.address_of(request))


def _left(at: Place, typed: dict[str, str], address: str) -> Response:
    front = at.front
    errors: Errors = {}
    status, headers = HTTPStatus.UNPROCESSABLE_ENTITY, {"cache-control": "no-store"}
    path = ""
    try:
        with front.centre.store.writing() as db:
            here = at.here(db)
            path = path_of(here)
            if not typed.get(HONEYPOT):
                asked = FeedbackIn.model_validate({name: typed[name] for name in _FIELDS if name in typed})
                left_id = service.leave(db, here, front.now, asked, address)
                tell_after(db, front.centre.changes, f"feedback:{left_id}")
    except ValidationError as bad:
        for error in bad.errors():
            told = field_error(front.language, error)
            errors.setdefault(told.field, told.message)
    except Problem as problem:
        if problem.field is None and not isinstance(problem, TooMany):
            raise
        errors[problem.field or ""] = front.say(problem.message, **problem.params)
        if isinstance(problem, TooMany):
            status, headers["retry-after"] = HTTPStatus.TOO_MANY_REQUESTS, str(problem.retry_after_s)
    if not errors:
        return RedirectResponse(front.link(f"{path}/feedback?sent=1"), HTTPStatus.SEE_OTHER, headers)
    with front.centre.store.reading() as db:
        return Response(_form(db, at, typed, errors), status, headers, "text/html")


def _form(db: Session, at: Place, typed: dict[str, str], errors: Errors, *, sent: bool = False) -> bytes:
    here = at.here(db)
    return at.front.html(
        "residents/feedback.html",
        at.front.show(here.timezone),
        **head(at.front, here, "/feedback", title=at.front.say(N_("Write to the commune"))),
        typed={name: typed.get(name, "") for name in _FIELDS},
        subjects=[(subject.value, at.front.say(label)) for subject, label in ABOUT.items()],
        honeypot=HONEYPOT,
        errors=errors,
        sent=sent,
    )


@router.get("")
def listing(db: ReadDb, page: ThePage, state: str = "new", before: str | None = None) -> Response:
    page.needs(Action.FEEDBACK_READ)
    return _list(db, page, state, before)


@router.post("/{feedback_id}")
def answer(
    db: WriteDb,
    page: ThePage,
    feedback_id: str,
    *,
    version: Annotated[int, Form()] = 0,
    note: Annotated[str, Form(max_length=4000)] = "",
    intent: Annotated[str, Form(max_length=10)] = "answer",
) -> Response:
    """Note that it was seen to, or take out what is abuse."""
    with page.attempt(db) as errors:
        if intent == "delete":
            service.remove(db, page.actor, page.now, feedback_id, version=version)
        else:
            asked = AnswerIn(note=note)
            service.answer(db, page.actor, page.now, feedback_id, asked, version=version)
        tell_after(db, page.centre.changes, f"feedback:{feedback_id}")
    if errors:
        return _list(db, page, "all", errors=errors, typed={feedback_id: note})
    return page.go("/feedback", "deleted" if intent == "delete" else "saved")


def _list(
    db: Session,
    page: Page,
    state: str,
    before: str | None = None,
    *,
    errors: Errors | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    wanted = {"new": FeedbackState.NEW, "answered": FeedbackState.ANSWERED}.get(state)
    found = service.index(db, page.actor, page.now, state=wanted, before=before, limit=PER_PAGE)
    rows: list[dict[str, Any]] = [
        {
            "item": item,
            "place": ", ".join([item.zone_name, *reversed(item.place)]),
            "about": page.say(ABOUT[item.about]),
            "look": STATE[item.state],
            "note": (typed or {}).get(item.id, item.note or ""),
        }
        for item in found.items
    ]
    return page.render(
        "residents/inbox.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        rows=rows,
        filters=[{"value": v, "label": page.say(label), "here": v == state} for v, label in FILTERS],
        state=state,
        older=f"/feedback?state={state}&before={found.next}" if found.next else None,
        errors=errors or {},
    )
