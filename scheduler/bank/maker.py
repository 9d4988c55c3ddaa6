"""Produces the message bank in the background, and drops from it what nothing names any more (does I/O).

Rules
- One sound after the other, at a lower priority of the machine; the centre does not wait for it.
- Receivers are told once nothing is left to produce, not of each sound: so they fetch one document, and it is whole.
- A job that was claimed SILENT_AFTER ago and is not done died with its centre; it is done again, MAX_ATTEMPTS times in
  all. Then it failed as others do: what may still succeed is tried again after a pause (`scheduler.bank.trying`).
"""

import asyncio
import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.child import ChildCancelledError
from broadcast.clock import US_PER_S, Clock
from broadcast.produce.producer import Producer
from broadcast.produce.request import Produced, ProduceError, Refusal, Warn
from scheduler.announcements.models import RecordingState
from scheduler.announcements.worker import be_nice
from scheduler.bank import repository, trying
from scheduler.bank.entries import seed
from scheduler.bank.models import BankMedia, BankSource
from scheduler.bank.service import drop_unused, tell_receivers
from scheduler.bank.sounds import Asked, Sounds
from scheduler.changes import Changes
from scheduler.store.engine import Store
from scheduler.store.patience import outlast

log = logging.getLogger(__name__)

WHO = "bank"
POLL_S = 5.0
SILENT_AFTER = timedelta(minutes=10)
"""Longer than any message takes to produce on a busy machine."""
MAX_ATTEMPTS = 3
TEND_US = 60 * US_PER_S


@dataclass(frozen=True, slots=True)
class Job:
    entry_id: str
    claimed_at: datetime
    asked: Asked


class BankMaker:
    """The bank's part of one centre process; several may each have one. It leaves the first `rest_s` to other parts."""

    def __init__(
        self, store: Store, producer: Producer, *, clock: Clock, changes: Changes, rest_s: float = 0.0
    ) -> None:
        self._store = store
        self._sounds = Sounds(producer)
        self._clock = clock
        self._changes = changes
        self._rest_s = rest_s
        self._tended_us: int | None = None

    async def run(self) -> None:
        """For ever; cancelled, it gives its job back."""
        await outlast(self._clock, WHO, self.seed)
        await self._clock.sleep(self._rest_s)
        wake = asyncio.Event()
        with ThreadPoolExecutor(1, "bank", initializer=be_nice) as thread:
            watching = asyncio.create_task(self._watch(wake), name="bank-wake")
            try:
                while True:
                    wake.clear()
                    job = await outlast(self._clock, WHO, self.claim)
                    if job is not None:
                        await self._work(job, thread)
                        continue
                    if await outlast(self._clock, WHO, self.tend):
                        continue
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await wake.wait()
            finally:
                watching.cancel()

    def seed(self) -> None:
        """Bring what comes with Loa up to date, and have what failed tried again at once."""
        with self._store.writing() as db:
            changed = seed(db, self._clock.now())
            trying.queue(db, self._clock.now(), at_once=True)
        if changed:
            log.info("the message bank has new words: its sounds are being produced")

    def claim(self) -> Job | None:
        """The next sound to produce, now this process'."""
        now = self._clock.now()
        with self._store.reading() as db:
            if not repository.waits(db, now - SILENT_AFTER):
                return None
        with self._store.writing() as db:
            found = repository.claim(db, now, now - SILENT_AFTER)
            if found is None:
                return None
            entry, media, died = found
            if died and media.attempts > MAX_ATTEMPTS:
                _settle(media, Refusal.PRODUCE_FAILED, now)
                self._settled(db, now)
                return None
            asked = Asked(entry.name, media.language, media.source, media.text, media.original_sha256)
            return Job(entry.id, now, asked)

    def tend(self) -> bool:
        """Once a minute, drop what nothing names any more; whether something that failed is to be tried again."""
        now_us = self._clock.monotonic_us()
        if self._tended_us is not None and now_us - self._tended_us < TEND_US:
            return False
        with self._store.writing() as db:
            drop_unused(db, self._clock.now())
            queued = trying.queue(db, self._clock.now(), at_once=False)
        self._tended_us = now_us
        return bool(queued)

    def produce(self, job: Job, cancel: threading.Event) -> Produced | Refusal | None:
        """What became of it, None where it was cancelled; what goes wrong with one is that one's."""
        try:
            return self._sounds.make(job.asked, cancel)
        except ChildCancelledError:
            return None
        except ProduceError as error:
            log.warning("%s in %s is not produced: %s", job.entry_id, job.asked.language, error)
            return error.code
        except Exception:
            log.exception("%s in %s could not be produced", job.entry_id, job.asked.language)
            return Refusal.PRODUCE_FAILED

    def keep(self, job: Job, outcome: Produced | Refusal | None) -> None:
        """Note what became of a job, unless it is no longer this one's; None gives it back."""
        now = self._clock.now()
        with self._store.writing() as db:
            media = repository.job(db, job.entry_id, job.asked.language, job.claimed_at)
            if media is None:
                return
            if outcome is None:
                media.state, media.claimed_at = RecordingState.QUEUED, None
                media.attempts -= 1
            else:
                _settle(media, outcome, now)
                if isinstance(outcome, Produced) and media.source is BankSource.TEXT:
                    fell_back = Warn.VOICE_FALLBACK in outcome.warnings
                    media.voice = None if fell_back else self._sounds.voice_id(media.language)
                self._settled(db, now)
        self._changes.tell([f"bank:{job.entry_id}"])

    async def _work(self, job: Job, thread: ThreadPoolExecutor) -> None:
        cancel = threading.Event()
        producing = asyncio.get_running_loop().run_in_executor(thread, self.produce, job, cancel)
        try:
            outcome = await asyncio.shield(producing)
        except asyncio.CancelledError:
            cancel.set()
            await asyncio.wait({producing})
            await asyncio.to_thread(self.keep, job, None)
            raise
        await outlast(self._clock, WHO, self.keep, job, outcome)

    def _settled(self, db: Session, now: datetime) -> None:
        db.flush()
        if not repository.unsettled(db):
            tell_receivers(db, now)

    async def _watch(self, wake: asyncio.Event) -> None:
        async for words in self._changes.watch():
            if any(word.startswith("bank:") for word in words):
                wake.set()


def _settle(media: BankMedia, outcome: Produced | Refusal, now: datetime) -> None:
    media.claimed_at = now
    if isinstance(outcome, Produced):
        media.state, media.error_code = RecordingState.READY, None
        media.sha256, media.size_bytes, media.duration_us = outcome.sha256, outcome.size_bytes, outcome.duration_us
    else:
        media.state, media.error_code = RecordingState.FAILED, outcome.value
