"""Orders to the whole daemon as a process: real broker, real HTTP, and what is heard on a virtual horn."""

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
from receivers.lab.listen import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from broadcast.wire.documents import OrderProgress
    from broadcast.wire.now import Order
    from broadcast.wire.signed import SignedDocument
    from receivers.lab.horns import VirtualHorns
    from receivers.lab.listen import Recording
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre

S = 1_000_000
CLOCK = SystemClock()
NOISE = 30  # of 32,767; a virtual horn that is silent gives zeros
pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound


@dataclass
class Node:
    """An enrolled receiver whose bank has siren.1, six seconds without pauses."""

    centre: Centre
    desk: Desk
    horns: VirtualHorns
    folder: Path

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "receivers", "run", "--state", str(self.folder), "--device", "horn1"),
            env={**os.environ, **self.horns.environment},
        )
        try:
            yield
        finally:
            process.kill()
            await process.wait()

    async def order(self, name: str) -> Order:
        """Say for half a minute that an order is in force, and wait until it sounds."""
        now_us = CLOCK.now_us()
        sirens = ("siren.1",) * 5
        order = replace(
            self.desk.order(name, *sirens), start_us=now_us + 1_500_000, until_us=now_us + 60 * S, every_us=60 * S
        )
        await self.centre.publish(_lasting(self.desk.now(order)))
        await self.centre.until(lambda: self.told(name) is not None)
        await self.centre.until(lambda: self.sounding_us(name) > 0)
        return order

    def told(self, name: str) -> OrderProgress | None:
        return next((one for one in self.centre.states[-1].orders if one.id == name), None)

    def sounding_us(self, name: str) -> int:
        told = self.told(name)
        return 0 if told is None or told.sounding_us is None else told.sounding_us

    async def ended(self, name: str) -> int:
        """When it was silent, as the receiver tells."""
        await self.centre.until(lambda: (told := self.told(name)) is not None and told.ended_us is not None)
        told = self.told(name)
        assert told is not None
        assert told.ended_us is not None
        return told.ended_us


def _lasting(document: SignedDocument) -> SignedDocument:
    now_us = CLOCK.now_us()
    return replace(document, issued_us=now_us, expires_us=now_us + 86_400 * S)


def _loud(recording: Recording, from_us: int, to_us: int) -> bool:
    """Whether every tenth of a second has sound."""
    starts = range(from_us, to_us - S // 10, S // 10)
    return all(np.abs(recording.between(us, us + S // 10).astype(int)).max() > NOISE for us in starts)


@pytest.fixture
def siren(centre: Centre, announcement: Path) -> Media:
    """Six seconds of sound without pauses, served by the centre."""
    body = announcement.read_bytes()
    siren = Media(sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body), duration_us=6 * S)
    centre.http.bodies[siren.sha256] = body
    return siren


@pytest.fixture
async def node(centre: Centre, desk: Desk, horns: VirtualHorns, siren: Media, tmp_path: Path) -> Node:
    folder = tmp_path / "state"
    folder.mkdir()
    centre.enrolled(folder, "rx1")
    await centre.publish(_lasting(desk.settings()))
    await centre.publish(_lasting(desk.bank({"siren.1": siren})))
    return Node(centre, desk, horns, folder)


async def _ready(node: Node) -> None:
    centre = node.centre
    await centre.until(lambda: any("zones/province/bank" in state.numbers for state in centre.states))
    missing = FaultCode.BANK_MISSING.value
    await centre.until(lambda: missing not in {fault.code for fault in centre.states[-1].faults})
    await centre.until(lambda: centre.states[-1].player == "idle")


async def test_an_order_sounds_and_is_silent_when_it_is_cancelled_or_all_is_stopped(node: Node) -> None:
    centre = node.centre
    with Listener(node.horns, "horn1", node.folder / "heard.s16", CLOCK) as listener:
        async with node.running():
            await _ready(node)
            first = await node.order("first")
            await centre.publish(_lasting(node.desk.now()))
            cancelled_us = await node.ended("first")
            second = await node.order("second")
            await centre.publish(_lasting(node.desk.now(second, stop_us=CLOCK.now_us())))
            stopped_us = await node.ended("second")
            await centre.until(lambda: len(centre.reports) == 2)
            told = {name: node.sounding_us(name) for name in ("first", "second")}
            await CLOCK.sleep(1)  # for what should not be heard
        recording = listener.stop()
    reports = {report.airing_id: report for report in centre.reports}
    assert {key: (report.outcome, report.reason) for key, report in reports.items()} == {
        "first.0.0": (Outcome.CUT, "cancelled"),
        "second.0.0": (Outcome.CUT, "stopped_by_centre"),
    }
    for order, silent_us in ((first, cancelled_us), (second, stopped_us)):
        report = reports[f"{order.id}.0.0"]
        assert report.start_us == pytest.approx(told[order.id], abs=5_000)
        assert report.end_us == silent_us
        assert _loud(recording, told[order.id] + S // 10, silent_us - S // 10)
        assert not recording.between(silent_us + S // 10, silent_us + S).any()


async def test_who_reboots_in_the_middle_of_an_order_joins_it(node: Node) -> None:
    centre = node.centre
    with Listener(node.horns, "horn1", node.folder / "heard.s16", CLOCK) as listener:
        async with node.running():
            await _ready(node)
            order = await node.order("o1")
        off = len(centre.states)
        async with node.running():
            await centre.until(lambda: any(state.online for state in centre.states[off:]))
            await centre.until(lambda: node.sounding_us("o1") > order.start_us + S)
            joined_us = node.sounding_us("o1")
            await CLOCK.sleep((joined_us - CLOCK.now_us()) / S + 1)
            await centre.publish(_lasting(node.desk.now()))
            silent_us = await node.ended("o1")
        recording = listener.stop()
    assert _loud(recording, joined_us + S // 10, silent_us - S // 10)
    assert silent_us < order.start_us + 30 * S
