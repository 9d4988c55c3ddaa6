"""GPIO chips to put hands on: the kernel's simulated one where there is one, and one made here."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from msgspec.structs import replace

from broadcast.clock import SystemClock
from receivers.config import Gpio
from receivers.hands.lines import Chip, Edge, KernelChip, LineGone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from receivers.config import Line

CONFIGFS = Path("/sys/kernel/config/gpio-sim")
GPIO = Gpio(stop=17, amplifier=27, messages={"fire": 22}, debounce_ms=1)


class Bench(Protocol):
    """A chip, and the far ends of its wires."""

    @property
    def chip(self) -> Chip: ...

    @property
    def gpio(self) -> Gpio:
        """The wiring."""
        ...

    def press(self, line: int, *, closed: bool) -> None:
        """Close a contact to ground, or open it, for longer than it bounces."""
        ...

    def relay_is_closed(self, line: int) -> bool: ...


@dataclass
class FakeLine:
    """One line of a FakeChip: what the kernel keeps for who asked for it."""

    low: bool
    ready: int = field(default_factory=lambda: os.eventfd(0, os.EFD_NONBLOCK))
    queue: list[Edge] = field(default_factory=list)
    last: bool = False


@dataclass
class FakeChip:
    """As the kernel's chip behaves: one user a line, debounced edges in order, a queue that overflows, sudden absence.

    `level` is the voltage on each wire; contacts are pulled up.
    """

    gpio: Gpio
    level: dict[Line, bool] = field(default_factory=dict)
    taken: dict[Line, FakeLine] = field(default_factory=dict)
    busy: set[Line] = field(default_factory=set)
    gone: bool = False
    queue_limit: int = 16

    def contact(self, line: Line) -> FakeContact:
        taken = self._take(line, self.gpio.contacts_active_low)
        self.level.setdefault(line, self.gpio.contacts_active_low)
        taken.last = self.level[line] != taken.low
        return FakeContact(self, line, taken)

    def relay(self, line: Line) -> FakeRelay:
        taken = self._take(line, self.gpio.amplifier_active_low)
        self.level[line] = taken.low
        return FakeRelay(self, line, taken)

    def wire(self, line: Line, level: bool, lasts_us: int) -> None:
        """Put a voltage on a wire; what lasts less than the debounce time changes nothing for who listens."""
        if lasts_us < self.gpio.debounce_ms * 1000:
            return
        self.level[line] = level
        taken = self.taken.get(line)
        if taken is None or (level != taken.low) == taken.last:
            return
        taken.last = level != taken.low
        if len(taken.queue) < self.queue_limit:
            taken.queue.append(Edge(taken.last, SystemClock().monotonic_us()))
        os.eventfd_write(taken.ready, 1)

    def vanish(self) -> None:
        """The chip is pulled out; who listens to it is woken."""
        self.gone = True
        for taken in self.taken.values():
            os.eventfd_write(taken.ready, 1)

    def check(self, line: Line) -> None:
        if self.gone:
            raise LineGone(f"line {line}: No such device")

    def _take(self, line: Line, low: bool) -> FakeLine:
        self.check(line)
        if line in self.busy or line in self.taken:
            raise LineGone(f"line {line}: Device or resource busy")
        self.taken[line] = FakeLine(low)
        return self.taken[line]


@dataclass
class FakeContact:
    chip: FakeChip
    line: Line
    taken: FakeLine

    def fileno(self) -> int:
        return self.taken.ready

    def edges(self) -> Sequence[Edge]:
        self.chip.check(self.line)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.taken.ready)
        queue, self.taken.queue = self.taken.queue, []
        return queue

    def is_closed(self) -> bool:
        self.chip.check(self.line)
        return self.chip.level[self.line] != self.taken.low

    def close(self) -> None:
        os.close(self.taken.ready)
        del self.chip.taken[self.line]


@dataclass
class FakeRelay:
    chip: FakeChip
    line: Line
    taken: FakeLine

    def set(self, *, on: bool) -> None:
        self.chip.check(self.line)
        self.chip.level[self.line] = on != self.taken.low

    def close(self) -> None:
        self.chip.level[self.line] = self.taken.low
        os.close(self.taken.ready)
        del self.chip.taken[self.line]


@dataclass
class FakeBench:
    chip: FakeChip

    @property
    def gpio(self) -> Gpio:
        return self.chip.gpio

    def press(self, line: int, *, closed: bool) -> None:
        self.chip.wire(line, not closed, 1_000_000)

    def relay_is_closed(self, line: int) -> bool:
        return self.chip.level.get(line, False) != self.chip.gpio.amplifier_active_low


@dataclass
class SimBench:
    """The kernel's gpio-sim behind the real bindings."""

    chip: KernelChip
    gpio: Gpio
    lines: Path

    def press(self, line: int, *, closed: bool) -> None:
        (self.lines / f"sim_gpio{line}" / "pull").write_text("pull-down" if closed else "pull-up")

    def relay_is_closed(self, line: int) -> bool:
        return (self.lines / f"sim_gpio{line}" / "value").read_text().strip() == "1"


class MakeBench(Protocol):
    def __call__(self, **changes: object) -> FakeBench: ...


@contextlib.contextmanager
def simulated(gpio: Gpio) -> Iterator[SimBench]:
    device = CONFIGFS / f"loa-{os.getpid()}"
    bank = device / "bank0"
    bank.mkdir(parents=True)
    try:
        (bank / "num_lines").write_text("32")
        (device / "live").write_text("1")
        name = (bank / "chip_name").read_text().strip()
        lines = Path("/sys/devices/platform") / (device / "dev_name").read_text().strip() / name
        wired = replace(gpio, chip=name)
        yield SimBench(KernelChip(wired), wired, lines)
    finally:
        (device / "live").write_text("0")
        bank.rmdir()
        device.rmdir()


@pytest.fixture(params=["fake", "gpio-sim"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A chip with 32 lines and GPIO's wiring."""
    if request.param == "fake":
        yield FakeBench(FakeChip(GPIO))
    elif CONFIGFS.is_dir() and os.access(CONFIGFS, os.W_OK):
        with simulated(GPIO) as sim:
            yield sim
    else:
        pytest.skip("this kernel has no gpio-sim")


@pytest.fixture
def fake() -> MakeBench:
    """Chips that can be busy, overflow and vanish; `changes` are of GPIO's wiring."""
    return lambda **changes: FakeBench(FakeChip(replace(GPIO, **changes)))
