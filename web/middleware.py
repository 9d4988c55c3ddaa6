"""What holds for every answer: a request number, headers that bind the browser, and a bound on what is sent to us."""

import asyncio
import secrets
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT_BYTES = 1024 * 1024
LIMIT = "body_limit_bytes"
REQUEST_ID = "x-request-id"
_CLOSE = {"connection": "close"}  # what is still to come of the body will not be read

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=(), payment=()",
    "cross-origin-opener-policy": "same-origin",
}


def policy(base_url: str, tiles_from: str = "") -> str:
    """The policy of pages at this address; older Firefox does not take WebSockets of one's own site for `'self'`.

    `tiles_from` is the one other place that pictures may come from, the map's.
    """
    parts = urlsplit(base_url)
    sockets = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
    allowed = CONTENT_SECURITY_POLICY.replace("connect-src 'self'", f"connect-src 'self' {sockets}")
    return allowed.replace("img-src 'self'", f"img-src 'self' {tiles_from}") if tiles_from else allowed


class AnswerHeaders:
    """Gives each request a number (in `scope["state"]["request_id"]`) and each answer its security headers."""

    def __init__(self, app: ASGIApp, *, https: bool, base_url: str, tiles_from: str = "") -> None:
        self._app = app
        self._headers = SECURITY_HEADERS | {"content-security-policy": policy(base_url, tiles_from)}
        if https:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(6)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                own_policy = "content-security-policy" in headers  # which says itself who may frame it
                for name, value in self._headers.items():
                    if not (own_policy and name == "x-frame-options"):
                        headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class InTurn:
    """Of requests below `path` a few are answered at a time, until their answers begin; how these go on is the link's.

    A thousand receivers want a recording in the same second. What is done for each in turn is interrupted by whatever
    else comes; what is done for all at once holds that up until all are done.
    """

    def __init__(self, app: ASGIApp, path: str, at_once: int = 4) -> None:
        self._app = app
        self._path = path
        self._turns = asyncio.Semaphore(at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._path):
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            if not begun:
                begun = True
                self._turns.release()
            await send(message)

        await self._turns.acquire()
        try:
            await self._app(scope, receive, send_on)
        finally:
            if not begun:
                self._turns.release()


class BodyLimit:
    """Stops reading a body past the limit (413), whether it says its length or not.

    That is BODY_LIMIT_BYTES, all of it read into memory, until the route has found out that who asks may send a file
    (`web.uploads.takes`) and put another into `scope["state"][LIMIT]`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            receive = _bounded(receive, Headers(scope=scope).get("content-length"), scope.setdefault("state", {}))
        await self._app(scope, receive, send)


def _bounded(receive: Receive, declared: str | None, state: dict[str, Any]) -> Receive:
    got_bytes = 0

    async def bounded() -> Message:
        nonlocal got_bytes
        limit_bytes = state.get(LIMIT, BODY_LIMIT_BYTES)
        _check(int(declared) if declared and declared.isdigit() else 0, limit_bytes)
        message = await receive()
        got_bytes += len(message.get("body", b""))
        _check(got_bytes, limit_bytes)
        return message

    return bounded


def _check(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise HTTPException(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {limit_bytes // 1024} KiB can be sent here.", _CLOSE
        )
