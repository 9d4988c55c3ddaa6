"""Hands on a chip: presses become commands, the relay follows, and a chip that fails is a fault and comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from broadcast.clock import SystemClock
from broadcast.wire.fault_codes import FaultCode
from receivers.config import Gpio
from receivers.hands.command import By, Command, Reply, Say, Stop
from receivers.hands.hands import Hands
from receivers.hands.lines import KernelChip, LineGone
from receivers.tasks import end

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers.hands.conftest import Bench, MakeBench


class Desk:
    """Obeys, and remembers."""

    def __init__(self) -> None:
        self.given: list[Command] = []
        self.stopped = False
        self.news = asyncio.Event()

    def obey(self, command: Command, by: By) -> Reply:
        assert by is By.CONTACT
        self.given.append(command)
        self.stopped = isinstance(command, Stop) or self.stopped
        self.news.set()
        return Reply(done=True, said="done")


def hands_on(bench: Bench, desk: Desk) -> Hands:
    return Hands(bench.gpio, bench.chip, SystemClock(), desk.obey, lambda: desk.stopped)


async def test_a_press_wakes_the_loop_and_becomes_a_command(bench: Bench) -> None:
    desk = Desk()
    hands = hands_on(bench, desk)
    hands.look()
    running = asyncio.create_task(hands.run())
    async with asyncio.timeout(60):
        bench.press(22, closed=True)
        while desk.given != [Say("fire")]:
            await desk.news.wait()
            desk.news.clear()
        bench.press(17, closed=True)
        while desk.given != [Say("fire"), Stop()]:
            await desk.news.wait()
            desk.news.clear()
    await end([running])
    assert hands.faults() == {}


def test_the_relay_follows_and_opens_when_hands_let_go(bench: Bench) -> None:
    hands = hands_on(bench, Desk())
    hands.set_amplifier(on=True)
    assert bench.relay_is_closed(27)
    hands.look()
    assert bench.relay_is_closed(27)
    hands.set_amplifier(on=False)
    assert not bench.relay_is_closed(27)
    hands.set_amplifier(on=True)
    hands.close()
    assert not bench.relay_is_closed(27)


def test_a_relay_that_is_active_low_is_turned_round(fake: MakeBench) -> None:
    bench = fake(amplifier_active_low=True)
    hands = hands_on(bench, Desk())
    hands.set_amplifier(on=True)
    assert bench.chip.level[27] is False
    hands.set_amplifier(on=False)
    assert bench.chip.level[27] is True


def test_a_contact_to_supply_is_active_high(fake: MakeBench) -> None:
    bench, desk = fake(contacts_active_low=False), Desk()
    hands = hands_on(bench, desk)
    hands.look()
    bench.chip.wire(17, level=True, lasts_us=50_000)
    hands.look()
    assert desk.given == [Stop()]


def test_bouncing_is_no_press(fake: MakeBench) -> None:
    bench, desk = fake(), Desk()
    hands = hands_on(bench, desk)
    hands.look()
    for level in (False, True, False, True):
        bench.chip.wire(17, level, lasts_us=300)
    hands.look()
    assert desk.given == []


def test_a_line_that_is_busy_costs_no_other_and_is_taken_when_free(fake: MakeBench) -> None:
    bench, desk = fake(), Desk()
    bench.chip.busy = {27, 22}
    hands = hands_on(bench, desk)
    hands.set_amplifier(on=True)
    hands.look()
    told = hands.faults()[FaultCode.GPIO]
    assert "amplifier: line 27" in told
    assert "messages.fire: line 22" in told
    bench.press(17, closed=True)
    hands.look()
    assert desk.given == [Stop()]
    bench.chip.busy.clear()
    hands.look()
    assert hands.faults() == {}
    assert bench.relay_is_closed(27)


async def test_a_chip_that_vanishes_is_a_fault_and_works_when_it_is_back(fake: MakeBench) -> None:
    bench, desk = fake(), Desk()
    hands = hands_on(bench, desk)
    hands.set_amplifier(on=True)
    hands.look()
    bench.chip.vanish()
    running = asyncio.create_task(hands.run())
    await asyncio.sleep(0)
    assert set(hands.faults()) == {FaultCode.GPIO}
    assert not bench.chip.taken
    bench.chip.gone = False
    bench.chip.level[17] = False  # pressed while it was away: not seen, so no press
    hands.look()
    assert (hands.faults(), desk.given) == ({}, [])
    assert bench.relay_is_closed(27)
    bench.press(17, closed=False)
    bench.press(17, closed=True)
    hands.look()
    assert desk.given == [Stop()]
    await end([running])


def test_what_the_kernel_lost_is_made_up_for(fake: MakeBench) -> None:
    bench, desk = fake(), Desk()
    hands = hands_on(bench, desk)
    hands.look()
    bench.chip.queue_limit = 0
    bench.press(17, closed=True)
    hands.look()
    assert desk.given == [Stop()]


def test_many_presses_come_in_order(fake: MakeBench) -> None:
    bench, desk = fake(), Desk()
    hands = hands_on(bench, desk)
    hands.look()
    for _ in range(3):
        bench.press(22, closed=True)
        bench.press(22, closed=False)
    hands.look()
    assert desk.given == [Say("fire")] * 3


async def test_without_lines_nothing_is_asked_for(fake: MakeBench) -> None:
    bench = fake(stop=None, amplifier=None, messages={})
    bench.chip.gone = True
    hands = hands_on(bench, Desk())
    hands.set_amplifier(on=True)
    hands.look()
    assert (hands.faults(), hands.has_relay) == ({}, False)


@pytest.mark.parametrize("name", ["gpiochip77", "null"])
def test_the_kernel_says_why_a_line_cannot_be_had(name: str) -> None:
    chip = KernelChip(Gpio(chip=name))
    with pytest.raises(LineGone, match=f"line 3 of /dev/{name}: .+"):
        chip.contact(3)
    with pytest.raises(LineGone, match="line RELAY of"):
        chip.relay("RELAY")


def test_a_chip_may_be_named_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(LineGone, match=f"line 3 of {tmp_path}/x"):
        KernelChip(Gpio(chip="x"), tmp_path).contact(3)
    with pytest.raises(LineGone, match="line 3 of /dev/x"):
        KernelChip(Gpio(chip="/dev/x")).contact(3)
