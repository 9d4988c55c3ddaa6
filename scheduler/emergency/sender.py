"""Sends `now` documents at once, past everything else that the centre does (does I/O).

Rules
- It has a connection to the broker and threads of its own, and goes first at the database: it waits behind no upload,
  production, page, nor the publisher's backlog.
- A document is built, numbered, signed and stored in the transaction that changed what it says, or in one of its own;
  it is published once that is committed. What the broker has confirmed is noted while the next are built, so that the
  publisher does not send it again; what it did not confirm is left to the publisher, by the same rows.
- Of many zones a few are built at a time, in the order given, and these are published while the next are built: what
  the first zone hears does not depend on how many there are.
- Where its own connection is away it uses the centre's other one.
- A zone whose document cannot be built or sent is said, left to the publisher, and keeps no other waiting. Sending
  fails nobody: what is to be sent is committed.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from broadcast.bus import Bus, BusDown, Message
from broadcast.clock import US_PER_S, Clock, to_us
from broadcast.wire import topics
from scheduler.fleet import outbox
from scheduler.fleet.documents import Draft, renewed
from scheduler.publisher import MARK, Builder, Mark
from scheduler.store.alone import alone
from scheduler.store.engine import Store
from scheduler.store.patience import is_away

log = logging.getLogger(__name__)

TOGETHER = 8
"""So many documents are built in one transaction."""
RESERVE_EVERY_S = 60.0
FRESH_US = 10 * US_PER_S
"""After so long whoever was there to hear of it has said what became of it."""

T = TypeVar("T")


class Document(NamedTuple):
    """A signed document as it goes to the broker."""

    topic: str
    number: int
    jws: bytes


class Urgent:
    """`buses` are the connections to use, the best first; the first is this one's own, which `run` keeps up."""

    def __init__(
        self,
        store: Store,
        buses: Sequence[Bus],
        *,
        key: Ed25519PrivateKey,
        build: Builder,
        clock: Clock,
        threads: Executor,
    ) -> None:
        self._store = store
        self._buses = buses
        self._key = key
        self._build = build
        self._clock = clock
        self._threads = threads
        self._made_us: int | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether documents were made just now: what computes for long stands aside meanwhile. From any thread."""
        return self._made_us is not None and self._clock.monotonic_us() - self._made_us < FRESH_US

    async def run(self) -> None:
        """For ever: the connection, and room on the disk."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._buses[0].run(_unheard), name="urgent-bus")
            while True:
                await self._on_thread(self._store.keep_reserve)
                await self._clock.sleep(RESERVE_EVERY_S)

    async def send(self, zone_ids: Collection[str], made: Sequence[Document] = ()) -> bool:
        """Have what is in force in these zones at the broker, the first one first; whether it confirmed all of it.

        Documents `made` and committed already go before them.
        """
        waiting, saying = list(zone_ids), [asyncio.create_task(self._confirmed(made))]
        is_whole = True
        while waiting:
            some, waiting = waiting[:TOGETHER], waiting[TOGETHER:]
            documents = await self._stored(some)
            is_whole = is_whole and documents is not None
            saying.append(asyncio.create_task(self._confirmed(documents or ())))
        noted = await asyncio.gather(*saying)
        last = max((at for _whole, at in noted if at is not None), default=None)
        if last is not None:
            await self._said(MARK, msgspec.json.encode(Mark(to_us(last))))
        return is_whole and all(whole for whole, _at in noted)

    def make(self, db: Session, zone_ids: Collection[str]) -> list[Document]:
        """The documents of these zones that the broker does not have, stored in this transaction."""
        if zone_ids:
            self._made_us = self._clock.monotonic_us()
        names = {topics.now(zone_id): zone_id for zone_id in zone_ids}
        alone(db, *names)
        made = (self._tried(db, topic, zone_id) for topic, zone_id in names.items())
        return [document for document in made if document is not None]

    async def _stored(self, zone_ids: Sequence[str]) -> list[Document] | None:
        """`make` in a transaction of its own; None where that failed, whose documents the publisher sends."""
        try:
            return await self._on_thread(lambda: self._store.urgently(lambda db: self.make(db, zone_ids)))
        except Exception as error:
            if is_away(error):
                log.warning("the database is away: the publisher sends what is in force in %d zones", len(zone_ids))
            else:
                log.exception("the publisher sends what is in force in %d zones", len(zone_ids))
        return None

    async def _confirmed(self, documents: Sequence[Document]) -> tuple[bool, datetime | None]:
        """Publish them; whether the broker has all of them, and when that was noted, None where nothing was."""
        answers = await asyncio.gather(*(self._said(one.topic, one.jws) for one in documents))
        done = [document for document, answer in zip(documents, answers, strict=True) if answer]
        return all(answers), await self._noted(done) if done else None

    def _tried(self, db: Session, topic: str, zone_id: str) -> Document | None:
        """The document, or None where there is none to send; what failed is marked for the publisher."""
        try:
            with db.begin_nested():
                return self._made(db, topic, zone_id)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("no document for %s", topic)
            why = outbox.reason(error)
        outbox.mark_dirty(db, [topic], self._clock.now())
        outbox.note_trouble(db, topic, why)
        return None

    def _made(self, db: Session, topic: str, zone_id: str) -> Document | None:
        now = self._clock.now()
        draft: Draft | None = self._build(db, zone_id, now)
        if draft is None:
            return None
        sealed = renewed(draft, outbox.last(db, topic), self._key, now)
        if sealed is not None:
            outbox.issue(db, topic, sealed)
            if sealed.left_out:
                log.error("the document for %s goes out without %d of its members", topic, sealed.left_out)
        outbox.unmark(db, topic)
        found = outbox.lacking(db, topic)
        return Document(topic, *found) if found is not None else None

    async def _said(self, topic: str, payload: bytes) -> bool:
        for bus in self._buses:
            try:
                await bus.publish(topic, payload, retain=True)
            except BusDown:
                continue
            except Exception:
                log.exception("%s could not be published", topic)
            else:
                return True
        return False

    async def _noted(self, done: Sequence[Document]) -> datetime | None:
        """Note that the broker has them, as the publisher does; where that fails it publishes the same bytes again."""
        said = [(document.topic, document.number) for document in done]
        try:
            return await self._on_thread(
                lambda: self._store.urgently(lambda db: outbox.confirm(db, said, self._clock.now())),
            )
        except Exception as error:
            log.warning("%d documents are published again", len(done), exc_info=not is_away(error))
            return None

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _unheard(_message: Message) -> None:
    """Nothing is said to this connection."""
