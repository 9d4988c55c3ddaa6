"""The sound device comes and goes; the plan waits for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from receivers.horn import RETRY_S, Horn, NoDevice
from receivers.rehearsal import VirtualPlayer
from receivers.sound.cue import Cue, Played
from receivers.tasks import end

if TYPE_CHECKING:
    from collections.abc import Callable

    from broadcast.clock import ManualClock

CUE = Cue("a~0~0", Path("a"), 0, 0, 1_000_000)


class Absent(VirtualPlayer):
    """A device that is not there."""

    def start(self) -> None:
        raise NoDevice("no such device")


async def test_a_device_that_is_plugged_in_later_gets_the_plan(clock: ManualClock) -> None:
    made: list[VirtualPlayer] = []

    def make(on_played: Callable[[Played], None]) -> VirtualPlayer:
        kind = VirtualPlayer if len(made) == 2 else Absent
        made.append(kind({CUE.path: 1_000_000}, on_played, 0))
        return made[-1]

    opened = asyncio.Event()
    horn = Horn(make, lambda _played: opened.set())
    horn.set_plan((CUE,))
    task = asyncio.create_task(horn.keep_open(clock))
    while horn.error != "no such device":  # noqa: ASYNC110 - a thread opens the device, without a bell
        await asyncio.sleep(0.01)
    assert horn.status() is None
    async with asyncio.timeout(10):
        while horn.status() is None:
            await clock.advance(timedelta(seconds=RETRY_S))
            await asyncio.sleep(0.01)
    assert len(made) == 3
    made[-1].advance(2_000_000)
    assert opened.is_set()
    await end((task,))
    await horn.close()
