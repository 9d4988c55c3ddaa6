"""The API's own description: problems in the form they really have, on every route that can give them."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from scheduler.fleet.schemas import EnrolmentReplyView
from web.problems import MEDIA_TYPE, ProblemBody, responses

_REFERENCE = "#/components/schemas/{model}"
_VALIDATION = 422
_BESIDE_ROUTES = (ProblemBody, EnrolmentReplyView)
"""What answers hold without a route saying so: problems, and what is inside a signature."""
TAGS = [
    {"name": "session", "description": "Signing in, the own account, the second factor."},
    {"name": "tokens", "description": "Bearer tokens for scripts: `Authorization: Bearer loa_…`."},
    {"name": "people", "description": "Accounts and roles."},
    {"name": "audit", "description": "Who did what."},
    {"name": "announcements", "description": "What is said: texts, uploads and recordings, and their production."},
    {"name": "speech", "description": "Voices, and how a text will be read."},
    {"name": "broadcasts", "description": "Announcements placed in time and zones, and their approval."},
    {
        "name": "emergencies",
        "description": "Asked for by one, let sound by another, taken back at once.",
    },
    {"name": "drills", "description": "The same with messages of their own, which nothing can turn into an emergency."},
    {"name": "live", "description": "Who speaks live, the microphone's way in (WHIP), and listening in (WHEP)."},
    {"name": "timeline", "description": "What sounds where and when, and what became of it."},
    {"name": "bank", "description": "Sirens and messages that every receiver holds ahead of time, and their drills."},
    {"name": "programmes", "description": "The library, playlists, daily bulletins, and relays that come again."},
    {"name": "rehearsals", "description": "The weekly test of the receivers, silent or heard, and its reports."},
    {"name": "approval", "description": "What waits for an approver, and who approves in whose place."},
    {"name": "notices", "description": "Mail of one's own, programs that are told, and what was delivered."},
    {"name": "feedback", "description": "What residents wrote on the public pages of their places."},
    {"name": "retention", "description": "How long what is kept where, and what the nights let go of."},
    {"name": "zones", "description": "Places, their settings, and what holds in them."},
    {"name": "groups", "description": "Free sets of zones."},
    {"name": "holidays", "description": "Days on which broadcasts that skip them are silent."},
]


def install(app: FastAPI) -> None:
    """Have `app` describe itself so; routers bring their own tags, `TAGS` explains those of this list."""
    app.openapi = lambda: described(app)  # type: ignore[method-assign]


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made when it is first asked for."""
    if not app.openapi_schema:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=list(TAGS)
        )
        schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
        for model in _BESIDE_ROUTES:
            schema = model.model_json_schema(ref_template=_REFERENCE)
            schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        for path in document["paths"].values():
            for method, operation in path.items():
                _validation_as_problem(operation)
                _body_as_problem(operation)
                _either_cookie_or_token(method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _validation_as_problem(operation: dict[str, Any]) -> None:
    found = operation.get("responses", {})
    if MEDIA_TYPE not in found.get(str(_VALIDATION), {}).get("content", {MEDIA_TYPE: None}):
        found[str(_VALIDATION)] = next(iter(responses(_VALIDATION).values()))


def _body_as_problem(operation: dict[str, Any]) -> None:
    """What is sent may be too large, or in letters that are none."""
    if "requestBody" in operation:
        operation["responses"] = responses(400, 413) | operation["responses"]
        operation["responses"] = {str(status): told for status, told in operation["responses"].items()}


def _either_cookie_or_token(method: str, operation: dict[str, Any]) -> None:
    """The cookie goes with the CSRF token where something changes; a bearer token goes alone."""
    schemes = {name for way in operation.get("security", []) for name in way}
    if {"session", "token"} <= schemes:
        cookie: dict[str, list[str]] = {"session": []} if method == "get" else {"session": [], "csrf": []}
        operation["security"] = [cookie, {"token": []}]
