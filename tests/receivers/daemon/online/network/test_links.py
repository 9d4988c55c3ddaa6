"""Links that are up and carry nothing, that carry somebody else's answers, that come and go, that are slow."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from broadcast.clock import SystemClock
from broadcast.wire.documents import Outcome
from broadcast.wire.fault_codes import FaultCode
from receivers.config import Config
from receivers.fetch import FetchFailed, fetch, open_client
from receivers.lab.trial.relay import HOST, Relay
from receivers.media import MediaStore
from receivers.needs import Need

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import HttpServer
    from tests.receivers.daemon.online.network.conftest import Station

S = 1_000_000
IMPATIENT = Config(clock_kept_by_host=True, keepalive_s=5)
FLAPS = 20
SIGN_IN = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Please sign in</html>"


async def test_a_half_open_connection_is_given_up_at_both_ends_and_made_anew(station: Station) -> None:
    centre, relay = station.centre, station.relay
    async with station.running(IMPATIENT):
        await station.up()
        made = relay.opened
        relay.hold()
        down = await station.told(lambda told: not told.linked)
        assert down.link_error is not None
        assert "nothing has come for" in down.link_error
        await centre.until(lambda: not centre.states[-1].online)  # the broker's own patience, and the last will
        await relay.mend()
        await station.up()
        assert relay.opened > made


async def test_a_download_that_stands_still_is_left_and_goes_on_where_it_stood(
    http: HttpServer, desk: Desk, tmp_path: Path
) -> None:
    media = desk.media("still", 30, 300_000)
    http.bodies.update(desk.bodies)
    http.faults = ["held"]
    store = MediaStore(tmp_path / "media")
    store.open()
    need, url = Need(media.sha256, media.size_bytes, 0), f"{http.url}/media/{media.sha256}"
    async with open_client(timeout_s=0.5) as client:
        with pytest.raises(FetchFailed, match="nothing came for"):
            await fetch(client, url, need, store, SystemClock())
        await fetch(client, url, need, store, SystemClock())
    assert [wanted for _, wanted in http.requests] == [None, "bytes=150000-"]
    assert media.sha256 in store.ready
    http.gate.set()


async def test_nothing_of_a_captive_portal_is_believed_and_it_is_over_when_it_is_gone(station: Station) -> None:
    async def sign_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(SIGN_IN)
        writer.close()

    centre, relay = station.centre, station.relay
    flood = station.media("flood", 3)
    await station.plan(station.desk.airing("later", SystemClock().now_us() + 3600 * S, flood))
    centre.http.faults = ["page", "html"]
    broker, portal = relay.target, await asyncio.start_server(sign_in, HOST, 0)
    async with portal, station.running():
        await station.up()
        refused = await station.faulty(FaultCode.MEDIA_REFUSED)
        assert [media.sha256 for media in refused.state.media] == [flood.sha256]
        relay.target = portal.sockets[0].getsockname()[1]
        relay.cut()
        await relay.mend()
        down = await station.told(lambda told: not told.linked and "SSL" in (told.link_error or ""))
        assert down.state.media[0].done_bytes < flood.size_bytes
        relay.target = broker
        await station.up()
        well = await station.told(lambda told: told.linked and told.state.ready != ())
        assert FaultCode.MEDIA_REFUSED not in {fault.code for fault in well.state.faults}
    kept = (station.folder / "media" / f"{flood.sha256}.opus").read_bytes()
    assert kept == centre.http.bodies[flood.sha256]


async def test_a_link_that_comes_and_goes_leaves_nothing_behind_and_is_not_heard(station: Station) -> None:
    centre, relay = station.centre, station.relay
    song = station.media("song", 8)
    async with station.running():
        await station.up()
        await station.plan(station.desk.airing("song", SystemClock().now_us() + 3 * S, song))
        await station.told(lambda told: told.state.airing_id == "song")
        before = _open_files(), len(asyncio.all_tasks())
        for flap in range(FLAPS):
            relay.cut()
            await relay.mend()
            if flap % 4:
                await station.up()
            else:  # breaks while the connection is still being made
                relay.hold()
                await _eventually(lambda: relay.connections > 0)
        relay.cut()
        await relay.mend()
        await station.up()
        await centre.until(lambda: any(report.airing_id == "song" for report in centre.reports))
        await _eventually(lambda: _open_files() <= before[0] and len(asyncio.all_tasks()) <= before[1])
    report = centre.reports[0]
    assert (report.outcome, report.gap_us) == (Outcome.HEARD, 0)
    assert [key.split("~")[0] for key, _, _ in station.players[0].heard] == ["song"]


async def test_data_used_is_counted_told_and_kept_and_a_budget_that_is_passed_silences_nothing(
    station: Station,
) -> None:
    song = station.media("song", 2)
    airing = station.desk.airing("song", SystemClock().now_us() + 5 * S, song)
    await station.plan(airing, month_budget_bytes=1)
    async with station.running():
        over = await station.faulty(FaultCode.DATA_BUDGET_OVER)
        await station.centre.until(lambda: [report.outcome for report in station.centre.reports] == [Outcome.HEARD])
    async with station.running():
        again = await station.told(lambda told: told.linked and told.state.data is not None)
    assert over.state.data is not None
    assert again.state.data is not None
    assert again.state.data.month_bytes > over.state.data.month_bytes > song.size_bytes


async def test_an_order_does_not_wait_behind_a_download(station: Station) -> None:
    centre = station.centre
    bulk, flood = station.media("bulk", 60, 200_000), station.media("flood", 3)
    slow = Relay(centre.http.port, rate_bytes_per_s=60_000)
    await slow.mend()
    now_us = SystemClock().now_us()
    late = station.desk.airing("bulk", now_us + 3600 * S, bulk)
    station.enrolled(media_urls=(f"http://{HOST}:{slow.port}/media/",))
    station.relay.rate_bytes_per_s = 60_000
    async with station.running():
        await station.up()
        await station.plan(late)
        await _eventually(lambda: slow.opened > 0)
        await station.plan(late, station.desk.airing("flood", now_us + 60 * S, flood))
        await centre.until(lambda: any(len(state.media) == 2 for state in centre.states))
        first = next(state for state in centre.states if len(state.media) == 2)
        assert first.ready == ()
        await centre.until(lambda: len(centre.states[-1].ready) == 2)
    ready = [sha256 for state in centre.states for sha256 in state.ready]
    assert flood.sha256.startswith(ready[0])
    slow.cut()


async def _eventually(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not what():  # noqa: ASYNC110 - it has no bell
            await asyncio.sleep(0.01)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
