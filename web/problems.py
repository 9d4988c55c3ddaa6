"""Everything that goes wrong, told as an RFC 9457 problem in the asker's language; a trace never leaves the machine.

`type` is a path below `/problems/`, the code again as `code`, and `errors` lists the fields to mend.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core.core_schema import ErrorType
from sqlalchemy.exc import DataError, DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from scheduler.errors import Named, Problem, TooMany, plain
from scheduler.people.signin import NotSignedIn
from scheduler.store.engine import StoreBusy, is_full
from scheduler.store.patience import is_away
from web import i18n
from web.middleware import REQUEST_ID, SECURITY_HEADERS

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
LANGUAGE_COOKIE = "loa_language"

_AWAY = i18n.N_(
    "The database of the centre does not answer, and this may not have been done: look before you do it again. "
    "If it is urgent, telephone the places meanwhile."
)
_FULL = i18n.N_(
    "The disk of the centre's database is full: nothing was saved and nothing was sent. Have the administrator make "
    "room on it. If it is urgent, telephone the places meanwhile."
)

# Renders a problem as a page for a browser; None where only the API is served.
ProblemPage = Callable[[Request, "ProblemBody", Mapping[str, str]], Awaitable[Response]]


class FieldError(BaseModel):
    field: str = Field(examples=["name"])
    message: str = Field(examples=["Write at least 1 character."])
    code: str = Field(examples=["string_too_short"])


class ProblemBody(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["/problems/stale"])
    title: str = Field(examples=["Precondition Failed"])
    status: int = Field(examples=[412])
    code: str = Field(examples=["stale"])
    detail: str = Field(examples=["Someone else changed this since you opened it. Look at it again."])
    instance: str | None = Field(None, examples=["5f0c2a9be1d4"], description="The request's number, for the log.")
    errors: list[FieldError] = []


def install(app: FastAPI, page: ProblemPage | None = None) -> None:
    """Have every failure of `app` told this way; browsers that ask for a page outside /api get `page`."""
    app.state.problem_page = page
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(StoreBusy, _on_busy)
    app.add_exception_handler(DataError, _on_unstorable)
    app.add_exception_handler(DBAPIError, _on_database)
    app.add_exception_handler(Exception, _on_surprise)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that can answer with these problems, beside those that every route has."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    return {int(status): {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


EDIT_PROBLEMS = responses(HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED)


def translate(language: str, message: str, params: Mapping[str, object]) -> str:
    """`message` in `language` with its %(name)s places filled; English where no translation is known."""
    known = language if language in i18n.LANGUAGES else i18n.DEFAULT_LANGUAGE
    catalogue = i18n.translations(known)
    told = {name: i18n.named(catalogue, one) if isinstance(one, Named) else one for name, one in params.items()}
    text = catalogue.gettext(message)
    return text % plain(told) if told else text


def language_of(request: Request) -> str:
    """The signed-in person's language, else what the browser asks for."""
    language = getattr(request.state, "language", None)
    if language:
        return str(language)
    return i18n.choose(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"))


async def _on_problem(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, Problem):
        raise problem
    detail = translate(language_of(request), problem.message, problem.params)
    errors = [FieldError(field=problem.field, message=detail, code=problem.code)] if problem.field else []
    headers: dict[str, str] = {}
    if isinstance(problem, TooMany):
        headers["retry-after"] = str(problem.retry_after_s)
    if isinstance(problem, NotSignedIn):
        headers["www-authenticate"] = 'Bearer realm="loa"'
    return await _answer(request, problem.status, code=problem.code, detail=detail, headers=headers, errors=errors)


async def _on_validation(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, RequestValidationError):
        raise problem
    language = language_of(request)
    errors = [field_error(language, error) for error in problem.errors()]
    detail = translate(language, i18n.N_("Some fields need mending."), {})
    return await _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, code="invalid", detail=detail, errors=errors)


async def _on_http(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, HTTPException):
        raise problem
    status = HTTPStatus(problem.status_code)
    detail = translate(language_of(request), _HTTP_DETAILS.get(status, str(problem.detail)), {})
    return await _answer(request, status, code=status.name.lower(), detail=detail, headers=problem.headers)


async def _on_busy(request: Request, _problem: Exception) -> Response:
    detail = translate(language_of(request), i18n.N_("Too much is being changed at the moment. Try again."), {})
    headers = {"retry-after": "5"}
    return await _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, code="busy", detail=detail, headers=headers)


async def _on_unstorable(request: Request, problem: Exception) -> Response:
    """PostgreSQL keeps no zero character and no number past its column; SQLite keeps what it is given."""
    _log.warning("request %s: the database refused a value: %s", request_number(request), type(problem).__name__)
    detail = translate(
        language_of(request), i18n.N_("Something in this cannot be stored. Write it in plain letters and numbers."), {}
    )
    return await _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, code="unstorable", detail=detail)


