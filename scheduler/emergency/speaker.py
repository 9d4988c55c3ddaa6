"""Speaks the texts of orders as soon as they are asked for, on lanes of its own (does I/O).

Rules
- A text begins to be made when it is asked for, so that it is mostly there when it is confirmed; one lane is only for
  orders that are issued already.
- What is made for an order in force is sent at once: as a feed, which sounds from its first chunk on, and as a file.
- An order of which nothing could sound so far begins when its first text is there.
- A text that could not be spoken is tried again once; then the order says so, and its other parts sound.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlmodel import Session

from broadcast.child import ChildCancelledError
from broadcast.clock import Clock
from broadcast.live.desk import FeedTaken, LiveDesk
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.produce.request import Chime, Produced, ProduceError, ProduceRequest, Recipe, Refusal, TextSource
from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.changes import Changes
from scheduler.emergency import repository, service
from scheduler.emergency.sender import Urgent
from scheduler.store.engine import Store, StoreBusy
from scheduler.store.patience import is_away

log = logging.getLogger(__name__)

TRIES = 2
POLL_S = 1.0
FALLBACK_VOICE = "vi-north"

T = TypeVar("T")


class Job(NamedTuple):
    """A text to speak; a feed of it has `feed_id`."""

    order_id: str
    place: int
    request: ProduceRequest

    @property
    def feed_id(self) -> str:
        return f"{self.order_id}-{self.place}"


class Speaker:
    """Makes the sounds of texts; `desk` None: without feeds."""

    def __init__(
        self, store: Store, producer: Producer, urgent: Urgent, *, desk: LiveDesk | None, clock: Clock, changes: Changes
    ) -> None:
        self._store = store
        self._producer = producer
        self._urgent = urgent
        self._desk = desk
        self._clock = clock
        self._changes = changes
        self._feeds: dict[str, str] = {}

    async def run(self) -> None:
        """For ever; what was being made when a process ended is made anew."""
        with ThreadPoolExecutor(2, "speak") as threads:
            await self._patiently(threads, self._requeue)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._lane(threads, issued_only=True), name="speak-issued")
                group.create_task(self._lane(threads, issued_only=False), name="speak")

    async def _lane(self, threads: ThreadPoolExecutor, *, issued_only: bool) -> None:
        wake = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(wake), name="speak-wake")
            while True:
                wake.clear()
                if not await self.once(threads, issued_only=issued_only):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await wake.wait()

    async def _watch(self, wake: asyncio.Event) -> None:
        async for words in self._changes.watch():
            if any(word.startswith("emergency:") for word in words):
                wake.set()

    async def once(self, threads: ThreadPoolExecutor, *, issued_only: bool = False) -> bool:
        """Speak the next text; whether there was one."""
        job = await self._patiently(threads, lambda: self._claim(issued_only=issued_only))
        if job is None:
            return False
        cancel = threading.Event()
        loop = asyncio.get_running_loop()
        producing = loop.run_in_executor(threads, self._produce, job, cancel)
        try:
            outcome = await asyncio.shield(producing)
        except asyncio.CancelledError:
            cancel.set()
            await asyncio.wait({producing})
            raise
        if outcome is not None:
            zone_ids = await self._patiently(threads, lambda: self._keep(job, outcome))
            await self._urgent.send(zone_ids)
            self._changes.tell([f"emergency:{job.order_id}"])
        return True

    def _claim(self, *, issued_only: bool) -> Job | None:
        with self._store.reading() as db:
            if not repository.speech_waits(db, issued_only=issued_only):
                self._close_feeds(db)
                return None
        return self._store.urgently(lambda db: self._claimed(db, issued_only=issued_only))

    def _claimed(self, db: Session, *, issued_only: bool) -> Job | None:
        found = repository.claim_speech(db, issued_only=issued_only)
        if found is None:
            return None
        sound, order = found
        part = order.parts[sound.place]
        chime = Chime.EMERGENCY if order.purpose is Purpose.REAL else Chime.PRIORITY
        recipe = Recipe(opening=chime if sound.place == 0 else None)
        source = TextSource(part["text"], self._voice(part.get("voice"), sound.language))
        return Job(order.id, sound.place, ProduceRequest(source, recipe))

    def _voice(self, wanted: str | None, language: str) -> str:
        """The voice asked for if it is there, else one of the language."""
        known = {voice.info.id: voice.info.language.lower() for voice in self._producer.voices}
        if wanted in known:
            return wanted or FALLBACK_VOICE
        base = language.partition("-")[0]
        return next((voice for voice, tag in known.items() if tag.partition("-")[0] == base), FALLBACK_VOICE)

    def _produce(self, job: Job, cancel: threading.Event) -> Produced | Refusal | None:
        """What became of it; None where it was cancelled."""
        try:
            return self._producer.produce(job.request, None, cancel)
        except ChildCancelledError:
            return None
        except ProduceError as error:
            log.warning("the text of order %s cannot be spoken: %s", job.order_id, error)
            return error.code
        except Exception:
            log.exception("the text of order %s could not be spoken", job.order_id)
            return Refusal.PRODUCE_FAILED

    def _keep(self, job: Job, outcome: Produced | Refusal) -> list[str]:
        """The zones that are to be told."""
        feed = self._feed(job, self._producer.media, outcome.sha256) if isinstance(outcome, Produced) else None
        return self._store.urgently(lambda db: self._kept(db, job, outcome, feed))

    def _kept(self, db: Session, job: Job, outcome: Produced | Refusal, feed: dict[str, Any] | None) -> list[str]:
        sound = repository.sound(db, job.order_id, job.place)
        if sound is None:
            return []
        if isinstance(outcome, Refusal):
            failed = sound.attempts >= TRIES
            sound.state = RecordingState.FAILED if failed else RecordingState.QUEUED
            sound.error_code = outcome.value
            return []
        sound.state, sound.error_code, sound.feed = RecordingState.READY, None, feed
        sound.sha256, sound.size_bytes = outcome.sha256, outcome.size_bytes
        sound.duration_us = outcome.duration_us
        db.flush()
        return service.spoken(db, self._clock.now(), job.order_id, job.place)

    def _feed(self, job: Job, media: MediaStore, sha256: str) -> dict[str, Any] | None:
        if self._desk is None:
            return None
        try:
            feed = self._desk.from_recording(job.feed_id, media.path(sha256))
        except (FeedTaken, OSError, ValueError) as error:
            log.warning("no feed of order %s, receivers fetch the file: %s", job.order_id, error)
            return None
        self._feeds[job.feed_id] = job.order_id
        said: dict[str, Any] = msgspec.to_builtins(self._desk.announced(feed))
        return said

    def _close_feeds(self, db: Session) -> None:
        """Serve no more what belongs to orders that are over."""
        if self._desk is None or not self._feeds:
            return
        living = repository.living(db, set(self._feeds.values()))
        for feed_id, order_id in list(self._feeds.items()):
            if order_id not in living:
                self._desk.close(feed_id)
                del self._feeds[feed_id]

    def _requeue(self) -> None:
        with self._store.writing(urgent=True) as db:
            repository.requeue_speech(db)

    async def _patiently(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """What `work` returns on a thread of this lane, as soon as the database lets it."""
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(threads, work)
            except Exception as error:
                if not isinstance(error, StoreBusy) and not is_away(error):
                    raise
                log.warning("the database is away, the speaker waits for it: %s", error)
            await self._clock.sleep(POLL_S)
