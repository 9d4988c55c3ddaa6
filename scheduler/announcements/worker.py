"""Produces queued recordings, one after the other, beside everything else that the centre does (does I/O).

Rules
- Urgent recordings have a lane of their own: an emergency never waits for a long file. The other lane takes urgent ones
  first, then the oldest, and runs at a lower priority of the machine.
- A job shows a sign of life twice a second, with its progress; that also tells whether it is still wanted: a recording
  that was deleted, changed or taken over meanwhile is let go.
- What is put together from others waits until none of these is being produced; one that is not there fails it.
- A job without a sign of life for SILENT_AFTER (its centre was killed) is queued again; one that was interrupted
  MAX_ATTEMPTS times is given up, since it may be what kills the centre.
- What goes wrong with one recording is that recording's; the worker goes on.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from broadcast.child import ChildCancelledError
from broadcast.clock import Clock
from broadcast.produce.producer import Producer
from broadcast.produce.request import (
    Chime,
    OriginalSource,
    PartsSource,
    Produced,
    ProduceError,
    ProduceRequest,
    Recipe,
    Refusal,
    TextSource,
)
from scheduler.announcements import repository
from scheduler.announcements.models import Recording, RecordingState, Source
from scheduler.broadcasts.onair import sound_settled
from scheduler.changes import Changes
from scheduler.store.engine import Store
from scheduler.store.types import new_id

log = logging.getLogger(__name__)

POLL_S = 1.0
"""How soon a recording is seen that another process queued; this process' own are told at once."""
SIGN_OF_LIFE_S = 0.5
SILENT_AFTER = timedelta(seconds=10)
AFTER_ERROR_S = 5.0
NICENESS = 10


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed recording; `id` tells this try from any other."""

    id: str
    recording_id: str
    announcement_id: str
    request: ProduceRequest


class Worker:
    """The production of one centre process; several processes may each have one."""

    def __init__(self, store: Store, producer: Producer, *, clock: Clock, changes: Changes) -> None:
        self._store = store
        self._producer = producer
        self._clock = clock
        self._changes = changes

    async def run(self) -> None:
        """For ever; cancelled, it gives its jobs back to the queue first."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lane(urgent_only=True), name="produce-urgent")
            group.create_task(self._lane(urgent_only=False), name="produce")

    async def _lane(self, *, urgent_only: bool) -> None:
        start = None if urgent_only else be_nice
        wake = asyncio.Event()
        with ThreadPoolExecutor(1, f"produce-{'urgent' if urgent_only else 'all'}", initializer=start) as thread:
            watching = asyncio.create_task(self._watch(wake), name="produce-wake")
            try:
                while True:
                    wake.clear()
                    if not await self._round(thread, urgent_only=urgent_only):
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(POLL_S):
                                await wake.wait()
            finally:
                watching.cancel()

    async def _watch(self, wake: asyncio.Event) -> None:
        async for words in self._changes.watch():
            if any(word.startswith(("recording:", "announcement:")) for word in words):
                wake.set()

    async def _round(self, thread: ThreadPoolExecutor, *, urgent_only: bool) -> bool:
        """Do one job; whether there was one."""
        try:
            job = await asyncio.to_thread(self.claim, urgent_only=urgent_only)
            if job is not None:
                await self._work(job, thread)
        except Exception:
            log.exception("producing recordings failed; trying again in %s s", AFTER_ERROR_S)
            await self._clock.sleep(AFTER_ERROR_S)
            return False
        return job is not None

    async def _work(self, job: Job, thread: ThreadPoolExecutor) -> None:
        cancel, share = threading.Event(), _Share()
        loop = asyncio.get_running_loop()
        producing = loop.run_in_executor(thread, self._produce, job, share, cancel)
        try:
            while not (await asyncio.wait({producing}, timeout=SIGN_OF_LIFE_S))[0]:
                if not await asyncio.to_thread(self._alive, job, share.done):
                    cancel.set()
        except BaseException as end:  # the thread is needed for the next one, whatever ended this one
            cancel.set()
            await asyncio.wait({producing})
            if isinstance(end, asyncio.CancelledError):
                await asyncio.to_thread(self._give_back, job)
            raise
        outcome = producing.result()
        if outcome is not None:
            await asyncio.to_thread(self._finish, job, outcome)

    def claim(self, *, urgent_only: bool = False) -> Job | None:
        """The next recording to produce, now this worker's; those whose job has died are queued again first."""
        now = self._clock.now()
        with self._store.reading() as db:
            if not repository.work_waits(db, now - SILENT_AFTER, urgent_only=urgent_only):
                return None
        with self._store.writing() as db:
            revived = [_revive(recording) for recording in repository.silent_jobs(db, now - SILENT_AFTER)]
            db.flush()
            job, refused = None, []
            while job is None and (recording := repository.claim(db, new_id(now), now, urgent_only=urgent_only)):
                try:
                    job = _job(recording, repository.originals_of_parts(db, recording.id))
                except Exception:
                    log.exception("recording %s cannot be produced", recording.id)
                    recording.state, recording.error_code = RecordingState.FAILED, Refusal.PRODUCE_FAILED.value
                    refused.append(f"recording:{recording.id}")
                    db.flush()
        self._changes.tell([*revived, *refused, *(_words(job) if job is not None else ())])
        return job

    def _produce(self, job: Job, share: "_Share", cancel: threading.Event) -> Produced | Refusal | None:
        """What became of it; None where it was cancelled."""
        try:
            return self._producer.produce(job.request, share.set, cancel)
        except ChildCancelledError:
            return None
        except ProduceError as error:
            log.info("recording %s is refused: %s", job.recording_id, error)
            return error.code
        except Exception:
            log.exception("recording %s could not be produced", job.recording_id)
            return Refusal.PRODUCE_FAILED

    def _alive(self, job: Job, done: float) -> bool:
        with self._store.writing() as db:
            wanted = repository.sign_of_life(db, job.recording_id, job.id, done, self._clock.now())
        self._changes.tell(_words(job))
        return wanted

    def _give_back(self, job: Job) -> None:
        with self._store.writing() as db:
            recording = repository.job(db, job.recording_id, job.id)
            if recording is not None:
                recording.state, recording.job_id = RecordingState.QUEUED, None
                recording.attempts -= 1

    def _finish(self, job: Job, outcome: Produced | Refusal) -> None:
        now = self._clock.now()
        words: tuple[str, ...] = ()
        with self._store.writing() as db:
            recording = repository.job(db, job.recording_id, job.id)
            if recording is None:
                return
            recording.job_id, recording.produced_at = None, now
            if isinstance(outcome, Produced):
                _keep(recording, outcome)
            else:
                recording.state, recording.error_code = RecordingState.FAILED, outcome.value
            db.flush()
            words = sound_settled(db, job.announcement_id, now)
        self._changes.tell((*_words(job), *words))


