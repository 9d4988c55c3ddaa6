"""Texts made for orders that could not begin in their place here (pure): they are heard whole once they are here.

Rules
- A text that has not begun within IN_PLACE_US of its place never joins in the middle of a sentence. It begins, from its
  first sample, when all of it is here, by its feed or as its file, or its feed brings the rest in time as far as one
  can tell (`live.decide.comes_in_time`); so it does not break off for want of sound unless the link gets much worse.
- That is no later than `Read.latest_us`, and behind what already sounds of the same order. The parts after a text wait
  for it in the same way, so that none is parted; parts before it, and orders without a text, keep to their places.
- Late ones begin at whole TOGETHER_US of the centre's clock, so that horns that had it late together sound together.
- What has begun goes on as it began, also after a restart: the journal keeps the airing as it was. What is over stays
  so.
"""

from collections.abc import Callable, Collection, Container, Mapping

from msgspec.structs import replace

from broadcast.wire.documents import Airing, BroadcastClass, Late
from receivers import ledger
from receivers.orders import PREPARE_US, Read
from receivers.outbox import Outbox

IN_PLACE_US = ledger.JOIN_TOLERANCE_US
TOLD_US = 300_000  # what has begun is told of by then
TOGETHER_US = 2_000_000

SureFeeds = Callable[[], frozenset[str]]


class Belated:
    """`late` are the airings that are heard whole outside their place; those of them that have not begun are `waiting`.

    `begin_by` says of those that may still begin in their place until when, `lacking` are those that wait for their
    sound.
    """

    def __init__(self) -> None:
        self.late: frozenset[str] = frozenset()
        self.waiting: frozenset[str] = frozenset()
        self.lacking: frozenset[str] = frozenset()
        self.begin_by: dict[str, int] = {}

    @property
    def mark(self) -> object:
        """Another one when a plan must be made anew."""
        return self.late, self.waiting, self.begin_by

    def look(self, read: Read, outbox: Outbox, now_us: int, *, noted: bool) -> frozenset[str]:
        """Take in what is late at `now_us`; what is waiting only now.

        Where it is not `noted` in `outbox` what sounds, what was still in time may have begun.
        """
        late, before, unsure = set(), self.waiting, () if noted else self.begin_by.keys()
        waiting, begin_by = set(), {}
        for key in read.latest_us.keys() - outbox.over.keys():
            in_place_us = read.airings[key].start_us + IN_PLACE_US
            if _has_begun(key, outbox):
                planned = outbox.planned.get(key)
                if planned is not None and planned.airing.late is Late.WHOLE:
                    late.add(key)
            elif now_us >= in_place_us + TOLD_US and key not in unsure:
                waiting.add(key)
            else:
                begin_by[key] = in_place_us
        self.late, self.waiting, self.begin_by = frozenset(late | waiting), frozenset(waiting), begin_by
        return self.waiting - before

    def able_us(self, airing_id: str, ready_us: int, shift_us: int) -> int:
        """Since when it can be played that could be at `ready_us`."""
        if airing_id not in self.waiting:
            return ready_us
        return -(-(ready_us + PREPARE_US + shift_us) // TOGETHER_US) * TOGETHER_US - shift_us

    def airings(self, read: Read) -> dict[str, Airing]:
        """All of `read`, late ones as they are to be played."""
        return {key: _whole(one, read.latest_us[key]) if key in self.late else one for key, one in read.airings.items()}

    def begins_us(self, read: Read, able_us: Mapping[str, int]) -> dict[str, int]:
        """When each counts as having come: behind what sounds of its order, and before what follows it there."""
        begins = {key: us - 1 if key in self.waiting else us for key, us in read.begins_us.items()}
        for key in self.late:
            if read.airings[key].cls is not BroadcastClass.EMERGENCY:  # of those the latest goes first
                for other in self._following(key):
                    begins[other] = max(begins[other], able_us.get(key, 0) + 1)
        return begins

    def _following(self, airing_id: str) -> list[str]:
        """The parts after it that have not begun."""
        name, _, number = airing_id.rpartition(".")
        parts = (key.rpartition(".") for key in (*self.waiting, *self.begin_by))
        return [f"{name}.{other}" for same, _, other in parts if same == name and int(other) > int(number)]

    def lack(
        self, read: Read, languages: tuple[str, ...], ready: Container[str], sure: Collection[str]
    ) -> frozenset[str]:
        """Those that wait for their sound; `ready` are the files that are here, `sure` the feeds that hold."""

        def is_here(sha256: str) -> bool:
            return sha256 in ready or (sha256 in read.feeds and read.feeds[sha256].feed.id in sure)

        sounds = {key: read.airings[key].media_for(languages).sha256 for key in self.waiting}
        self.lacking = frozenset(key for key, sha256 in sounds.items() if not is_here(sha256))
        return self.lacking

    def reasons(self, read: Read) -> Mapping[str, str]:
        """Why orders do not sound, or not all of them."""
        return {read.order_of[key]: ledger.MEDIA_MISSING for key in self.lacking if key in read.order_of}


def _has_begun(airing_id: str, outbox: Outbox) -> bool:
    pieces = outbox.pieces.get(airing_id, ())
    return airing_id in outbox.sounding or any(piece.start_us is not None for piece in pieces)


def _whole(airing: Airing, latest_us: int) -> Airing:
    return replace(airing, late=Late.WHOLE, window_us=max(0, latest_us - airing.start_us))
