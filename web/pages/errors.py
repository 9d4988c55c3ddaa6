"""Problems as pages: what happened in plain words, what to do, and a number to quote."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from scheduler.people import signin
from scheduler.people.signin import Known
from web.auth import centre_of, cookie_of
from web.i18n import N_
from web.pages.frame import Page
from web.problems import ProblemBody

_TITLES = {
    HTTPStatus.FORBIDDEN: N_("You may not do this"),
    HTTPStatus.NOT_FOUND: N_("There is nothing here"),
    HTTPStatus.CONFLICT: N_("This is not possible now"),
    HTTPStatus.PRECONDITION_FAILED: N_("Someone else changed it meanwhile"),
    HTTPStatus.UNPROCESSABLE_ENTITY: N_("There is something to put right"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: N_("That is too large"),
    HTTPStatus.TOO_MANY_REQUESTS: N_("Please wait a little"),
    HTTPStatus.INTERNAL_SERVER_ERROR: N_("Something went wrong on our side"),
}
_OTHER = N_("This did not work")
_MISSING = N_("The address may be mistyped, or the thing was deleted, or it is not in your area.")


async def problem_page(request: Request, body: ProblemBody, headers: Mapping[str, str]) -> Response:
    """What `web.problems` shows to a browser; who is not signed in is sent to the door."""
    if body.code == "not_signed_in":
        return RedirectResponse(f"/sign-in?next={quote(_wanted(request))}", HTTPStatus.SEE_OTHER)
    if body.code == "password_change_needed":
        return RedirectResponse("/account/first-password", HTTPStatus.SEE_OTHER)
    return await run_in_threadpool(_rendered, request, body, headers)


def _rendered(request: Request, body: ProblemBody, headers: Mapping[str, str]) -> Response:
    centre = centre_of(request)
    page = Page(request, centre, centre.clock.now(), _known(request, body.status))
    status = HTTPStatus(body.status)
    shown = page.render(
        "error.html",
        status,
        title=page.say(_TITLES.get(status, _OTHER)),
        text=page.say(_MISSING) if status == HTTPStatus.NOT_FOUND else body.detail,
        shape="lost" if status == HTTPStatus.NOT_FOUND else "triangle",
        reference=body.instance if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None,
        back=_back(request),
    )
    shown.headers.update(headers)
    return shown


def _known(request: Request, status: int) -> Known | None:
    """Who is asking, so that the page keeps its menu; nobody where the database may be what failed."""
    centre = centre_of(request)
    cookie = cookie_of(request, centre)
    if not cookie or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    with centre.store.reading() as db:
        return signin.known_by_cookie(db, centre.clock.now(), cookie)


def _wanted(request: Request) -> str:
    """The page to come back to after signing in; the page of a form, not the form's address."""
    if request.method == "GET":
        return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    return _back(request) or "/"


def _back(request: Request) -> str | None:
    """The page of ours that the person came from."""
    came = urlsplit(request.headers.get("referer", ""))
    if came.netloc != request.headers.get("host") or came.path in ("", request.url.path):
        return None
    return f"{came.path}?{came.query}" if came.query else came.path
