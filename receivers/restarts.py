"""Whether the daemon is to end because the centre asks for it, so that its supervisor starts it again (does I/O).

Rules
- Once for each asking, also over restarts: where that cannot be written down, it does not end.
- Only when nobody would hear it: nothing sounds or is about to, and no order of an emergency is in force.
- Within DUE_US of the asking or not at all: a node that comes back after days was started anew meanwhile.
- An asking served at a time still to come, by a clock that was ahead, keeps no later one from being served.
"""

import logging
from pathlib import Path

from broadcast.clock import US_PER_S
from broadcast.wholefile import write_whole

log = logging.getLogger(__name__)

MARK = "restarted"
DUE_US = 3600 * US_PER_S


class Restarts:
    """Of the receiver whose own folder is `folder`."""

    def __init__(self, folder: Path) -> None:
        self._mark = folder / MARK
        self._served_us = 0

    def open(self) -> None:
        """Read which asking was served last; what cannot be read counts as none."""
        try:
            self._served_us = int(self._mark.read_text())
        except (OSError, ValueError):
            self._served_us = 0

    def is_due(self, asked_us: int | None, now_us: int) -> bool:
        """Whether the asking waits to be served."""
        if asked_us is None or asked_us == self._served_us:
            return False
        return (asked_us > self._served_us or self._served_us > now_us) and now_us < asked_us + DUE_US

    def serve(self, asked_us: int) -> bool:
        """Write down that this asking is served; whether that could be done."""
        self._served_us = asked_us  # also where it cannot be written: this process does not try again
        try:
            write_whole(self._mark, str(asked_us).encode())
        except OSError as error:
            log.warning("asked to start again, but that cannot be written down: %s", error)
            return False
        return True