class _Share:
    """How far a job is, from its thread to the event loop."""

    def __init__(self) -> None:
        self.done = 0.0

    def set(self, done: float) -> None:
        self.done = done


def be_nice() -> None:
    """Lower the priority of this thread and of the programs that it starts (Linux counts threads as processes here)."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _job(recording: Recording, parts: Sequence[str]) -> Job:
    asked = recording.recipe
    source: TextSource | OriginalSource | PartsSource
    if recording.source is Source.TEXT:
        source = TextSource(recording.text or "", recording.voice or "", recording.speed)
    elif recording.source is Source.PARTS:
        if not all(parts):
            raise LookupError("a part of it is not there")
        between = Chime(asked["between"]) if asked.get("between") else None
        source = PartsSource(tuple(parts), asked.get("pause_ms", Recipe().pause_ms), between)
    else:
        source = OriginalSource(recording.original_sha256 or "")
    recipe = Recipe(
        opening=Chime(asked["opening"]) if asked.get("opening") else None,
        closing=Chime(asked["closing"]) if asked.get("closing") else None,
        repeat_count=asked.get("repeat_count", 1),
        pause_ms=asked.get("pause_ms", Recipe().pause_ms),
    )
    return Job(recording.job_id or "", recording.id, recording.announcement_id, ProduceRequest(source, recipe))


def _revive(recording: Recording) -> str:
    given_up = recording.attempts >= repository.MAX_ATTEMPTS
    recording.state = RecordingState.FAILED if given_up else RecordingState.QUEUED
    recording.error_code = Refusal.PRODUCE_FAILED.value if given_up else None
    recording.job_id = None
    return f"recording:{recording.id}"


def _keep(recording: Recording, produced: Produced) -> None:
    recording.state, recording.progress, recording.error_code = RecordingState.READY, 1.0, None
    recording.warnings = [warning.value for warning in produced.warnings]
    recording.sha256, recording.size_bytes = produced.sha256, produced.size_bytes
    recording.duration_us = produced.duration_us
    recording.loudness_lufs, recording.true_peak_dbtp = produced.loudness_lufs, produced.true_peak_dbtp
    recording.original_sha256 = produced.original_sha256


def _words(job: Job) -> tuple[str, str]:
    return f"recording:{job.recording_id}", f"announcement:{job.announcement_id}"
