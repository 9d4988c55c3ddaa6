"""The microphone over a WebSocket, where a network lets no WebRTC through: /api/v1/live/{id}/microphone.

Rules
- The subprotocol is `loa.microphone`. The first message says who speaks: `{"csrf_token": …}` with our cookie, from a
  page of ours, or `{"token": …}`. Another site's page is refused before that; nothing secret is in the address.
- The answer is `{"type": "ready"}`, or `{"type": "refused", "code": …, "detail": …}` and the end. Then binary messages
  are WebM with Opus, in pieces as small as can be; `{"type": "end"}` ends the talk, and `{"type": "over"}` says so.
- Who speaks, when, how long, and what happens when the connection is lost is as with WHIP.
"""

import asyncio
import contextlib
import hmac
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.concurrency import run_in_threadpool

from scheduler.errors import Forbidden, Invalid, Problem, TooMany
from scheduler.live.models import LiveEnd, LiveTalk
from scheduler.people import signin
from scheduler.people.signin import Known, NotSignedIn
from web import auth, i18n
from web.api.live import to_speak
from web.centre import Centre
from web.live.socket import BURST_BYTES, BURST_PIECES, BYTES_PER_S, PIECES_PER_S, Allowance, SocketLine
from web.live.studio import Studio
from web.live.webm import NotOpusInWebmError, WebmReader
from web.problems import LANGUAGE_COOKIE, translate

router = APIRouter()

PROTOCOL = "loa.microphone"
MAX_PIECE_BYTES = 32 * 1024
MAX_WORD_CHARS = 1000
WORD_S = 5.0
"""For a connection to say who speaks."""
WELL, REFUSED, BUSY = 1000, 1008, 1013


class Who(msgspec.Struct, forbid_unknown_fields=True):
    csrf_token: str = ""
    token: str = ""


class Word(msgspec.Struct, forbid_unknown_fields=True):
    type: str


class BadPiece(Invalid):
    """Something came that is no sound of a microphone."""


@router.websocket("/api/v1/live/{talk_id}/microphone")
async def microphone(socket: WebSocket, talk_id: str) -> None:
    centre = cast("Centre", socket.app.state.centre)
    studio = centre.studio
    if studio is None or PROTOCOL not in socket.scope["subprotocols"] or not _ours(socket, centre):
        await socket.close(REFUSED)
        return
    if not studio.strangers.take_in(socket, socket.client.host if socket.client else "unknown"):
        await socket.close(BUSY)
        return
    with contextlib.suppress(WebSocketDisconnect):
        try:
            await socket.accept(PROTOCOL)
            await _speak(socket, centre, studio, *await _known(socket, centre, studio, talk_id))
        except Problem as problem:
            await _refuse(socket, problem)
        finally:
            studio.strangers.forget(socket)


async def _known(socket: WebSocket, centre: Centre, studio: Studio, talk_id: str) -> tuple[LiveTalk, str]:
    """The talk that this connection may speak in, and by which sign-in."""
    try:
        async with asyncio.timeout(WORD_S):
            who = _read(await _text(socket), Who)
        known = await run_in_threadpool(_sign_in, socket, centre, who)
        socket.state.language = known.actor.language
        return await run_in_threadpool(to_speak, centre, auth.actor_of(known), talk_id), known.token_sha256
    except TimeoutError:
        raise NotSignedIn("not_signed_in", i18n.N_("Sign in first.")) from None
    finally:
        studio.strangers.forget(socket)


async def _speak(socket: WebSocket, centre: Centre, studio: Studio, talk: LiveTalk, sign_in: str) -> None:
    line, put = await studio.plug(talk, sign_in)

    async def end() -> None:
        await studio.end(talk.id, LiveEnd.SPEAKER)

    try:
        await socket.send_json({"type": "ready"})
        receiving = asyncio.create_task(_receive(socket, centre, put, end), name="microphone-socket")
        await _either(receiving, line)
        if line.lost.is_set():
            await socket.send_json({"type": "over"})
            await socket.close(WELL)
    finally:
        await studio.hang_up(line.id)


async def _either(receiving: "asyncio.Task[None]", line: SocketLine) -> None:
    """Until no more is wanted, or no more comes; raises what receiving does."""
    lost = asyncio.create_task(line.lost.wait())
    try:
        await asyncio.wait((receiving, lost), return_when=asyncio.FIRST_COMPLETED)
    finally:
        lost.cancel()
        if not receiving.done():
            receiving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await receiving


async def _receive(socket: WebSocket, centre: Centre, put: Callable[[bytes], None], end: Callable[[], Any]) -> None:
    """What comes, until it is too much or the connection ends."""
    reader = WebmReader()
    sound, pieces = Allowance(BYTES_PER_S, BURST_BYTES), Allowance(PIECES_PER_S, BURST_PIECES)
    while True:
        message = await _message(socket)
        piece, now_us = message.get("bytes"), centre.clock.monotonic_us()
        if not (pieces.spend(1, now_us) and sound.spend(len(piece or b""), now_us)):
            raise TooMany("too_much_sound", i18n.N_("More is sent than a microphone makes."), retry_after_s=5)
        if piece is None:
            if _read(message.get("text") or "", Word).type != "end":
                raise BadPiece("bad_word", i18n.N_("The request could not be read."))
            await end()
            continue
        if len(piece) > MAX_PIECE_BYTES:
            raise BadPiece("too_large", i18n.N_("This is too large to be sent here."))
        try:
            for packet in reader.feed(piece):
                put(packet)
        except NotOpusInWebmError as refused:
            raise BadPiece("bad_sound", i18n.N_("This sound could not be understood.")) from refused


async def _message(socket: WebSocket) -> dict[str, Any]:
    message: dict[str, Any] = dict(await socket.receive())
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", WELL))
    return message


async def _text(socket: WebSocket) -> str:
    return (await _message(socket)).get("text") or ""


async def _refuse(socket: WebSocket, problem: Problem) -> None:
    language = getattr(socket.state, "language", None) or i18n.choose(
        socket.cookies.get(LANGUAGE_COOKIE), socket.headers.get("accept-language")
    )
    detail = translate(language, problem.message, problem.params)
    await socket.send_json({"type": "refused", "code": problem.code, "detail": detail})
    await socket.close(REFUSED)


def _read(text: str, kind: type[msgspec.Struct]) -> Any:
    try:
        return msgspec.json.decode(text[:MAX_WORD_CHARS], type=kind)
    except msgspec.DecodeError:
        raise BadPiece("bad_word", i18n.N_("The request could not be read.")) from None


def _ours(socket: WebSocket, centre: Centre) -> bool:
    """Whether one of our own pages opened it, or no page at all."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc in (
        socket.headers.get("host"),
        urlsplit(centre.settings.base_url).netloc,
    )


def _sign_in(socket: WebSocket, centre: Centre, who: Who) -> Known:
    """Who speaks: by a token, or by our cookie from a page of ours that knows its session's secret."""
    now = centre.clock.now()
    with centre.store.reading() as db:
        if who.token:
            known = signin.known_by_token(db, now, who.token)
        else:
            known = signin.known_by_cookie(db, now, auth.cookie_of(socket, centre))
    if known is None:
        raise NotSignedIn("not_signed_in", i18n.N_("Sign in first."))
    if known.csrf_token is not None:
        if socket.headers.get("origin") is None:
            raise Forbidden("cross_origin", i18n.N_("This was sent by another site."))
        if not hmac.compare_digest(who.csrf_token.encode(), known.csrf_token.encode()):
            raise Forbidden("csrf", i18n.N_("This page is too old. Load it again and repeat what you did."))
    return known