async def _on_database(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, DBAPIError) or not is_away(problem):
        return await _on_surprise(request, problem)
    _log.error("request %s %s %s: %s", request_number(request), request.method, request.url.path, problem.orig)
    code, said = "database_away", _AWAY
    if is_full(problem):
        code, said = "disk_full", _FULL
    detail, headers = translate(language_of(request), said, {}), {"retry-after": "5"}
    return await _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, code=code, detail=detail, headers=headers)


async def _on_surprise(request: Request, problem: Exception) -> Response:
    number = request_number(request)
    _log.error("request %s %s %s failed", number, request.method, request.url.path, exc_info=problem)
    detail = translate(
        language_of(request),
        i18n.N_("Something went wrong on our side. If it happens again, tell the administrator the number %(number)s."),
        {"number": number},
    )
    # this answer is made outside of `web.middleware`
    headers = SECURITY_HEADERS | {REQUEST_ID: number, "cache-control": "no-store"}
    return await _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, code="internal", detail=detail, headers=headers)


async def _answer(
    request: Request,
    status: HTTPStatus,
    *,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[FieldError] = (),
) -> Response:
    body = ProblemBody(
        type=f"/problems/{code}",
        title=status.phrase,
        status=status,
        code=code,
        detail=detail,
        instance=request_number(request),
        errors=list(errors),
    )
    page: ProblemPage | None = request.app.state.problem_page
    if page is not None and _wants_page(request):
        return await page(request, body, headers or {})
    return JSONResponse(body.model_dump(), status, dict(headers or {}), MEDIA_TYPE)


def request_number(request: Request) -> str:
    """What the person can quote and the log shows."""
    return str(getattr(request.state, "request_id", "-"))


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


_HTTP_DETAILS = {
    HTTPStatus.NOT_FOUND: i18n.N_("There is no such page."),
    HTTPStatus.METHOD_NOT_ALLOWED: i18n.N_("This cannot be done here."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: i18n.N_("This is too large to be sent here."),
    HTTPStatus.BAD_REQUEST: i18n.N_("The request could not be read."),
}

NEEDED = i18n.N_("This is needed.")
# pydantic's error types, said so that a person knows what to do; its own parameters fill the places.
_FIELD_MESSAGES = {
    "missing": NEEDED,
    "string_type": i18n.N_("Write a text here."),
    "string_too_short": i18n.N_("Write at least %(min_length)s characters."),
    "string_too_long": i18n.N_("At most %(max_length)s characters fit here."),
    "string_pattern_mismatch": i18n.N_("This is not written in the expected form."),
    "int_parsing": i18n.N_("Write a whole number."),
    "int_type": i18n.N_("Write a whole number."),
    "float_parsing": i18n.N_("Write a number."),
    "float_type": i18n.N_("Write a number."),
    "bool_parsing": i18n.N_("Answer yes or no."),
    "greater_than": i18n.N_("This must be more than %(gt)s."),
    "greater_than_equal": i18n.N_("This must be %(ge)s or more."),
    "less_than": i18n.N_("This must be less than %(lt)s."),
    "less_than_equal": i18n.N_("This must be %(le)s or less."),
    "enum": i18n.N_("Choose one of: %(expected)s."),
    "literal_error": i18n.N_("Choose one of: %(expected)s."),
    "date_from_datetime_parsing": i18n.N_("Write a date as YYYY-MM-DD."),
    "date_parsing": i18n.N_("Write a date as YYYY-MM-DD."),
    "datetime_parsing": i18n.N_("Write a date and time as YYYY-MM-DDTHH:MM."),
    "datetime_from_date_parsing": i18n.N_("Write a date and time as YYYY-MM-DDTHH:MM."),
    "timezone_aware": i18n.N_("The time needs its zone, such as +07:00."),
    "json_invalid": i18n.N_("The request is not valid JSON."),
    "extra_forbidden": i18n.N_("There is no such field."),
    "too_long": i18n.N_("At most %(max_length)s can be given."),
    "too_short": i18n.N_("At least %(min_length)s must be given."),
    "list_type": i18n.N_("Give a list here."),
}
PYDANTIC_KINDS = frozenset(get_args(ErrorType))
_OTHER_MESSAGE = i18n.N_("This value does not fit here.")


def field_error(language: str, error: Mapping[str, Any]) -> FieldError:
    """One of pydantic's errors as the field, what to do, and its stable code; for page forms as well."""
    place = [str(part) for part in error["loc"] if part not in ("body", "query", "path", "header", "cookie")]
    kind = str(error["type"])
    context: Mapping[str, object] = error.get("ctx") or {}
    own = kind not in PYDANTIC_KINDS  # raised by our schemas, whose sentences are made for people
    lacking = "missing" if error.get("input") in ("", []) else kind  # not how to write it
    message = translate(language, error["msg"] if own else _FIELD_MESSAGES.get(lacking, _OTHER_MESSAGE), context)
    return FieldError(field=".".join(place), message=message, code=kind)
