"""The production on real programs: espeak-ng, ffmpeg, and a process that is killed in the middle."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broadcast.clock import SystemClock
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.speech.say import all_voices
from scheduler.announcements import repository, service
from scheduler.announcements.models import Recording, RecordingState
from scheduler.announcements.queueing import StoredSound
from scheduler.announcements.schemas import AnnouncementOut, NewAnnouncement, NewUpload, TextRecording
from scheduler.announcements.worker import SILENT_AFTER, Worker
from scheduler.changes import Changes
from scheduler.people import signin
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant, User
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind

LIMIT_S = 60
CENTRE = """
    import asyncio, sys
    from pathlib import Path
    from broadcast.clock import SystemClock
    from broadcast.media import MediaStore
    from broadcast.produce.producer import Producer
    from broadcast.speech.say import all_voices
    from scheduler.announcements.worker import Worker
    from scheduler.changes import Changes
    from scheduler.store.engine import Store

    url, folder = sys.argv[1], Path(sys.argv[2])
    producer = Producer(MediaStore(folder / "media"), MediaStore(folder / "originals"), all_voices())
    asyncio.run(Worker(Store(url), producer, clock=SystemClock(), changes=Changes()).run())
"""


class LaterClock(SystemClock):
    """The system's clock, some time on: after a restart that took a while."""

    def now(self) -> Any:
        return super().now() + SILENT_AFTER + timedelta(seconds=1)


@dataclass
class Workshop:
    store: Store
    folder: Path
    producer: Producer
    official: Actor
    zone_id: str
    changes: Changes
    clock: SystemClock

    def queue_text(self, text: str = "Ngày 14/6, mất điện.", *, urgent: bool = False, **other: Any) -> AnnouncementOut:
        new = NewAnnouncement(
            zone_id=self.zone_id, title="Thử", recordings=[TextRecording(text=text, **other)], urgent=urgent
        )
        with self.store.writing() as db:
            return service.create(db, self.official, self.clock.now(), new)

    def queue_file(self, path: Path) -> AnnouncementOut:
        sound = StoredSound(self.producer.originals.put(path), path.name)
        with self.store.writing() as db:
            new = NewUpload(zone_id=self.zone_id, title="Tệp")
            return service.create_from_sound(db, self.official, self.clock.now(), new, sound)

    def recording(self, made: AnnouncementOut) -> Recording:
        with self.store.reading() as db:
            return db.exec(select(Recording).where(Recording.announcement_id == made.id)).one()

    async def until(self, made: AnnouncementOut, wanted: Callable[[Recording], bool]) -> Recording:
        """The recording once it is as `wanted`; the test's own limit ends a wait in vain."""
        async with asyncio.timeout(LIMIT_S):
            while not wanted(found := await asyncio.to_thread(self.recording, made)):  # noqa: ASYNC110 -- other processes change it
                await asyncio.sleep(0.05)
        return found

    def another_centre(self) -> subprocess.Popen[bytes]:
        """A process that does nothing but produce, in a group of its own with the programs it starts."""
        where = [self.store.url.render_as_string(), str(self.folder)]
        return subprocess.Popen([sys.executable, "-c", textwrap.dedent(CENTRE), *where], start_new_session=True)

    @asynccontextmanager
    async def working(self, clock: SystemClock | None = None) -> AsyncIterator[Worker]:
        self.changes.attach(asyncio.get_running_loop())
        worker = Worker(self.store, self.producer, clock=clock or self.clock, changes=self.changes)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def workshop(sqlite_store: Store, tmp_path: Path) -> Workshop:
    return _workshop(sqlite_store, tmp_path)


