"""Contacts and a relay on GPIO lines, by the kernel's character device (does I/O).

Rules
- Each line is asked for by itself: a relay that another program holds does not cost the STOP button.
- The kernel takes the bounce out of contacts, also where the chip cannot.
- A contact that is active low closes to ground and is pulled up; an active high one closes to supply, pulled down.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from receivers.config import Gpio, Line

if TYPE_CHECKING:
    import gpiod

CONSUMER = "loa"
FOLDER = Path("/dev")


class LineGone(Exception):
    """A line cannot be used now; the message says why."""


class Edge(NamedTuple):
    """A contact closed or opened, at CLOCK_MONOTONIC `at_us`."""

    closed: bool
    at_us: int


class Contact(Protocol):
    """A line that is read. Every method but `close` raises LineGone."""

    def fileno(self) -> int:
        """Readable when `edges` has something to say."""
        ...

    def edges(self) -> Sequence[Edge]:
        """What happened since last asked, in order; never waits."""
        ...

    def is_closed(self) -> bool: ...

    def close(self) -> None: ...


class RelayLine(Protocol):
    """A line that is set; open until it is."""

    def set(self, *, on: bool) -> None:
        """Close or open the relay; LineGone."""
        ...

    def close(self) -> None:
        """Open the relay and let go of the line."""
        ...


class Chip(Protocol):
    """Where lines come from; both raise LineGone."""

    def contact(self, line: Line) -> Contact: ...

    def relay(self, line: Line) -> RelayLine: ...


class KernelChip:
    """The chip of `gpio` in `folder`."""

    def __init__(self, gpio: Gpio, folder: Path = FOLDER) -> None:
        self._gpio = gpio
        self._path = str(folder / gpio.chip)

    def contact(self, line: Line) -> Contact:
        from gpiod import LineSettings  # noqa: PLC0415 - most nodes have no wires
        from gpiod.line import Bias, Direction  # noqa: PLC0415
        from gpiod.line import Edge as Edges  # noqa: PLC0415

        low = self._gpio.contacts_active_low
        settings = LineSettings(
            direction=Direction.INPUT,
            edge_detection=Edges.BOTH,
            bias=Bias.PULL_UP if low else Bias.PULL_DOWN,
            active_low=low,
            debounce_period=timedelta(milliseconds=self._gpio.debounce_ms),
        )
        return KernelContact(self._request(line, settings), line)

    def relay(self, line: Line) -> RelayLine:
        from gpiod import LineSettings  # noqa: PLC0415
        from gpiod.line import Direction, Value  # noqa: PLC0415

        settings = LineSettings(
            direction=Direction.OUTPUT, active_low=self._gpio.amplifier_active_low, output_value=Value.INACTIVE
        )
        return KernelRelay(self._request(line, settings), line)

    def _request(self, line: Line, settings: "gpiod.LineSettings") -> "gpiod.LineRequest":
        import gpiod  # noqa: PLC0415

        try:
            return gpiod.request_lines(self._path, {line: settings}, consumer=CONSUMER)
        except (OSError, ValueError) as error:  # ValueError: no line of that name
            raise LineGone(f"line {line} of {self._path}: {error}") from None


class KernelContact:
    def __init__(self, request: "gpiod.LineRequest", line: Line) -> None:
        self._request = request
        self._line = line

    def fileno(self) -> int:
        return self._request.fd

    def edges(self) -> Sequence[Edge]:
        from gpiod.edge_event import EdgeEvent  # noqa: PLC0415

        found = []
        try:
            while self._request.wait_edge_events(0):
                for event in self._request.read_edge_events():
                    closed = event.event_type is EdgeEvent.Type.RISING_EDGE
                    found.append(Edge(closed, event.timestamp_ns // 1000))
        except OSError as error:
            raise LineGone(f"line {self._line}: {error}") from None
        return found

    def is_closed(self) -> bool:
        try:
            return bool(self._request.get_value(self._line))
        except OSError as error:
            raise LineGone(f"line {self._line}: {error}") from None

    def close(self) -> None:
        self._request.release()


class KernelRelay:
    def __init__(self, request: "gpiod.LineRequest", line: Line) -> None:
        self._request = request
        self._line = line

    def set(self, *, on: bool) -> None:
        from gpiod.line import Value  # noqa: PLC0415

        try:
            self._request.set_value(self._line, Value.ACTIVE if on else Value.INACTIVE)
        except OSError as error:
            raise LineGone(f"line {self._line}: {error}") from None

    def close(self) -> None:
        try:
            self.set(on=False)
        except LineGone:  # the relay has gone with its chip
            pass
        finally:
            self._request.release()
