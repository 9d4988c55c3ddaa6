"""Stock and daemon on disks that are full, read-only or wrong."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from broadcast.clock import SystemClock
from broadcast.wire import topics
from broadcast.wire.documents import Late, Media, Outcome
from broadcast.wire.fault_codes import FaultCode
from broadcast.wire.trust import seal
from receivers.config import Config
from receivers.daemon import Daemon
from receivers.fetch import open_client
from receivers.lab.trial.shelf import report
from receivers.media import MediaStore
from receivers.needs import RECHECK_AHEAD_US, Need
from receivers.outbox import Outbox
from receivers.rehearsal import VirtualPlayer
from receivers.stock import Stock
from receivers.tasks import end
from receivers.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from broadcast.wire.signed import SignedDocument
    from receivers.lab.horns import VirtualHorns
    from receivers.lab.trial.smalldisk import SmallDisk
    from receivers.sound.cue import Cue, Played
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre, HttpServer

S = 1_000_000
KB = 1024
LIMIT_S = 60
LENIENT = Config(free_min_bytes=0, clock_kept_by_host=True)


class Shelf:
    """A stock on a disk, with what it wants."""

    def __init__(self, folder: Path, http: HttpServer, free_min_bytes: int = 0) -> None:
        self.store = MediaStore(folder / "media")
        self.store.open()
        self.wanted: tuple[Need, ...] = ()
        config = Config(free_min_bytes=free_min_bytes)
        self.stock = Stock(
            self.store,
            (f"{http.url}/media/",),
            config,
            SystemClock(),
            wants=lambda: self.wanted,
            changed=lambda: None,
        )

    def hold(self, desk: Desk, *held: Media) -> None:
        """Have recordings ready, the first the oldest."""
        for place, media in enumerate(held):
            self.store.part(media.sha256).write_bytes(desk.bodies[media.sha256])
            assert self.store.finish(media.sha256, place)

    async def steps(self) -> None:
        """Until there is nothing to do now."""
        async with open_client() as client:
            with contextlib.suppress(OSError):
                while await self.stock._step(client):
                    pass


def _need(media: Media, in_us: int = 0) -> Need:
    return Need(media.sha256, media.size_bytes, SystemClock().now_us() + in_us)


async def test_when_others_fill_the_disk_the_oldest_that_is_not_needed_goes(
    small_disk: SmallDisk, http: HttpServer, desk: Desk
) -> None:
    shelf = Shelf(small_disk.path, http, free_min_bytes=200 * KB)
    older, old, needed = (desk.media(name, 30, 300 * KB) for name in ("older", "old", "needed"))
    shelf.hold(desk, needed, older, old)
    shelf.wanted = (_need(needed),)
    await shelf.steps()
    assert len(shelf.store.ready) == 3
    assert not shelf.stock.disk_full
    small_disk.fill()
    outbox = Outbox(small_disk.path / "reports")
    outbox.add(report(1, "a1"))
    assert outbox.disk_error
    await shelf.steps()
    assert shelf.store.ready.keys() == {needed.sha256, old.sha256}
    assert not shelf.stock.disk_full
    outbox.flush()
    assert outbox.disk_error is None
    small_disk.fill("more")
    await shelf.steps()
    assert shelf.store.ready.keys() == {needed.sha256}
    small_disk.fill("and more")
    await shelf.steps()
    assert shelf.store.ready.keys() == {needed.sha256}  # what will be played stays
    assert shelf.stock.disk_full
    for name in ("filler", "more", "and more"):
        (small_disk.path / name).unlink()
    await shelf.steps()
    assert not shelf.stock.disk_full


async def test_bad_files_that_were_kept_go_before_good_ones(
    small_disk: SmallDisk, http: HttpServer, desk: Desk
) -> None:
    shelf = Shelf(small_disk.path, http, free_min_bytes=300 * KB)
    good, bad = desk.media("good", 30, 300 * KB), desk.media("bad", 30, 400 * KB)
    shelf.hold(desk, good, bad)
    shelf.store.path(bad.sha256).write_bytes(bytes(400 * KB))
    assert shelf.store.check(bad.sha256, 5 * S) is False
    small_disk.fill()
    await shelf.steps()
    assert shelf.store.ready.keys() == {good.sha256}
    assert not list(small_disk.path.rglob("*.bad-*"))


async def test_on_a_read_only_disk_nothing_is_asked_for_until_it_can_be_written(
    small_disk: SmallDisk, http: HttpServer, desk: Desk
) -> None:
    shelf = Shelf(small_disk.path, http)
    held, wanted = desk.media("held", 30), desk.media("wanted", 30)
    http.bodies.update(desk.bodies)
    shelf.hold(desk, held)
    shelf.wanted = (_need(held), _need(wanted))
    small_disk.set_read_only(True)
    running = asyncio.create_task(shelf.stock.run())
    await _until(lambda: shelf.stock.disk_error is not None)
    assert http.requests == []
    assert shelf.store.ready.keys() == {held.sha256}
    small_disk.set_read_only(False)
    shelf.stock.look()
    await _until(lambda: wanted.sha256 in shelf.store.ready)
    assert shelf.stock.disk_error is None
    await end((running,))


async def test_before_the_first_plan_what_plays_within_minutes_is_read_and_no_more(
    tmp_path: Path, http: HttpServer, desk: Desk
) -> None:
    first = Shelf(tmp_path, http)
    now, soon, later, unneeded = (desk.media(name, 30) for name in ("now", "soon", "later", "unneeded"))
    first.hold(desk, now, soon, later, unneeded)
    shelf = Shelf(tmp_path, http)
    missing = desk.media("missing", 30)
    shelf.wanted = (
        _need(missing),
        _need(now),
        _need(soon, RECHECK_AHEAD_US - 60 * S),
        _need(later, RECHECK_AHEAD_US + 60 * S),
    )
    await shelf.stock.check_imminent()
    assert shelf.store.ready.keys() == {now.sha256, soon.sha256}


class Spoiler(VirtualPlayer):
    """A player whose first file goes bad on the card just before it is played."""

    def __init__(self, on_played: Callable[[Played], None]) -> None:
        super().__init__({}, on_played, SystemClock().now_us())
        self.spoilt: Path | None = None

    def set_plan(self, cues: Sequence[Cue]) -> None:
        if cues and self.spoilt is None:
            self.spoilt = cues[0].path
            self.spoilt.write_bytes(b"rot")
        super().set_plan(cues)
        self.advance(SystemClock().now_us())


@pytest.fixture
def alone(tmp_path: Path, centre: Centre, desk: Desk) -> tuple[Path, Media]:
    """The folder of a receiver that holds all it needs for an airing that has just begun."""
    me, clock = centre.enrolled(tmp_path, "rx1"), SystemClock()
    vault = Vault(tmp_path / "rx1" / "documents", "rx1", me.trusted())
    media = desk.media("now", 60)
    centre.http.bodies.update(desk.bodies)
    airing = desk.airing("now", clock.now_us() - S, media, late=Late.JOIN)
    for name, document in (
        (topics.settings("rx1"), desk.settings()),
        (topics.programme("tra-van"), desk.programme([airing])),
    ):
        assert vault.accept(name, seal(_lasting(document), centre.lab.root.order_key), clock.now_us())
    store = MediaStore(tmp_path / "media")
    store.open()
    store.part(media.sha256).write_bytes(desk.bodies[media.sha256])
    assert store.finish(media.sha256, clock.now_us())
    return tmp_path, media


async def test_a_file_that_would_not_play_is_read_again_and_fetched_again(
    alone: tuple[Path, Media], centre: Centre
) -> None:
    folder, media = alone
    me = centre.enrolled(folder, "rx1")
    daemon = Daemon(folder, me, LENIENT, SystemClock(), Spoiler)
    running = asyncio.create_task(daemon.run())
    path = folder / "media" / f"{media.sha256}.opus"
    await _until(lambda: bool(centre.http.requests) and path.exists())
    assert path.read_bytes() == centre.http.bodies[media.sha256]
    assert [bad.read_bytes() for bad in (folder / "media").glob("*.bad-*")] == [b"rot"]
    daemon.end()
    await running


async def test_what_plays_now_is_in_the_first_plan(alone: tuple[Path, Media], centre: Centre) -> None:
    folder, media = alone
    daemon = Daemon(folder, centre.enrolled(folder, "rx1"), LENIENT, SystemClock(), Spoiler)
    await daemon._wake_up()
    assert daemon._store.ready.keys() == {media.sha256}
    await daemon._go_to_sleep()


@contextlib.asynccontextmanager
async def _process(folder: Path, horns: VirtualHorns) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receivers", "run", "--state", str(folder), "--device", "horn1"),
        env={**os.environ, **horns.environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.flaky(reruns=2)  # a starved machine loses sound
async def test_a_card_that_became_read_only_is_a_fault_and_silences_nothing(
    centre: Centre, small_disk: SmallDisk, horns: VirtualHorns, another: Path, desk: Desk
) -> None:
    centre.enrolled(small_disk.path, "rx1")
    (small_disk.path / "receiver.toml").write_text("free_min_bytes = 0\nclock_kept_by_host = true\n")
    media = _served(centre, another)
    await centre.publish(_lasting(desk.settings()))
    async with _process(small_disk.path, horns):
        await centre.until(lambda: any(state.online and state.player == "idle" for state in centre.states))
        begin_us = SystemClock().now_us() + 4 * S
        airings = [desk.airing(name, begin_us + place * 10 * S, media) for place, name in enumerate(("one", "two"))]
        await centre.publish(_lasting(desk.programme(airings)))
        await centre.until(lambda: centre.states[-1].airing_id == "one")
        small_disk.set_read_only(True)
        await centre.until(lambda: [report.airing_id for report in centre.reports] == ["one"])
        await centre.until(lambda: FaultCode.DISK in {fault.code for fault in centre.states[-1].faults})
    centre.states.clear()
    async with _process(small_disk.path, horns):  # it starts, and plays what it holds
        await centre.until(lambda: "two" in {report.airing_id for report in centre.reports})
        assert FaultCode.DISK in {fault.code for fault in centre.states[-1].faults}
        small_disk.set_read_only(False)
        await centre.until(lambda: FaultCode.DISK not in {fault.code for fault in centre.states[-1].faults})
    assert [report.outcome for report in centre.reports if report.airing_id == "two"] == [Outcome.HEARD]
    kept = Outbox(small_disk.path / "rx1" / "reports")
    kept.open(SystemClock().now_us())
    assert kept.number == centre.reports[-1].number


async def test_a_daemon_whose_every_file_is_garbage_starts_and_gets_all_again(
    alone: tuple[Path, Media], centre: Centre, horns: VirtualHorns, desk: Desk
) -> None:
    folder, media = alone
    for path in [path for path in folder.rglob("*") if path.is_file() and "identity" not in path.name]:
        if "centre" not in path.relative_to(folder).parts:
            path.write_bytes(b"\x00\xff" * 300)
    airing = desk.airing("now", SystemClock().now_us() + 60 * S, media)
    await centre.publish(_lasting(desk.settings()))
    await centre.publish(_lasting(desk.programme([airing])))
    async with _process(folder, horns):
        await centre.until(lambda: any(state.ready for state in centre.states))
        assert centre.states[-1].numbers.keys() == {"receivers/rx1/settings", "zones/tra-van/programme"}


def _served(centre: Centre, path: Path) -> Media:
    body = path.read_bytes()
    media = Media(sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body), duration_us=2 * S)
    centre.http.bodies[media.sha256] = body
    return media


async def _until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not what():  # noqa: ASYNC110 - a disk rings no bell
            await asyncio.sleep(0.02)


def _lasting(document: SignedDocument) -> SignedDocument:
    now_us = SystemClock().now_us()
    return replace(document, issued_us=now_us - S, expires_us=now_us + 86_400 * S)
