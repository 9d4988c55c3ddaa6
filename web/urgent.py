"""The way for what cannot wait: who asks, the act and its sending, on threads that nothing else fills (does I/O).

Rules
- Nothing of those who may do something urgent runs on the threads that answer pages and uploads, and their
  transactions go first. Who else comes here is served like a page, and who is unknown has threads apart: however many
  of them come, they keep none of the others waiting (`web.urgent_door`).
- One transaction has it all: who asks, whether they may, the change, and the signed documents of the first zones it
  changed. These are published before those of other zones are built; all are at the broker before the answer leaves.
- Whoever sends many requests at once is refused before the database is asked.
- What is refused is in the audit record, a flood of the same person's once in FLOOD_US.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Annotated, Generic, NamedTuple, TypeVar

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from scheduler.emergency.sender import TOGETHER, Document
from scheduler.errors import Forbidden, Problem
from scheduler.people import audit, signin
from scheduler.people import repository as people
from scheduler.people.actor import Actor
from scheduler.people.signin import Known, NotSignedIn
from scheduler.store.engine import StoreBusy
from web import auth, i18n
from web.centre import Centre
from web.once import Once, digest_of
from web.urgent_door import Door, Met

T = TypeVar("T")
ViewT = TypeVar("ViewT", bound=BaseModel)


class Done(NamedTuple, Generic[ViewT]):
    """What came of an act: the answer, the zones whose documents go out, the first first, and words for who watches.

    Where there are zones the answer has a field `delivered`.
    """

    view: ViewT
    zone_ids: Collection[str] = ()
    words: Collection[str] = ()


class Lane:
    """One urgent request. Made by `lane_of`."""

    def __init__(self, centre: Centre, door: Door, asker: "Asker") -> None:
        self._centre = centre
        self._door = door
        self._asker = asker
        self._urgent = False

    async def read(self, work: Callable[[Session, Actor, datetime], T]) -> T:
        """What `work` reads."""

        def reading() -> T:
            now = self._centre.clock.now()
            with self._centre.store.reading() as db:
                return work(db, self._asker.known(db, now).actor, now)

        async with self._in():
            return await self._on_thread(reading)

    async def act(
        self,
        work: Callable[[Session, Actor, datetime], Done[ViewT]],
        *,
        first: Callable[[Session, Actor, datetime], None] | None = None,
        once: bool = False,
        subject: str = "",
    ) -> ViewT:
        """What `work` makes, its documents sent; with `once` a repeated Idempotency-Key repeats the answer.

        `first` stays done whatever becomes of it, such as counting a try. `subject` is what a refusal is about in the
        record.
        """
        async with self._in():
            try:
                if first is not None:
                    counted = first
                    await self._on_thread(lambda: self._counted(counted))
                done, documents = await self._on_thread(lambda: self._done(work, once=once))
            except Problem as refusal:
                said = refusal
                await self._on_thread(lambda: self._note(said, subject))
                raise
            urgent = self._centre.urgent
            rest = list(done.zone_ids)[TOGETHER:]
            delivered = urgent is not None and await urgent.send(rest, documents)
        self._centre.changes.tell(done.words)
        if not done.zone_ids:
            return done.view
        return done.view.model_copy(update={"delivered": delivered})

    @asynccontextmanager
    async def _in(self) -> AsyncIterator[None]:
        """Until it ends, this request has its place; else NotSignedIn or TooMany."""
        met = self._door.met(self._asker.key)
        if met is None:
            async with self._door.turn(self._asker.address):
                loop = asyncio.get_running_loop()
                met = await loop.run_in_executor(self._centre.door_threads, self._looked_up)
        self._urgent = met.urgent
        with self._door.slot(met.user_id):
            yield

    def _looked_up(self) -> Met:
        now = self._centre.clock.now()
        with self._centre.store.reading() as db:
            return self._door.meet(self._asker.known(db, now, checked=False), now)

    def _counted(self, first: Callable[[Session, Actor, datetime], None]) -> None:
        now = self._centre.clock.now()
        with self._centre.store.reading() as db:
            actor = self._asker.known(db, now).actor
        self._write(lambda db: first(db, actor, now))

    def _done(
        self, work: Callable[[Session, Actor, datetime], Done[ViewT]], *, once: bool
    ) -> tuple[Done[ViewT], list[Document]]:
        def inside(db: Session) -> tuple[Done[ViewT], list[Document]]:
            now = self._centre.clock.now()
            known = self._asker.known(db, now)
            if known.touch:
                signin.touch(db, now, known.token_sha256)
            made: list[Done[ViewT]] = []

            def make() -> ViewT:
                made.append(work(db, known.actor, now))
                return made[0].view

            if once:
                self._asker.once(known)(db, now, make)
            else:
                make()
            db.flush()
            urgent = self._centre.urgent
            first = list(made[0].zone_ids)[:TOGETHER]
            return made[0], urgent.make(db, first) if urgent is not None else []

        return self._write(inside)

    def _note(self, refusal: Problem, subject: str) -> None:
        """Keep who was refused what; the refusal stands without it."""
        now = self._centre.clock.now()
        with suppress(SQLAlchemyError, StoreBusy, Problem):
            with self._centre.store.reading() as db:
                actor = self._asker.known(db, now, checked=False).actor
                user = people.user(db, actor.user_id)
                path = people.zone_path(db, user.zone_id) if user is not None and user.zone_id else None
            if not self._door.shall_note(actor.user_id, refusal.code, self._centre.clock.monotonic_us()):
                return
            detail = {
                "code": refusal.code,
                "request": self._asker.request,
                "address": self._asker.address,
                "token": actor.scope is not None,
            }
            self._write(lambda db: audit.record(db, actor, now, "urgent.refused", subject, zone_path=path, **detail))

    def _write(self, work: Callable[[Session], T]) -> T:
        if self._urgent:
            return self._centre.store.urgently(work)
        with self._centre.store.writing() as db:
            return work(db)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        if not self._urgent:
            return await run_in_threadpool(work)
        return await asyncio.get_running_loop().run_in_executor(self._centre.urgent_threads, work)


class Asker:
    """What a request shows of who makes it."""

    def __init__(
        self, request: Request, *, cookie: str, bearer: str, csrf: str, idempotency: tuple[str | None, str]
    ) -> None:
        self._state = request.state
        self._changes = request.method not in auth.SAFE_METHODS
        self._cookie = cookie
        self._bearer = bearer
        self._csrf = csrf
        self._idempotency = idempotency
        self.request = f"{request.method} {request.url.path}"[:200]
        self.key = signin.digest(bearer or cookie)
        self.address = auth.address_of(request)

    def known(self, db: Session, now: datetime, *, checked: bool = True) -> Known:
        """Who asks; else NotSignedIn or Forbidden."""
        find = signin.known_by_token if self._bearer else signin.known_by_cookie
        known = find(db, now, self._bearer or self._cookie) if self._bearer or self._cookie else None
        if known is None:
            raise NotSignedIn("not_signed_in", i18n.N_("Sign in first."))
        self._state.language = known.actor.language
        if not checked:
            return known
        token = known.csrf_token if self._changes else None
        if token is not None and not hmac.compare_digest(self._csrf.encode(), token.encode()):
            raise Forbidden("csrf", i18n.N_("This page is too old. Load it again and repeat what you did."))
        if known.actor.must_change_password:
            raise Forbidden("password_change_needed", i18n.N_("Choose a password of your own first."))
        return known

    def once(self, known: Known) -> Once:
        return Once(known.actor.user_id, *self._idempotency)


async def lane_of(
    request: Request,
    cookie: Annotated[str, Depends(auth.session_cookie)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(auth.bearer_token)],
    _documented: Annotated[str | None, Depends(auth.csrf_header)],
    idempotency_key: Annotated[
        str | None, Header(description="Any text of your own, kept two days: repeating it repeats the answer.")
    ] = None,
) -> Lane:
    """All of it asynchronous: a dependency that is not would wait for a thread of the pages."""
    centre: Centre = request.app.state.centre
    if bearer is None and cookie and request.method not in auth.SAFE_METHODS:
        auth.same_origin(request, centre)
    digest = await digest_of(request) if idempotency_key is not None else ""
    asker = Asker(
        request,
        cookie=cookie,
        bearer=bearer.credentials if bearer is not None else "",
        csrf=request.headers.get(auth.CSRF_HEADER) or await auth.form_token(request),
        idempotency=(idempotency_key, digest),
    )
    return Lane(centre, request.app.state.urgent_door, asker)


TheLane = Annotated[Lane, Depends(lane_of)]
