"""A real daemon left alone: no broker, no network, killed twice; then everything it did is told, once and in order."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from broadcast.clock import SystemClock
from broadcast.wire.documents import Media, Outcome
from receivers import identity
from receivers.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from broadcast.wire.signed import SignedDocument
    from receivers.lab.horns import VirtualHorns
    from receivers.lab.trial.relay import Relay
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre

S = 1_000_000
APART_S = 7  # room for a daemon to start again on a busy machine


@contextlib.asynccontextmanager
async def _daemon(folder: Path, horns: VirtualHorns) -> AsyncIterator[asyncio.subprocess.Process]:
    """A receiver that ends without warning, as by a power cut."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receivers", "run", "--state", str(folder), "--device", "horn1"),
        env={**os.environ, **horns.environment},
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def _on_disk(folder: Path, airing_id: str, *, over: bool) -> None:
    """Return once an airing is over, or has begun, by the journal."""
    async with asyncio.timeout(60):
        while True:
            with tempfile.TemporaryDirectory() as copy:
                shutil.copytree(folder / "rx1" / "reports", copy, dirs_exist_ok=True)
                outbox = Outbox(Path(copy))
                outbox.open(SystemClock().now_us())
            if airing_id in (outbox.over if over else outbox.begun):
                return
            await asyncio.sleep(0.1)  # another process writes it


def _lasting(document: SignedDocument) -> SignedDocument:
    now_us = SystemClock().now_us()
    return replace(document, issued_us=now_us, expires_us=now_us + 86_400 * S)


@pytest.fixture
def folder(centre: Centre, relay: Relay, tmp_path: Path) -> Path:
    """The state folder of a receiver that is enrolled behind the relay."""
    me = centre.enrolled(tmp_path, "rx1")
    credentials = (tmp_path / me.credentials).read_bytes()
    identity.save(tmp_path, replace(me, broker=replace(me.broker, port=relay.port)), credentials)
    return tmp_path


@pytest.fixture
def media(centre: Centre, another: Path) -> Media:
    """Two seconds of sound, served by the centre."""
    body = another.read_bytes()
    sha256 = hashlib.sha256(body).hexdigest()
    centre.http.bodies[sha256] = body
    return Media(sha256=sha256, size_bytes=len(body), duration_us=2 * S)


@pytest.fixture
def cuttable(centre: Centre, relay: Relay) -> tuple[Centre, Relay]:
    return centre, relay


@pytest.mark.flaky(reruns=2)  # a starved machine loses sound
async def test_alone_and_killed_twice_it_plays_on_and_tells_each_airing_once_and_in_order(
    cuttable: tuple[Centre, Relay], folder: Path, horns: VirtualHorns, media: Media, desk: Desk
) -> None:
    centre, relay = cuttable
    await centre.publish(_lasting(desk.settings()))
    async with _daemon(folder, horns):
        await centre.until(lambda: any(state.online and state.player == "idle" for state in centre.states))
        begin_us = SystemClock().now_us() + 6 * S
        names = ["before", "cut", "between", "after"]
        starts_us = [begin_us + place * APART_S * S for place in range(len(names))]
        airings = [desk.airing(name, start_us, media) for name, start_us in zip(names, starts_us, strict=True)]
        await centre.publish(_lasting(desk.programme(airings)))
        await centre.until(lambda: centre.states[-1].ready != ())
        relay.cut()
        centre.http.bodies.clear()
        await _on_disk(folder, "before", over=True)
        await _on_disk(folder, "cut", over=False)
    async with _daemon(folder, horns):  # killed in the middle of the second, in time for the third
        await _on_disk(folder, "between", over=True)
    async with _daemon(folder, horns):
        await _on_disk(folder, "after", over=True)
        assert centre.reports == []
        await relay.mend()
        await centre.until(lambda: len(centre.reports) >= len(names), seconds=60)
        await centre.until(lambda: centre.states[-1].online and centre.states[-1].acknowledged == len(names))

    assert [report.number for report in centre.reports] == [1, 2, 3, 4]
    assert [report.airing_id for report in centre.reports] == names
    heard, cut, between, after = centre.reports
    assert (heard.outcome, between.outcome) == (Outcome.HEARD, Outcome.HEARD)
    assert (cut.outcome, cut.reason) == (Outcome.CUT, "not_running")
    assert after.outcome in {Outcome.HEARD, Outcome.CUT}  # the second start may come into its first second