def _workshop(store: Store, folder: Path) -> Workshop:
    with store.writing() as db:
        db.add(Zone(id="Z", path="/Z/", kind=ZoneKind.COMMUNE, name="Trà Leng"))
        db.flush()
        user = User(
            id="U", login="u", name="U", zone_id="Z", password_hash="-", must_change_password=False,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        db.add(user)
        db.flush()
        db.add(RoleGrant(id="G", user_id="U", zone_id="Z", role=Role.EDITOR.value))
        db.flush()
        official = signin.actor_of(db, user)
    producer = Producer(MediaStore(folder / "media"), MediaStore(folder / "originals"), all_voices())
    return Workshop(store, folder, producer, official, "Z", Changes(), SystemClock())


def finished(recording: Recording) -> bool:
    return recording.state in (RecordingState.READY, RecordingState.FAILED)


def long_text(words: int) -> str:
    return " ".join(["Đề nghị bà con chú ý theo dõi."] * (words // 7))


async def test_a_text_becomes_a_file_and_those_who_watch_are_told(workshop: Workshop) -> None:
    told: set[str] = set()

    async def watch() -> None:
        async for words in workshop.changes.watch():
            told.update(words)

    watching = asyncio.create_task(watch())
    async with workshop.working():
        made = workshop.queue_text()
        ready = await workshop.until(made, finished)
    watching.cancel()
    assert (ready.state, ready.progress, ready.job_id) == (RecordingState.READY, 1.0, None)
    assert ready.sha256 is not None
    assert workshop.producer.media.verify(ready.sha256)
    assert ready.duration_us is not None
    assert 2_000_000 < ready.duration_us < 20_000_000
    assert {f"recording:{ready.id}", f"announcement:{made.id}"} <= told


async def test_one_bad_job_is_that_job_s_and_the_next_is_done(workshop: Workshop, tmp_path: Path) -> None:
    fake = tmp_path / "thong-bao.mp3"
    fake.write_text("this is no sound at all\n" * 50)
    silence = tmp_path / "im-lang.wav"
    with wave.open(str(silence), "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(bytes(2 * 32_000))
    bad, quiet, good = workshop.queue_file(fake), workshop.queue_file(silence), workshop.queue_text()
    async with workshop.working():
        failed = await workshop.until(bad, finished)
        warned = await workshop.until(quiet, finished)
        assert (await workshop.until(good, finished)).state is RecordingState.READY
    assert failed.state is RecordingState.FAILED
    assert failed.error_code in {"not_audio", "no_audio_stream"}
    assert (warned.state, warned.warnings) == (RecordingState.READY, ["silence_only"])


async def test_a_recording_whose_recipe_nobody_reads_keeps_no_other_waiting(workshop: Workshop) -> None:
    bad, good = workshop.queue_text(), workshop.queue_text()
    with workshop.store.writing() as db:
        db.get_one(Recording, workshop.recording(bad).id).recipe = {"opening": "no chime"}
    async with workshop.working():
        assert (await workshop.until(good, finished)).state is RecordingState.READY
    assert (workshop.recording(bad).state, workshop.recording(bad).error_code) == ("failed", "produce_failed")


async def test_an_emergency_does_not_wait_for_a_long_text(workshop: Workshop) -> None:
    long = workshop.queue_text(long_text(10_000))
    async with workshop.working():
        await workshop.until(long, lambda recording: recording.state is RecordingState.PRODUCING)
        waiting = workshop.queue_text("Thông báo chờ.")
        urgent = workshop.queue_text("Lũ quét. Sơ tán ngay.", urgent=True)
        assert (await workshop.until(urgent, finished)).state is RecordingState.READY
        assert workshop.recording(long).state is RecordingState.PRODUCING
        assert workshop.recording(waiting).state is RecordingState.QUEUED


async def test_a_deleted_announcement_ends_its_job(workshop: Workshop) -> None:
    long = workshop.queue_text(long_text(10_000))
    async with workshop.working():
        await workshop.until(long, lambda recording: recording.progress > 0)
        with workshop.store.writing() as db:
            service.delete(db, workshop.official, workshop.clock.now(), long.id, version=long.version)
        other = workshop.queue_text()
        assert (await workshop.until(other, finished)).state is RecordingState.READY
    assert not finished(workshop.recording(long))


async def test_a_text_changed_in_the_middle_is_produced_as_it_is_now(workshop: Workshop) -> None:
    made = workshop.queue_text(long_text(10_000))
    async with workshop.working():
        first = await workshop.until(made, lambda recording: recording.progress > 0)
        changed = TextRecording(text="Ngắn.")
        with workshop.store.writing() as db:
            service.edit_text(db, workshop.official, workshop.clock.now(), first.id, changed, version=1)
        ready = await workshop.until(made, finished)
    assert (ready.state, ready.text) == (RecordingState.READY, "Ngắn.")
    assert ready.duration_us is not None
    assert ready.duration_us < 10_000_000


async def test_a_worker_that_is_ended_gives_its_job_back(workshop: Workshop) -> None:
    made = workshop.queue_text(long_text(10_000))
    async with workshop.working():
        await workshop.until(made, lambda recording: recording.state is RecordingState.PRODUCING)
    given_back = workshop.recording(made)
    assert (given_back.state, given_back.attempts, given_back.job_id) == (RecordingState.QUEUED, 0, None)


async def test_killed_in_the_middle_of_a_production_it_is_done_again(workshop: Workshop) -> None:
    made = workshop.queue_text(long_text(300))
    centre = workshop.another_centre()
    try:
        await workshop.until(made, lambda recording: recording.progress > 0)
    finally:
        os.killpg(centre.pid, signal.SIGKILL)
        centre.wait()
    killed = workshop.recording(made)
    assert (killed.state, killed.attempts, killed.sha256) == (RecordingState.PRODUCING, 1, None)
    assert list(workshop.producer.media) == []
    async with workshop.working(LaterClock()):
        ready = await workshop.until(made, finished)
    assert (ready.state, ready.attempts) == (RecordingState.READY, 2)
    assert list(workshop.producer.media) == [ready.sha256]


async def test_what_kills_the_centre_each_time_is_given_up(workshop: Workshop) -> None:
    made = workshop.queue_text()
    with workshop.store.writing() as db:
        row = db.exec(select(Recording).where(Recording.announcement_id == made.id)).one()
        row.state, row.attempts = RecordingState.PRODUCING, repository.MAX_ATTEMPTS
        row.job_seen_at = workshop.clock.now()
    worker = Worker(workshop.store, workshop.producer, clock=LaterClock(), changes=workshop.changes)
    assert worker.claim() is None
    assert (workshop.recording(made).state, workshop.recording(made).error_code) == (
        RecordingState.FAILED,
        "produce_failed",
    )


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_workers_never_take_the_same_job(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    workshop = _workshop(request.getfixturevalue(f"{database}_store"), tmp_path)
    made = [workshop.queue_text() for _ in range(3)]
    urgent = workshop.queue_text(urgent=True)
    workers = [Worker(workshop.store, workshop.producer, clock=workshop.clock, changes=Changes()) for _ in range(2)]
    only_urgent = workers[0].claim(urgent_only=True)
    assert only_urgent is not None
    assert only_urgent.announcement_id == urgent.id
    assert workers[1].claim(urgent_only=True) is None
    taken = [workers[turn % 2].claim() for turn in range(4)]
    assert [job.announcement_id for job in taken[:3] if job is not None] == [item.id for item in made]
    assert taken[3] is None
