"""`Idempotency-Key` on creations: a request that is repeated because its answer was lost creates nothing twice."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, BinaryIO, TypeVar

from fastapi import Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from scheduler.people import idempotency
from web.auth import CSRF_FIELD, MAX_FIELDS, CurrentActor, is_form

READ_BYTES = 1 << 20

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

    def __call__(self, db: Session, now: datetime, make: Callable[[], ViewT]) -> ViewT:
        """What `make` gives, kept with its key in the same transaction; without a key nothing is kept."""
        if self._key is None:
            return make()
        kept = idempotency.claim(db, now, self._user_id, self._key, self._request_sha256)
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
    return Once(actor.user_id, idempotency_key, await digest_of(request) if idempotency_key is not None else "")


async def digest_of(request: Request) -> str:
    """SHA-256 of what is asked for: the bytes of any body, but of a form its fields, as each sending has its own frame.

    The session's token is none of them.
    """
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    if not is_form(request):
        digest.update(await request.body())
        return digest.hexdigest()
    for name, value in (await request.form(max_fields=MAX_FIELDS)).multi_items():
        if name != CSRF_FIELD:
            said = value if isinstance(value, str) else [value.filename, await run_in_threadpool(_sha256, value.file)]
            digest.update(json.dumps([name, said]).encode() + b"\n")
    return digest.hexdigest()


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    found = hashlib.sha256()
    while some := file.read(READ_BYTES):
        found.update(some)
    file.seek(0)
    return found.hexdigest()


CreateOnce = Annotated[Once, Depends(once_of)]


def install(app: FastAPI) -> None:
    app.add_exception_handler(Repeated, _on_repeated)


async def _on_repeated(_request: Request, repeated: Exception) -> Response:
    if not isinstance(repeated, Repeated):
        raise repeated
    return JSONResponse(repeated.body, repeated.status, {"idempotent-replayed": "true"})
