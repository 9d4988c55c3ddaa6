"""STOP at the node: pressed, held, let go (keeps one small file).

Rules
- Pressed it holds for `hold_us`, and again from a second press on; then it lets go by itself, so that a village is not
  left without warnings because someone forgot.
- It outlives the process: whoever pulls the plug after STOP does not hear the same thing again. A clock that was set
  meanwhile makes it hold no longer than one whole `hold_us` more.
"""

import contextlib
import logging
from pathlib import Path

import msgspec

from broadcast.clock import Clock
from broadcast.wholefile import write_whole

log = logging.getLogger(__name__)

FILE_NAME = "stop.json"


class _Kept(msgspec.Struct, frozen=True):
    until_us: int


class Stop:
    """The STOP of the receiver in `folder`."""

    def __init__(self, folder: Path, hold_us: int, clock: Clock) -> None:
        self._path = folder / FILE_NAME
        self._hold_us = hold_us
        self._clock = clock
        self._until_monotonic_us: int | None = None

    def open(self) -> None:
        """Take up what was held when the process ended."""
        with contextlib.suppress(OSError, ValueError):
            left_us = msgspec.json.decode(self._path.read_bytes(), type=_Kept).until_us - self._clock.now_us()
            if left_us > 0:
                self._until_monotonic_us = self._clock.monotonic_us() + min(left_us, self._hold_us)

    def press(self) -> None:
        log.warning("STOP was pressed at the node")
        self._until_monotonic_us = self._clock.monotonic_us() + self._hold_us
        try:
            write_whole(self._path, msgspec.json.encode(_Kept(self._clock.now_us() + self._hold_us)))
        except OSError as error:
            log.warning("STOP holds until the daemon ends: it could not be written down (%s)", error)

    def let_go(self) -> None:
        self._until_monotonic_us = None
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Whether it holds now; lets go when its time is over."""
        if self._until_monotonic_us is not None and self._clock.monotonic_us() >= self._until_monotonic_us:
            self.let_go()
        return self._until_monotonic_us is not None
