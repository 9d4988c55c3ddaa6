"""Makes the documents that are due and keeps the broker holding them (does I/O).

Rules
- A topic marked dirty is built from one consistent view, signed and stored; the mark goes in the same transaction,
  unless somebody marked it again meanwhile.
- What is stored is published, retained, until the broker confirmed it. A crash anywhere repeats the same bytes.
- After each batch a mark is published beside them, with the time of the batch. At each connection the broker is asked
  for it: it tells which documents a broker that lost a part of its memory must get again. A mark that is newer than
  this store shows that the store was put back from a backup. With no mark at all that cannot be told, so it is taken
  to be so: receivers may hold newer documents than this store knows of, and would go on obeying them.
- A topic that cannot be built is said once, shown as trouble, retried after RETRY_US, and keeps no other waiting; what
  was published of it last stays.
- A database that is away is waited for.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from broadcast.bus import Bus, BusDown
from broadcast.clock import US_PER_S, Clock, from_us, to_us
from broadcast.wire import topics
from scheduler.changes import Changes
from scheduler.fleet import outbox
from scheduler.fleet.documents import RENEW_BEFORE, Draft, Sealed, renewed
from scheduler.store.alone import alone
from scheduler.store.engine import Store
from scheduler.store.patience import is_away, outlast

log = logging.getLogger(__name__)

WHO = "publisher"
MARK = topics.MARK
POLL_S = 0.2
"""How soon a change made by another process is seen; this process' own are told at once."""
SWEEP_US = 60 * US_PER_S
SET_BACK_US = US_PER_S
"""A clock that goes back so far is swept after at once: what it issued ahead keeps receivers from what begins now."""
RETRY_US = 60 * US_PER_S
BATCH = 50
"""So many documents at a time: then the zones' programmes, which go first, are looked for again."""

Builder = Callable[[Session, str, datetime], Draft | None]
"""What the document of a target says now; None where there is no such target any more."""


class Mark(msgspec.Struct, frozen=True):
    """The broker holds every document that was confirmed up to then."""

    published_us: int


class _Built(NamedTuple):
    """A topic's next document, None where the last one still says the same; `gone` has no target any more."""

    topic: str
    since: datetime
    sealed: Sealed | None
    gone: bool


