"""From contacts that close and open to commands (pure; times are monotonic).

Rules
- A contact counts when it closes. One that is closed already when it is first seen does not: the daemon may have been
  started beside a stuck button.
- STOP stops at once, and each further press begins its hold anew: whoever presses in fear never lets the sound go on.
- A press that began while stopped and was let go after LONG_US ends the hold: go.
- A contact closed for longer than STUCK_US is stuck: it counted once, letting it go means nothing.
"""

from receivers.hands.command import Command, Go, Say, Stop

STOP = "stop"
MESSAGE = "messages."  # before a message's name: contacts are called as in `config.Gpio.lines`
LONG_US = 3_000_000
STUCK_US = 60_000_000


class Contacts:
    """Which contacts are closed since when."""

    def __init__(self) -> None:
        self._closed_us: dict[str, int] = {}
        self._may_free: set[str] = set()

    def first_seen(self, name: str, *, closed: bool, at_us: int) -> None:
        """Where the contact stands as it comes in sight."""
        self._closed_us.pop(name, None)
        self._may_free.discard(name)
        if closed:
            self._closed_us[name] = at_us

    def moved(self, name: str, *, closed: bool, at_us: int, stopped: bool) -> Command | None:
        """The contact is open or closed from `at_us` on; the same again changes nothing."""
        since_us = self._closed_us.get(name)
        if closed == (since_us is not None):
            return None
        if closed:
            self._closed_us[name] = at_us
            if name == STOP and stopped:
                self._may_free.add(name)
            return Stop() if name == STOP else Say(name.removeprefix(MESSAGE))
        del self._closed_us[name]
        long = since_us is not None and LONG_US <= at_us - since_us < STUCK_US
        freed = long and name in self._may_free
        self._may_free.discard(name)
        return Go() if freed else None

    def gone(self, name: str) -> None:
        """The contact cannot be read any more."""
        self.first_seen(name, closed=False, at_us=0)

    def stuck(self, now_us: int) -> tuple[str, ...]:
        """The contacts that have been closed too long for a hand."""
        return tuple(sorted(name for name, since_us in self._closed_us.items() if now_us - since_us >= STUCK_US))
