"""What the centre's clock says, as far as this node can tell (pure): `now` documents carry times of that clock.

Rules
- A clock that is trusted is the centre's. One that is not, or is seconds off and disciplined by nobody, is put right by
  what was measured of the centre's; a measurement that differs by less than FOLLOW_US from the one in use changes
  nothing, so that no piece moves for it.
- Where nothing was measured yet it is no earlier than when the newest document believed was issued. What arrives and is
  newer than every document believed was issued just now, unless the centre's time has come within WAIT_US: a node that
  connects is told both at once, and an order of hours ago is not taken for a new one.
"""

from dataclasses import dataclass

FOLLOW_US = 500_000
WAIT_US = 3_000_000


@dataclass
class Reckoning:
    """`shift_us`: the centre's clock less this node's, which is `trusted` or not; `offset_us` is what was measured."""

    trusted: bool = True
    offset_us: int | None = None
    shift_us: int = 0
    _arrived: tuple[int, int] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the centre's time is known, and not only that it is no earlier than some document."""
        return self.trusted or self.offset_us is not None

    def see(self, now_us: int, issued_us: int) -> None:
        """Take in the time; `issued_us` is when the newest document believed was issued."""
        if self.trusted:
            self.shift_us, self._arrived = 0, None
        elif self.offset_us is not None:
            self._follow(self.offset_us)
            self._arrived = None
        else:
            if self._arrived is not None and not 0 <= now_us - self._arrived[1] < WAIT_US:
                self._follow(self._arrived[0] - now_us)
                self._arrived = None
            self.shift_us = max(self.shift_us, issued_us - now_us)

    def arrived(self, issued_us: int, now_us: int) -> None:
        """A document has come that is newer than all before."""
        ahead = now_us + self.shift_us > issued_us  # where it is behind `see` puts it right
        if ahead and not self.trusted and self.offset_us is None:
            self._arrived = issued_us, now_us

    def centre_us(self, now_us: int, issued_us: int) -> int:
        """The time by which a document that comes is judged; `issued_us` as for `see`."""
        if self.trusted:
            return now_us
        return issued_us if self.offset_us is None else now_us + self.offset_us

    def _follow(self, shift_us: int) -> None:
        if abs(shift_us - self.shift_us) > FOLLOW_US:
            self.shift_us = shift_us
