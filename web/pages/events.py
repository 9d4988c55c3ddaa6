"""Server-sent events: which things changed, never what they are. What may be seen is decided when a page asks for it.

The first thing sent is a comment, so that the browser knows at once that it is connected; while nothing happens one is
sent now and then, so that proxies keep the line. Each QUIET_S, however much happens, the session is looked up: once it
has ended nothing more is told.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from scheduler.people import signin
from web.auth import CurrentActor, TheCentre, cookie_of
from web.centre import Centre

QUIET_S = 20
MAX_WORDS = 200

router = APIRouter(include_in_schema=False)


@router.get("/events")
async def events(request: Request, centre: TheCentre, _actor: CurrentActor) -> StreamingResponse:
    cookie = cookie_of(request, centre)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(centre, cookie), media_type="text/event-stream", headers=headers)


async def _told(centre: Centre, cookie: str) -> AsyncGenerator[str]:
    yield ": connected\n\n"
    changes = centre.changes.watch()
    waiting: asyncio.Task[frozenset[str]] | None = None
    due = asyncio.ensure_future(centre.clock.sleep(QUIET_S))
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(changes))
            await asyncio.wait({waiting, due}, return_when=asyncio.FIRST_COMPLETED)
            if due.done():
                if not await run_in_threadpool(_still_signed_in, centre, cookie, centre.clock.now()):
                    return
                due = asyncio.ensure_future(centre.clock.sleep(QUIET_S))
            done = waiting.done()
            yield _message(waiting.result()) if done else ": still here\n\n"
            waiting = None if done else waiting
    finally:
        begun = [due] if waiting is None else [due, waiting]
        for one in begun:
            one.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await changes.aclose()  # type: ignore[attr-defined]  # `watch` is an asynchronous generator


def _message(words: frozenset[str]) -> str:
    """One event; past so many words only the kinds of things are named."""
    shown = sorted(words) if len(words) <= MAX_WORDS else sorted({f"{word.partition(':')[0]}:" for word in words})
    return f"event: change\ndata: {' '.join(shown)}\n\n"


def _still_signed_in(centre: Centre, cookie: str, now: datetime) -> bool:
    with centre.store.reading() as db:
        return signin.known_by_cookie(db, now, cookie) is not None
