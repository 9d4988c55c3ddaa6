"""What a device learns while nothing is to sound: in virtual time, on a stand-in for PyAudio that asks when told to."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pyaudio
import pytest

from broadcast.clock import ManualClock
from receivers.sound.anchor import Timebase
from receivers.sound.cue import RATE_HZ
from receivers.sound.device import BLOCK_FRAMES, NOTED, SILENCE, Device
from receivers.sound.voice import Lost

S = 1_000_000
SLOW_PPM = 100
BLOCK_US = BLOCK_FRAMES / RATE_HZ * (S + SLOW_PPM)
LATENCY_S = 0.2
LEARNED_BLOCKS = 500  # 40 s

Callback = Callable[[None, int, Mapping[str, float], int], tuple[bytes, int]]


class Rig:
    """A card that is slow by SLOW_PPM; `idle` is what the player says of itself."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.device = Device(None, self.clock)
        self.idle = True
        self.rendered: list[tuple[int, Timebase | None, Lost]] = []
        self.blocks = 0
        self.late_us = 0  # what the card has lost
        self.status = 0  # what PortAudio says of the next block
        self._ask: Callback | None = None

    def PyAudio(self) -> "Rig":  # noqa: N802 - as the library calls it
        return self

    def open(self, *, stream_callback: Callback, **_: object) -> "Rig":
        self._ask = stream_callback
        return self

    def close(self) -> None: ...

    def terminate(self) -> None: ...

    def heard_us(self, frame: int) -> float:
        """When a frame is heard, in monotonic time."""
        return frame / BLOCK_FRAMES * BLOCK_US + self.late_us + LATENCY_S * S

    async def run(self, blocks: int) -> None:
        assert self._ask is not None
        for _ in range(blocks):
            due_us = round(self.blocks * BLOCK_US) + self.late_us
            await self.clock.advance(timedelta(microseconds=due_us - self.clock.monotonic_us()))
            dac_s = self.heard_us(self.blocks * BLOCK_FRAMES) / S
            times = {"output_buffer_dac_time": dac_s, "current_time": self.clock.monotonic_us() / S}
            assert self._ask(None, BLOCK_FRAMES, times, self.status)[0] == SILENCE
            self.status = 0
            self.blocks += 1

    def render(self, first: int, _count: int, line: Timebase | None, lost: Lost) -> None:
        self.rendered.append((first, line, lost))


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig = Rig()
    monkeypatch.setattr("receivers.sound.device.pyaudio.PyAudio", rig.PyAudio)
    rig.device.open(rig.render, lambda: rig.idle)
    return rig


async def test_an_idle_card_is_looked_at_now_and_then_and_known_at_once_when_something_sounds(rig: Rig) -> None:
    await rig.run(LEARNED_BLOCKS)
    before = len(rig.rendered)
    await rig.run(10 * NOTED + NOTED // 2)
    assert len(rig.rendered) - before in {10, 11}
    rig.idle = False
    await rig.run(3)
    ahead_us = rig.clock.now_us() - rig.clock.monotonic_us()
    for first, line, _ in rig.rendered[-3:]:
        assert line is not None
        assert line.us_at(first) == pytest.approx(ahead_us + rig.heard_us(first), abs=20)
        assert line.drift_ppm == pytest.approx(SLOW_PPM, abs=2)
    assert [first for first, *_ in rig.rendered[-3:]] == [(rig.blocks - left) * BLOCK_FRAMES for left in (3, 2, 1)]


async def test_time_that_an_idle_card_loses_is_known_before_something_sounds(rig: Rig) -> None:
    await rig.run(LEARNED_BLOCKS)
    rig.late_us, rig.status = 50_000, pyaudio.paOutputUnderflow
    await rig.run(NOTED)
    rig.idle = False
    await rig.run(1)
    first, line, lost = rig.rendered[-1]
    assert line is not None
    ahead_us = rig.clock.now_us() - rig.clock.monotonic_us()
    assert line.us_at(first) == pytest.approx(ahead_us + rig.heard_us(first), abs=20)
    assert lost.slipped_us == pytest.approx(50_000, abs=100)


async def test_a_wall_clock_that_is_set_while_idle_lets_nothing_begin_at_once(rig: Rig) -> None:
    await rig.run(LEARNED_BLOCKS)
    rig.clock.step_wall(timedelta(hours=1))
    await rig.run(NOTED // 2)
    rig.idle = False
    await rig.run(NOTED)
    lines = [line for _, line, _ in rig.rendered[-NOTED:]]
    assert lines[0] is None
    assert lines[-1] is not None
