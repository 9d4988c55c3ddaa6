"""What became of each order and live session, for the state (pure).

Rules
- One is told of from when it comes until KEEP_US after it was taken back or its document went. All times that are told
  are the centre's: the node's own and `shift_us`.
- It sounds from its first sample on, by the sound card's clock, and has ended when nothing more of it can come and its
  last piece is over. So a rhythm sounds until its last repetition.
- Why it does not sound, or not all of it: what is against it, else what the last report says of the last part that was
  not heard. A part that is heard the next time takes back only what was said of it.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from msgspec.structs import replace

from broadcast.wire.documents import OrderProgress, Outcome, PlayReport
from receivers import ledger
from receivers.ledger import SILENT_DBFS
from receivers.orders import Read
from receivers.sound.cue import Played
from scheduler.timeline import Resolution

KEEP_US = 600_000_000
MAX_TOLD = 32
NEARLY_US = 500_000  # a piece is told to have ended a moment before it is heard out
SETTLE_US = 3_000_000  # for the end of a piece to come from the sound path
BETWEEN_US = 100_000  # between two looks at a player that should sound
WATCHED_US = 3_000_000  # one that has not begun by then is looked at like any other


@dataclass
class _Past:
    """By the node's clock: when the last piece was over, since when none sounds, since when it is in no document.

    `reasons` are the last reports' by the number of the part, the latest last.
    """

    end_us: int | None = None
    quiet_us: int | None = None
    gone_us: int | None = None
    reasons: dict[str, str] = field(default_factory=dict)


class Progress:
    """`told` is for the state."""

    def __init__(self) -> None:
        self._of: dict[str, OrderProgress] = {}
        self._past: dict[str, _Past] = {}
        self._against: dict[str, str] = {}
        self.told: tuple[OrderProgress, ...] = ()

    def knows(self, order_id: str) -> bool:
        """Whether it is told of."""
        return order_id in self._of

    def look(self, read: Read, now_us: int, shift_us: int, *, playing: str | None, waits: Mapping[str, str]) -> None:
        """Take in what is in force at `now_us`; `playing` is the order that sounds, `waits` says why others may not."""
        self._against = {**waits, **read.against}
        for order_id, received_us in read.received_us.items():
            known = self._of.get(order_id)
            if known is None or (self._past[order_id].gone_us is not None and known.received_us != received_us):
                self._of[order_id] = OrderProgress(id=order_id, received_us=received_us)
                self._past[order_id] = _Past()
            reason = self._against.get(order_id)
            if reason is not None:
                self._change(order_id, reason=reason)
        for order_id, past in list(self._past.items()):
            past.quiet_us = None if order_id == playing else now_us if past.quiet_us is None else past.quiet_us
            self._look_at(order_id, past, read, now_us, shift_us)
        self.told = tuple(sorted(self._of.values(), key=lambda one: (-one.received_us, one.id))[:MAX_TOLD])

    def look_us(self, read: Read, resolution: Resolution, now_us: int) -> int | None:
        """When to look at the player next, so that an order's first sample is told of at once."""
        coming = resolution.segments[bisect_right(resolution.segments, now_us, key=attrgetter("end_us")) :][:1]
        for segment in coming:
            known = self._of.get(read.order_of.get(segment.airing_id, ""))
            if known is not None and known.sounding_us is None and now_us < segment.start_us + WATCHED_US:
                return max(now_us, segment.start_us) + BETWEEN_US
        return None

    def sounds(self, order_id: str, started_us: int, level_dbfs: float, shift_us: int) -> None:
        """A piece sounds, the first sample of which was heard at `started_us`."""
        known = self._of.get(order_id)
        if known is None:
            return
        if known.sounding_us is None:
            self._change(order_id, sounding_us=started_us + shift_us)
        if known.level_dbfs is None and level_dbfs > SILENT_DBFS:
            self._change(order_id, level_dbfs=round(level_dbfs, 1))
        self._past[order_id].end_us = None

    def ended(self, order_id: str, played: Played, shift_us: int) -> None:
        """A piece is over."""
        known = self._of.get(order_id)
        if known is None or played.start_us is None:
            return
        began_us = known.sounding_us if known.sounding_us is not None else played.start_us + shift_us
        heard, level_dbfs = played.heard or known.heard, round(played.rms_dbfs, 1)
        self._change(order_id, sounding_us=began_us, level_dbfs=level_dbfs, heard=heard)
        self._past[order_id].end_us = played.end_us if played.end_us is not None else played.start_us

    def reported(self, report: PlayReport) -> None:
        """The report of one of its airings."""
        order_id, part = report.broadcast_id, report.airing_id.rpartition(".")[2]
        if order_id in self._of:
            reasons = self._past[order_id].reasons
            reasons.pop(part, None)
            if report.outcome is not Outcome.HEARD:
                reasons[part] = report.reason
            self._change(order_id, reason=self._against.get(order_id) or next(reversed(reasons.values()), ""))

    def _look_at(self, order_id: str, past: _Past, read: Read, now_us: int, shift_us: int) -> None:
        in_force, known = order_id in read.received_us, self._of[order_id]
        if in_force:
            past.gone_us = None
        elif past.gone_us is None:
            past.gone_us = now_us
        elif not 0 <= now_us - past.gone_us < KEEP_US:
            del self._of[order_id], self._past[order_id]
            return
        if past.quiet_us is None or (in_force and now_us < read.ends_us[order_id] - NEARLY_US):
            return
        if known.sounding_us is None:
            if not in_force and not known.reason:
                self._change(order_id, reason=ledger.CANCELLED)
        elif past.end_us is not None or now_us - past.quiet_us >= SETTLE_US:
            end_us = past.end_us if past.end_us is not None else past.quiet_us
            self._change(order_id, ended_us=end_us + shift_us)

    def _change(self, order_id: str, **changes: object) -> None:
        self._of[order_id] = replace(self._of[order_id], **changes)
