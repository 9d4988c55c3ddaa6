"""A text whose sound comes late, to the whole daemon as a process: real broker, real HTTP, a virtual horn."""

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
from broadcast.wire.documents import Media, Outcome
from broadcast.wire.now import Feed, Made
from receivers.lab.trial.signals import murmur, write_opus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from broadcast.wire.signed import SignedDocument
    from receivers.lab.horns import VirtualHorns
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre

S = 1_000_000
CLOCK = SystemClock()
LENGTH_US = 2 * S


def _lasting(document: SignedDocument) -> SignedDocument:
    now_us = CLOCK.now_us()
    return replace(document, issued_us=now_us, expires_us=now_us + 86_400 * S)


@contextlib.asynccontextmanager
async def _running(folder: Path, horns: VirtualHorns) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receivers", "run", "--state", str(folder), "--device", "horn1"),
        env={**os.environ, **horns.environment},
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
def body(tmp_path: Path) -> bytes:
    return write_opus(tmp_path / "text.opus", murmur(LENGTH_US / S, seed=3)).read_bytes()


@pytest.mark.flaky(reruns=2)  # a starved machine loses sound
async def test_it_is_heard_whole_and_once_after_a_reboot(
    centre: Centre, horns: VirtualHorns, desk: Desk, body: bytes, tmp_path: Path
) -> None:
    """Neither its feed nor its file is there at its place; the file comes when the receiver was off for a moment."""
    folder = tmp_path / "state"
    folder.mkdir()
    centre.enrolled(folder, "rx1")
    await centre.publish(_lasting(desk.settings()))
    text = Media(sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body), duration_us=LENGTH_US)
    feed = Feed(id="f1", key="A" * 43, urls=(f"{centre.http.url}/live/f1",))
    async with _running(folder, horns):
        await centre.until(lambda: any(state.online and state.player == "idle" for state in centre.states))
        start_us = CLOCK.now_us()
        order = replace(desk.order("o1", Made(media=(text,), feed=feed)), start_us=start_us, until_us=start_us + 60 * S)
        await centre.publish(_lasting(desk.now(order)))
        await centre.until(lambda: [one.reason for one in centre.states[-1].orders] == ["media_missing"])
    off_us, off = CLOCK.now_us(), len(centre.states)
    centre.http.bodies[text.sha256] = body
    async with _running(folder, horns):
        await centre.until(lambda: any(state.online for state in centre.states[off:]))
        await centre.until(lambda: centre.reports != [])
        await centre.until(lambda: [one.reason for one in centre.states[-1].orders] == [""])
    (report,) = centre.reports
    assert (report.airing_id, report.outcome, report.planned_start_us) == ("o1.0.0", Outcome.HEARD, start_us)
    assert report.start_us is not None
    assert report.start_us > off_us
    assert report.played_us == pytest.approx(LENGTH_US, abs=S // 10)
