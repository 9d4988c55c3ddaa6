"""`Idempotency-Key` on creations: a request that is repeated because its answer was lost creates nothing twice."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel
from sqlmodel import Session
from starlette.responses import JSONResponse

from scheduler.people import idempotency
from web.auth import CurrentActor

ViewT = TypeVar("ViewT", bound=BaseModel)


class Repeated(Exception):
    """The answer was given before; it ends the request (and its transaction, which has done nothing)."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Once:
    """What an endpoint that creates wraps its work in."""

    def __init__(self, user_id: str, key: str | None, request_sha256: str) -> None:
        self._user_id = user_id
        self._key = key
        self._request_sha256 = request_sha256

    def __call__(self, db: Session, now: datetime, make: Callable[[], ViewT], *, sent: str = "") -> ViewT:
        """What `make` gives, kept with its key in the same transaction; without a key nothing is kept.

        `sent` tells requests apart whose body is not JSON.
        """
        if self._key is None:
            return make()
        asked = hashlib.sha256(f"{self._request_sha256} {sent}".encode()).hexdigest()
        kept = idempotency.claim(db, now, self._user_id, self._key, asked)
        if kept is not None:
            raise Repeated(kept.status, kept.body)
        view = make()
        idempotency.keep(db, self._user_id, self._key, HTTPStatus.CREATED, view.model_dump(mode="json"))
        return view


async def once_of(
    request: Request,
    actor: CurrentActor,
    idempotency_key: Annotated[
        str | None, Header(description="Any text of your own, kept two days: repeating it repeats the answer.")
    ] = None,
) -> Once:
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    if request.headers.get("content-type", "").startswith("application/json"):
        digest.update(await request.body())
    return Once(actor.user_id, idempotency_key, digest.hexdigest())


CreateOnce = Annotated[Once, Depends(once_of)]


def install(app: FastAPI) -> None:
    app.add_exception_handler(Repeated, _on_repeated)


async def _on_repeated(_request: Request, repeated: Exception) -> Response:
    if not isinstance(repeated, Repeated):
        raise repeated
    return JSONResponse(repeated.body, repeated.status, {"idempotent-replayed": "true"})
