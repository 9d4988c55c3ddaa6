"""Recordings over real HTTP: a file is whole and right, or it is not there."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING

import pytest

from broadcast.clock import SystemClock
from receivers.config import Config
from receivers.fetch import FetchFailed, FetchRefused, fetch, open_client
from receivers.media import INDEX, MediaStore
from receivers.needs import Need
from receivers.odometer import Odometer
from receivers.stock import NOT_SIGNED, Stock
from receivers.tasks import end

if TYPE_CHECKING:
    from pathlib import Path

    from broadcast.clock import Clock
    from broadcast.wire.documents import Media
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import HttpServer

SIZE = 300_000
FAR_US = 2**52


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    store = MediaStore(tmp_path / "media")
    store.open()
    return store


@pytest.fixture
def media(desk: Desk, http: HttpServer) -> Media:
    media = desk.media("a", 30, SIZE)
    http.bodies.update(desk.bodies)
    return media


def _need(media: Media, due_us: int = FAR_US) -> Need:
    return Need(media.sha256, media.size_bytes, due_us)


async def _fetch(http: HttpServer, store: MediaStore, media: Media) -> None:
    async with open_client() as client:
        await fetch(client, f"{http.url}/media/{media.sha256}", _need(media), store, SystemClock())


async def test_a_recording_arrives_whole_and_ready(http: HttpServer, store: MediaStore, media: Media) -> None:
    await _fetch(http, store, media)
    assert store.path(media.sha256).read_bytes() == http.bodies[media.sha256]
    assert store.ready[media.sha256].size_bytes == SIZE
    assert not store.part(media.sha256).exists()


async def test_what_comes_is_counted(http: HttpServer, store: MediaStore, media: Media, tmp_path: Path) -> None:
    counter = Odometer(tmp_path, SystemClock())
    async with open_client(count=counter.sample) as client:
        await fetch(client, f"{http.url}/media/{media.sha256}", _need(media), store, SystemClock())
    assert SIZE <= counter.use(date(2026, 11, 22)).day_down_bytes < SIZE * 1.05


async def test_a_cut_goes_on_where_it_was_cut(http: HttpServer, store: MediaStore, media: Media) -> None:
    http.faults = ["cut:100000", "cut:50000"]
    for _ in range(2):
        with pytest.raises(FetchFailed):
            await _fetch(http, store, media)
        assert not store.path(media.sha256).exists()
        assert media.sha256 not in store.ready
    await _fetch(http, store, media)
    assert [wanted for _, wanted in http.requests] == [None, "bytes=100000-", "bytes=150000-"]
    assert store.path(media.sha256).read_bytes() == http.bodies[media.sha256]


async def test_a_server_without_range_starts_it_over(http: HttpServer, store: MediaStore, media: Media) -> None:
    http.faults = ["cut:100000", "plain"]
    with pytest.raises(FetchFailed):
        await _fetch(http, store, media)
    await _fetch(http, store, media)
    assert store.path(media.sha256).read_bytes() == http.bodies[media.sha256]


@pytest.mark.parametrize("fault", ["altered", "longer"])
async def test_what_was_not_signed_is_refused_and_removed(
    http: HttpServer, store: MediaStore, media: Media, fault: str
) -> None:
    http.faults = [fault]
    with pytest.raises(FetchRefused):
        await _fetch(http, store, media)
    assert not store.ready
    assert store.done_bytes(media.sha256) == 0
    await _fetch(http, store, media)
    assert media.sha256 in store.ready


async def test_a_body_that_announces_too_much_is_not_read(http: HttpServer, store: MediaStore, desk: Desk) -> None:
    media = desk.media("b", 30, SIZE)
    http.bodies[media.sha256] = bytes(SIZE + 1)
    with pytest.raises(FetchRefused, match=f"{SIZE + 1} bytes instead of {SIZE}"):
        await _fetch(http, store, media)
    assert store.done_bytes(media.sha256) == 0


@pytest.mark.parametrize("portal", ["html", "page", "bare"])
async def test_a_captive_portal_never_becomes_a_recording(
    http: HttpServer, store: MediaStore, media: Media, portal: str
) -> None:
    http.faults = ["cut:100000", portal]
    for _ in range(2):
        with pytest.raises(FetchFailed):
            await _fetch(http, store, media)
    assert not store.ready
    assert (store.done_bytes(media.sha256) == 100_000) == (portal != "bare")
    if portal == "bare":  # what it slipped in costs one try
        with pytest.raises(FetchRefused):
            await _fetch(http, store, media)
    await _fetch(http, store, media)
    assert store.path(media.sha256).read_bytes() == http.bodies[media.sha256]


async def test_a_part_larger_than_the_signed_size_is_begun_anew(
    http: HttpServer, store: MediaStore, media: Media
) -> None:
    store.part(media.sha256).write_bytes(bytes(SIZE + 5))
    await _fetch(http, store, media)
    assert media.sha256 in store.ready


class Shelf:
    """A stock that is kept as `wanted` says, and a bell for each change."""

    def __init__(
        self,
        store: MediaStore,
        http: HttpServer,
        config: Config | None = None,
        *,
        clock: Clock | None = None,
        urls: tuple[str, ...] = (),
    ) -> None:
        self.wanted: tuple[Need, ...] = ()
        self.busy_from_us: int | None = None
        self.changes: asyncio.Queue[frozenset[str]] = asyncio.Queue()
        self.stock = Stock(
            store,
            urls or (f"{http.url}/media/",),
            config or Config(),
            clock or SystemClock(),
            wants=lambda: self.wanted,
            changed=lambda: self.changes.put_nowait(frozenset(store.ready)),
            busy_from_us=lambda: self.busy_from_us,
        )

    async def until(self, ready: frozenset[str]) -> None:
        async with asyncio.timeout(60):
            while await self.changes.get() != ready:
                pass


async def test_next_needed_comes_first_one_at_a_time(http: HttpServer, store: MediaStore, desk: Desk) -> None:
    media = [desk.media(name, 30) for name in "abc"]
    http.bodies.update(desk.bodies)
    shelf = Shelf(store, http)
    shelf.wanted = tuple(_need(item, FAR_US + place) for place, item in enumerate(media))
    task = asyncio.create_task(shelf.stock.run())
    await shelf.until(frozenset(item.sha256 for item in media))
    assert [path.rsplit("/", 1)[1] for path, _ in http.requests] == [item.sha256 for item in media]
    await end((task,))


async def test_a_bulk_download_steps_aside_for_what_plays_within_minutes(
    http: HttpServer, store: MediaStore, desk: Desk
) -> None:
    bulk, flood = desk.media("bulk", 30, SIZE), desk.media("flood", 30)
    http.bodies.update(desk.bodies)
    http.faults = ["held"]
    shelf = Shelf(store, http)
    shelf.wanted = (_need(bulk),)
    task = asyncio.create_task(shelf.stock.run())
    async with asyncio.timeout(60):
        await http.holding.wait()
        while store.done_bytes(bulk.sha256) < SIZE // 4:  # noqa: ASYNC110 - a file grows without a bell
            await asyncio.sleep(0.01)
    shelf.wanted = (_need(flood, SystemClock().now_us()), _need(bulk))
    await shelf.until(frozenset((flood.sha256,)))
    await shelf.until(frozenset((flood.sha256, bulk.sha256)))
    resumed = http.requests[-1][1]
    assert resumed is not None
    assert int(resumed.removeprefix("bytes=").rstrip("-")) >= SIZE // 4
    http.gate.set()
    await end((task,))


async def test_a_download_leaves_the_link_to_a_text_that_is_coming_but_for_the_siren_before_it(
    http: HttpServer, store: MediaStore, desk: Desk
) -> None:
    bulk, siren = desk.media("bulk", 30, SIZE), desk.media("siren", 3)
    http.bodies.update(desk.bodies)
    http.faults = ["held"]
    shelf = Shelf(store, http)
    shelf.wanted = (_need(bulk),)
    task = asyncio.create_task(shelf.stock.run())
    async with asyncio.timeout(60):
        await http.holding.wait()
        shelf.busy_from_us = FAR_US
        while any(one.get_name() == "download" for one in asyncio.all_tasks()):  # noqa: ASYNC110 - no bell
            await asyncio.sleep(0.01)
    http.gate.set()
    assert len(http.requests) == 1
    shelf.wanted = (_need(siren, FAR_US - 1), _need(bulk))
    await shelf.until(frozenset((siren.sha256,)))
    shelf.busy_from_us = None
    await shelf.until(frozenset((siren.sha256, bulk.sha256)))
    assert [path.rsplit("/", 1)[1] for path, _ in http.requests] == [one.sha256 for one in (bulk, siren, bulk)]
    await end((task,))


class SetBack(SystemClock):
    """Whose wall time is a day behind once `days` is set."""

    days = 0

    def now_us(self) -> int:
        return super().now_us() - self.days * 24 * 3600 * 1_000_000


async def test_a_clock_set_back_does_not_hold_a_recording_up(
    http: HttpServer, store: MediaStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receivers.stock.IDLE_S", 0.1)
    http.faults = ["html"]
    clock = SetBack()
    shelf = Shelf(store, http, clock=clock)
    shelf.wanted = (_need(media),)
    task = asyncio.create_task(shelf.stock.run())
    async with asyncio.timeout(60):
        while not shelf.stock.refused:  # noqa: ASYNC110 - a fault comes without a bell
            await asyncio.sleep(0.01)
    clock.days = 1
    await shelf.until(frozenset((media.sha256,)))
    await end((task,))


async def test_a_file_altered_on_disk_is_put_aside_and_fetched_again(
    http: HttpServer, store: MediaStore, media: Media, tmp_path: Path
) -> None:
    await _fetch(http, store, media)
    raw = bytearray(store.path(media.sha256).read_bytes())
    raw[1000] ^= 1
    store.path(media.sha256).write_bytes(raw)
    again = MediaStore(tmp_path / "media")
    again.open()
    shelf = Shelf(again, http)
    shelf.wanted = (_need(media, SystemClock().now_us()),)
    await shelf.stock.check_imminent()
    assert not again.ready
    assert shelf.stock.corrupt == (media.sha256,)
    assert list((tmp_path / "media").glob("*.bad-*"))
    task = asyncio.create_task(shelf.stock.run())
    await shelf.until(frozenset((media.sha256,)))
    await end((task,))
    assert not shelf.stock.corrupt


async def test_room_is_made_from_what_is_not_needed(http: HttpServer, store: MediaStore, desk: Desk) -> None:
    size = 6 * 1024**2
    old, older, fresh = (desk.media(name, 30, size) for name in ("old", "older", "fresh"))
    http.bodies.update(desk.bodies)
    for item in (older, old):
        await _fetch(http, store, item)
    shelf = Shelf(store, http, Config(cache_limit_bytes=16 * 1024**2))
    shelf.wanted = (_need(fresh),)
    task = asyncio.create_task(shelf.stock.run())
    await shelf.until(frozenset((old.sha256, fresh.sha256)))
    await end((task,))
    assert store.used_bytes() < 16 * 1024**2


async def test_what_was_begun_and_is_needed_no_more_goes(http: HttpServer, store: MediaStore, media: Media) -> None:
    store.part("0" * 64).write_bytes(b"begun")
    shelf = Shelf(store, http)
    shelf.wanted = (_need(media),)
    task = asyncio.create_task(shelf.stock.run())
    await shelf.until(frozenset((media.sha256,)))
    await end((task,))
    assert not store.part("0" * 64).exists()


async def test_a_few_bad_files_are_kept_for_whoever_wants_to_know_why(store: MediaStore, tmp_path: Path) -> None:
    for number in range(6):
        sha256 = f"{number:064x}"
        store.path(sha256).write_bytes(b"altered")
        assert store.check(sha256, number * 1_000_000) is False
    assert sorted(path.name[63] for path in (tmp_path / "media").glob("*.bad-*")) == ["3", "4", "5"]


async def test_when_the_link_is_back_nothing_waits_on(http: HttpServer, store: MediaStore, media: Media) -> None:
    http.faults = ["html"] * 6
    shelf = Shelf(store, http)
    shelf.wanted = (_need(media),)
    task = asyncio.create_task(shelf.stock.run())
    async with asyncio.timeout(60):
        for tries in range(1, 7):
            while len(http.requests) < tries or not shelf.stock.refused:  # noqa: ASYNC110 - comes without a bell
                await asyncio.sleep(0.01)
            shelf.stock.nudge()
        await shelf.until(frozenset((media.sha256,)))
    await end((task,))


async def test_a_poisoned_cache_is_counted_and_nothing_of_it_kept(
    http: HttpServer, store: MediaStore, media: Media
) -> None:
    http.faults = ["altered", "longer", "html"]
    shelf = Shelf(store, http)
    shelf.wanted = (_need(media),)
    task = asyncio.create_task(shelf.stock.run())
    async with asyncio.timeout(60):
        for tries in range(1, 4):
            while shelf.stock.refusals.total() < tries:  # noqa: ASYNC110 - comes without a bell
                await asyncio.sleep(0.01)
            assert not store.ready
            shelf.stock.nudge()
        await shelf.until(frozenset((media.sha256,)))
    await end((task,))
    assert (shelf.stock.refusals, shelf.stock.refused) == ({NOT_SIGNED: 3}, None)
    assert store.path(media.sha256).read_bytes() == http.bodies[media.sha256]


async def test_what_one_place_does_not_have_another_is_asked_for(
    http: HttpServer, store: MediaStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receivers.stock.IDLE_S", 0.1)
    shelf = Shelf(store, http, urls=(f"{http.url}/missing/no-", f"{http.url}/media/"))
    shelf.wanted = (_need(media),)
    task = asyncio.create_task(shelf.stock.run())
    await shelf.until(frozenset((media.sha256,)))
    await end((task,))


async def test_what_does_not_fit_is_a_fault_and_what_is_needed_sooner_stays(
    http: HttpServer, store: MediaStore, desk: Desk
) -> None:
    soon, later = desk.media("soon", 30, 10 * 1024**2), desk.media("later", 30, 10 * 1024**2)
    http.bodies.update(desk.bodies)
    await _fetch(http, store, soon)
    shelf = Shelf(store, http, Config(cache_limit_bytes=16 * 1024**2))
    shelf.wanted = (_need(soon, FAR_US), _need(later, FAR_US + 1))
    async with open_client() as client:
        assert await shelf.stock._step(client)
    assert shelf.stock.disk_full
    assert set(store.ready) == {soon.sha256}
    assert len(http.requests) == 1


async def test_since_when_a_file_is_ready_outlives_a_restart(
    http: HttpServer, store: MediaStore, media: Media, tmp_path: Path
) -> None:
    await _fetch(http, store, media)
    ready_us = store.ready[media.sha256].ready_us
    again = MediaStore(tmp_path / "media")
    again.open()
    assert again.check(media.sha256, ready_us + 5) is True
    assert again.ready[media.sha256].ready_us == ready_us
    (tmp_path / "media" / INDEX).write_bytes(b"\x00")
    MediaStore(tmp_path / "media").open()
