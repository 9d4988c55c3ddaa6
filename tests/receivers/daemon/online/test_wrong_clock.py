"""A real daemon whose wall clock is set under it: what it plays is heard on a virtual horn."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace

from broadcast.clock import SystemClock
from broadcast.wire.documents import Media, Outcome
from broadcast.wire.fault_codes import FaultCode
from receivers import kernel_clock
from receivers.clock_trust import Doubt
from receivers.lab.faketime import WrongClock
from receivers.lab.listen import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from broadcast.wire.documents import ReceiverState
    from broadcast.wire.signed import SignedDocument
    from receivers.lab.horns import VirtualHorns
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre

S = 1_000_000
HOUR_S = 3600
TEN_YEARS_S = 3653 * 86_400
CLOCK = SystemClock()
NOISE = 30  # of 32,767; a virtual horn that is silent gives zeros
pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound


@dataclass
class Node:
    """An enrolled receiver whose settings wait at the broker; `running` starts its daemon."""

    centre: Centre
    horns: VirtualHorns
    folder: Path
    clock: WrongClock

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Listener]:
        process = None
        with Listener(self.horns, "horn1", self.folder / "heard.s16", CLOCK) as listener:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "receivers", "run", "--state", str(self.folder), "--device", "horn1"),
                env={**os.environ, **self.horns.environment, **self.clock.environment},
            )
            try:
                yield listener
                assert process.returncode is None
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    @property
    def state(self) -> ReceiverState:
        return self.centre.states[-1]

    @property
    def doubt(self) -> str | None:
        """Why the clock is doubted; None when it is believed."""
        assert self.state.clock is not None
        assert self.state.clock.trusted == (FaultCode.CLOCK_UNTRUSTED not in self.faults)
        return None if self.state.clock.trusted else self.state.clock.reason

    @property
    def faults(self) -> set[str]:
        return {fault.code for fault in self.state.faults}


@pytest.fixture
async def node(centre: Centre, desk: Desk, horns: VirtualHorns, tmp_path: Path) -> Node:
    folder = tmp_path / "state"
    folder.mkdir()
    centre.enrolled(folder, "rx1")
    await centre.publish(_now(desk.settings()))
    return Node(centre, horns, folder, WrongClock(tmp_path / "clock-is-away-by"))


def _now(document: SignedDocument) -> SignedDocument:
    """`document` as issued now, for a day."""
    now_us = CLOCK.now_us()
    return replace(document, issued_us=now_us, expires_us=now_us + 86_400 * S)


def _served(centre: Centre, path: Path, duration_us: int) -> Media:
    body = path.read_bytes()
    sha256 = hashlib.sha256(body).hexdigest()
    centre.http.bodies[sha256] = body
    return Media(sha256=sha256, size_bytes=len(body), duration_us=duration_us)


@pytest.fixture
def six(centre: Centre, announcement: Path) -> Media:
    """Six seconds of sound without pauses, served by the centre."""
    return _served(centre, announcement, 6 * S)


@pytest.fixture
def two(centre: Centre, another: Path) -> Media:
    """Two seconds of another sound."""
    return _served(centre, another, 2 * S)


async def test_booted_in_1970_it_connects_fetches_and_waits_and_plays_once_it_has_time(
    centre: Centre, node: Node, two: Media, desk: Desk
) -> None:
    start_us = CLOCK.now_us() + 12 * S
    early = desk.airing("early", 65 * S, two)  # a clock in 1970 would play it
    await centre.publish(_now(desk.programme([early, desk.airing("whole", start_us, two)])))
    node.clock.set(60 - CLOCK.now_us() // S)
    async with node.running() as listener:
        await centre.until(lambda: bool(centre.states and node.state.ready))
        await centre.until(lambda: FaultCode.CLOCK_OFF_CENTRE in node.faults)
        assert node.doubt == Doubt.BEFORE_DOCUMENTS
        node.clock.set(0)
        await centre.until(lambda: node.doubt is None)
        assert CLOCK.now_us() < start_us
        await centre.until(lambda: len(centre.reports) == 1)
        recording = listener.stop()
    (report,) = centre.reports
    assert (report.airing_id, report.outcome) == ("whole", Outcome.HEARD)
    assert report.start_us == pytest.approx(start_us, abs=50_000)
    assert not recording.between(0, start_us - S // 10).any()


@pytest.mark.parametrize("away_s", [HOUR_S, -TEN_YEARS_S])
async def test_a_clock_that_jumps_while_playing_silences_it_and_nothing_is_heard_at_a_wrong_hour(
    centre: Centre, node: Node, six: Media, desk: Desk, away_s: int
) -> None:
    if kernel_clock.discipline().disciplined and abs(away_s) == HOUR_S:
        pytest.skip("the kernel vouches for the clock here, and libfaketime cannot make it do otherwise")
    async with node.running() as listener:
        await centre.until(lambda: any(state.player == "idle" for state in centre.states) and node.doubt is None)
        start_us = CLOCK.now_us() + 4 * S
        after_us = start_us + 10 * S
        there = [start_us + (away_s + 6 * number) * S for number in range(2)]  # what a clock so far away must not play
        airings = [desk.airing(f"wrong{number}", us, six) for number, us in enumerate(there)]
        airings += [desk.airing("cut", start_us, six), desk.airing("after", after_us, six)]
        await centre.publish(_now(desk.programme(airings)))
        await centre.until(lambda: node.state.airing_id == "cut")
        await CLOCK.sleep(1 - (CLOCK.now_us() - start_us) / S)
        jumped_us = CLOCK.now_us()
        node.clock.set(away_s)
        await centre.until(lambda: node.doubt is not None and node.state.player != "playing")
        await CLOCK.sleep(6.5 - (CLOCK.now_us() - start_us) / S)
        node.clock.set(0)
        await centre.until(lambda: any(report.airing_id == "after" for report in centre.reports))
        recording = listener.stop()
    heard = {report.airing_id: report.outcome for report in centre.reports}
    assert (heard["cut"], heard["after"]) == (Outcome.CUT, Outcome.HEARD)
    assert not {Outcome.HEARD, Outcome.CUT} & {heard.get("wrong0"), heard.get("wrong1")}
    assert [report.number for report in centre.reports] == list(range(1, len(centre.reports) + 1))
    assert np.abs(recording.between(start_us + S // 10, jumped_us).astype(int)).max() > NOISE
    assert not recording.between(jumped_us + S // 4, after_us - S // 10).any()
    for tenth in range(1, 55):
        piece_us = after_us + tenth * S // 10
        assert np.abs(recording.between(piece_us, piece_us + S // 10).astype(int)).max() > NOISE
