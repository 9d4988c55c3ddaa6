"""The node's contacts and its amplifier's relay, kept open and followed (does I/O).

Rules
- A line that cannot be had is a fault and is asked for again every LOOK_S; it is never more than that.
- What the kernel lost (its queue of edges was full) is made up for by looking at the contacts every LOOK_S.
- Without lines in the settings nothing is loaded and nothing runs.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from broadcast.clock import Clock
from broadcast.wire.fault_codes import FaultCode
from receivers.config import Gpio, Line
from receivers.hands.command import By, Obey
from receivers.hands.contacts import STOP, Contacts
from receivers.hands.lines import Chip, Contact, Edge, LineGone, RelayLine

log = logging.getLogger(__name__)

LOOK_S = 5.0
AMPLIFIER = "amplifier"


class Hands:
    """`gpio`'s lines on `chip`. `obey` is given what contacts ask for; `is_stopped` says whether STOP holds now."""

    def __init__(self, gpio: Gpio, chip: Chip, clock: Clock, obey: Obey, is_stopped: Callable[[], bool]) -> None:
        self._lines = gpio.lines()
        self._relay_line = self._lines.pop(AMPLIFIER, None)
        self._chip = chip
        self._clock = clock
        self._obey = obey
        self._is_stopped = is_stopped
        self._contacts = Contacts()
        self._open: dict[str, Contact] = {}
        self._relay: RelayLine | None = None
        self._relay_on = False
        self._errors: dict[str, str] = {}

    @property
    def has_relay(self) -> bool:
        """Whether there is an amplifier to switch, and so a lead to keep."""
        return self._relay_line is not None

    async def run(self) -> None:
        """For ever."""
        if not self._lines and self._relay_line is None:
            await asyncio.Event().wait()
        loop = asyncio.get_running_loop()
        moved = asyncio.Event()
        try:
            while True:
                self.look()
                watched = [contact.fileno() for contact in self._open.values()]
                for number in watched:
                    loop.add_reader(number, moved.set)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await moved.wait()
                moved.clear()
                for number in watched:
                    loop.remove_reader(number)
        finally:
            self.close()

    def look(self) -> None:
        """Open what is not open, take in what happened at the contacts, and obey."""
        for name, line in self._lines.items():
            try:
                if name not in self._open:
                    self._open_contact(name, line)
                self._follow(name, self._open[name])
            except LineGone as error:
                self._lose_contact(name, error)
        self.set_amplifier(on=self._relay_on)  # said again, so that a relay that has gone is noticed

    def set_amplifier(self, *, on: bool) -> None:
        """Close or open the relay, if there is one; as soon as it can be had."""
        self._relay_on = on
        if self._relay_line is None:
            return
        try:
            if self._relay is None:
                self._relay = self._chip.relay(self._relay_line)
            self._relay.set(on=on)
            self._errors.pop(AMPLIFIER, None)
        except LineGone as error:
            self._fail(AMPLIFIER, error)
            self._close_relay()

    def faults(self) -> dict[FaultCode, str]:
        """What is wrong with the lines."""
        found = {
            FaultCode.GPIO: "; ".join(f"{name}: {error}" for name, error in sorted(self._errors.items())),
            FaultCode.CONTACT_STUCK: ", ".join(self._contacts.stuck(self._clock.monotonic_us())),
        }
        return {code: detail for code, detail in found.items() if detail}

    def close(self) -> None:
        """Let go of every line; the relay opens."""
        for name in tuple(self._open):
            self._close_contact(name)
        self._close_relay()

    def _open_contact(self, name: str, line: Line) -> None:
        self._open[name] = contact = self._chip.contact(line)
        self._contacts.first_seen(name, closed=contact.is_closed(), at_us=self._clock.monotonic_us())
        self._errors.pop(name, None)

    def _follow(self, name: str, contact: Contact) -> None:
        edges = list(contact.edges())
        edges.append(Edge(contact.is_closed(), self._clock.monotonic_us()))
        for edge in edges:
            stopped = name == STOP and self._is_stopped()
            command = self._contacts.moved(name, closed=edge.closed, at_us=edge.at_us, stopped=stopped)
            if command is not None:
                log.info("contact %s: %s", name, self._obey(command, By.CONTACT).said)

    def _lose_contact(self, name: str, error: LineGone) -> None:
        self._fail(name, error)
        self._contacts.gone(name)
        self._close_contact(name)

    def _close_contact(self, name: str) -> None:
        contact = self._open.pop(name, None)
        if contact is not None:
            contact.close()

    def _close_relay(self) -> None:
        if self._relay is not None:
            self._relay.close()
        self._relay = None

    def _fail(self, name: str, error: LineGone) -> None:
        known = self._errors.get(name) == str(error)
        log.log(logging.DEBUG if known else logging.WARNING, "%s cannot be used: %s", name, error)
        self._errors[name] = str(error)