class Publisher:
    """`builders` are by the topic's kind."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        *,
        key: Ed25519PrivateKey,
        builders: Mapping[str, Builder],
        clock: Clock,
        changes: Changes,
    ) -> None:
        self._store = store
        self._bus = bus
        self._key = key
        self._builders = builders
        self._clock = clock
        self._changes = changes
        self._session = 0
        self._swept_us: int | None = None
        self._wall_us = 0  # less monotonic, as it was last
        self._retry_us: dict[str, int] = {}

    async def run(self) -> None:
        """For ever."""
        wake = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(wake), name="publisher-wake")
            while True:
                wake.clear()
                more = await outlast(self._clock, WHO, self.issue)
                with contextlib.suppress(BusDown):
                    more = await self.send() or more
                if not more:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await wake.wait()

    async def _watch(self, wake: asyncio.Event) -> None:
        async for _words in self._changes.watch():
            wake.set()

    def issue(self) -> bool:
        """Make what is due; whether there may be more."""
        self._sweep()
        now_us = self._clock.monotonic_us()
        with self._store.reading() as db:
            waiting = outbox.dirty(db, BATCH + len(self._retry_us))
        due = [(topic, since) for topic, since in waiting if self._retry_us.get(topic, now_us) <= now_us]
        tried = {topic: self._tried(topic, since, now_us) for topic, since in due}
        if tried:
            with self._store.writing() as db:
                for topic, one in tried.items():
                    if isinstance(one, _Built):
                        _keep(db, one)
                    else:
                        outbox.note_trouble(db, topic, one)
        return len(due) >= BATCH

    async def send(self) -> bool:
        """Publish some of what the broker does not have; whether there may be more. Raises BusDown."""
        if not self._bus.connected:
            return False
        if self._session != self._bus.session:
            session = self._bus.session
            mark = await self._bus.retained(MARK)
            await outlast(self._clock, WHO, self._compare, mark)
            self._session = session
        batch = await outlast(self._clock, WHO, self._unpublished)
        if batch:
            await asyncio.gather(*(self._bus.publish(topic, jws, retain=True) for topic, _number, jws in batch))
            done = [(topic, number) for topic, number, _jws in batch]
            published_us = await outlast(self._clock, WHO, self._confirm, done)
            await self._bus.publish(MARK, msgspec.json.encode(Mark(published_us)), retain=True)
        return len(batch) >= BATCH

    def _sweep(self) -> None:
        now, now_us = self._clock.now(), self._clock.monotonic_us()
        before_us, self._wall_us = self._wall_us, to_us(now) - now_us
        set_back = self._wall_us < before_us - SET_BACK_US
        if self._swept_us is not None and now_us - self._swept_us < SWEEP_US and not set_back:
            return
        with self._store.writing() as db:
            outbox.mark_due(db, now + RENEW_BEFORE, now)
        self._swept_us = now_us

    def _tried(self, topic: str, since: datetime, now_us: int) -> _Built | str:
        """What is to be kept of a topic; why not where that failed, to be tried again later."""
        try:
            built = self._build(topic, since)
        except Exception as error:
            if is_away(error):
                raise
            first = topic not in self._retry_us
            self._retry_us[topic] = now_us + RETRY_US
            log.log(logging.ERROR if first else logging.DEBUG, "no document for %s", topic, exc_info=True)
            return outbox.reason(error)
        self._retry_us.pop(topic, None)
        return built

    def _build(self, topic: str, since: datetime) -> _Built:
        now = self._clock.now()
        place = topics.parse(topic)
        builder = self._builders.get(place.kind) if place is not None else None
        with self._store.reading() as db:
            draft = builder(db, place.target, now) if builder is not None and place is not None else None
            sealed = renewed(draft, outbox.last(db, topic), self._key, now) if draft is not None else None
        if sealed is not None and sealed.left_out:
            log.error("the document for %s goes out without %d of its members", topic, sealed.left_out)
        return _Built(topic, since, sealed, gone=draft is None)

    def _compare(self, raw: bytes | None) -> None:
        """Find out what a broker with this mark lacks."""
        marked = _marked(raw)
        with self._store.writing() as db:
            newest = outbox.newest_published(db)
            if newest is None and marked is None:
                return  # both are new
            if newest is None or marked is None or marked > newest:
                log.warning("broker and database do not remember the same documents: all are made anew")
                outbox.renumber_all(db, self._clock.now())
            elif marked < newest:
                log.info("the broker lacks documents: they are published again")
                outbox.unconfirm(db, marked)

    def _unpublished(self) -> list[tuple[str, int, bytes]]:
        with self._store.reading() as db:
            return outbox.unpublished(db, BATCH)

    def _confirm(self, done: list[tuple[str, int]]) -> int:
        with self._store.writing() as db:
            return to_us(outbox.confirm(db, done, self._clock.now()))


def _keep(db: Session, built: _Built) -> None:
    """Keep it, unless it changed or was made by another since it was built: then the next round sees that."""
    alone(db, built.topic)
    last = outbox.last(db, built.topic)
    if built.sealed is not None and last is not None and last.number >= built.sealed.number:
        return
    if not outbox.settle(db, built.topic, built.since):
        return
    if built.sealed is not None:
        outbox.issue(db, built.topic, built.sealed)
    elif built.gone:
        outbox.retire(db, built.topic)


def _marked(raw: bytes | None) -> datetime | None:
    try:
        return from_us(msgspec.json.decode(raw or b"", type=Mark).published_us)
    except (msgspec.MsgspecError, OverflowError):
        return None
