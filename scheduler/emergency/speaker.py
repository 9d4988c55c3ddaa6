"""Speaks the texts of orders as soon as they are asked for, on lanes of its own (does I/O).

Rules
- A text begins to be made when it is asked for, so that it is mostly there when it is confirmed; one lane is only for
  orders that are issued already.
- What is made for an order in force is sent at once: as a feed, which sounds from its first chunk on, and as a file.
- An order of which nothing could sound so far begins when its first text is there.
- A text that could not be spoken is tried again once; then the order says so, and its other parts sound. Whatever goes
  wrong with one is that one's.
- Whoever speaks shows a sign of life each second. A text whose speaker shows none for SILENT_AFTER is spoken by the
  next, in whatever centre process, but not by more than MOST_SPEAKERS: it may be what ended them.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlmodel import Session

from broadcast.child import ChildCancelledError
from broadcast.clock import Clock
from broadcast.live.desk import LiveDesk
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.produce.request import Chime, Produced, ProduceError, ProduceRequest, Recipe, Refusal, TextSource
from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.changes import Changes
from scheduler.emergency import repository, service
from scheduler.emergency.models import EmergencyOrder, OrderSound
from scheduler.emergency.sender import Urgent
from scheduler.store.engine import Store, StoreBusy
from scheduler.store.patience import is_away
from scheduler.store.types import new_id

log = logging.getLogger(__name__)

TRIES = 2
MOST_SPEAKERS = 4
POLL_S = 1.0
SIGN_OF_LIFE_S = 1.0
SILENT_AFTER = timedelta(seconds=5)
"""An emergency waits no longer for a speaker that was killed; one that was only slow makes the same once more."""
AFTER_ERROR_S = 5.0
THREADS = 4
"""Each of the two lanes speaks on one and asks the database on another."""
FALLBACK_VOICE = "vi-north"

T = TypeVar("T")


class Job(NamedTuple):
    """A text to speak; `id` tells this try from any other. A feed of it has `feed_id`."""

    id: str
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
        """For ever; cancelled, it gives back what it was speaking."""
        with ThreadPoolExecutor(THREADS, "speak") as threads:
            await self._patiently(threads, self._forget_feeds)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._lane(threads, issued_only=True), name="speak-issued")
                group.create_task(self._lane(threads, issued_only=False), name="speak")

    async def _lane(self, threads: ThreadPoolExecutor, *, issued_only: bool) -> None:
        wake = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(wake), name="speak-wake")
            while True:
                wake.clear()
                if not await self._tried(threads, issued_only=issued_only):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await wake.wait()

    async def _watch(self, wake: asyncio.Event) -> None:
        async for words in self._changes.watch():
            if any(word.startswith("emergency:") for word in words):
                wake.set()

    async def _tried(self, threads: ThreadPoolExecutor, *, issued_only: bool) -> bool:
        """`once`, whatever goes wrong with it."""
        try:
            return await self.once(threads, issued_only=issued_only)
        except Exception:
            log.exception("speaking failed; the next text in %s s", AFTER_ERROR_S)
            await self._clock.sleep(AFTER_ERROR_S)
            return False

    async def once(self, threads: ThreadPoolExecutor, *, issued_only: bool = False) -> bool:
        """Speak the next text; whether there was one."""
        job = await self._patiently(threads, lambda: self._claim(issued_only=issued_only))
        if job is None:
            return False
        cancel = threading.Event()
        producing = asyncio.get_running_loop().run_in_executor(threads, self._produce, job, cancel)
        try:
            while not (await asyncio.wait({producing}, timeout=SIGN_OF_LIFE_S))[0]:
                if not await self._patiently(threads, lambda: self._alive(job)):
                    cancel.set()
        except asyncio.CancelledError:
            cancel.set()
            await asyncio.wait({producing})
            await self._give_back(threads, job)
            raise
        finally:
            cancel.set()
        outcome = producing.result()
        if outcome is not None:
            zone_ids = await self._patiently(threads, lambda: self._keep(job, outcome))
            await self._urgent.send(zone_ids)
            self._changes.tell([f"emergency:{job.order_id}"])
        return True

    def _claim(self, *, issued_only: bool) -> Job | None:
        silent_since = self._clock.now() - SILENT_AFTER
        with self._store.reading() as db:
            if not repository.speech_waits(db, silent_since, issued_only=issued_only):
                self._close_feeds(db)
                return None
        return self._store.urgently(lambda db: self._claimed(db, issued_only=issued_only))

    def _claimed(self, db: Session, *, issued_only: bool) -> Job | None:
        now = self._clock.now()
        for row in repository.silent_speech(db, now - SILENT_AFTER):
            log.warning("nobody speaks the text of order %s any more", row.order_id)
            _failed(row, Refusal.PRODUCE_FAILED, MOST_SPEAKERS)
        db.flush()
        while (found := repository.claim_speech(db, job_id := new_id(now), now, issued_only=issued_only)) is not None:
            try:
                return self._job(job_id, *found)
            except Exception:
                log.exception("nobody can speak part %d of order %s", found[0].place, found[0].order_id)
                found[0].state, found[0].error_code = RecordingState.FAILED, Refusal.PRODUCE_FAILED.value
                db.flush()
        return None

    def _job(self, job_id: str, sound: OrderSound, order: EmergencyOrder) -> Job:
        part = order.parts[sound.place]
        chime = Chime.EMERGENCY if order.purpose is Purpose.REAL else Chime.PRIORITY
        recipe = Recipe(opening=chime if sound.place == 0 else None)
        source = TextSource(part["text"], self._voice(part.get("voice"), sound.language))
        return Job(job_id, order.id, sound.place, ProduceRequest(source, recipe))

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
        try:
            return self._store.urgently(lambda db: self._kept(db, job, outcome, feed))
        except Exception as error:
            if isinstance(outcome, Refusal) or isinstance(error, StoreBusy) or is_away(error):
                raise
            log.exception("the sound of part %d of order %s cannot be used", job.place, job.order_id)
        return self._store.urgently(lambda db: self._kept(db, job, Refusal.PRODUCE_FAILED, None))

    def _kept(self, db: Session, job: Job, outcome: Produced | Refusal, feed: dict[str, Any] | None) -> list[str]:
        sound = repository.speech_of(db, job.order_id, job.place, job.id)
        if sound is None:
            return []
        if isinstance(outcome, Refusal):
            _failed(sound, outcome)
            return []
        sound.state, sound.error_code, sound.feed = RecordingState.READY, None, feed
        sound.sha256, sound.size_bytes = outcome.sha256, outcome.size_bytes
        sound.duration_us = outcome.duration_us
        db.flush()
        return service.spoken(db, self._clock.now(), job.order_id, job.place)

    def _feed(self, job: Job, media: MediaStore, sha256: str) -> dict[str, Any] | None:
        if self._desk is None:
            return None
        if (feed := self._desk.get(job.feed_id)) is None:  # there is one where the database was away the first time
            try:
                feed = self._desk.from_recording(job.feed_id, media.path(sha256))
            except Exception as error:  # noqa: BLE001 - whatever it is: the order sounds without
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

    def _alive(self, job: Job) -> bool:
        """Show a sign of life; whether the text is still this job's."""
        with self._store.writing(urgent=True) as db:
            row = repository.speech_of(db, job.order_id, job.place, job.id)
            if row is not None:
                row.alive_at = self._clock.now()
            return row is not None

    async def _give_back(self, threads: ThreadPoolExecutor, job: Job) -> None:
        def give_back() -> None:
            with self._store.writing(urgent=True) as db:
                row = repository.speech_of(db, job.order_id, job.place, job.id)
                if row is not None:
                    row.state, row.attempts = RecordingState.QUEUED, row.attempts - 1

        with contextlib.suppress(Exception):  # it is silent then, and the next takes it
            await asyncio.get_running_loop().run_in_executor(threads, give_back)

    def _forget_feeds(self) -> None:
        """Announce no feed of ours from before: a process that begins has none. Those of other processes live on."""
        if self._desk is None:
            return
        own = f"{self._desk.url}/"
        with self._store.writing(urgent=True) as db:
            for row in repository.with_feeds(db):
                if any(url.startswith(own) for url in (row.feed or {}).get("urls", ())):
                    row.feed = None

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


def _failed(sound: OrderSound, why: Refusal, tries: int = TRIES) -> None:
    """It is tried again, or given up where it was tried often enough."""
    sound.state = RecordingState.FAILED if sound.attempts >= tries else RecordingState.QUEUED
    sound.error_code, sound.job_id = why.value, None
