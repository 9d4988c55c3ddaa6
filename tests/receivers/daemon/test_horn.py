"""The sound device comes, goes and hangs; the plan waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from receivers.horn import LOST_US, NEVER_US, RETRY_S, Horn, NoAnswer, NoDevice, SoundHangs
from receivers.rehearsal import VirtualPlayer
from receivers.sound.cue import HANGS, US_PER_S, Cue, Played
from receivers.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from broadcast.clock import ManualClock
    from receivers.sound.cue import PlayerStatus

CUE = Cue("a~0~0", Path("a"), 0, 0, 1_000_000)


class Card(VirtualPlayer):
    """A player on a device that does not open as long as there are `troubles`, and later may hang."""

    def __init__(self, troubles: list[NoDevice], on_played: Callable[[Played], None]) -> None:
        super().__init__({CUE.path: 1_000_000}, on_played, 0)
        self.troubles = troubles
        self.hangs = False

    def start(self) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        super().start()

    def status(self) -> PlayerStatus:
        told = super().status()
        return replace(told, faults=(HANGS,)) if self.hangs else told


class Rig:
    """A horn with one card."""

    def __init__(self, clock: ManualClock, troubles: list[NoDevice]) -> None:
        self.clock = clock
        self.cards: list[Card] = []
        self.ended: list[str] = []
        self.horn = Horn(
            lambda on_played: self._make(troubles, on_played), lambda played: self.ended.append(played.key)
        )
        self.task = asyncio.create_task(self.horn.keep_open(clock))

    def _make(self, troubles: list[NoDevice], on_played: Callable[[Played], None]) -> Card:
        self.cards.append(Card(troubles, on_played))
        return self.cards[-1]

    async def until(self, what: Callable[[], bool]) -> int:
        """Let time pass until `what`; how many seconds it took."""
        began_us = self.clock.now_us()
        async with asyncio.timeout(60):
            while not what():
                await asyncio.sleep(0.001)  # a thread opens the device
                await self.clock.advance(timedelta(seconds=RETRY_S))
        return (self.clock.now_us() - began_us) // US_PER_S


@pytest.fixture
async def rigs(clock: ManualClock) -> AsyncIterator[Callable[[list[NoDevice]], Rig]]:
    made: list[Rig] = []

    def make(troubles: list[NoDevice]) -> Rig:
        made.append(Rig(clock, troubles))
        return made[-1]

    yield make
    for rig in made:
        await end((rig.task,))


async def test_a_device_that_is_plugged_in_later_gets_the_plan(rigs: Callable[[list[NoDevice]], Rig]) -> None:
    rig = rigs([NoDevice("no such device"), NoDevice("no such device")])
    rig.horn.set_plan((CUE,))
    await rig.until(lambda: rig.horn.error == "no such device")
    assert rig.horn.status() is None
    await rig.until(lambda: rig.horn.status() is not None)
    rig.cards[0].advance(2_000_000)
    assert (rig.ended, rig.horn.error, len(rig.cards)) == ([CUE.key], None, 1)


async def test_a_card_that_hangs_after_it_worked_ends_the_process_soon(rigs: Callable[[list[NoDevice]], Rig]) -> None:
    rig = rigs([])
    await rig.until(lambda: rig.horn.status() is not None)
    rig.cards[0].hangs = True
    took_s = await rig.until(rig.task.done)
    assert isinstance(rig.task.exception(), SoundHangs)
    assert took_s <= LOST_US / US_PER_S + 3 * RETRY_S


async def test_a_card_that_hangs_for_a_moment_ends_nothing(rigs: Callable[[list[NoDevice]], Rig]) -> None:
    rig = rigs([])
    await rig.until(lambda: rig.horn.status() is not None)
    for _ in range(20):
        rig.cards[0].hangs = not rig.cards[0].hangs
        await rig.clock.advance(timedelta(seconds=RETRY_S))
    assert not rig.task.done()


async def test_a_card_that_never_opened_lets_the_process_live_for_a_while(
    rigs: Callable[[list[NoDevice]], Rig],
) -> None:
    rig = rigs([NoAnswer("opening it has not returned")] * 10_000)
    took_s = await rig.until(rig.task.done)
    assert isinstance(rig.task.exception(), SoundHangs)
    assert took_s >= NEVER_US / US_PER_S
    assert rig.horn.error == "opening it has not returned"
